//! ECS's own ways to a new revision, by the real CLI and behind the load balancer: a canary, a way back by hand, a
//! broken revision that the circuit breaker takes back, an alarm that sounds. No user notices any of it.

use std::{path::Path, time::Duration};

use e2e::{Aws, House, Load, Machine, Sample, get, wait_until};
use serde_json::Value;

/// How long a deployment may take to come to something, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(3);
/// A canary of a tenth that waits before each shift until somebody lets it go on.
const PAUSED: &str = r#"{"strategy":"CANARY","canaryConfiguration":{"canaryPercent":10,"canaryBakeTimeInMinutes":0},"bakeTimeInMinutes":0,"lifecycleHooks":[{"targetType":"PAUSE","lifecycleStages":["PRE_PRODUCTION_TRAFFIC_SHIFT"]}]}"#;
/// The same without a halt.
const UNPAUSED: &str = r#"{"lifecycleHooks":[]}"#;

#[test]
fn a_canary_shifts_goes_back_and_breaks_without_one_failed_request() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let sample = Sample::push(&house);
    let aws = house.aws();
    deploy(&aws, sample.image(), "1");
    let url = url(&aws);
    wait_until("the first answer", Duration::from_secs(30), || get(&url).is_ok_and(|answer| answer.status == 200));
    assert_eq!(latest(&aws)["status"], "SUCCESSFUL");

    let load = Load::start(&url, 100);
    deploy(&aws, sample.image(), "2");
    assert_eq!((split(&url, 50), weights(&aws)), ((0, 50), (0, 100)), "the stack's update is a canary");

    // Half-way by hand: a tenth of the users, then all the way back.
    update(&aws, &format!("--task-definition shop-one --deployment-configuration '{PAUSED}'"));
    go_on(&aws);
    wait_until("a tenth of the users", PATIENCE, || waits_at(&aws).is_some() && weights(&aws) == (10, 90));
    // Others take turns with these requests, so that it is a tenth on average.
    let (one, two) = split(&url, 200);
    assert!(one.abs_diff(20) <= 12 && one + two == 200, "a tenth was {one} to {two}");
    let arn = latest(&aws)["serviceDeploymentArn"].clone();
    aws.json(&format!("ecs stop-service-deployment --service-deployment-arn {}", text(&arn)));
    wait_until("the way back", PATIENCE, || latest(&aws)["status"] == "ROLLBACK_SUCCESSFUL");
    assert_eq!((split(&url, 50), weights(&aws)), ((0, 50), (0, 100)));

    // A revision whose tasks end at once never meets a user.
    update(&aws, &format!("--task-definition broken --deployment-configuration '{UNPAUSED}'"));
    wait_until("the circuit breaker", PATIENCE, || latest(&aws)["status"] == "ROLLBACK_SUCCESSFUL");
    let reason = latest(&aws)["statusReason"].clone();
    assert!(text(&reason).contains("circuit breaker"), "{reason}");
    assert_eq!(split(&url, 50), (0, 50));

    let report = load.stop();
    let (failed, all) = (report.failures.len(), report.total());
    assert!(failed == 0, "{failed} of {all} requests failed, the first: {:?}", report.failures[0]);
    aws.json("cloudformation delete-stack --stack-name shop");
    aws.json("cloudformation wait stack-delete-complete --stack-name shop");
    house.stop();
    let left = machine.leftovers();
    assert!(left.is_empty(), "left over: {left:#?}");
}

/// A release that is watched by an alarm until an hour after all users have come.
const WATCHED: &str =
    r#"{"alarms":{"alarmNames":["errors"],"enable":true,"rollback":true},"bakeTimeInMinutes":60,"lifecycleHooks":[]}"#;

#[test]
fn an_alarm_takes_a_release_back_and_one_that_sounds_already_is_ignored() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let sample = Sample::push(&house);
    let aws = house.aws();
    deploy(&aws, sample.image(), "1");
    let url = url(&aws);
    wait_until("the first answer", Duration::from_secs(30), || get(&url).is_ok_and(|answer| answer.status == 200));
    // Nothing is ever reported, so that it stays as it is set.
    aws.json(
        "cloudwatch put-metric-alarm --alarm-name errors --namespace shop --metric-name errors --statistic Sum \
         --period 10 --evaluation-periods 1 --threshold 1 --treat-missing-data ignore \
         --comparison-operator GreaterThanOrEqualToThreshold",
    );
    let set = |state: &str| {
        aws.json(&format!("cloudwatch set-alarm-state --alarm-name errors --state-value {state} --state-reason test"));
    };
    set("OK");
    let load = Load::start(&url, 100);

    update(&aws, &format!("--task-definition shop-two --deployment-configuration '{WATCHED}'"));
    wait_until("all users at the new tasks", PATIENCE, || latest(&aws)["lifecycleStage"] == "BAKE_TIME");
    assert_eq!((latest(&aws)["alarms"]["status"].as_str(), weights(&aws)), (Some("MONITORING"), (0, 100)));
    set("ALARM");
    wait_until("the way back", PATIENCE, || latest(&aws)["status"] == "ROLLBACK_SUCCESSFUL");
    let alarms = latest(&aws)["alarms"].clone();
    assert_eq!((text(&alarms["status"]), text(&alarms["triggeredAlarmNames"][0])), ("TRIGGERED", "errors"));
    assert_eq!((split(&url, 50), weights(&aws)), ((50, 0), (100, 0)));
    let services = aws.json("ecs describe-services --cluster shop --services shop");
    let told = services["services"][0]["events"].to_string();
    assert!(told.contains("deployment failed: alarm detected."), "{told}");

    // The one that mends it begins while the alarm still sounds.
    update(&aws, "--force-new-deployment --deployment-configuration bakeTimeInMinutes=0");
    wait_until("the next release", PATIENCE, || latest(&aws)["status"] == "SUCCESSFUL");
    assert_eq!((latest(&aws)["alarms"]["status"].as_str(), split(&url, 50)), (Some("DISABLED"), (0, 50)));
    let report = load.stop();
    assert!(report.failures.is_empty(), "{} failed: {:?}", report.failures.len(), report.failures.first());
    house.stop();
}

fn deploy(aws: &Aws, image: &str, version: &str) {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deployments/shop.yaml");
    aws.json(&format!(
        "cloudformation deploy --stack-name shop --template-file {} --capabilities CAPABILITY_IAM \
         --parameter-overrides Image={image} Version={version}",
        template.display()
    ));
}

fn update(aws: &Aws, change: &str) {
    aws.json(&format!("ecs update-service --cluster shop --service shop {change}"));
}

/// Lets the deployment go on that waits at a hook.
fn go_on(aws: &Aws) {
    let mut hook = None;
    wait_until("a hook that waits", PATIENCE, || {
        hook = waits_at(aws);
        hook.is_some()
    });
    let arn = latest(aws)["serviceDeploymentArn"].clone();
    let hook = hook.expect("it has just been seen");
    aws.json(&format!("ecs continue-service-deployment --service-deployment-arn {} --hook-id {hook}", text(&arn)));
}

/// The hook at which the latest deployment waits.
fn waits_at(aws: &Aws) -> Option<String> {
    let deployment = latest(aws);
    let hooks = deployment["lifecycleHookDetails"].as_array()?;
    let waiting = hooks.iter().find(|hook| hook["status"] == "AWAITING_ACTION")?;
    Some(text(&waiting["hookId"]).to_owned())
}

/// The service deployment that was asked for last.
fn latest(aws: &Aws) -> Value {
    let list = aws.json("ecs list-service-deployments --cluster shop --service shop --max-results 1");
    let arn = text(&list["serviceDeployments"][0]["serviceDeploymentArn"]).to_owned();
    let described = aws.json(&format!("ecs describe-service-deployments --service-deployment-arns {arn}"));
    described["serviceDeployments"][0].clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn url(aws: &Aws) -> String {
    let stacks = aws.json("cloudformation describe-stacks --stack-name shop");
    text(&stacks["Stacks"][0]["Outputs"][0]["OutputValue"]).to_owned()
}

/// Answers by version of `count` requests, one after the other.
fn split(url: &str, count: usize) -> (usize, usize) {
    let answers: Vec<_> = (0..count).map(|_| get(url).expect("an answer").version().unwrap_or_default()).collect();
    let of = |version: &str| answers.iter().filter(|answer| *answer == version).count();
    (of("1"), of("2"))
}

/// The weights of the rule by which users come: of the first version's group and of the second's.
fn weights(aws: &Aws) -> (u64, u64) {
    let listener = aws.json("elbv2 describe-load-balancers");
    let balancer = text(&listener["LoadBalancers"][0]["LoadBalancerArn"]).to_owned();
    let listeners = aws.json(&format!("elbv2 describe-listeners --load-balancer-arn {balancer}"));
    let listener = text(&listeners["Listeners"][0]["ListenerArn"]).to_owned();
    let rules = aws.json(&format!("elbv2 describe-rules --listener-arn {listener}"));
    let rules = rules["Rules"].as_array().expect("a list of rules").clone();
    let rule = rules.iter().find(|rule| rule["Priority"] == "20").expect("the production rule");
    let groups = rule["Actions"][0]["ForwardConfig"]["TargetGroups"].as_array().expect("it forwards").clone();
    // The first version was deployed first: its group is the one that the template names first, Blue.
    let of = |part: &str| {
        let group = groups.iter().find(|group| text(&group["TargetGroupArn"]).contains(part));
        group.and_then(|group| group["Weight"].as_u64()).expect("a weight")
    };
    (of("Blue"), of("Green"))
}
