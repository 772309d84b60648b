//! The canary that judges itself: a good version is promoted, a bad one is taken back before many have met it.

use std::{
    process::{Command, Output},
    time::Duration,
};

use e2e::{House, Load, Machine, Sample, binary, envoy, get, wait_until};
use serde_json::Value;

/// A ramp that is short enough for a test. Errors alone are judged: what shares two cores with its clients and its peers
/// has latencies that say little.
const POLICY: &str =
    r#"{"Steps": [5, 25, 50], "BaselineSeconds": 2, "MinimumStepSeconds": 1, "BakeSeconds": 2, "Metrics": ["Errors"]}"#;

fn serin(arguments: &[&str]) -> Output {
    let mut command = Command::new(binary("serin"));
    command.args(arguments).args(["--region", "ap-southeast-2"]).output().expect("serin can be started")
}

fn canary(arguments: &[&str]) -> Output {
    serin(&[&["canary"], arguments].concat())
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn start(to: &str) -> Output {
    let route = ["--mesh", "todo", "--router", "api", "--route", "api"];
    canary(&[&["start"], route.as_slice(), &["--to", to, "--policy", POLICY, "--watch"]].concat())
}

fn status() -> Value {
    let shown = canary(&["status", "--json"]);
    serde_json::from_slice(&shown.stdout).unwrap_or_else(|_| panic!("{}", text(&shown)))
}

#[test]
fn a_good_version_is_promoted_and_a_bad_one_taken_back() {
    let machine = Machine::new();
    let house = House::start(&machine);
    judged(&house, 200);
    house.stop();
}

/// The same with Envoys, whose shares are drawn by lot and whose statistics are read instead of a page of ours.
#[test]
fn real_envoys_tell_enough_to_judge_a_canary() {
    let machine = Machine::new();
    let house = House::start_with(&machine, &["--envoy", envoy().to_str().expect("a path in UTF-8")]);
    // Three Envoys and a test build share the processors with everybody else.
    judged(&house, 60);
    // Latencies come from the Envoys too, though this policy judges errors alone and a bad version is soon gone.
    let records = std::fs::read_dir(machine.data_dir().join("canaries")).expect("a folder of records").flatten();
    let mut texts = records.map(|entry| std::fs::read_to_string(entry.path()).expect("a record"));
    let has_both = |line: &str| line.matches(r#""latency":[["#).count() == 2;
    assert!(texts.any(|text| text.lines().any(has_both)), "no tick has latencies of both versions");
    house.stop();
}

/// At `rate` requests a second, a good version is promoted and a bad one taken back.
fn judged(house: &House, rate: u32) {
    let sample = Sample::push(house);
    let url = sample.deploy();
    wait_until("the first answer", Duration::from_secs(30), || get(&url).is_ok_and(|answer| answer.status == 200));

    let load = Load::start(&url, rate);
    let promoted = start("api-v2");
    assert!(promoted.status.success(), "{}", text(&promoted));
    let report = load.stop();
    assert!(report.failures.is_empty(), "{} failed: {:?}", report.failures.len(), report.failures.first());
    assert!(report.of("2") > 0);
    assert_eq!(get(&url).expect("an answer").version().as_deref(), Some("2"));
    let replayed = canary(&["replay"]);
    assert!(replayed.status.success(), "{}", text(&replayed));

    // Back to the first version, and the second becomes one that fails every other request. The template knows nothing
    // of the canary, and is first brought to where the route is.
    sample.deploy_mesh(0, 1);
    sample.deploy_mesh(1, 0);
    sample.deploy_services("3");
    let load = Load::start(&url, rate);
    let refused = start("api-v2");
    assert!(!refused.status.success(), "{}", text(&refused));
    let seen = status();
    assert_eq!(seen["phase"], "TakenBack", "{seen:#}");
    assert_eq!(seen["reason"], "the new version is worse than the old one");
    let report = load.stop();
    let failed = report.failures.len();
    assert!((1..=20).contains(&failed), "{failed} of {} failed", report.total());
    assert_eq!(get(&url).expect("an answer").version().as_deref(), Some("1"));
    assert!(text(&canary(&["explain"])).contains("Take back"));
    assert!(canary(&["replay"]).status.success());
    sample.delete();
}
