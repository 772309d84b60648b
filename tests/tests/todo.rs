//! The todo sample through a whole canary: deployed by the CLI, shifted under load, seen in the map, deleted.

use std::{process::Command, time::Duration};

use e2e::{House, Load, Machine, Sample, binary, get, run, wait_until};

#[test]
fn a_canary_goes_through_without_one_failed_request() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let sample = Sample::push(&house);
    let url = sample.deploy();
    wait_until("the first answer", Duration::from_secs(30), || get(&url).is_ok_and(|answer| answer.status == 200));

    assert_eq!(split(&url, 60), (60, 0));
    under_load(&url, || sample.deploy_mesh(2, 1));
    let (one, two) = split(&url, 300);
    assert!(one.abs_diff(200) <= 1 && two.abs_diff(100) <= 1, "2:1 gave {one} and {two}");
    under_load(&url, || sample.deploy_mesh(0, 1));
    assert_eq!(split(&url, 60), (0, 60));
    under_load(&url, || {
        sample.deploy_mesh(1, 0);
        // A rolling update of a task behind the mesh, and of nothing else: its users notice nothing either.
        sample.deploy_services("3");
    });
    assert_eq!(split(&url, 60), (60, 0));

    shows_logs_and_map(&house);
    a_group_that_nobody_forwards_to_is_unused(&house);
    sample.delete();
    house.stop();
    let left = machine.leftovers();
    assert!(left.is_empty(), "left over: {left:#?}");
}

/// Requests a second while something is changed.
const RATE: u32 = 200;

/// Does `change` while users are at it: none of them may notice.
fn under_load(url: &str, change: impl FnOnce()) {
    let load = Load::start(url, RATE);
    change();
    let report = load.stop();
    let (failed, all) = (report.failures.len(), report.total());
    assert!(failed == 0, "{failed} of {all} requests failed, the first: {:?}", report.failures[0]);
}

/// Answers by version of `count` requests, one after the other.
fn split(url: &str, count: usize) -> (usize, usize) {
    let answers: Vec<_> = (0..count).map(|_| get(url).expect("an answer").version().unwrap_or_default()).collect();
    let of = |version: &str| answers.iter().filter(|answer| *answer == version).count();
    (of("1"), of("2"))
}

fn shows_logs_and_map(house: &House) {
    let groups = house.aws().json("logs describe-log-groups");
    let group = groups["logGroups"][0]["logGroupName"].as_str().expect("the stack made a log group").to_owned();
    wait_until("the sidecar's log lines", Duration::from_secs(10), || {
        let events = house.aws().json(&format!("logs filter-log-events --log-group-name {group}"));
        events["events"].as_array().is_some_and(|events| !events.is_empty())
    });
    wait_until("the map", Duration::from_secs(30), || {
        let map = run(Command::new(binary("serin")).args(["map", "--region", "ap-southeast-2"]));
        ["gateway_todos", "api_1_todos", "api_2_todos"].iter().all(|name| map.contains(name))
    });
    let status = run(Command::new(binary("serin")).args(["status", "--region", "ap-southeast-2"]));
    for part in ["todo-network", "CREATE_COMPLETE", "gateway", "api-v1 1 : api-v2 0", "http://", "healthy"] {
        assert!(status.contains(part), "{part} is missing in\n{status}");
    }
}

fn a_group_that_nobody_forwards_to_is_unused(house: &House) {
    let aws = house.aws();
    let vpc = aws.json("ec2 describe-vpcs")["Vpcs"][0]["VpcId"].as_str().expect("there is a VPC").to_owned();
    let line =
        format!("elbv2 create-target-group --name idle --protocol HTTP --port 80 --target-type ip --vpc-id {vpc}");
    let made = aws.json(&line);
    let arn = made["TargetGroups"][0]["TargetGroupArn"].as_str().expect("it has an ARN");
    aws.json(&format!("elbv2 register-targets --target-group-arn {arn} --targets Id=10.20.1.200"));
    let health = aws.json(&format!("elbv2 describe-target-health --target-group-arn {arn}"));
    let health = &health["TargetHealthDescriptions"][0]["TargetHealth"];
    assert_eq!((health["State"].as_str(), health["Reason"].as_str()), (Some("unused"), Some("Target.NotInUse")));
    aws.json(&format!("elbv2 delete-target-group --target-group-arn {arn}"));
}
