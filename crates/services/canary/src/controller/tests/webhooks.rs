//! Webhooks at a real server that hangs, lies, answers 500 or answers well: no yes, no traffic; and no answer keeps a
//! worse version from being taken back.

use std::time::{Duration, Instant};

use super::{
    stranger::{Manner, Stranger, YES},
    *,
};
use crate::{
    approval,
    notices::{Messenger, Notified},
    plan::Reason,
    webhook::signature,
};

const SECRET: &str = "a secret of tests";
/// So long things may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// The usual policy of these tests with `more`.
fn policy(more: &Value) -> Value {
    let mut policy: Value = serde_json::from_str(POLICY).unwrap();
    for (name, value) in more.as_object().unwrap() {
        policy[name] = value.clone();
    }
    policy
}

fn webhook(stranger: &Stranger, when: &str) -> Value {
    json!({"Url": stranger.url(), "When": when, "Secret": SECRET, "TimeoutSeconds": 1, "Attempts": 1,
           "AgainSeconds": 1})
}

impl House {
    /// Looks until `what` is so, while strangers get real time to answer in.
    async fn until(&mut self, what: impl Fn(&CanaryObserved) -> bool) -> CanaryObserved {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            self.look().await.unwrap();
            if let Some(seen) = self.seen().filter(&what) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("it never comes to that: {:?}", self.seen().map(|seen| (seen.state.clone(), told(&seen))));
    }

    async fn to_the_end(&mut self) -> CanaryObserved {
        self.until(|seen| seen.ended.is_some()).await
    }

    /// What is told to strangers.
    async fn tell(&self) -> Notified {
        Messenger::new(Arc::clone(&self.service)).reconcile(&self.key).await.unwrap();
        self.service.store.get::<Notified>(&self.key).unwrap().unwrap_or_default()
    }
}

#[tokio::test]
async fn who_always_says_yes_is_asked_before_each_step_and_knows_who_asks() {
    let (before, during, after) = (Stranger::new(YES).await, Stranger::new(YES).await, Stranger::new(YES).await);
    let webhooks = [webhook(&before, "Before"), webhook(&during, "During"), webhook(&after, "After")];
    let mut house = House::with(0, policy(&json!({ "Webhooks": webhooks }))).await;
    let seen = house.to_the_end().await;
    assert_eq!(seen.state.phase, Phase::Done, "{:?}", told(&seen));
    let steps = |stranger: &Stranger| -> Vec<_> {
        let asked = stranger.asked();
        asked
            .iter()
            .map(|question| (question.json()["percent"].clone(), question.json()["nextPercent"].clone()))
            .collect()
    };
    assert_eq!(steps(&before), [(json!(0.0), json!(2.0))]);
    assert_eq!(steps(&during), [(json!(2.0), json!(50.0)), (json!(50.0), json!(95.0)), (json!(95.0), json!(100.0))]);

    assert_eq!(house.tell().await.failures, []);
    let [end] = &after.asked()[..] else { panic!("told once: {:?}", after.asked()) };
    assert_eq!((&end.json()["outcome"], &end.json()["canary"]["route"]), (&json!("Done"), &json!("m/r/todos")));
    house.tell().await;
    assert_eq!(after.asked().len(), 1, "and not again");
    let mut deliveries = Vec::new();
    for question in [before.asked(), during.asked(), after.asked()].concat() {
        let signed = question.header("serin-signature").unwrap().to_owned();
        let seconds: i64 = signed["t=".len()..].split(',').next().unwrap().parse().unwrap();
        let now = names::Timestamp::from_millis(seconds * 1000);
        let secret = serde_json::from_value(json!(SECRET)).unwrap();
        assert_eq!(signed, signature(&secret, now, question.body.as_bytes()));
        deliveries.push(question.header("serin-delivery").unwrap().to_owned());
    }
    deliveries.dedup();
    assert_eq!(deliveries.len(), 5, "{deliveries:?}");
}

#[tokio::test]
async fn who_gives_no_verdict_has_not_said_yes() {
    for (manner, why) in [
        (Manner::Hangs, "no answer within 1 seconds"),
        (Manner::Drips, "no answer within 1 seconds"),
        (Manner::Floods, "its answer can't be read"),
        (Manner::HangsUp, "it does not speak HTTP to the end"),
        (Manner::Status(500), "it answers 500"),
        (Manner::Status(302), "it answers 302"),
        (Manner::Says(""), "its answer is no verdict"),
        (Manner::Says("<html>ok</html>"), "its answer is no verdict"),
        (Manner::Says(r#"{"verdict":"Perhaps"}"#), "its answer is no verdict"),
        (Manner::Says(r#"{"verdict":"Hold","reason":"the queue is\u0007 long"}"#), "says: the queue is long"),
    ] {
        let stranger = Stranger::new(manner).await;
        let mut house = House::with(0, policy(&json!({"Webhooks": [webhook(&stranger, "Before")]}))).await;
        let tells = |seen: &CanaryObserved| told(seen).iter().any(|message| message.contains(why));
        let seen = house.until(tells).await;
        assert_eq!(
            (&seen.state.phase, house.world.lock().unwrap().canary.requests),
            (&Phase::Waiting, 0),
            "{manner:?}"
        );
        let held = show::message(&house.service.store.get::<Canary>(&house.key).unwrap().unwrap(), &seen);
        assert!(held.contains("Step 1 waits") && held.contains(why), "{held}");
        // Asked again, it says yes.
        stranger.becomes(YES);
        let seen = house.to_the_end().await;
        assert_eq!(seen.state.phase, Phase::Done, "{manner:?} {:?}", told(&seen));
    }
}

#[tokio::test]
async fn somebody_approves_in_the_place_of_one_who_hangs() {
    let stranger = Stranger::new(Manner::Status(503)).await;
    let mut house = House::with(0, policy(&json!({"Webhooks": [webhook(&stranger, "Before")]}))).await;
    house.until(|seen| told(seen).iter().any(|message| message.contains("it answers 503"))).await;
    house.ask("Approve").await.unwrap();
    let seen = house.to_the_end().await;
    assert_eq!(seen.state.phase, Phase::Done, "{:?}", told(&seen));
}

#[tokio::test]
async fn one_who_says_so_takes_the_new_version_back() {
    let (yes, no) = (
        Stranger::new(YES).await,
        Stranger::new(Manner::Says(r#"{"verdict":"TakeBack","reason":"sales fell"}"#)).await,
    );
    let webhooks = [webhook(&yes, "During"), webhook(&no, "During")];
    let mut house = House::with(0, policy(&json!({ "Webhooks": webhooks }))).await;
    let seen = house.to_the_end().await;
    assert_eq!(seen.state.phase, Phase::TakenBack(Reason::Webhook), "{:?}", told(&seen));
    assert!(told(&seen).iter().any(|message| message.contains("says: sales fell")), "{:?}", told(&seen));
    assert_eq!(house.world.lock().unwrap().route, route(&[("v1", 1)]));
    // In a dry run that is only told.
    let webhooks = [webhook(&no, "During")];
    let mut house = House::with(0, policy(&json!({"Webhooks": webhooks, "DryRun": true}))).await;
    let seen = house.to_the_end().await;
    assert_eq!(seen.state.phase, Phase::Done, "{:?}", told(&seen));
    assert!(told(&seen).iter().any(|message| message.contains("says: sales fell")), "{:?}", told(&seen));
}

#[tokio::test]
async fn a_worse_version_is_taken_back_while_somebody_hangs() {
    let stranger = Stranger::new(Manner::Hangs).await;
    let patient = json!({"Url": stranger.url(), "When": "During", "TimeoutSeconds": 60});
    let mut house = House::with(0, policy(&json!({"Webhooks": [patient]}))).await;
    house.until(|seen| seen.state.asking.is_some()).await;
    house.world.lock().unwrap().fails = 100;
    let seen = house.to_the_end().await;
    assert_eq!(seen.state.phase, Phase::TakenBack(Reason::Worse), "{:?}", told(&seen));
}

#[tokio::test]
async fn killed_at_any_time_it_asks_again_and_promotes_once() {
    let stranger = Stranger::new(YES).await;
    let webhooks = json!({"Webhooks": [webhook(&stranger, "Before"), webhook(&stranger, "During")]});
    let mut house = House::with(0, policy(&webhooks)).await;
    let mut last = None;
    let began = Instant::now();
    while !house.ended() {
        assert!(began.elapsed() < PATIENCE, "{:?}", house.seen().map(|seen| told(&seen)));
        house.look().await.unwrap();
        let now = house.seen().map(|seen| (seen.state.phase.clone(), seen.state.asking.is_some()));
        // With the question on its way, and with the answer not written down.
        if now != last {
            house.kill();
            last = now;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let seen = house.seen().unwrap();
    assert_eq!(seen.state.phase, Phase::Done, "{:?}", told(&seen));
    let promoted = told(&seen).iter().filter(|message| message.contains("has all of the traffic")).count();
    assert_eq!((promoted, seen.judgement), (1, 1), "{:?}", told(&seen));
    assert!(stranger.asked().len() >= 4);
    let mut steps: Vec<_> =
        stranger.asked().iter().map(|one| one.header("serin-delivery").unwrap().to_owned()).collect();
    steps.dedup();
    assert_eq!(steps.len(), 4, "one that is asked again has the same delivery: {steps:?}");
}

#[tokio::test]
async fn people_are_told_and_one_who_is_away_is_recorded_and_keeps_nobody() {
    let (chat, away) = (Stranger::new(Manner::Says("ok")).await, Stranger::new(Manner::Status(500)).await);
    let mut house = House::with(0, policy(&json!({"Messages": [chat.url(), away.url()]}))).await;
    let seen = house.to_the_end().await;
    let notified = house.tell().await;
    assert_eq!(seen.state.phase, Phase::Done);
    let texts: Vec<_> = chat.asked().iter().map(|one| one.json()["text"].as_str().unwrap().to_owned()).collect();
    assert_eq!(texts.len(), seen.events.len(), "{texts:?}");
    assert_eq!(texts[0], "todos (v1 → v2): The canary of v2 begins.");
    assert_eq!(notified.failures.len(), seen.events.len());
    assert!(notified.failures[0].message.contains("could not be told: it answers 500"), "{notified:?}");
    assert!(!notified.failures[0].message.contains("/check"), "a path may be a secret: {notified:?}");
    let shown = house.describe().await;
    assert_eq!(shown.undelivered, notified.failures);
    house.tell().await;
    assert_eq!(chat.asked().len(), texts.len(), "told once");
}

#[tokio::test]
async fn a_link_is_looked_at_without_harm_and_approves_once() {
    let chat = Stranger::new(Manner::Says("ok")).await;
    let more =
        json!({"Steps": [2, {"Weight": 50, "Gate": true}], "Messages": [chat.url()], "LinkAddress": "http://h/"});
    let mut house = House::with(0, policy(&more)).await;
    house.until(|seen| matches!(seen.state.phase, Phase::Gated { .. })).await;
    house.tell().await;
    let texts: Vec<_> = chat.asked().iter().map(|one| one.json()["text"].as_str().unwrap().to_owned()).collect();
    let link = texts.iter().find_map(|text| text.split("Approve it: ").nth(1)).expect("a link").to_owned();
    let token = link.strip_prefix("http://h/console/000000000000/us-east-1/approvals/").unwrap().to_owned();
    assert_eq!(token.len(), approval::TOKEN_DIGITS);
    assert_eq!(texts.iter().filter(|text| text.contains(&token)).count(), 1);
    assert!(!told(&house.seen().unwrap()).concat().contains(&token), "the link is for who gets the message");

    let look = |token: &str| {
        let request = contract::DescribeApprovalRequest { token: token.to_owned() };
        let caller = house.service.caller.clone();
        async move { caller.call::<contract::DescribeApproval>(&Scope::default(), request).await }
    };
    let shown = look(&token).await.unwrap().approval;
    assert_eq!((shown.subject.as_str(), shown.next_percent), ("todos", 50.0));
    look("").await.unwrap_err();
    look("0123").await.unwrap_err();
    let approve = || {
        let request = contract::ApproveByLinkRequest { token: token.clone() };
        let caller = house.service.caller.clone();
        async move { caller.call::<contract::ApproveByLink>(&Scope::default(), request).await }
    };
    let (first, again) = (approve().await, approve().await);
    first.unwrap();
    assert!(again.unwrap_err().message.contains("link"), "it works once");
    let seen = house.to_the_end().await;
    assert_eq!(seen.state.phase, Phase::Done, "{:?}", told(&seen));
}
