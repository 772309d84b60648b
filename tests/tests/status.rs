//! What `serin status` says of proxies: who has acknowledged a route, who refuses it, and why.

use std::{
    fs::{self, File},
    process::{Child, Command, Stdio},
    time::Duration,
};

use e2e::{Aws, House, Machine, binary, envoy, run, template, wait_until};
use serde_json::Value;

/// How long Envoys may take, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(1);
/// Where a bootstrap says how large a regular expression may get before Envoy refuses what holds it.
const LARGEST: &str = "re2.max_program_size.error_level";

/// An Envoy of a user, outside of any task; ended when it is dropped.
struct Envoy(Child);

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts an Envoy that stands for a virtual node and takes regular expressions up to the size `largest`.
fn start(machine: &Machine, name: &str, node: &str, port: u16, largest: u32) -> Envoy {
    let mut print = Command::new(binary("serin"));
    print.arg("envoy-bootstrap").env("APPMESH_RESOURCE_NAME", format!("mesh/todo/virtualNode/{node}"));
    print.env("APPMESH_XDS_ENDPOINT", "127.0.0.1:4566").env("ENVOY_ADMIN_ACCESS_PORT", port.to_string());
    let mut bootstrap: Value = serde_json::from_str(&run(&mut print)).expect("a bootstrap");
    let layer = &mut bootstrap["layered_runtime"]["layers"][0]["static_layer"];
    assert!(layer[LARGEST].is_number(), "{layer}");
    layer[LARGEST] = largest.into();
    let path = machine.folder().join(format!("{name}.json"));
    fs::write(&path, bootstrap.to_string()).expect("the test's folder can be written to");
    let log = File::create(machine.folder().join(format!("{name}.log"))).expect("so can its log");
    let mut command = Command::new(envoy());
    command.args(["--disable-hot-restart", "--concurrency", "1", "--config-path"]).arg(path);
    Envoy(command.stdout(Stdio::null()).stderr(log).spawn().expect("Envoy can be started"))
}

fn status() -> String {
    run(Command::new(binary("serin")).args(["status", "--region", "ap-southeast-2"]))
}

/// Waits until `serin status` has a line with all of `parts`.
fn until_line_with(parts: &[&str]) -> String {
    let mut last = String::new();
    let mut found = None;
    wait_until(&format!("a line with {parts:?}"), PATIENCE, || {
        last = status();
        found = last.lines().find(|line| parts.iter().all(|part| line.contains(part))).map(str::to_owned);
        found.is_some()
    });
    found.unwrap_or(last)
}

fn update_route(aws: &Aws, path: &str) {
    let spec = format!(
        r#"{{"httpRoute":{{"match":{{"path":{{"regex":"{path}"}}}},"action":{{"weightedTargets":[
            {{"virtualNode":"api-v1","weight":3}},{{"virtualNode":"api-v2","weight":1}}]}}}}}}"#
    );
    aws.json(&format!(
        "appmesh update-route --mesh-name todo --virtual-router-name api --route-name api --spec '{spec}'"
    ));
}

#[test]
fn a_proxy_that_refuses_a_route_is_shown_with_its_reason_and_the_weights_that_stand() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let aws = house.aws();
    aws.json(&format!(
        "cloudformation deploy --stack-name todo-mesh --parameter-overrides WeightV1=2 WeightV2=1 --template-file {}",
        template("mesh").display()
    ));
    let _strict = start(&machine, "strict", "gateway", 9911, 1000);
    let _lenient = start(&machine, "lenient", "gateway", 9912, 1_000_000);
    until_line_with(&["api/api", "api-v1 2 : api-v2 1", "yes", "by 2 of 2 proxies"]);

    // An expression that only one of the two takes: each repetition is an instruction.
    update_route(&aws, "/todos/[a-z]{900}/[a-z]{900}");
    let route = until_line_with(&["api/api", "api-v1 3 : api-v2 1", "by 1 of 2 proxies", "program size"]);
    assert!(route.contains("api-v1 2 : api-v2 1"), "what every proxy does still stands: {route}");
    let refused = "no, it refuses Route rds_egress_http_3000: ";
    let proxy = until_line_with(&["gateway", refused]);
    assert!(proxy.contains("program size"), "{proxy}");
    until_line_with(&["gateway", "yes"]);

    update_route(&aws, "/todos/.*");
    until_line_with(&["api/api", "api-v1 3 : api-v2 1", "yes", "by 2 of 2 proxies"]);
    assert!(!status().contains("refuses"), "{}", status());

    // One that stands for nothing there is, as after a slip of the pen.
    let _mistaken = start(&machine, "mistaken", "gatewy", 9913, 1000);
    let line = until_line_with(&["127.0.0.1", "mesh/todo/virtualNode/gatewy"]);
    assert!(line.contains("create it, or correct the node id"), "{line}");
    let json = run(Command::new(binary("serin")).args(["status", "--region", "ap-southeast-2", "--json"]));
    let pictures: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(pictures[0]["turned_away"][0]["node"], "mesh/todo/virtualNode/gatewy", "{json}");
    house.stop();
}
