//! Golden ramps that a newcomer can read, and what must never happen.

use proptest::prelude::*;

use super::*;
use crate::{
    judge::{Need, Verdict},
    policy::{Policy, Weight},
};

/// A canary whose proxies acknowledge a weight at the next look.
struct Ramp {
    policy: Policy,
    state: State,
    seen: Observation,
    now: u64,
    log: Vec<String>,
}

impl Ramp {
    fn new(policy: &str) -> Self {
        let seen = Observation {
            revision: "v2".into(),
            verdict: Verdict::Certified,
            harm: 0,
            known: false,
            healthy: Healthy { baseline: 1, canary: 1 },
            applied: Some(Weight::NONE),
            command: None,
            answer: None,
        };
        Self { policy: Policy::parse(policy).unwrap(), state: State::begin("v2", 0), seen, now: 0, log: Vec::new() }
    }

    /// Looks once a second, until something has been done or `seconds` are over.
    fn run(&mut self, seconds: u64) -> &mut Self {
        for _ in 0..seconds {
            let (state, actions) = step(&self.state, &self.policy, &self.seen, self.now);
            self.state = state;
            self.seen.command = None;
            for action in &actions {
                self.log.push(format!("{} {action:?}", self.now / 1000));
                if let Action::Shift(weight) = action {
                    self.seen.applied = Some(*weight);
                }
            }
            self.now += 1000;
        }
        self
    }

    fn ask(&mut self, command: Command) -> &mut Self {
        self.seen.command = Some(command);
        self.run(1)
    }

    fn sees(&mut self, verdict: Verdict) -> &mut Self {
        self.seen.verdict = verdict;
        self
    }

    /// What webhooks answer to the step in this place.
    fn hears(&mut self, step: usize, says: Says) -> &mut Self {
        let consent = Consent { revision: "v2".into(), attempt: 1, step };
        self.seen.answer = Some(Answer { consent, says });
        self
    }

    fn healthy(&mut self, baseline: u32, canary: u32) -> &mut Self {
        self.seen.healthy = Healthy { baseline, canary };
        self
    }

    fn log(&mut self) -> String {
        std::mem::take(&mut self.log).join("\n").replace("Weight", "")
    }
}

const SHORT: &str =
    r#"{"Steps":[10,50],"BaselineSeconds":0,"MinimumStepSeconds":15,"MaximumStepSeconds":60,"BakeSeconds":30}"#;

#[test]
fn a_healthy_version_takes_step_after_step_and_then_everything() {
    let log = Ramp::new(SHORT).run(100).log();
    let golden = r#"0 Judge("v2")
0 Tell(Began { revision: "v2", attempt: 1 })
1 Shift((100))
1 Tell(Widened((100)))
16 Shift((500))
16 Tell(Widened((500)))
31 Shift((950))
31 Tell(Widened((950)))
61 Shift((1000))
62 RetireBaseline
62 Tell(Promoted)"#;
    assert_eq!(log, golden);
}

const ASKED: &str = r#"{"Steps":[10,50],"BaselineSeconds":0,"MinimumStepSeconds":15,"MaximumStepSeconds":60,"BakeSeconds":30,
    "Webhooks":[{"Url":"http://a/","When":"Before"},{"Url":"http://a/","When":"During"}]}"#;

#[test]
fn webhooks_are_asked_before_each_step_until_they_say_yes() {
    let mut ramp = Ramp::new(ASKED);
    let ask =
        |second: u64, step: usize| format!("{second} Ask(Consent {{ revision: \"v2\", attempt: 1, step: {step} }})");
    let log = ramp.run(3).log();
    assert!(log.ends_with(&format!("{}\n{}", ask(1, 0), ask(2, 0))), "{log}");
    // An answer to another question is none.
    let log = ramp.hears(1, Says::GoOn).run(1).log();
    assert_eq!(log, ask(3, 0));
    let log = ramp.hears(0, Says::Hold("busy".into())).run(2).log();
    assert_eq!(log, format!("4 Tell(Webhook(\"busy\"))\n{}\n{}", ask(4, 0), ask(5, 0)));
    let log = ramp.hears(0, Says::GoOn).run(16).log();
    assert_eq!(log, format!("6 Shift((100))\n6 Tell(Widened((100)))\n{}", ask(21, 1)));
    assert_eq!(ramp.state.phase, Phase::Watching { step: 0 });
    ramp.hears(1, Says::GoOn).run(16).hears(2, Says::GoOn).run(31);
    assert_eq!(ramp.state.phase, Phase::Baking, "the end is asked for too");
    ramp.hears(3, Says::GoOn).run(2);
    assert_eq!(ramp.state.phase, Phase::Done);
}

#[test]
fn webhooks_that_never_answer_are_asked_for_as_long_as_a_step_may_last() {
    let mut ramp = Ramp::new(ASKED);
    let log = ramp.run(100).log();
    assert_eq!((log.matches("Ask(").count(), log.matches("Unanswered").count()), (61, 1), "{log}");
    assert_eq!((&ramp.state.phase, ramp.seen.applied), (&Phase::Waiting, Some(Weight::NONE)));
    let log = ramp.ask(Command::Approve).run(1).log();
    assert!(log.contains("Widened((100))"), "{log}");
    let log = ramp.ask(Command::Approve).log();
    assert!(log.contains("nothing waits for an approval"), "{log}");
}

#[test]
fn a_worse_version_is_taken_back_while_webhooks_are_asked() {
    let mut ramp = Ramp::new(ASKED);
    ramp.hears(0, Says::GoOn).run(20);
    assert!(ramp.state.asking.is_some());
    ramp.sees(Verdict::TakeBack).hears(1, Says::GoOn).run(2);
    assert_eq!(ramp.state.phase, Phase::TakenBack(Reason::Worse));
    // And one that a webhook does not want, though the judge has nothing against it.
    let mut ramp = Ramp::new(ASKED);
    ramp.hears(0, Says::GoOn).run(20).hears(1, Says::TakeBack("sales fell".into())).run(2);
    assert_eq!(ramp.state.phase, Phase::TakenBack(Reason::Webhook));
}

#[test]
fn the_usual_ramp_takes_a_minute_and_a_half_to_half_the_traffic() {
    let mut ramp = Ramp::new("{}");
    ramp.seen.known = true;
    ramp.run(100);
    assert_eq!(ramp.state.phase, Phase::Baking);
}

#[test]
fn the_old_version_is_read_before_the_new_one_gets_anything() {
    let mut ramp = Ramp::new("{}");
    ramp.healthy(1, 0).run(20).healthy(1, 1).run(59);
    assert_eq!((&ramp.state.phase, ramp.seen.applied), (&Phase::Waiting, Some(Weight::NONE)));
    ramp.run(2);
    assert_eq!(ramp.state.phase, Phase::Watching { step: 0 });
    let mut busy = Ramp::new("{}");
    busy.run(3);
    assert_eq!(busy.state.phase, Phase::Waiting);
    busy.seen.known = true;
    busy.run(1);
    assert_eq!(busy.state.phase, Phase::Watching { step: 0 }, "enough is known already");
}

#[test]
fn a_promotion_is_undone_while_the_old_version_lives() {
    let mut ramp = Ramp::new(SHORT);
    ramp.run(100);
    assert_eq!(ramp.state.phase, Phase::Done);
    ramp.log();
    let log = ramp.healthy(0, 1).ask(Command::Undo).log();
    assert!(log.contains("the old version has no healthy copy any more"), "{log}");
    assert_eq!(ramp.state.phase, Phase::Done);
    let log = ramp.healthy(1, 1).ask(Command::Undo).run(2).log();
    let golden = "101 Shift((0))\n101 Tell(TakingBack(Asked))\n102 RetireCanary(\"v2\")";
    assert_eq!(log, golden);
    assert_eq!(ramp.state.phase, Phase::TakenBack(Reason::Asked));
    // In the middle it is an abort.
    let mut ramp = Ramp::new(SHORT);
    ramp.run(20).ask(Command::Undo).run(2);
    assert_eq!(ramp.state.phase, Phase::TakenBack(Reason::Asked));
}

#[test]
fn a_worse_version_is_taken_back_at_once_in_every_phase() {
    let gated = r#"{"Steps":[10,{"Weight":50,"Gate":true}],"BaselineSeconds":0,"BakeSeconds":30}"#;
    for (policy, seconds, before) in [(SHORT, 5, "100"), (SHORT, 20, "500"), (SHORT, 40, "950"), (gated, 40, "100")] {
        let mut ramp = Ramp::new(policy);
        ramp.run(seconds);
        assert!(ramp.log().contains(before));
        let log = ramp.sees(Verdict::TakeBack).run(3).log();
        let golden =
            format!("{0} Shift((0))\n{0} Tell(TakingBack(Worse))\n{1} RetireCanary(\"v2\")", seconds, seconds + 1);
        assert_eq!(log, golden);
    }
}

#[test]
fn without_evidence_a_step_goes_on_and_says_so_once() {
    let need = Need { requests: Some(1200), millis: Some(240_000) };
    let mut ramp = Ramp::new(SHORT);
    ramp.sees(Verdict::GoOn).run(62);
    assert_eq!(ramp.state.phase, Phase::Watching { step: 0 });
    assert!(ramp.state.question(&ramp.policy).last);
    ramp.log();
    let log = ramp.sees(Verdict::Inconclusive(need)).run(500).log();
    assert_eq!(log, "62 Tell(Inconclusive(Need { requests: Some(1200), millis: Some(240000) }))");
    ramp.sees(Verdict::Certified).run(1);
    assert_eq!(ramp.state.phase, Phase::Watching { step: 1 });
}

#[test]
fn what_happens_in_doubt_is_the_policys_choice() {
    let end = |choice: &str| {
        let mut ramp = Ramp::new(&SHORT.replacen('{', &format!(r#"{{"OnInconclusive":"{choice}","#), 1));
        ramp.sees(Verdict::Inconclusive(Need::default())).run(400).state.phase.clone()
    };
    assert_eq!(end("Hold"), Phase::Watching { step: 0 });
    assert_eq!(end("TakeBack"), Phase::TakenBack(Reason::Inconclusive));
    assert_eq!(end("Promote"), Phase::Done);
}

#[test]
fn mounting_evidence_draws_out_the_bake() {
    let mut ramp = Ramp::new(SHORT);
    ramp.run(34).sees(Verdict::Hold).run(60);
    assert_eq!(ramp.state.phase, Phase::Baking);
    ramp.sees(Verdict::GoOn).run(3);
    assert_eq!(ramp.state.phase, Phase::Done);
}

#[test]
fn a_newer_version_in_the_middle_begins_anew_once_traffic_has_left_the_one_before() {
    let mut ramp = Ramp::new(SHORT);
    ramp.run(20).log();
    ramp.seen.revision = "v3".into();
    let log = ramp.run(4).log();
    let golden = r#"20 Shift((0))
21 RetireCanary("v2")
21 Judge("v3")
21 Tell(Began { revision: "v3", attempt: 1 })
22 Shift((100))
22 Tell(Widened((100)))"#;
    assert_eq!(log, golden);
}

#[test]
fn traffic_never_leaves_the_only_healthy_copy() {
    let mut ramp = Ramp::new(SHORT);
    ramp.run(20).log();
    // The old version dies: the new one gets everything, and keeps it through an abort.
    assert_eq!(ramp.healthy(0, 1).run(1).log(), "20 Shift((1000))");
    ramp.ask(Command::Abort).run(5);
    assert_eq!(ramp.seen.applied, Some(Weight::ALL));
    ramp.healthy(1, 1).run(2);
    assert_eq!((ramp.seen.applied, &ramp.state.phase), (Some(Weight::NONE), &Phase::TakenBack(Reason::Asked)));
}

#[test]
fn what_nobody_runs_can_be_taken_back() {
    let mut ramp = Ramp::new(SHORT);
    ramp.healthy(0, 0).run(5).ask(Command::Abort).run(3);
    assert_eq!((ramp.seen.applied, &ramp.state.phase), (Some(Weight::NONE), &Phase::TakenBack(Reason::Asked)));
}

#[test]
fn a_fix_is_promoted_where_the_old_version_is_dead() {
    let mut ramp = Ramp::new(SHORT);
    ramp.healthy(0, 1).run(620);
    assert_eq!(ramp.state.phase, Phase::Done);
    assert!(ramp.log().contains("NothingToCompare"));
}

#[test]
fn a_version_that_is_never_healthy_gets_no_traffic() {
    let mut ramp = Ramp::new(SHORT);
    ramp.healthy(1, 0).run(610);
    assert_eq!(ramp.state.phase, Phase::TakenBack(Reason::NeverHealthy));
    assert!(!ramp.log().contains("Shift"));
}

#[test]
fn a_version_that_loses_its_copies_loses_its_traffic_and_then_its_chance() {
    let mut ramp = Ramp::new(SHORT);
    ramp.run(10).log();
    assert_eq!(ramp.healthy(1, 0).run(1).log(), "10 Shift((0))");
    assert_eq!(ramp.healthy(1, 1).run(1).log(), "11 Shift((100))");
    ramp.healthy(1, 0).run(70);
    assert_eq!(ramp.state.phase, Phase::TakenBack(Reason::Unhealthy));
}

#[test]
fn somebody_may_pause_approve_and_decide() {
    let mut ramp = Ramp::new(r#"{"Steps":[10,{"Weight":50,"Gate":true}],"BaselineSeconds":0,"BakeSeconds":30}"#);
    ramp.run(2).ask(Command::Pause).run(100);
    assert_eq!(ramp.state.phase, Phase::Watching { step: 0 });
    ramp.ask(Command::Resume).run(2);
    assert_eq!((&ramp.state.phase, ramp.seen.applied), (&Phase::Gated { step: 1 }, Weight::tenths(100)));
    assert!(ramp.log().contains("Approval((500))"));
    ramp.ask(Command::Approve);
    assert_eq!(ramp.state.phase, Phase::Watching { step: 1 });
    ramp.ask(Command::Freeze).sees(Verdict::TakeBack).run(100);
    assert!(matches!(ramp.state.phase, Phase::Frozen { .. }));
    assert_eq!(ramp.seen.applied, Weight::tenths(500));
    ramp.ask(Command::Promote).run(3);
    assert_eq!(ramp.state.phase, Phase::Done);
}

#[test]
fn what_cannot_be_done_is_refused_with_the_reason() {
    let mut ramp = Ramp::new(SHORT);
    ramp.run(2).ask(Command::Approve).ask(Command::Retry).healthy(1, 0).ask(Command::Promote);
    let log = ramp.log();
    for why in ["nothing waits", "only a canary that was taken back", "no healthy copy"] {
        assert!(log.contains(why), "{log}");
    }
    ramp.healthy(1, 1).run(200).ask(Command::Abort);
    assert!(ramp.log().contains("has everything already"));
}

#[test]
fn where_going_back_is_worse_everything_stays() {
    let mut ramp = Ramp::new(&SHORT.replacen('{', r#"{"OnTakeBack":"Freeze","#, 1));
    ramp.run(20).sees(Verdict::TakeBack).run(50);
    assert_eq!(ramp.seen.applied, Weight::tenths(500));
    assert!(ramp.log().contains("Frozen(Worse)"));
    ramp.ask(Command::Abort).run(2);
    assert_eq!(ramp.state.phase, Phase::TakenBack(Reason::Asked));
}

#[test]
fn a_dry_run_says_what_it_would_have_done() {
    let mut ramp = Ramp::new(&SHORT.replacen('{', r#"{"DryRun":true,"#, 1));
    ramp.sees(Verdict::TakeBack).run(120);
    assert_eq!(ramp.state.phase, Phase::Done);
    assert!(ramp.log().contains("WouldTakeBack(Worse)"));
}

#[test]
fn a_budget_of_harm_ends_it_before_the_evidence_does() {
    let mut ramp = Ramp::new(&SHORT.replacen('{', r#"{"HarmBudget":"20","#, 1));
    ramp.sees(Verdict::GoOn).run(5);
    ramp.seen.harm = 20;
    ramp.run(2);
    assert_eq!(ramp.state.phase, Phase::TakenBack(Reason::HarmBudget));
}

#[test]
fn bad_luck_is_retried_and_a_bad_version_is_not() {
    let policy = SHORT.replacen('{', r#"{"Retries":1,"UnhealthySeconds":5,"#, 1);
    let mut ramp = Ramp::new(&policy);
    ramp.run(5).healthy(1, 0).run(10).healthy(1, 1).run(5);
    assert_eq!((ramp.state.attempt, &ramp.state.phase), (2, &Phase::Watching { step: 0 }));
    ramp.healthy(1, 0).run(10);
    assert_eq!(ramp.state.phase, Phase::TakenBack(Reason::Unhealthy));
    ramp.healthy(1, 1).ask(Command::Retry).run(5).sees(Verdict::TakeBack).run(20);
    assert_eq!((ramp.state.attempt, &ramp.state.phase), (3, &Phase::TakenBack(Reason::Worse)));
}

#[test]
fn a_clock_that_jumps_proves_nothing() {
    let mut ramp = Ramp::new(SHORT);
    ramp.run(3);
    ramp.now += 1_000_000_000;
    ramp.run(1);
    assert_eq!(ramp.state.phase, Phase::Watching { step: 0 });
    ramp.now = 5000;
    ramp.run(1);
    assert_eq!(ramp.state.phase, Phase::Watching { step: 0 });
}

#[test]
fn time_counts_only_once_every_proxy_has_acknowledged() {
    let mut ramp = Ramp::new(SHORT);
    ramp.run(2);
    ramp.seen.applied = None;
    for _ in 0..100 {
        let (state, actions) = step(&ramp.state, &ramp.policy, &ramp.seen, ramp.now);
        assert_eq!(actions, [Action::Shift(Weight::tenths(100).unwrap())], "it is asked for again");
        ramp.state = state;
        ramp.now += 1000;
    }
    assert_eq!(ramp.state.phase, Phase::Watching { step: 0 });
}

fn observations() -> impl Strategy<Value = (Observation, u64)> {
    let verdicts = prop_oneof![
        8 => Just(Verdict::Certified),
        2 => Just(Verdict::GoOn),
        1 => Just(Verdict::Hold),
        1 => Just(Verdict::TakeBack),
        1 => Just(Verdict::Inconclusive(Need::default())),
    ];
    let commands = prop_oneof![
        20 => Just(None),
        1 => Just(Some(Command::Pause)),
        2 => Just(Some(Command::Resume)),
        1 => Just(Some(Command::Approve)),
        1 => Just(Some(Command::Promote)),
        1 => Just(Some(Command::Abort)),
        1 => Just(Some(Command::Undo)),
        1 => Just(Some(Command::Retry)),
        1 => Just(Some(Command::Freeze)),
    ];
    let copies = || prop_oneof![9 => Just(2_u32), 1 => Just(0)];
    let revisions = prop_oneof![30 => Just("v2"), 1 => Just("v3")];
    (revisions, verdicts, 0..5_u64, copies(), copies(), any::<bool>(), commands, 0..40_000_u64).prop_map(
        |(revision, verdict, harm, baseline, canary, acknowledged, command, elapsed)| {
            let applied = acknowledged.then_some(Weight::NONE);
            let healthy = Healthy { baseline, canary };
            let known = elapsed.is_multiple_of(2);
            (
                Observation {
                    revision: revision.into(),
                    verdict,
                    harm,
                    known,
                    healthy,
                    applied,
                    command,
                    answer: None,
                },
                elapsed,
            )
        },
    )
}

proptest! {
    #[test]
    fn whatever_is_seen_traffic_has_somewhere_to_go(
        seen in proptest::collection::vec(observations(), 1..120), gated: bool,
    ) {
        let policy = if gated { r#"{"Steps":[10,{"Weight":50,"Gate":true}],"HarmBudget":4}"# } else { SHORT };
        let policy = Policy::parse(policy).unwrap();
        let mut state = State::begin("v2", 0);
        let (mut now, mut applied) = (0, Weight::NONE);
        for (mut seen, elapsed) in seen {
            now += elapsed;
            seen.applied = seen.applied.map(|_| applied);
            let (after, actions) = step(&state, &policy, &seen, now);
            let Healthy { baseline, canary } = seen.healthy;
            for action in &actions {
                match action {
                    Action::Shift(weight) => {
                        prop_assert!(canary > 0 || *weight == Weight::NONE, "onto the dead: {actions:?}");
                        let kept_off = canary == 0 && *weight == Weight::NONE;
                        let gone_over = *weight == Weight::ALL;
                        prop_assert!(baseline > 0 || kept_off || gone_over, "away from the living: {actions:?}");
                        applied = *weight;
                    }
                    Action::RetireBaseline => prop_assert!(seen.applied == Some(Weight::ALL) && canary > 0),
                    Action::RetireCanary(retired) => {
                        let idle = seen.applied == Some(Weight::NONE) || *retired != state.revision
                            || matches!(state.phase, Phase::Clearing { .. });
                        prop_assert!(idle, "{retired} still has traffic");
                    }
                    Action::Judge(_) | Action::Tell(_) | Action::Ask(_) => {}
                }
            }
            let again = step(&state, &policy, &seen, now);
            prop_assert_eq!(&again.0, &after);
            let text = serde_json::to_string(&after).unwrap();
            prop_assert_eq!(&serde_json::from_str::<State>(&text).unwrap(), &after, "a state survives being kept");
            state = after;
        }
    }
}
