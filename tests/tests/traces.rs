//! Traces by the SDKs that people have: X-Ray's own with its sampler, and OpenTelemetry's.

use std::{
    io::{BufRead, BufReader, Lines},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use e2e::{Aws, House, Machine, binary, run, wait_until};
use serde_json::Value;

/// How long a thing may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_mins(1);

/// A program that is ended when the test ends, however it does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn script(name: &str) -> Command {
    let mut command = Command::new("python");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces").join(name));
    command
}

/// The X-Ray daemon, beside the application as in a task.
fn daemon(aws: &Aws) -> Running {
    let mut command = Command::new(binary("serin"));
    aws.equip(command.args([
        "xray-daemon",
        "-o",
        "-n",
        "ap-southeast-2",
        "-b",
        "127.0.0.1:2000",
        "-t",
        "127.0.0.1:2000",
    ]));
    let daemon = Running(command.spawn().expect("serin can be started"));
    wait_until("the daemon", PATIENCE, || TcpStream::connect("127.0.0.1:2000").is_ok());
    daemon
}

fn rule(aws: &Aws, service: &str, priority: u32, rate: u32) {
    let rule = format!(
        r#"{{"RuleName":"{service}","ResourceARN":"*","Priority":{priority},"FixedRate":{rate},"ReservoirSize":0,
            "ServiceName":"{service}","ServiceType":"*","Host":"*","HTTPMethod":"*","URLPath":"*","Version":1}}"#
    );
    let made = aws.json(&format!("xray create-sampling-rule --sampling-rule '{rule}'"));
    assert_eq!(made["SamplingRuleRecord"]["SamplingRule"]["RuleName"], service, "{made}");
}

/// The ids of the traces of the last hours that `filter` finds.
fn traces(aws: &Aws, filter: &str) -> Vec<Value> {
    let found = aws.json(&format!(
        "xray get-trace-summaries --start-time {} --end-time {} --filter-expression '{filter}'",
        now() - 3600,
        now() + 3600
    ));
    found["TraceSummaries"].as_array().cloned().unwrap_or_default()
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("the clock is right").as_secs()
}

fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    lines.next().expect("the program says more").expect("it is text")
}

#[test]
fn a_sampling_rule_changes_what_the_sdk_samples() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let aws = house.aws();
    rule(&aws, "loud", 10, 1);
    rule(&aws, "quiet", 20, 0);
    let _daemon = daemon(&aws);
    let mut command = script("sampling.py");
    aws.equip(command.env("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000").stdout(Stdio::piped()));
    let mut program = Running(command.spawn().expect("python is on the PATH"));
    let mut lines = BufReader::new(program.0.stdout.take().expect("its output is a pipe")).lines();
    assert_eq!(next(&mut lines), "rules loud quiet Default");
    assert_eq!(next(&mut lines), "counted 20 0", "all of the one and none of the other");
    let changed = aws.json("xray update-sampling-rule --sampling-rule-update RuleName=quiet,FixedRate=1");
    assert_eq!(changed["SamplingRuleRecord"]["SamplingRule"]["FixedRate"], 1.0, "{changed}");
    assert_eq!(next(&mut lines), "changed 20");
    assert!(program.0.wait().expect("it can be waited for").success());
    wait_until("what it traced", PATIENCE, || traces(&aws, r#"service("loud")"#).len() == 20);
    let summaries = aws.json("xray get-sampling-statistic-summaries");
    let of = |rule: &str| {
        let summaries = summaries["SamplingStatisticSummaries"].as_array().cloned().unwrap_or_default();
        summaries
            .iter()
            .filter(|one| one["RuleName"] == rule)
            .filter_map(|one| one["RequestCount"].as_u64())
            .sum::<u64>()
    };
    assert!(of("quiet") >= 20, "the SDK reported: {summaries}");
    assert!(aws.refused("xray delete-sampling-rule --rule-name Default").contains("InvalidRequestException"));
    house.stop();
}

#[test]
fn spans_of_opentelemetry_are_found_as_traces() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let aws = house.aws();
    for (way, form) in [("grpc", "random"), ("http", "xray")] {
        let id = run(script("spans.py").args([way, form]));
        let id = id.trim();
        let id = format!("1-{}-{}", &id[..8], &id[8..]);
        let found = aws.json(&format!("xray batch-get-traces --trace-ids {id}"));
        let segments = found["Traces"][0]["Segments"].as_array().cloned().unwrap_or_default();
        assert_eq!(segments.len(), 3, "{found}");
        let document = |name: &str| {
            let documents = segments.iter().filter_map(|segment| segment["Document"].as_str());
            let mut read = documents.map(|document| serde_json::from_str::<Value>(document).expect("JSON"));
            read.find(|document| document["name"] == name).unwrap_or_else(|| panic!("no {name} in {segments:?}"))
        };
        let (gateway, api) = (document(&format!("gateway-{way}")), document(&format!("api-{way}")));
        assert_eq!(gateway["http"]["request"]["url"], "http://gateway/todos");
        assert_eq!(document("api")["namespace"], "remote");
        assert_eq!(api["fault"], true);
        assert!(api["cause"]["exceptions"][0]["message"].as_str().is_some_and(|text| text.contains("no such todo")));
        let filter = format!(r#"edge("gateway-{way}", "api-{way}") {{ fault }} AND annotation.team = "todo""#);
        assert_eq!(traces(&aws, &filter).len(), 1);
    }
    let graph = aws.json(&format!("xray get-service-graph --start-time {} --end-time {}", now() - 3600, now() + 3600));
    let services = graph["Services"].as_array().cloned().unwrap_or_default();
    let named = |name: &str| services.iter().find(|one| one["Name"] == name && one["Type"].is_null()).cloned();
    for way in ["grpc", "http"] {
        let (gateway, api) = (named(&format!("gateway-{way}")), named(&format!("api-{way}")));
        let (gateway, api) = (gateway.expect("the gateway"), api.expect("the API"));
        let edges = gateway["Edges"].as_array().cloned().unwrap_or_default();
        assert!(edges.iter().any(|edge| edge["ReferenceId"] == api["ReferenceId"]), "{graph}");
        assert_eq!(api["SummaryStatistics"]["FaultStatistics"]["TotalCount"], 1, "{graph}");
    }
    house.stop();
}

/// A group and a rule, as a template puts them.
const TEMPLATE: &str = "
Parameters:
  Rate: { Type: Number, Default: 0.5 }
  Name: { Type: String, Default: slow }
Resources:
  Group:
    Type: AWS::XRay::Group
    Properties:
      GroupName: !Ref Name
      FilterExpression: responsetime > 5
      InsightsConfiguration: { InsightsEnabled: false }
      Tags: [{ Key: team, Value: shop }]
  Rule:
    Type: AWS::XRay::SamplingRule
    Properties:
      SamplingRule:
        RuleName: pings
        Priority: 10
        FixedRate: !Ref Rate
        ReservoirSize: 1
        ServiceName: '*'
        ServiceType: '*'
        Host: '*'
        HTTPMethod: GET
        URLPath: /ping
        ResourceARN: '*'
        Version: 1
      Tags: [{ Key: team, Value: shop }]
Outputs:
  Group: { Value: !GetAtt Group.GroupARN }
  Rule: { Value: !Ref Rule }
";

#[test]
fn groups_and_sampling_rules_come_from_templates() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let aws = house.aws();
    let path = machine.folder().join("xray.yaml");
    std::fs::write(&path, TEMPLATE).expect("a file");
    let deploy = format!("cloudformation deploy --stack-name traced --template-file {}", path.display());
    let outputs = || {
        let stacks = aws.json("cloudformation describe-stacks --stack-name traced");
        let outputs = stacks["Stacks"][0]["Outputs"].as_array().cloned().unwrap_or_default();
        outputs.iter().map(|output| output["OutputValue"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let rates = || -> Vec<f64> {
        let rules = aws.json("xray get-sampling-rules");
        let rules = rules["SamplingRuleRecords"].as_array().cloned().unwrap_or_default();
        let named = rules.iter().filter(|rule| rule["SamplingRule"]["RuleName"] == "pings");
        named.filter_map(|rule| rule["SamplingRule"]["FixedRate"].as_f64()).collect()
    };
    let groups = || -> Vec<String> {
        let groups = aws.json("xray get-groups");
        let groups = groups["Groups"].as_array().cloned().unwrap_or_default();
        groups.iter().map(|group| group["GroupName"].as_str().unwrap_or_default().to_owned()).collect()
    };
    aws.json(&deploy);
    assert_eq!((rates(), groups()), (vec![0.5], vec!["Default".to_owned(), "slow".to_owned()]));
    let made = outputs();
    for arn in &made {
        let tags = aws.json(&format!("xray list-tags-for-resource --resource-arn {arn}"));
        assert!(
            tags["Tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag["Key"] == "team")),
            "{arn}: {tags}"
        );
    }
    // The rule is changed where it is, the group is another.
    aws.json(&format!("{deploy} --parameter-overrides Rate=0.25 Name=slower"));
    assert_eq!((rates(), groups()), (vec![0.25], vec!["Default".to_owned(), "slower".to_owned()]));
    assert!(outputs().iter().filter(|arn| made.contains(arn)).count() == 1, "{made:?} {:?}", outputs());
    aws.json("cloudformation delete-stack --stack-name traced");
    aws.json("cloudformation wait stack-delete-complete --stack-name traced");
    assert_eq!((rates(), groups()), (Vec::new(), vec!["Default".to_owned()]));
    house.stop();
}
