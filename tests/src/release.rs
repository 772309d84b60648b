//! Releases of the sample by canaries that its mesh's template asks for: `aws cloudformation deploy`, as a pipeline runs it.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;

use crate::{Aws, House, Machine, binary, template};

/// The sample's mesh, whose route is released by canaries.
pub struct Release<'m> {
    machine: &'m Machine,
    aws: Aws,
}

impl<'m> Release<'m> {
    /// The releases on `house`.
    pub fn new(machine: &'m Machine, house: &House) -> Self {
        Self { machine, aws: house.aws() }
    }

    /// The mesh's template with the canary that `policy` describes on the resource that begins with `before`.
    fn template(&self, before: &str, policy: &str) -> PathBuf {
        let text = fs::read_to_string(template("mesh")).expect("the sample has a mesh");
        let metadata = format!("{before}\n    Metadata: {{\"Serin::Canary\": {policy}}}");
        assert!(text.contains(before), "{before}");
        let path = self.machine.folder().join("mesh.yaml");
        fs::write(&path, text.replacen(before, &metadata, 1)).expect("a file");
        path
    }

    /// `aws cloudformation deploy` of the route with all traffic at version 2, as a pipeline would run it.
    pub fn deploy(&self, policy: &str) -> Command {
        self.deploy_on("    Type: AWS::AppMesh::Route", policy)
    }

    /// The same with the policy on `resource`, a line of the template.
    ///
    /// # Panics
    /// When the template has no such line.
    pub fn deploy_on(&self, resource: &str, policy: &str) -> Command {
        let mut command = Command::new("aws");
        let file = self.template(resource, policy);
        self.aws.equip(&mut command).args(["cloudformation", "deploy", "--stack-name", "todo-mesh", "--template-file"]);
        command.arg(file).args(["--parameter-overrides", "WeightV1=0", "WeightV2=1"]);
        command
    }

    /// The stack.
    pub fn stack(&self) -> Value {
        self.aws.json("cloudformation describe-stacks --stack-name todo-mesh")["Stacks"][0].clone()
    }

    /// Whether the stack's status is this.
    pub fn is(&self, status: &str) -> bool {
        self.stack()["StackStatus"] == status
    }

    /// The reasons in the events of the route, the latest first.
    pub fn reasons(&self) -> Vec<String> {
        let events = self.aws.json("cloudformation describe-stack-events --stack-name todo-mesh");
        let events = events["StackEvents"].as_array().cloned().unwrap_or_default();
        let of_route = events.iter().filter(|event| event["LogicalResourceId"] == "Route");
        of_route.filter_map(|event| Some(event["ResourceStatusReason"].as_str()?.to_owned())).collect()
    }

    /// Whether one of them has `text` in it.
    pub fn tells(&self, text: &str) -> bool {
        self.reasons().iter().any(|reason| reason.contains(text))
    }

    /// Whether the last thing that was told of the route is that its canary begins.
    pub fn begins(&self) -> bool {
        self.reasons().first().is_some_and(|reason| reason.contains("The canary of todo-mesh-"))
    }

    /// The weights of versions 1 and 2.
    pub fn weights(&self) -> (u64, u64) {
        let at = "--mesh-name todo --virtual-router-name api --route-name api";
        let route = self.aws.json(&format!("appmesh describe-route {at}"));
        let targets = route["route"]["spec"]["httpRoute"]["action"]["weightedTargets"].as_array().cloned();
        let of = |node: &str| {
            let own = targets.iter().flatten().filter(|target| target["virtualNode"] == node);
            own.filter_map(|target| target["weight"].as_u64()).sum()
        };
        (of("api-v1"), of("api-v2"))
    }
}

/// All that a command said.
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs `serin canary <arguments>`.
///
/// # Panics
/// When it cannot be started.
pub fn canary(arguments: &[&str]) -> Output {
    let mut command = Command::new(binary("serin"));
    command.arg("canary").args(arguments).args(["--region", "ap-southeast-2"]).output().expect("serin can be started")
}
