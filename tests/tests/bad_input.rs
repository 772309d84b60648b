//! Nonsense gets a clear answer, changes nothing and loses nothing.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use e2e::{Aws, House, Machine, binary, wait_until};

/// A house with something in it that must still stand at the end.
struct Bad {
    machine: Machine,
    house: House,
    aws: Aws,
}

impl Bad {
    fn new() -> Self {
        let machine = Machine::new();
        let house = House::start(&machine);
        let aws = house.aws();
        aws.json("appmesh create-mesh --mesh-name kept");
        Self { machine, house, aws }
    }

    fn template(&self, text: &str) -> PathBuf {
        let path = self.machine.folder().join("template.yaml");
        fs::write(&path, text).expect("a file");
        path
    }

    /// What the CLI says of creating a stack from `text`.
    fn refused(&self, text: &str) -> String {
        let path = self.template(text);
        self.aws
            .refused(&format!("cloudformation create-stack --stack-name bad --template-body file://{}", path.display()))
    }

    /// The mesh that was there is there, and the house stops as it should.
    fn end(self) {
        let meshes = self.aws.json("appmesh list-meshes");
        assert_eq!(meshes["meshes"].as_array().map(Vec::len), Some(1), "{meshes}");
        self.house.stop();
        let left = self.machine.leftovers();
        assert!(left.is_empty(), "left over: {left:#?}");
    }
}

#[test]
fn bad_templates_are_refused_with_their_reason() {
    let bad = Bad::new();
    let mesh = "Type: AWS::AppMesh::Mesh";
    let cases = [
        (
            format!(
                "Resources:\n  A:\n    {mesh}\n    Properties: {{MeshName: !Ref B}}\n  B:\n    {mesh}\n    Properties: {{MeshName: !Ref A}}\n"
            ),
            "Circular dependency between resources",
        ),
        ("Resources:\n  A:\n    Type: AWS::Nope::Nope\n".to_owned(), "Unrecognized resource types"),
        (format!("Resources:\n  A:\n    {mesh}\n    Properties: {{MeshName: !Ref Gone}}\n"), "Gone"),
        (
            format!(
                "Parameters:\n  P: {{Type: String, AllowedValues: [a], Default: b}}\nResources:\n  A:\n    {mesh}\n    Properties: {{MeshName: !Ref P}}\n"
            ),
            "AllowedValues",
        ),
        ("Resources: [".to_owned(), "Template format error"),
        (String::from("Description: nothing\n"), "Resources"),
    ];
    for (template, wanted) in cases {
        let said = bad.refused(&template);
        assert!(said.contains("ValidationError") && said.contains(wanted), "{template}\n{said}");
    }
    let stacks = bad.aws.json("cloudformation describe-stacks");
    assert_eq!(stacks["Stacks"].as_array().map(Vec::len), Some(0), "{stacks}");
    bad.end();
}

#[test]
fn a_missing_import_rolls_back_and_says_why() {
    let bad = Bad::new();
    let path = bad.template(
        "Resources:\n  A:\n    Type: AWS::AppMesh::Mesh\n  B:\n    Type: AWS::AppMesh::Mesh\n    Properties: {MeshName: !ImportValue nowhere}\n",
    );
    let line = format!("cloudformation deploy --stack-name bad --template-file {}", path.display());
    bad.aws.refused(&line);
    // Where AWS finds it before anything is made, there is no stack; where it does while making, it is rolled back.
    let events = bad.aws.json("cloudformation describe-stacks");
    let text = events.to_string();
    assert!(text.contains("No export named nowhere found") || text.contains("\"Stacks\":[]"), "{text}");
    bad.end();
}

#[test]
fn bad_weights_are_refused_and_the_route_stands() {
    let bad = Bad::new();
    let aws = &bad.aws;
    let node = "{\"listeners\":[{\"portMapping\":{\"port\":80,\"protocol\":\"http\"}}],\"serviceDiscovery\":{\"dns\":{\"hostname\":\"a.b\"}}}";
    for name in 0..11 {
        aws.json(&format!("appmesh create-virtual-node --mesh-name kept --virtual-node-name n{name} --spec '{node}'"));
    }
    let listener = "{\"listeners\":[{\"portMapping\":{\"port\":80,\"protocol\":\"http\"}}]}";
    aws.json(&format!("appmesh create-virtual-router --mesh-name kept --virtual-router-name r --spec '{listener}'"));
    let spec = |targets: &[(String, u32)]| {
        let targets: Vec<String> = targets
            .iter()
            .map(|(node, weight)| format!("{{\"virtualNode\":\"{node}\",\"weight\":{weight}}}"))
            .collect();
        format!(
            "{{\"httpRoute\":{{\"match\":{{\"prefix\":\"/\"}},\"action\":{{\"weightedTargets\":[{}]}}}}}}",
            targets.join(",")
        )
    };
    let at = "--mesh-name kept --virtual-router-name r --route-name x";
    let good = spec(&[("n0".into(), 2), ("n1".into(), 1)]);
    aws.json(&format!("appmesh create-route {at} --spec '{good}'"));
    let eleven: Vec<(String, u32)> = (0..11).map(|n| (format!("n{n}"), 1)).collect();
    for wrong in [spec(&[("n0".into(), 101), ("n1".into(), 0)]), spec(&eleven)] {
        // The CLI's own validator may refuse before we do; either way the answer names what is wrong.
        let said = aws.refused(&format!("appmesh update-route {at} --spec '{wrong}'"));
        assert!(said.contains("BadRequestException") || said.contains("Parameter validation failed"), "{said}");
    }
    let route = aws.json(&format!("appmesh describe-route {at}"));
    let version = &route["route"]["metadata"]["version"];
    assert_eq!(version.as_i64(), Some(1), "{route}");
    {
        let name = "x";
        aws.json(&format!("appmesh delete-route --mesh-name kept --virtual-router-name r --route-name {name}"));
    }
    aws.json("appmesh delete-virtual-router --mesh-name kept --virtual-router-name r");
    for name in 0..11 {
        aws.json(&format!("appmesh delete-virtual-node --mesh-name kept --virtual-node-name n{name}"));
    }
    bad.end();
}

#[test]
fn malformed_signatures_huge_bodies_and_silent_clients_hurt_nobody() {
    let bad = Bad::new();
    let said =
        request("POST / HTTP/1.1\r\nHost: x\r\nAuthorization: AWS4-HMAC-SHA256 nonsense\r\nContent-Length: 0\r\n\r\n");
    assert!(said.starts_with("HTTP/1.1 400") && said.contains("IncompleteSignature"), "{said}");
    let said = request("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert!(said.contains("MissingAuthenticationToken"), "{said}");
    let said = request(&format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", 1_u64 << 30));
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");

    let silent: Vec<TcpStream> =
        (0..200).map(|_| TcpStream::connect("127.0.0.1:4566").expect("a connection")).collect();
    bad.aws.json("sts get-caller-identity");
    drop(silent);
    bad.end();
}

/// Sends `text` and answers what comes back until the other side closes or has said all it will.
fn request(text: &str) -> String {
    let mut stream = TcpStream::connect("127.0.0.1:4566").expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    stream.write_all(text.as_bytes()).expect("it is sent");
    let mut answer = vec![0; 4096];
    let size = stream.read(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer[..size]).into_owned()
}

#[test]
fn tasks_that_cannot_run_say_why() {
    let bad = Bad::new();
    let aws = &bad.aws;
    aws.json("ecs create-cluster --cluster-name c");
    let vpc = aws.json("ec2 create-vpc --cidr-block 10.7.0.0/16");
    let vpc = vpc["Vpc"]["VpcId"].as_str().expect("a VPC has an id").to_owned();
    let subnet = aws.json(&format!("ec2 create-subnet --vpc-id {vpc} --cidr-block 10.7.1.0/24"));
    let subnet = subnet["Subnet"]["SubnetId"].as_str().expect("a subnet has an id").to_owned();
    let network = format!("--launch-type FARGATE --network-configuration awsvpcConfiguration={{subnets=[{subnet}]}}");
    aws.json(
        "ecs register-task-definition --family missing --requires-compatibilities FARGATE --network-mode awsvpc \
         --cpu 256 --memory 512 --container-definitions '[{\"name\":\"app\",\"image\":\"000000000000.dkr.ecr.ap-southeast-2.amazonaws.com/none:1\",\"essential\":true}]'",
    );
    let started = aws.json(&format!("ecs run-task --cluster c --task-definition missing {network}"));
    let task = started["tasks"][0]["taskArn"].as_str().expect("a task has an ARN").to_owned();
    let mut reason = String::new();
    wait_until("the task stops", Duration::from_secs(30), || {
        let described = aws.json(&format!("ecs describe-tasks --cluster c --tasks {task}"));
        reason = described["tasks"][0]["stoppedReason"].as_str().unwrap_or_default().to_owned();
        described["tasks"][0]["lastStatus"] == "STOPPED"
    });
    assert!(reason.contains("CannotPullContainerError"), "{reason}");

    let said = aws.refused(
        "ecs register-task-definition --family odd --requires-compatibilities FARGATE --network-mode awsvpc \
         --cpu 300 --memory 512 --container-definitions '[{\"name\":\"app\",\"image\":\"x\"}]'",
    );
    assert!(said.contains("No Fargate configuration exists for given values"), "{said}");
    aws.json(
        "ecs register-task-definition --family huge --requires-compatibilities FARGATE --network-mode awsvpc \
         --cpu 16384 --memory 122880 --container-definitions '[{\"name\":\"app\",\"image\":\"x\"}]'",
    );
    let said = aws.json(&format!("ecs run-task --cluster c --task-definition huge {network}"));
    assert!(said["failures"][0]["reason"].as_str().is_some_and(|reason| reason.starts_with("RESOURCE:")), "{said}");

    aws.json(&format!("ec2 delete-subnet --subnet-id {subnet}"));
    aws.json(&format!("ec2 delete-vpc --vpc-id {vpc}"));
    bad.end();
}

#[test]
fn the_command_line_refuses_nonsense_in_one_sentence() {
    let machine = Machine::new();
    let serin = |arguments: &[&str]| {
        let output = Command::new(binary("serin")).args(arguments).output().expect("it can be started");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for nonsense in [
        &["nope"][..],
        &["up", "--listen", "here"],
        &["up", "--access-key", "half"],
        &["demo", "--rate", "0"],
        &["status", "--region", "NO WHERE"],
    ] {
        let (code, said) = serin(nonsense);
        assert_eq!(code, Some(64), "{nonsense:?}: {said}");
        assert!(said.starts_with("serin: "), "{said}");
    }
    let (code, said) = serin(&["status", "--endpoint", "http://127.0.0.1:1"]);
    assert!(code == Some(1) || code == Some(69), "{code:?}");
    assert!(said.contains("serin up"), "{said}");

    let house = House::start(&machine);
    let other = machine.folder().join("other");
    let (code, said) = serin(&["up", "--data-dir", other.to_str().expect("a path")]);
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("127.0.0.1:4566") && said.contains("--listen"), "{said}");
    house.stop();

    let damaged = machine.folder().join("damaged");
    fs::create_dir_all(&damaged).expect("a folder");
    fs::write(damaged.join("serin.db"), vec![7; 8192]).expect("a file");
    let (code, said) = serin(&["up", "--data-dir", damaged.to_str().expect("a path")]);
    assert_eq!(code, Some(65), "{said}");
    assert!(said.contains("--data-dir"), "{said}");
}

#[test]
fn a_machine_that_could_hold_no_task_to_its_limits_is_told_what_it_lacks() {
    let machine = Machine::new();
    // A namespace of mounts in which there are no control groups.
    let bare = "mount -t tmpfs none /sys/fs/cgroup && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", bare, "sh"]).arg(binary("serin")).args(["up", "--data-dir"]);
    let ended = command.arg(machine.data_dir()).env_remove("SERIN_LISTEN").output().expect("unshare can be started");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(69), "{said}");
    assert!(said.starts_with("serin: ") && said.lines().count() == 1, "{said}");
    assert!(said.contains("mount -t cgroup2 cgroup2 /sys/fs/cgroup"), "{said}");
    assert!(!machine.data_dir().exists() && machine.leftovers().is_empty(), "{:#?}", machine.leftovers());
}

#[test]
fn a_house_stands_when_nobody_reads_what_it_says() {
    let machine = Machine::new();
    let mut command = Command::new(binary("serin"));
    command.args(["up", "--data-dir"]).arg(machine.data_dir()).env_remove("SERIN_LISTEN");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("serin can be started");
    drop((child.stdout.take(), child.stderr.take()));
    // It waits for SIGTERM once it has said what it has to say.
    let status = format!("/proc/{}/status", child.id());
    let waits = || {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or_default();
        u64::from_str_radix(caught.trim(), 16).is_ok_and(|caught| caught & (1 << (nix::libc::SIGTERM - 1)) != 0)
    };
    wait_until("the house waits for its end", Duration::from_mins(1), waits);
    let stopped = Command::new("kill").arg(child.id().to_string()).status().expect("kill can be started");
    assert!(stopped.success() && child.wait().expect("it ends").success(), "it did not stop as it should");
}
