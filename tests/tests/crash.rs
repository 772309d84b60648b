//! Killed at any moment, the house takes up where it was: nothing acknowledged is lost, nothing is doubled, traffic flows.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use e2e::{Aws, House, Load, Machine, Sample, get, template, wait_until};

/// How long a stack may take to end after the last kill.
const SETTLED_MAX: Duration = Duration::from_mins(2);

#[test]
fn ten_kills_during_deploy_update_and_delete() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let aws = house.aws();
    let sample = Sample::push(&house);

    // While stacks are being made.
    start(&aws, "create-stack", "network", "");
    let house = kill_at(house, &machine, &[150, 400]);
    settled(&aws, "todo-network", "CREATE_COMPLETE");
    start(&aws, "create-stack", "mesh", "");
    let house = kill_at(house, &machine, &[60]);
    settled(&aws, "todo-mesh", "CREATE_COMPLETE");
    let image = format!("ParameterKey=Image,ParameterValue={}", sample.image());
    start(&aws, "create-stack", "services", &format!("--capabilities CAPABILITY_IAM --parameters {image}"));
    let house = kill_at(house, &machine, &[500, 1500, 900]);
    settled(&aws, "todo-services", "CREATE_COMPLETE");

    let url = sample.url();
    wait_until("the first answer", Duration::from_mins(1), || get(&url).is_ok_and(|answer| answer.status == 200));
    let load = Load::start(&url, 50);
    // While it runs and while it is updated: its users notice nothing.
    let house = kill_at(house, &machine, &[300]);
    start(&aws, "update-stack", "mesh", &weights(2, 1));
    let house = kill_at(house, &machine, &[30, 200]);
    settled(&aws, "todo-mesh", "UPDATE_COMPLETE");
    let report = load.stop();
    assert!(
        report.failures.is_empty(),
        "{} of {} failed: {:?}",
        report.failures.len(),
        report.total(),
        report.failures[0]
    );
    nothing_is_doubled(&aws);

    // While it is deleted.
    aws.json("cloudformation delete-stack --stack-name todo-services");
    let house = kill_at(house, &machine, &[700]);
    sample.delete();
    house.stop();
    let left = machine.leftovers();
    assert!(left.is_empty(), "left over: {left:#?}");
}

#[test]
fn what_was_stopped_in_order_comes_back_with_the_same_tasks() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let sample = Sample::push(&house);
    let url = sample.deploy();
    wait_until("the first answer", Duration::from_secs(30), || get(&url).is_ok_and(|answer| answer.status == 200));
    let before = tasks(&house.aws());
    house.stop();
    assert!(machine.leftovers().processes.is_empty(), "{:?}", machine.leftovers());
    assert!(get(&url).is_err(), "something still answers");
    let house = House::start(&machine);
    wait_until("it answers again", Duration::from_mins(1), || get(&url).is_ok_and(|answer| answer.status == 200));
    assert_eq!(tasks(&house.aws()), before);
    sample.delete();
    house.stop();
}

#[test]
fn after_a_loss_of_power_the_services_run_again() {
    let machine = Machine::new();
    let mut house = House::start(&machine);
    let sample = Sample::push(&house);
    let url = sample.deploy();
    let answers = || get(&url).is_ok_and(|answer| answer.status == 200);
    wait_until("the first answer", Duration::from_secs(30), answers);
    house.kill();
    machine.lose_power();
    house = House::start(&machine);
    wait_until("it answers again", Duration::from_mins(1), answers);
    wait_until("there are as many tasks as are wanted", Duration::from_secs(30), || tasks(&house.aws()).len() == 3);
    sample.delete();
    house.stop();
    assert!(machine.leftovers().is_empty(), "left over: {:#?}", machine.leftovers());
}

#[test]
fn an_edge_that_dies_comes_back_and_so_does_the_traffic_of_the_same_tasks() {
    let machine = Machine::new();
    let mut house = House::start(&machine);
    let sample = Sample::push(&house);
    let url = sample.deploy();
    let answers = || get(&url).is_ok_and(|answer| answer.status == 200);
    wait_until("the first answer", Duration::from_secs(30), answers);
    let before = tasks(&house.aws());
    // Alone: the control plane holds the VPCs, and starts another edge.
    let killed = machine.kill_edge();
    let another = || machine.edges().first().is_some_and(|edge| *edge != killed);
    wait_until("there is another edge", Duration::from_secs(30), another);
    wait_until("it answers again", Duration::from_secs(30), answers);
    // With the control plane: the VPCs are gone, and tasks are put on new ones.
    house.kill();
    machine.kill_edge();
    house = House::start(&machine);
    wait_until("it answers once more", Duration::from_mins(1), answers);
    assert_eq!(tasks(&house.aws()), before);
    let load = Load::start(&url, 50);
    wait_until("requests are answered", Duration::from_secs(30), || load.take().total() > 0);
    let report = load.stop();
    assert!(report.failures.is_empty(), "{:?}", report.failures.first());
    sample.delete();
    house.stop();
    assert!(machine.leftovers().is_empty(), "left over: {:#?}", machine.leftovers());
}

fn tasks(aws: &Aws) -> Vec<String> {
    let listed = aws.json("ecs list-tasks --cluster todo");
    let arns = listed["taskArns"].as_array().cloned().unwrap_or_default();
    let mut arns: Vec<String> = arns.iter().filter_map(|arn| arn.as_str().map(str::to_owned)).collect();
    arns.sort();
    arns
}

/// Kills the house at random moments around these milliseconds, one after the other, and starts it again.
fn kill_at(mut house: House, machine: &Machine, moments: &[u64]) -> House {
    for moment in moments {
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
        let moment = moment * u64::from(now % 1000) / 500;
        println!("killed after {moment} ms");
        std::thread::sleep(Duration::from_millis(moment));
        house.kill();
        house = House::start(machine);
    }
    house
}

fn weights(v1: u32, v2: u32) -> String {
    format!("--parameters ParameterKey=WeightV1,ParameterValue={v1} ParameterKey=WeightV2,ParameterValue={v2}")
}

/// Asks for a stack; once this returns, the house has acknowledged it.
fn start(aws: &Aws, command: &str, part: &str, rest: &str) {
    let file = template(part);
    aws.json(&format!(
        "cloudformation {command} --stack-name todo-{part} --template-body file://{} {rest}",
        file.display()
    ));
}

fn settled(aws: &Aws, stack: &str, wanted: &str) {
    let mut last = String::new();
    wait_until(&format!("{stack} is {wanted}"), SETTLED_MAX, || {
        let answer = aws.json(&format!("cloudformation describe-stacks --stack-name {stack}"));
        answer["Stacks"][0]["StackStatus"].as_str().unwrap_or_default().clone_into(&mut last);
        assert!(
            !last.contains("ROLLBACK") && !last.contains("FAILED"),
            "{stack} is {last}: {}",
            answer["Stacks"][0]["StackStatusReason"]
        );
        last == wanted
    });
}

/// One of each: what was interrupted between doing and recording was not done twice.
fn nothing_is_doubled(aws: &Aws) {
    let count = |line: &str, list: &str| aws.json(line)[list].as_array().map(Vec::len);
    assert_eq!(count("ec2 describe-vpcs", "Vpcs"), Some(1));
    assert_eq!(count("ec2 describe-subnets", "Subnets"), Some(2));
    assert_eq!(count("ec2 describe-internet-gateways", "InternetGateways"), Some(1));
    assert_eq!(count("elbv2 describe-load-balancers", "LoadBalancers"), Some(1));
    assert_eq!(count("elbv2 describe-target-groups", "TargetGroups"), Some(1));
    assert_eq!(count("servicediscovery list-namespaces", "Namespaces"), Some(1));
    assert_eq!(count("servicediscovery list-services", "Services"), Some(3));
    assert_eq!(count("logs describe-log-groups", "logGroups"), Some(1));
    assert_eq!(count("ecs list-services --cluster todo", "serviceArns"), Some(3));
    assert_eq!(count("ecs list-tasks --cluster todo", "taskArns"), Some(3));
}

/// A child that is waited for when it goes out of scope.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_demo_that_is_interrupted_cleans_up() {
    let machine = Machine::new();
    let mut command = Command::new(e2e::binary("serin"));
    command.arg("demo").env("TMPDIR", machine.folder()).stdout(Stdio::null());
    let mut demo = Reaped(command.spawn().expect("serin can be started"));
    std::thread::sleep(Duration::from_secs(4));
    let pid = nix::unistd::Pid::from_raw(demo.0.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it still runs");
    wait_until("the demo ends", Duration::from_mins(1), || demo.0.try_wait().expect("it can be waited for").is_some());
    let left: Vec<_> = std::fs::read_dir(machine.folder()).expect("the folder is there").flatten().collect();
    assert!(left.is_empty(), "left over: {left:?}");
    assert!(machine.leftovers().is_empty(), "left over: {:#?}", machine.leftovers());
}
