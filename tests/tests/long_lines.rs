//! Lines of a container that are as long as can be, or full of what would steer a terminal: the real CLI and the console
//! show them, and nothing breaks.

use std::time::Duration;

use e2e::{Aws, House, Machine, get_with, wait_until};
use serde_json::{Value, json};

/// How long a task may take to start, to end and to be told of, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(3);
/// What is cut off from a longer line: what the awslogs driver sends as one event.
const EVENT_MAX: usize = 262_118;
/// The length of the long lines.
const LONG: usize = 300_000;
/// Prints a line of NULs, one of letters, one that steers terminals and is no UTF-8, one with markup, and a last one.
const SCRIPT: &str = r"head -c 300000 /dev/zero; printf '\n'
head -c 300000 /dev/zero | tr '\0' x; printf '\n'
printf 'a\033[31mred\007\001\0377z\n'
printf '<script>alert(1)</script>\n'
echo the end";

/// Runs the script as a task, and waits until it has ended.
fn print_lines(aws: &Aws) {
    aws.json("ecs create-cluster --cluster-name c");
    aws.json("logs create-log-group --log-group-name lines");
    let vpc = aws.json("ec2 create-vpc --cidr-block 10.7.0.0/16");
    let vpc = vpc["Vpc"]["VpcId"].as_str().expect("a VPC has an id");
    let subnet = aws.json(&format!("ec2 create-subnet --vpc-id {vpc} --cidr-block 10.7.1.0/24"));
    let subnet = subnet["Subnet"]["SubnetId"].as_str().expect("a subnet has an id");
    let options = json!({ "awslogs-group": "lines", "awslogs-region": "ap-southeast-2", "awslogs-stream-prefix": "p" });
    let containers = json!([{
        "name": "app", "image": "amazon/aws-xray-daemon", "essential": true,
        "entryPoint": ["sh", "-c", "eval \"$SCRIPT\""],
        "environment": [{ "name": "SCRIPT", "value": SCRIPT }],
        "logConfiguration": { "logDriver": "awslogs", "options": options },
    }]);
    // A file, since a shell would read quotes and backslashes in its own way.
    let file = std::env::temp_dir().join(format!("long-lines-{}.json", std::process::id()));
    std::fs::write(&file, containers.to_string()).expect("a file");
    aws.json(&format!(
        "ecs register-task-definition --family lines --requires-compatibilities FARGATE --network-mode awsvpc --cpu 256 \
         --memory 512 --container-definitions file://{}",
        file.display()
    ));
    std::fs::remove_file(file).expect("it goes again");
    let network = format!("awsvpcConfiguration={{subnets=[{subnet}]}}");
    aws.json(&format!(
        "ecs run-task --cluster c --task-definition lines --launch-type FARGATE --network-configuration {network}"
    ));
}

/// The messages of an answer.
fn messages(answer: &Value) -> Vec<String> {
    let events = answer["events"].as_array().into_iter().flatten();
    events.map(|event| event["message"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn long_and_odd_lines_arrive_and_are_shown() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let aws = house.aws();
    print_lines(&aws);
    let mut found = Vec::new();
    wait_until("the last line is in Logs", PATIENCE, || {
        found = messages(&aws.json("logs filter-log-events --log-group-name lines"));
        found.last().is_some_and(|line| line == "the end")
    });
    let lengths: Vec<_> = found.iter().map(String::len).collect();
    let rest = LONG - EVENT_MAX;
    assert_eq!(lengths[..4], [EVENT_MAX, rest, EVENT_MAX, rest], "{lengths:?}");
    assert!(found[..2].concat().bytes().all(|byte| byte == 0));
    assert!(found[2..4].concat().bytes().all(|byte| byte == b'x'));
    assert_eq!(found[4..], ["a\u{1b}[31mred\u{7}\u{1}\u{fffd}z", "<script>alert(1)</script>", "the end"]);

    let streams = aws.json("logs describe-log-streams --log-group-name lines");
    let stream = streams["logStreams"][0]["logStreamName"].as_str().expect("a stream has a name");
    let read =
        aws.json(&format!("logs get-log-events --log-group-name lines --log-stream-name {stream} --start-from-head"));
    assert_eq!(messages(&read), found);
    let red = aws.json("logs filter-log-events --log-group-name lines --filter-pattern red");
    assert_eq!(messages(&red), found[4..5]);

    // The page shows the beginnings of long lines, a sign for what steers, and markup as text.
    let url = "http://127.0.0.1:4566/console/000000000000/ap-southeast-2/logs?group=lines";
    let page = get_with(url, &[("Accept", "text/html")]).expect("the page");
    assert_eq!(page.status, 200);
    assert!(page.body.len() < 100_000, "{} bytes", page.body.len());
    let xs = page.body.split('…').filter(|part| part.ends_with(&"x".repeat(2000))).count();
    assert_eq!(xs, 2, "both parts of the long line are cut");
    assert!(page.body.contains("a\u{fffd}[31mred\u{fffd}\u{fffd}\u{fffd}z"), "signs for what steers");
    assert!(page.body.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !page.body.contains("<script>alert"));
    assert!(!page.body.contains(['\0', '\u{1b}']));
    house.stop();
}
