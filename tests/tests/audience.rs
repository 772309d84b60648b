//! Who meets a new version before its weight sends anybody there, who is asked before the ramp goes on, and who is told:
//! testers, webhooks that answer well, badly or not at all, people at a link and at a terminal, and a channel.

use std::time::Duration;

use e2e::{
    Browser, House, Load, Machine, Sample, get, get_with,
    release::{Release, canary, text},
    stranger::{Manner, Question, Stranger},
    wait_until,
};
use serde_json::{Value, json};

/// How long anything may take, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(3);
/// Requests a second.
const RATE: u32 = 100;
const SECRET: &str = "what only both ends know";
const YES: Manner = Manner::Says(r#"{"verdict": "GoOn"}"#);
/// What a proxy in between might answer.
const NONSENSE: Manner = Manner::Says("<html>200 OK</html>");

fn webhook(stranger: &Stranger, when: &str) -> Value {
    json!({"Url": stranger.url(), "When": when, "Secret": SECRET, "TimeoutSeconds": 2, "Attempts": 1,
           "AgainSeconds": 1})
}

/// A ramp that is short enough for a test, with `more`. Errors alone are judged: what shares two cores with its clients
/// and its peers has latencies that say little.
fn policy(more: &Value) -> String {
    let mut policy = json!({"BaselineSeconds": 2, "MinimumStepSeconds": 1, "BakeSeconds": 1, "Metrics": ["Errors"]});
    policy.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    policy.to_string()
}

/// The version that a request with `fields` meets.
fn meets(url: &str, fields: &[(&str, &str)]) -> Option<String> {
    get_with(url, fields).ok()?.version()
}

/// Demands that who knows the tester's `field` meets version 2, and all others version 1.
fn assert_testers_are_alone(release: &Release<'_>, load: &Load, url: &str, field: (&str, &str), almost: (&str, &str)) {
    wait_until("the tester meets version 2", PATIENCE, || meets(url, &[field]).as_deref() == Some("2"));
    for _ in 0..20 {
        assert_eq!(meets(url, &[field]).as_deref(), Some("2"));
        assert_eq!(meets(url, &[almost]).as_deref(), Some("1"));
    }
    wait_until("others come", PATIENCE, || {
        let others = load.take();
        assert!(others.of("2") == 0 && others.failures.is_empty(), "{others:?}");
        others.of("1") > 0
    });
    assert_eq!(release.weights().1, 0, "{:#?}", release.reasons());
    assert!(release.is("UPDATE_IN_PROGRESS"));
}

/// Demands that at 10 % a tenth of all users meets version 2, again and again; answers with them.
fn assert_users_stay(url: &str) -> Vec<String> {
    let users = || (0..100).map(|user| format!("user{user}"));
    let new = |user: &String| match meets(url, &[("X-User", user)]).as_deref() {
        Some("1") => false,
        Some("2") => true,
        other => panic!("{user} meets {other:?}"),
    };
    let first: Vec<String> = users().filter(new).collect();
    assert_eq!(users().filter(new).collect::<Vec<_>>(), first);
    // By the hash of her name she is the 91st of a hundred.
    assert!((3..=20).contains(&first.len()) && first.contains(&"user30".to_owned()), "{first:?}");
    first
}

/// From what part of the traffic to what part a webhook was asked, each once.
fn steps(questions: &[Question]) -> Vec<(f64, f64)> {
    let part = |question: &Question, name: &str| question.json()[name].as_f64().expect("a part of the traffic");
    let mut steps: Vec<_> =
        questions.iter().map(|question| (part(question, "percent"), part(question, "nextPercent"))).collect();
    steps.dedup();
    steps
}

/// The texts of messages.
fn texts(chat: &Stranger) -> Vec<String> {
    chat.asked().iter().map(|one| one.json()["text"].as_str().expect("Slack's form").to_owned()).collect()
}

#[test]
fn testers_webhooks_and_people_come_before_users() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let sample = Sample::push(&house);
    let url = sample.deploy();
    wait_until("the first answer", PATIENCE, || get(&url).is_ok_and(|answer| answer.status == 200));
    let release = Release::new(&machine, &house);

    everybody_says_yes_in_the_end(&machine, &release, &url);
    // The same again, from the beginning.
    sample.deploy_mesh(1, 0);
    wait_until("version 1 has all", PATIENCE, || meets(&url, &[]).as_deref() == Some("1"));
    one_says_no(&release, &url);

    sample.delete();
    house.stop();
}

fn everybody_says_yes_in_the_end(machine: &Machine, release: &Release<'_>, url: &str) {
    let load = Load::start(url, RATE);
    let before = Stranger::start(Manner::Hangs);
    let (during, after, chat) = (Stranger::start(YES), Stranger::start(YES), Stranger::start(Manner::Says("ok")));
    let policy = policy(&json!({
        "Testers": {"Header": {"Name": "x-ring", "Match": {"Exact": "0"}}},
        "Sticky": {"Header": "x-user"},
        "Steps": [{"Weight": 10, "Gate": true}, {"Weight": 50, "Gate": true}],
        "Webhooks": [webhook(&before, "Before"), webhook(&during, "During"), webhook(&after, "After")],
        "Messages": [chat.url()],
    }));
    let mut deploying = release.deploy(&policy).spawn().expect("the aws CLI");

    // One who hangs, and one who answers nonsense, have not said yes.
    wait_until("one hangs", PATIENCE, || release.tells("asked once and gives no verdict: no answer within 2 seconds"));
    assert_testers_are_alone(release, &load, url, ("X-Ring", "0"), ("X-Ring", "1"));
    before.becomes(NONSENSE);
    wait_until("one talks nonsense", PATIENCE, || release.tells("its answer is no verdict"));
    let status = text(&canary(&["status"]));
    assert!(status.contains("Step 1 waits for webhooks") && status.contains("its answer is no verdict"), "{status}");
    assert!(during.asked().is_empty() && after.asked().is_empty());

    // Somebody approves by the link in the channel, which does nothing while it is but looked at.
    before.becomes(YES);
    wait_until("the gate", PATIENCE, || release.tells("10 % of the traffic wait for somebody's approval."));
    let link = |text: &String| text.split("Approve it: ").nth(1).map(str::to_owned);
    wait_until("a link", PATIENCE, || texts(&chat).iter().any(|text| link(text).is_some()));
    let link = texts(&chat).iter().find_map(link).expect("a link");
    assert_eq!(get(&link).expect("a page").status, 200);
    let browser = Browser::start(machine);
    browser.open(&link);
    browser.wait_for("h1", "Approve the next step of api?");
    assert_testers_are_alone(release, &load, url, ("X-Ring", "0"), ("X-Ring", "1"));
    browser.click("button.primary");
    browser.wait_for("h1", "Approved");
    drop(browser);
    wait_until("the first step", PATIENCE, || release.tells("The new version gets 10 % of the traffic."));
    assert_ne!(get(&link).expect("a page").status, 200, "it works once");

    // And by the terminal.
    wait_until("the other gate", PATIENCE, || release.tells("50 % of the traffic wait for somebody's approval."));
    let moved = assert_users_stay(url);
    let approved = canary(&["approve"]);
    assert!(approved.status.success(), "{}", text(&approved));
    wait_until("it ends", PATIENCE, || {
        for user in &moved {
            assert_eq!(meets(url, &[("X-User", user)]).as_deref(), Some("2"), "{user}");
        }
        deploying.try_wait().expect("the aws CLI").is_some()
    });
    assert!(deploying.wait().expect("the aws CLI").success(), "{:#?}", release.reasons());
    assert!(release.is("UPDATE_COMPLETE"), "{:#}", release.stack());
    assert_eq!(release.weights(), (0, 1));
    let report = load.stop();
    assert!(report.of("2") > 0 && report.failures.is_empty(), "{:?}", report.failures.first());

    // All were asked, and told, as the guide has it.
    wait_until("the end is told", PATIENCE, || !after.asked().is_empty());
    assert_eq!(steps(&before.asked()), [(0.0, 10.0)]);
    assert_eq!(steps(&during.asked()), [(10.0, 50.0), (50.0, 95.0), (95.0, 100.0)]);
    assert_eq!(after.asked()[0].json()["outcome"], "Done", "{:?}", after.asked());
    let mut deliveries = Vec::new();
    for question in [before.asked(), during.asked(), after.asked()].concat() {
        question.assert_signed(SECRET);
        let canary = question.json()["canary"].clone();
        assert_eq!((&canary["route"], &canary["new"]), (&json!("todo/api/api"), &json!("api-v2")), "{question:?}");
        deliveries.push(question.field("Serin-Delivery").to_owned());
    }
    deliveries.dedup();
    assert_eq!(deliveries.len(), 5, "one that is asked again has the same delivery: {deliveries:?}");
    wait_until("the channel has it", PATIENCE, || {
        texts(&chat).iter().any(|text| text.ends_with("The new version has all of the traffic."))
    });
    assert!(texts(&chat).iter().all(|text| text.starts_with("api (api-v1 → api-v2): ")), "{:#?}", texts(&chat));
    let shown = text(&canary(&["status", "--json"])) + &release.reasons().concat();
    assert!(!shown.contains(SECRET) && !shown.contains("/T0/B0"), "{shown}");
}

fn one_says_no(release: &Release<'_>, url: &str) {
    let load = Load::start(url, RATE);
    let before = Stranger::start(Manner::Says(r#"{"verdict": "Hold", "reason": "the shop is closed"}"#));
    let during = Stranger::start(Manner::Says(r#"{"verdict": "TakeBack", "reason": "sales fell"}"#));
    let policy = policy(&json!({
        "Testers": {"Cookie": {"Name": "ring", "Match": {"Exact": "0"}}},
        "Steps": [10, 50],
        "Webhooks": [webhook(&before, "Before"), webhook(&during, "During")],
    }));
    let mut deploying = release.deploy(&policy).spawn().expect("the aws CLI");
    wait_until("one holds it", PATIENCE, || release.tells("says: the shop is closed"));
    assert_testers_are_alone(release, &load, url, ("Cookie", "a=1; ring=0"), ("Cookie", "a=0; ring=1"));
    before.becomes(YES);
    assert!(!deploying.wait().expect("the aws CLI").success());
    assert!(release.is("UPDATE_ROLLBACK_COMPLETE"), "{:#}", release.stack());
    let told = release.tells("says: sales fell") && release.tells("did not promote api-v2: a webhook asked for it");
    assert!(told, "{:#?}", release.reasons());
    assert_eq!(release.weights(), (1, 0));
    // Testers go where all others go.
    assert_eq!(meets(url, &[("Cookie", "ring=0")]).as_deref(), Some("1"));
    let report = load.stop();
    assert!(report.of("2") > 0 && report.failures.is_empty(), "{:?}", report.failures.first());
    during.asked().iter().for_each(|question| question.assert_signed(SECRET));
}
