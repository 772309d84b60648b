//! A service of ECS behind a load balancer whose stack's update is a canary: `aws cloudformation deploy` is the release,
//! and its exit code the verdict.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use e2e::{Aws, House, Load, Machine, Sample, binary, get, wait_until};

/// How long a stack may take, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(3);
/// A ramp that is short enough for a test. Errors alone are judged: what shares two cores with its clients and its peers
/// has latencies that say little.
const RAMP: &str =
    r#"{"Steps": [5, 25, 50], "BaselineSeconds": 2, "MinimumStepSeconds": 1, "BakeSeconds": 2, "Metrics": ["Errors"]}"#;

/// The service's stack, as a pipeline would release it.
struct Release<'m> {
    machine: &'m Machine,
    aws: Aws,
    image: String,
}

impl Release<'_> {
    /// The template with the canary, and with a first definition whose version is `one`.
    fn template(&self, one: &str) -> PathBuf {
        let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deployments/shop.yaml");
        let text = fs::read_to_string(shop).expect("the template");
        let (service, version) = ("    Type: AWS::ECS::Service", r#"{ Name: API_VERSION, Value: "1" }"#);
        assert!(text.contains(service) && text.contains(version), "{text}");
        let text = text.replacen(service, &format!("{service}\n    Metadata: {{\"Serin::Canary\": {RAMP}}}"), 1);
        let path = self.machine.folder().join("shop.yaml");
        fs::write(&path, text.replacen(version, &version.replace('1', one), 1)).expect("a file");
        path
    }

    /// `aws cloudformation deploy` of the definition `version`, where the first one is version `one`.
    fn deploy(&self, version: &str, one: &str) -> Output {
        let mut command = Command::new("aws");
        self.aws.equip(&mut command).args(["cloudformation", "deploy", "--stack-name", "shop", "--template-file"]);
        command.arg(self.template(one)).args(["--capabilities", "CAPABILITY_IAM", "--parameter-overrides"]);
        command.args([format!("Image={}", self.image), format!("Version={version}")]);
        command.output().expect("the aws CLI")
    }

    /// The reasons in the events of the service, the latest first.
    fn reasons(&self) -> Vec<String> {
        let events = self.aws.json("cloudformation describe-stack-events --stack-name shop");
        let events = events["StackEvents"].as_array().cloned().unwrap_or_default();
        let of_service = events.iter().filter(|event| event["LogicalResourceId"] == "Service");
        of_service.filter_map(|event| Some(event["ResourceStatusReason"].as_str()?.to_owned())).collect()
    }

    fn tells(&self, text: &str) -> bool {
        self.reasons().iter().any(|reason| reason.contains(text))
    }

    fn status(&self) -> String {
        let stacks = self.aws.json("cloudformation describe-stacks --stack-name shop");
        stacks["Stacks"][0]["StackStatus"].as_str().unwrap_or_default().to_owned()
    }

    fn url(&self) -> String {
        let stacks = self.aws.json("cloudformation describe-stacks --stack-name shop");
        stacks["Stacks"][0]["Outputs"][0]["OutputValue"].as_str().expect("the address").to_owned()
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn canary(arguments: &[&str]) -> String {
    let mut command = Command::new(binary("serin"));
    command.arg("canary").args(arguments).args(["--region", "ap-southeast-2"]);
    let output = command.output().expect("serin can be started");
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

fn version(url: &str) -> Option<String> {
    get(url).ok()?.version()
}

#[test]
fn an_update_of_a_service_is_promoted_or_taken_back_by_what_the_load_balancer_counts() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let sample = Sample::push(&house);
    let release = Release { machine: &machine, aws: house.aws(), image: sample.image().to_owned() };

    // The first tasks are compared with nothing.
    let first = release.deploy("1", "1");
    assert!(first.status.success(), "{}", text(&first));
    let url = release.url();
    wait_until("the first answer", PATIENCE, || version(&url).as_deref() == Some("1"));

    let load = Load::start(&url, 200);
    let promoted = release.deploy("2", "1");
    let report = load.stop();
    assert!(promoted.status.success(), "{}\n{:#?}", text(&promoted), release.reasons());
    assert!(report.failures.is_empty(), "{} failed: {:?}", report.failures.len(), report.failures.first());
    for told in ["The new version gets 5 % of the traffic.", "The new version has all of the traffic."] {
        assert!(release.tells(told), "{told} {:#?}", release.reasons());
    }
    assert_eq!(version(&url).as_deref(), Some("2"));
    let status = canary(&["status", "shop"]);
    assert!(status.contains("shop/shop: shop-one:1 → shop-two:1") && status.contains("Done"), "{status}");
    canary(&["replay", "shop"]);

    // A version that fails every other time.
    let load = Load::start(&url, 200);
    let worse = release.deploy("1", "3");
    let report = load.stop();
    assert!(!worse.status.success(), "{}", text(&worse));
    assert_eq!(release.status(), "UPDATE_ROLLBACK_COMPLETE", "{:#?}", release.reasons());
    let why = "the new version is worse than the old one";
    assert!(release.tells(why), "{:#?}", release.reasons());
    assert!(canary(&["explain", "shop"]).contains("failed at the new version"));
    let failed = report.failures.len();
    assert!((1..=20).contains(&failed), "{failed} of {} failed", report.total());
    assert_eq!(version(&url).as_deref(), Some("2"));
    house.stop();
}
