//! Canaries that a template asks for: `aws cloudformation deploy` is the release, and its exit code the verdict.

use std::time::Duration;

use e2e::{
    House, Load, Machine, Sample, get,
    release::{Release, canary, text},
    template, wait_until,
};

/// How long a stack may take to come to rest once its canary has ended.
const SETTLED_MAX: Duration = Duration::from_mins(1);
/// A ramp that is short enough for a test. Errors alone are judged: what shares two cores with its clients and its peers
/// has latencies that say little.
const RAMP: &str =
    r#"{"Steps": [5, 25, 50], "BaselineSeconds": 2, "MinimumStepSeconds": 1, "BakeSeconds": 2, "Metrics": ["Errors"]}"#;
/// One that has had its time after a few seconds.
const IMPATIENT: &str = r#"{"Steps": [50], "BaselineSeconds": 0, "MinimumStepSeconds": 1, "MaximumStepSeconds": 2,
    "BakeSeconds": 1, "HealthySeconds": 5, "Metrics": ["Errors"]}"#;
/// One that waits for a copy of the new version longer than a test does.
const PATIENT: &str = r#"{"HealthySeconds": 600, "Metrics": ["Errors"]}"#;

#[test]
fn a_deployment_is_promoted_taken_back_or_inconclusive() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let sample = Sample::push(&house);
    let url = sample.deploy();
    wait_until("the first answer", Duration::from_secs(30), || get(&url).is_ok_and(|answer| answer.status == 200));
    let release = Release::new(&machine, &house);

    // Nobody comes.
    let unseen = release.deploy(IMPATIENT).output().expect("the aws CLI");
    assert!(!unseen.status.success(), "{}", text(&unseen));
    assert!(release.is("UPDATE_ROLLBACK_COMPLETE"), "{:#}", release.stack());
    assert!(release.tells("Inconclusive: too little was seen to tell."), "{:#?}", release.reasons());
    assert!(release.tells("is inconclusive: it came to no end in the 10 seconds"), "{:#?}", release.reasons());
    assert_eq!(release.weights(), (1, 0));

    // A good version, and a crash in the middle.
    let load = Load::start(&url, 200);
    let mut deploying = release.deploy(RAMP).spawn().expect("the aws CLI");
    wait_until("the first step", SETTLED_MAX, || release.tells("The new version gets 5 % of the traffic."));
    assert!(release.is("UPDATE_IN_PROGRESS"));
    house.kill();
    let house = House::start(&machine);
    assert!(deploying.wait().expect("the aws CLI").success(), "{:#?}", release.reasons());
    let report = load.stop();
    assert!(report.failures.is_empty(), "{} failed: {:?}", report.failures.len(), report.failures.first());
    assert!(release.is("UPDATE_COMPLETE"), "{:#}", release.stack());
    assert_eq!(release.weights(), (0, 1));
    assert_eq!(get(&url).expect("an answer").version().as_deref(), Some("2"));
    assert!(canary(&["replay"]).status.success());

    // A template without the metadata is what it says, at once. Then version 2 becomes one that fails every other time.
    sample.deploy_mesh(1, 0);
    sample.deploy_services("3");
    let load = Load::start(&url, 200);
    let worse = release.deploy(RAMP).output().expect("the aws CLI");
    let report = load.stop();
    assert!(!worse.status.success(), "{}", text(&worse));
    assert!(release.is("UPDATE_ROLLBACK_COMPLETE"), "{:#}", release.stack());
    let why = "did not promote api-v2: the new version is worse than the old one";
    assert!(release.tells(why), "{:#?}", release.reasons());
    assert_eq!(release.weights(), (1, 0));
    let failed = report.failures.len();
    assert!((1..=20).contains(&failed), "{failed} of {} failed", report.total());
    assert_eq!(get(&url).expect("an answer").version().as_deref(), Some("1"));

    sample.delete();
    house.stop();
}

/// A mesh that nobody runs: a canary waits for its first healthy copy as long as it may.
#[test]
fn a_deployment_is_refused_cancelled_or_loses_its_route() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let release = Release::new(&machine, &house);
    let aws = house.aws();
    aws.json(&format!("cloudformation deploy --stack-name todo-mesh --template-file {}", template("mesh").display()));

    // Nonsense changes nothing.
    let node = "    Type: AWS::AppMesh::VirtualNode";
    let route = "    Type: AWS::AppMesh::Route";
    for (resource, policy, why) in [
        (route, "{Steps: [25, 5]}", "Resources/Route/Metadata/Serin::Canary: Steps fall from 25 % to 5 %"),
        (route, "{Steps: [0.5]}", "Resources/Route/Metadata/Serin::Canary: 0.5 %: weights of a route are whole"),
        (route, "{Metrics: [Beauty]}", "Resources/Route/Metadata/Serin::Canary: there is no metric \"Beauty\""),
        (route, "{Stepps: [5]}", "Resources/Route/Metadata/Serin::Canary: unknown field `Stepps`"),
        (node, "{}", "Resources/ApiV1/Metadata/Serin::Canary: an update of AWS::AppMesh::VirtualNode can be no canary"),
    ] {
        let refused = release.deploy_on(resource, policy).output().expect("the aws CLI");
        assert!(!refused.status.success() && text(&refused).contains(why), "{}", text(&refused));
        assert!(release.is("CREATE_COMPLETE"), "{:#}", release.stack());
    }

    // Somebody's canary is not disturbed.
    let at = ["--mesh", "todo", "--router", "api", "--route", "api", "--to", "api-v2", "--policy", PATIENT];
    let started = canary(&[["start"].as_slice(), &at].concat());
    assert!(started.status.success(), "{}", text(&started));
    let refused = release.deploy(PATIENT).output().expect("the aws CLI");
    assert!(text(&refused).contains("the route api has a canary already, api-"), "{}", text(&refused));
    assert!(canary(&["abort"]).status.success());
    wait_until("its end", SETTLED_MAX, || text(&canary(&["status", "--json"])).contains("\"ended\": true"));

    // Cancelled.
    let mut deploying = release.deploy(PATIENT).spawn().expect("the aws CLI");
    wait_until("the canary", SETTLED_MAX, || release.begins());
    aws.json("cloudformation cancel-update-stack --stack-name todo-mesh");
    assert!(!deploying.wait().expect("the aws CLI").success());
    assert!(release.is("UPDATE_ROLLBACK_COMPLETE"), "{:#}", release.stack());
    assert!(text(&canary(&["status"])).contains("TakenBack"), "{}", text(&canary(&["status"])));
    assert_eq!(release.weights(), (1, 0));

    // Its route is deleted: as on AWS, what is gone cannot be rolled back either.
    let mut deploying = release.deploy(PATIENT).spawn().expect("the aws CLI");
    wait_until("the canary", SETTLED_MAX, || release.begins());
    aws.json("appmesh delete-route --mesh-name todo --virtual-router-name api --route-name api");
    assert!(!deploying.wait().expect("the aws CLI").success());
    assert!(release.tells("did not promote api-v2: the route api is gone"), "{:#?}", release.reasons());
    assert!(release.is("UPDATE_ROLLBACK_FAILED"), "{:#}", release.stack());
    aws.json("cloudformation delete-stack --stack-name todo-mesh");
    aws.json("cloudformation wait stack-delete-complete --stack-name todo-mesh");
    house.stop();
}
