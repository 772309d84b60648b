//! What a task finds around it: the metadata and credentials that AWS's libraries look for, and as much of the world as
//! `serin up --egress` lets it reach.
//!
//! The world is a network namespace of the test's own, linked to the machine: a site on the internet, and one on a private
//! network beside the machine. Tasks are of a built-in image, which has a shell and curl.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    process::Command,
    sync::mpsc,
    time::Duration,
};

use e2e::{Aws, House, Machine, run, wait_until};
use nix::{
    sched::{CloneFlags, unshare},
    unistd::gettid,
};
use serde_json::{Value, json};

/// How long a task may take from being asked for to its last word, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// Where the world and the machine are on the network between them. Of the internet, as far as anybody can tell.
const SITE: (&str, &str) = ("8.8.8.8", "8.8.8.1");
/// The same on a private network.
const NEIGHBOUR: (&str, &str) = ("192.168.77.7", "192.168.77.1");
/// What the sites answer.
const GREETING: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
/// Longer than anything here takes that is not waited for in vain.
const LONG_SECONDS: u32 = 60;

const TEMPLATE: &str = "
Resources:
  Vpc: { Type: AWS::EC2::VPC, Properties: { CidrBlock: 10.9.0.0/16 } }
  Subnet: { Type: AWS::EC2::Subnet, Properties: { VpcId: !Ref Vpc, CidrBlock: 10.9.1.0/24 } }
  Gateway: { Type: AWS::EC2::InternetGateway }
  Attachment: { Type: AWS::EC2::VPCGatewayAttachment, Properties: { VpcId: !Ref Vpc, InternetGatewayId: !Ref Gateway } }
  Routes: { Type: AWS::EC2::RouteTable, Properties: { VpcId: !Ref Vpc } }
  Out:
    Type: AWS::EC2::Route
    DependsOn: Attachment
    Properties: { RouteTableId: !Ref Routes, DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref Gateway }
  OfSubnet:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: { SubnetId: !Ref Subnet, RouteTableId: !Ref Routes }
  Group: { Type: AWS::EC2::SecurityGroup, Properties: { VpcId: !Ref Vpc, GroupDescription: tasks } }
  Cluster: { Type: AWS::ECS::Cluster, Properties: { ClusterName: around } }
  Logs: { Type: AWS::Logs::LogGroup, Properties: { LogGroupName: around } }
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{ Effect: Allow, Principal: { Service: ecs-tasks.amazonaws.com }, Action: sts:AssumeRole }]
Outputs:
  Subnet: { Value: !Ref Subnet }
  Group: { Value: !GetAtt Group.GroupId }
  Role: { Value: !GetAtt Role.Arn }
";

/// A place for tasks.
struct Place {
    aws: Aws,
    network: String,
    role: String,
}

impl Place {
    fn new(machine: &Machine, house: &House) -> Self {
        let (aws, path) = (house.aws(), machine.folder().join("around.yaml"));
        fs::write(&path, TEMPLATE).expect("a file");
        let deploy = "cloudformation deploy --stack-name around --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset \
             --template-file";
        aws.json(&format!("{deploy} {}", path.display()));
        let stack = aws.json("cloudformation describe-stacks --stack-name around");
        let output = |index: usize| {
            stack["Stacks"][0]["Outputs"][index]["OutputValue"].as_str().expect("it is there").to_owned()
        };
        let (subnet, group) = (output(0), output(1));
        let network =
            format!("awsvpcConfiguration={{subnets=[{subnet}],securityGroups=[{group}],assignPublicIp=ENABLED}}");
        Self { aws, network, role: output(2) }
    }

    /// Registers the task definition `family`, which runs `script`.
    fn define(&self, machine: &Machine, family: &str, script: &str) {
        let options =
            json!({ "awslogs-group": "around", "awslogs-region": "ap-southeast-2", "awslogs-stream-prefix": family });
        let definition = json!({
            "family": family, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256",
            "memory": "512", "taskRoleArn": self.role,
            "containerDefinitions": [{
                "name": "app", "image": "public.ecr.aws/appmesh/aws-appmesh-envoy:v1.29.12.1-prod", "essential": true,
                "entryPoint": ["sh", "-c"], "command": [script], "user": "1337",
                "logConfiguration": { "logDriver": "awslogs", "options": options },
            }],
        });
        let path = machine.folder().join("definition.json");
        fs::write(&path, definition.to_string()).expect("a file");
        self.aws.json(&format!("ecs register-task-definition --cli-input-json file://{}", path.display()));
    }

    /// Runs a task of `family` to its end, and answers its ARN and what it printed.
    fn run(&self, family: &str) -> (String, Vec<String>) {
        let line = format!(
            "ecs run-task --cluster around --task-definition {family} --launch-type FARGATE --network-configuration {}",
            self.network
        );
        let arn = self.aws.json(&line)["tasks"][0]["taskArn"].as_str().expect("a task has an ARN").to_owned();
        let id = arn.rsplit('/').next().expect("it ends in an id");
        let stream = format!("--log-group-name around --log-stream-name {family}/app/{id}");
        let mut lines = Vec::new();
        wait_until(&format!("the last word of {family}"), PATIENCE, || {
            let described = self.aws.json(&format!("ecs describe-tasks --cluster around --tasks {arn}"));
            if described["tasks"][0]["lastStatus"] != "STOPPED" {
                return false;
            }
            let events = self.aws.json(&format!("logs get-log-events --start-from-head {stream}"));
            let all = events["events"].as_array().into_iter().flatten();
            lines = all.filter_map(|event| event["message"].as_str().map(str::to_owned)).collect();
            assert!(described["tasks"][0]["stoppedReason"] == "Essential container in task exited", "{described}");
            lines.iter().any(|line| line == "done")
        });
        (arn, lines)
    }
}

/// What is behind `name` in the line that begins with it.
fn said<'a>(lines: &'a [String], name: &str) -> &'a str {
    let found = lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("{name} is not among {lines:#?}"))
}

fn told(lines: &[String], name: &str) -> Value {
    serde_json::from_str(said(lines, name)).unwrap_or_else(|error| panic!("{name}: {error} in {lines:#?}"))
}

#[test]
fn a_task_is_told_who_it_is_and_gets_the_credentials_of_its_role() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let place = Place::new(&machine, &house);
    let script = r#"
        echo "container $(curl -s $ECS_CONTAINER_METADATA_URI_V4)"
        echo "task $(curl -s $ECS_CONTAINER_METADATA_URI_V4/task)"
        echo "stats $(curl -s $ECS_CONTAINER_METADATA_URI_V4/stats)"
        echo "credentials $(curl -s http://169.254.170.2$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI)"
        echo "console $(curl -s -o /dev/null -w '%{http_code}' http://169.254.170.2/)"
        echo "stranger $(curl -s -o /dev/null -w '%{http_code}' http://169.254.170.2/v2/credentials/another)"
        echo done"#;
    place.define(&machine, "curious", script);
    let (arn, lines) = place.run("curious");
    let id = arn.rsplit('/').next().expect("it ends in an id");

    let container = told(&lines, "container");
    assert_eq!((container["Name"].as_str(), container["KnownStatus"].as_str()), (Some("app"), Some("RUNNING")));
    assert_eq!(container["Labels"]["com.amazonaws.ecs.task-arn"], arn, "{container}");
    assert_eq!(container["LogOptions"]["awslogs-stream"], format!("curious/app/{id}"), "{container}");
    let network = &container["Networks"][0];
    assert_eq!((&network["IPv4SubnetCIDRBlock"], &network["NetworkMode"]), (&json!("10.9.1.0/24"), &json!("awsvpc")));
    let task = told(&lines, "task");
    assert_eq!((&task["TaskARN"], &task["Family"]), (&json!(arn), &json!("curious")), "{task}");
    assert_eq!((&task["Containers"][0]["Name"], &task["LaunchType"]), (&json!("app"), &json!("FARGATE")), "{task}");
    let statistics = told(&lines, "stats");
    assert_eq!(statistics["memory_stats"]["limit"], 512 << 20, "{statistics}");
    for counted in
        ["/memory_stats/usage", "/pids_stats/current", "/cpu_stats/system_cpu_usage", "/networks/eth0/rx_bytes"]
    {
        assert!(statistics.pointer(counted).and_then(Value::as_u64).is_some_and(|count| count > 0), "{statistics}");
    }
    assert_eq!((said(&lines, "console"), said(&lines, "stranger")), ("404", "404"), "nothing else is told there");

    // What the task was given opens the house.
    let credentials = told(&lines, "credentials");
    assert_eq!(credentials["RoleArn"], place.role, "{credentials}");
    let mut aws = Command::new("aws");
    place.aws.equip(&mut aws).args(["sts", "get-caller-identity"]);
    for (variable, member) in [
        ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
        ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
        ("AWS_SESSION_TOKEN", "Token"),
    ] {
        aws.env(variable, credentials[member].as_str().expect("a text"));
    }
    assert!(run(&mut aws).contains("000000000000"));
    house.stop();
}

/// A network namespace beside the machine, with the two sites.
fn world() {
    let (tell, told) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
        let namespace = gettid().to_string();
        tell.send(Some(namespace)).expect("the test waits");
        gone.recv().expect("the test has linked it");
        ip(&["link", "set", "world", "up"]);
        for (own, _) in [SITE, NEIGHBOUR] {
            ip(&["address", "add", &format!("{own}/24"), "dev", "world"]);
        }
        let listener = TcpListener::bind("0.0.0.0:80").expect("a port");
        tell.send(None).expect("the test waits");
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(GREETING.as_bytes());
        }
    });
    let next = || told.recv_timeout(PATIENCE).expect("the world comes about");
    let namespace = next().expect("it has a number");
    ip(&["link", "add", "machine", "type", "veth", "peer", "name", "world", "netns", &namespace]);
    ip(&["link", "set", "machine", "up"]);
    for (_, own) in [SITE, NEIGHBOUR] {
        ip(&["address", "add", &format!("{own}/24"), "dev", "machine"]);
    }
    go.send(()).expect("the world waits");
    next();
}

fn ip(arguments: &[&str]) {
    run(Command::new("ip").args(arguments));
}

#[test]
fn tasks_get_out_as_far_as_they_are_let_and_are_refused_at_once_beyond() {
    let machine = Machine::new();
    world();
    // 7: the connection was refused; 28: nothing came in the time there was.
    let ask = |name: &str, address: &str| {
        format!("curl -s -o /dev/null --max-time {LONG_SECONDS} http://{address}/; echo \"{name} $?\"\n")
    };
    let script = [ask("site", SITE.0), ask("neighbour", NEIGHBOUR.0), ask("machine", SITE.1)].concat() + "echo done";
    for (reach, site, neighbour) in [(None, "0", "7"), (Some("all"), "0", "0"), (Some("none"), "7", "7")] {
        let arguments: Vec<&str> = reach.into_iter().flat_map(|reach| ["--egress", reach]).collect();
        let house = House::start_with(&machine, &arguments);
        let place = Place::new(&machine, &house);
        place.define(&machine, "traveller", &script);
        let (_, lines) = place.run("traveller");
        assert_eq!((said(&lines, "site"), said(&lines, "neighbour")), (site, neighbour), "{reach:?}: {lines:?}");
        // The machine's own address is nowhere; where the edge dials, it is the edge that finds so.
        assert!(["7", "52", "56"].contains(&said(&lines, "machine")), "{reach:?}: {lines:?}");
        house.stop();
    }
}
