//! A rehearsal: a canary of the version there is against faults that are made, after which all is as it was.

use std::{
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use e2e::{Aws, House, Load, Machine, Sample, binary, get, wait_until};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

/// A ramp that is short enough for a test, with a bake that no test waits for. Errors alone are judged: what shares its
/// processors with others has latencies that say little.
const POLICY: &str = r#"{"Steps": [5, 25, 50], "BaselineSeconds": 2, "MinimumStepSeconds": 1, "BakeSeconds": 600, "Metrics": ["Errors"]}"#;
/// What is waited for here is a matter of seconds, on a machine that may be busy.
const PATIENCE: Duration = Duration::from_mins(2);
/// So long the house bears that nobody asks, in seconds: a busy machine lets a client wait …
const LEASE: &str = "60";
/// … and where it is waited for, this is enough.
const LEASE_SHORT: &str = "10";

fn rehearsal(faults: &[&str], lease: &str) -> Command {
    let mut command = Command::new(binary("serin"));
    command.args(["rehearse", "--region", "ap-southeast-2", "--mesh", "todo", "--router", "api", "--route", "api"]);
    command.args(["--policy", POLICY, "--max-harm", "10000", "--lease", lease, "--json"]);
    command.args(faults.iter().flat_map(|fault| ["--fault", fault]));
    command
}

/// What a rehearsal told that came to its end, with everything as it should be.
fn report(told: &Output) -> Value {
    assert!(told.status.success(), "{}", text(told));
    let report: Value = serde_json::from_slice(&told.stdout).unwrap_or_else(|_| panic!("{}", text(told)));
    assert_eq!(report["ended"], true, "{report:#}");
    report
}

fn outcome(report: &Value, number: usize) -> &str {
    report["results"][number]["outcome"].as_str().unwrap_or_default()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The faults on purpose that there are.
fn faults() -> Vec<Value> {
    let mut command = Command::new(binary("serin"));
    let listed = command.args(["fault", "list", "--mesh", "todo", "--region", "ap-southeast-2", "--json"]).output();
    let listed = listed.expect("serin can be started");
    serde_json::from_slice(&listed.stdout).unwrap_or_else(|_| panic!("{}", text(&listed)))
}

/// The route's spec and the names of the virtual nodes.
fn mesh(aws: &Aws) -> (Value, Value) {
    let route = aws.json("appmesh describe-route --mesh-name todo --virtual-router-name api --route-name api")["route"]
        ["spec"]
        .take();
    let nodes = aws.json("appmesh list-virtual-nodes --mesh-name todo --query virtualNodes[].virtualNodeName");
    (route, nodes)
}

/// A rehearsal that is being made to suffer, too rarely to be caught.
fn begun(lease: &str) -> Child {
    let child = rehearsal(&["errors:0.01"], lease).stdout(Stdio::null()).spawn().expect("serin can be started");
    wait_until("a fault is made", PATIENCE, || !faults().is_empty());
    child
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).expect("it runs");
}

#[test]
fn a_rehearsal_tells_what_would_be_caught_and_leaves_all_as_it_was() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let sample = Sample::push(&house);
    let url = sample.deploy();
    wait_until("the first answer", Duration::from_mins(1), || get(&url).is_ok_and(|answer| answer.status == 200));
    let (aws, load) = (house.aws(), Load::start(&url, 100));
    let before = mesh(&aws);

    let told = rehearsal(&["errors:50", "dependency:20"], LEASE).output().expect("serin can be started");
    let report = report(&told);
    assert_eq!((outcome(&report, 0), outcome(&report, 1)), ("Caught", "Spared"), "{report:#}");
    assert_eq!((mesh(&aws), faults()), (before.clone(), Vec::new()));
    let (said, suffered) = (report["failed"].as_u64().unwrap_or(0), load.take().failures.len());
    assert!(said > 0 && suffered > 0, "it says that {said} failed, and {suffered} did");

    interrupted(&aws, &before);
    killed(&aws, &before);
    let house = goes_on(house, &machine, &before);

    load.take();
    wait_until("nothing fails any more", PATIENCE, || {
        std::thread::sleep(Duration::from_secs(1));
        let report = load.take();
        report.total() > 0 && report.failures.is_empty()
    });
    load.stop();
    sample.delete();
    house.stop();
}

/// Somebody presses Ctrl-C.
fn interrupted(aws: &Aws, before: &(Value, Value)) {
    let mut child = begun(LEASE);
    signal(&child, Signal::SIGINT);
    assert!(!child.wait().expect("it ends").success());
    assert_eq!((mesh(aws), faults()), (before.clone(), Vec::new()));
}

/// The command is killed, and has no chance to say so.
fn killed(aws: &Aws, before: &(Value, Value)) {
    let mut child = begun(LEASE_SHORT);
    signal(&child, Signal::SIGKILL);
    child.wait().expect("it ends");
    wait_until("the house has noticed", PATIENCE, || mesh(aws) == *before && faults().is_empty());
}

/// The house is killed in the middle, and goes on when it is back: it asks anew for the fault, which would end by itself.
fn goes_on(house: House, machine: &Machine, before: &(Value, Value)) -> House {
    let mut child = begun(LEASE);
    let end = || faults().first().map(|fault| fault["endsAt"].clone());
    let first = end();
    house.kill();
    let house = House::start(machine);
    wait_until("the fault is renewed", PATIENCE, || end().is_some_and(|end| Some(end) != first));
    signal(&child, Signal::SIGINT);
    assert!(!child.wait().expect("it ends").success());
    assert_eq!((mesh(&house.aws()), faults()), (before.clone(), Vec::new()));
    house
}
