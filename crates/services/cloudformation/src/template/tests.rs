//! Whole templates, read to the end. The three beside the crate's tests use every feature that a real stack does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    Error, Problem, Pseudo, Resources, Surroundings, Template,
    conditions::settle,
    parameter::{Given, bind},
    references,
};

const NETWORK: &str = include_str!("../../tests/templates/network.yaml");
const MESH: &str = include_str!("../../tests/templates/mesh.yaml");
const SERVICES: &str = include_str!("../../tests/templates/services.json");

fn pseudo() -> Pseudo {
    Pseudo {
        account: "123456789012".into(),
        region: "ap-southeast-2".into(),
        stack_name: "s".into(),
        stack_id: "arn:s".into(),
    }
}

/// Names every resource's `Ref` and attributes after itself.
struct Named;

impl Resources for Named {
    fn reference(&self, resource: &str) -> Option<Value> {
        Some(json!(format!("id-of-{resource}")))
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Option<Value> {
        Some(json!(if attribute == "CidrBlock" { "10.20.0.0/16".into() } else { format!("{attribute}-of-{resource}") }))
    }
}

/// A template with its parameters bound and its conditions settled.
struct Settled {
    template: Template,
    parameters: BTreeMap<String, String>,
    conditions: BTreeMap<String, bool>,
    pseudo: Pseudo,
}

impl Settled {
    fn new(body: &str, given: &[(&str, &str)]) -> Result<Self, Error> {
        let template = Template::read(body)?;
        references::check(&template, &|_, _| true)?;
        let given = given.iter().map(|(name, text)| ((*name).to_owned(), Given::Value((*text).to_owned()))).collect();
        let parameters = bind(&template.parameters, &given, &BTreeMap::new())?;
        let conditions = settle(&template, &parameters, &pseudo())?;
        Ok(Self { template, parameters, conditions, pseudo: pseudo() })
    }

    fn around<'a>(&'a self, resources: &'a dyn Resources, imports: &'a BTreeMap<String, String>) -> Surroundings<'a> {
        let Self { template, parameters, conditions, pseudo } = self;
        Surroundings { template, parameters, pseudo, conditions, imports, resources }
    }

    /// The properties of `resource` when everything else exists.
    fn properties(&self, resource: &str) -> Value {
        let imports = BTreeMap::from(
            ["todo:Subnets", "todo:Namespace", "todo:Cluster"]
                .map(|name| (name.to_owned(), format!("{name}-1,{name}-2"))),
        );
        let around = self.around(&Named, &imports);
        let mut properties = serde_json::Map::new();
        for (name, property) in &self.template.resources[resource].properties {
            if let Some(value) = around.evaluate(property).unwrap() {
                properties.insert(name.clone(), value);
            }
        }
        Value::Object(properties)
    }

    fn depends(&self, resource: &str) -> Vec<String> {
        references::dependencies(&self.template, &self.conditions).unwrap().remove(resource).unwrap()
    }
}

fn refusal(body: &str) -> String {
    let template = Template::read(body).and_then(|template| {
        references::check(&template, &|_, attribute| attribute != "Nope")?;
        let conditions = settle(&template, &BTreeMap::new(), &pseudo())?;
        references::dependencies(&template, &conditions)
    });
    template.unwrap_err().to_string()
}

#[test]
fn a_network_is_evaluated_whole() {
    let settled = Settled::new(NETWORK, &[]).unwrap();
    assert_eq!(
        settled.properties("Vpc"),
        json!({
            "CidrBlock": "10.20.0.0/16", "EnableDnsSupport": true, "EnableDnsHostnames": true,
            "Tags": [{"Key": "Name", "Value": "s-vpc"}],
        })
    );
    assert_eq!(
        settled.properties("SubnetTwo"),
        json!({
            "AvailabilityZone": "ap-southeast-2b", "VpcId": "id-of-Vpc", "CidrBlock": "10.20.1.0/24",
            "MapPublicIpOnLaunch": true,
        })
    );
    assert_eq!(settled.properties("Balancer")["SecurityGroups"], json!(["id-of-TaskGroup"]));
    assert_eq!(settled.properties("TaskGroupFromItself")["IpProtocol"], json!(-1));
    assert_eq!(settled.properties("Log"), json!({"RetentionInDays": "30"}));
    let role = settled.properties("TaskRole");
    assert!(role["AssumeRolePolicyDocument"].as_str().unwrap().starts_with("{\n  \"Statement\""));
    assert_eq!(
        role["Policies"][0]["PolicyDocument"]["Statement"][0]["Condition"],
        json!({"StringEquals": {"aws:RequestedRegion": "ap-southeast-2"}})
    );
    assert_eq!(settled.template.outputs.keys().last().map(String::as_str), Some("Subnets"));
}

#[test]
fn a_condition_takes_resources_branches_and_dependencies_away() {
    let settled = Settled::new(NETWORK, &[("Exposure", "internal")]).unwrap();
    let active = references::active(&settled.template, &settled.conditions);
    assert!(!active.contains(&"Gateway") && !active.contains(&"DefaultRoute") && active.contains(&"RouteTable"));
    assert_eq!(settled.properties("Balancer").get("SecurityGroups"), None, "AWS::NoValue takes the property away");
    assert_eq!(settled.depends("Balancer"), ["SubnetOne", "SubnetTwo"]);
    let settled = Settled::new(NETWORK, &[]).unwrap();
    assert_eq!(settled.depends("Balancer"), ["SubnetOne", "SubnetTwo", "TaskGroup"]);
    assert_eq!(settled.depends("DefaultRoute"), ["GatewayAttachment", "RouteTable", "Gateway"]);
}

#[test]
fn a_mesh_takes_its_weights_from_parameters() {
    let settled = Settled::new(MESH, &[("WeightOne", "2"), ("WeightTwo", "1")]).unwrap();
    assert_eq!(
        settled.properties("Route")["Spec"]["HttpRoute"]["Action"]["WeightedTargets"],
        json!([{"VirtualNode": "api-vn", "Weight": "2"}, {"VirtualNode": "api-v2-vn", "Weight": "1"}])
    );
    assert_eq!(settled.depends("Route"), ["Router", "NodeOne", "NodeTwo"]);
    assert_eq!(settled.depends("Mesh"), Vec::<String>::new());
    assert_eq!(
        Settled::new(MESH, &[("WeightOne", "101")]).err().unwrap().to_string(),
        "Parameter 'WeightOne' must be a number not greater than 100"
    );
}

#[test]
fn imports_are_found_before_anything_exists() {
    let settled = Settled::new(SERVICES, &[("TaskDefinition", "api:1")]).unwrap();
    let none = BTreeMap::new();
    let imports = references::imports(&settled.around(&(), &none)).unwrap();
    let names = ["todo:Cluster", "todo:Namespace", "todo:Subnets"].map(str::to_owned);
    assert_eq!(imports, BTreeSet::from(names));
    assert_eq!(
        settled.properties("Service")["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"],
        json!(["todo:Subnets-1", "todo:Subnets-2"])
    );
    let cluster = &settled.template.resources["Service"].properties[1].1;
    assert_eq!(
        settled.around(&(), &none).evaluate(cluster),
        Err(Problem::Wrong(Error::NoExport("todo:Cluster".into())))
    );
    let registries = &settled.template.resources["Service"].properties[4].1;
    assert_eq!(
        settled.around(&(), &none).evaluate(registries),
        Err(Problem::Pending { resource: "Record".into(), attribute: Some("Arn".into()) })
    );
}

#[test]
fn what_can_never_be_right_is_refused_in_the_words_of_aws() {
    let cases = [
        ("[]", "Template format error: unsupported structure."),
        ("Resources: {}", "Template format error: At least one Resources member must be defined."),
        ("Resources: {A: {Type: T}}\nApiRoute: {}", "Invalid template property or properties [ApiRoute]"),
        ("Resources: {A: {Type: T}}\nTransform: X", "Template format error: Transform is not supported here"),
        ("Resources: {A: {}}", "[/Resources/A] Every Resources object must contain a Type member."),
        ("Resources: {A-b: {Type: T}}", "Template format error: Resource name A-b is non alphanumeric."),
        ("Resources: {A: {Type: T, Propertys: {}}}", "Invalid template resource property 'Propertys'"),
        ("Resources: {A: {Type: T, Properties: }}", "[/Resources/A/Properties] 'null' values are not allowed"),
        (
            "Resources: {A: {Type: T, Properties: {X: !Ref B}}}",
            "Unresolved resource dependencies [B] in the Resources block",
        ),
        (
            "Resources: {A: {Type: T, DependsOn: [B, C]}}",
            "Unresolved resource dependencies [B, C] in the Resources block",
        ),
        (
            "Resources: {A: {Type: T, Properties: {X: !GetAtt B.Arn}}}",
            "Template error: instance of Fn::GetAtt references undefined resource B",
        ),
        (
            "Resources: {A: {Type: T, Properties: {X: !GetAtt B.Nope}}, B: {Type: T}}",
            "Template error: resource B does not support attribute type Nope in Fn::GetAtt",
        ),
        ("Resources: {A: {Type: T}}\nOutputs: {O: {Value: !Ref B}}", "[B] in the Outputs block of the template"),
        (
            "Resources: {A: {Type: T, Properties: {X: !Ref B}}, B: {Type: T, Properties: {X: !Sub '${C.Id}'}}, C: {Type: T, DependsOn: A}, D: {Type: T, DependsOn: A}, E: {Type: T}}",
            "Circular dependency between resources: [A, B, C]",
        ),
        ("Resources: {A: {Type: T, Properties: {X: !Ref A}}}", "Circular dependency between resources: [A]"),
        ("Resources: {A: {Type: T, Condition: C}}", "Unresolved condition dependency C in the Resources block"),
        (
            "Resources: {A: {Type: T}}\nConditions: {C: !Condition D, D: !Not [!Condition C]}",
            "circular condition dependency",
        ),
        (
            "Resources: {A: {Type: T}}\nConditions: {C: !Equals [!Ref A, x]}",
            "Unresolved dependencies [A]. Cannot reference resources in the Conditions block of the template",
        ),
        (
            "Resources: {A: {Type: T}, B: {Type: T, Condition: C, Properties: {X: 1}}, D: {Type: T, Properties: {X: !Ref B}}}\nConditions: {C: !Equals [a, b]}",
            "Unresolved resource dependencies [B] in the Resources block",
        ),
        (
            "Resources: {A: {Type: T}}\nOutputs: {O: {Value: x, Export: {Name: !Sub 'x-${A}'}}}",
            "Output O is malformed.  The Name field of Export must not depend on any resources, imported values, or Fn::GetAZs.",
        ),
        ("Resources: {A: {Type: T, DeletionPolicy: Snapshot}}", "DeletionPolicy Snapshot is not supported"),
        ("Resources: {A: {Type: T, Properties: {X: '{{resolve:ssm:x}}'}}}", "{{resolve:ssm:x}}"),
        (
            "AWSTemplateFormatVersion: 2011-01-01\nResources: {A: {Type: T}}",
            "unsupported value for AWSTemplateFormatVersion",
        ),
        ("Mappings: {M: {A: 1}}\nResources: {A: {Type: T}}", "[/Mappings/M/A] Every Mappings member must be a map."),
    ];
    for (body, words) in cases {
        let refusal = refusal(body);
        assert!(refusal.contains(words), "{body}\n  gives {refusal}\n  not   {words}");
    }
}

#[test]
fn quotas_are_held() {
    let resources = |count: usize| (0..count).map(|n| format!("  R{n}: {{Type: T}}\n")).collect::<String>();
    assert!(Template::read(&format!("Resources:\n{}", resources(500))).is_ok());
    assert_eq!(
        Template::read(&format!("Resources:\n{}", resources(501))).unwrap_err().to_string(),
        "Template format error: Number of Resources, 501, is greater than maximum allowed, 500"
    );
    let long = format!("Description: {}\nResources: {{A: {{Type: T}}}}", "x".repeat(51_200));
    assert!(matches!(Template::read(&long), Err(Error::TooLong { limit: 51_200 })));
}

/// The templates that the house is measured by lie outside of it; `SERIN_ARTICLE` names their directory.
#[test]
#[ignore = "needs the article's files: set SERIN_ARTICLE to their directory"]
fn the_articles_templates_are_read() {
    let folder = std::env::var("SERIN_ARTICLE").expect("SERIN_ARTICLE names the directory of the article's files");
    let definitions =
        [("GatewayTaskDefinition", "g:1"), ("ApiV1TaskDefinition", "a:1"), ("ApiV2TaskDefinition", "b:1")];
    for (file, given, resources) in
        [("ecs-vpc.yaml", &[][..], 21), ("app-mesh.yaml", &[], 7), ("ecs-services.yaml", &definitions, 7)]
    {
        let body = std::fs::read_to_string(format!("{folder}/{file}")).unwrap();
        let settled = Settled::new(&body, given).unwrap_or_else(|error| panic!("{file}: {error}"));
        references::dependencies(&settled.template, &settled.conditions).unwrap();
        assert_eq!(settled.template.resources.len(), resources, "{file}");
    }
}
