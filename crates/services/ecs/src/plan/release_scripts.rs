//! Golden scripts: a release beside what serves, stage by stage, and what becomes of it when something goes wrong.

use api::ecs::{DeploymentLifecycleHookAction as Action, DeploymentLifecycleHookStatus as HookStatus};
use proptest::prelude::*;

use super::{
    release::{Hook, Lane, Pace, Release, Stage, WHOLE},
    service::{Breaker, Life, Order, Step},
    service_scripts::{story, tell},
    service_world::World,
};

/// A release from `serving`, in steps of so many thousandths with a minute between them, and five at the end.
fn release(world: &World, serving: Option<&str>, steps: &[u16]) -> Release {
    let lane = Lane { serving: "blue".into(), coming: "green".into(), production: "rule".into(), test: None };
    Release {
        pace: Pace { steps: steps.to_vec(), step_minutes: 1, bake_minutes: 5 },
        policy: None,
        lanes: vec![lane],
        serving: serving.map(str::to_owned),
        stage: Stage::PreScaleUp,
        stage_at: world.now,
        weight: if serving.is_some() { 0 } else { WHOLE },
        shifted_at: None,
        test: serving.is_none(),
        hooks: Vec::new(),
        end: None,
    }
}

/// A world in which A serves with two tasks and B comes in `steps`.
fn shifting(steps: &[u16]) -> World {
    let mut world = World::new(2, 100, 200);
    world.deploy("A");
    story(&mut world);
    world.deploy("B");
    world.view.release = Some(release(&world, Some("A"), steps));
    world
}

/// What a release tells until it waits for time alone; then that time passes, and so on to its end.
fn whole_story(world: &mut World) -> String {
    let mut told = String::new();
    for _ in 0..20 {
        told.push_str(&story(world));
        if world.view.release.is_none() {
            return told;
        }
        world.wait(60);
        told.push_str("a minute\n");
    }
    panic!("it never came to its end:\n{told}");
}

fn hook(world: &World, stage: Stage, on_timeout: Action) -> Hook {
    let expires_at = world.now.plus(std::time::Duration::from_mins(10));
    let status = HookStatus::AwaitingAction;
    Hook { id: "h".into(), stage, target: None, details: None, status, expires_at, on_timeout }
}

#[test]
fn all_users_come_at_once_when_all_new_tasks_are_there_and_old_ones_stay_a_while() {
    let mut world = shifting(&[WHOLE]);
    let expected = "\
        to SCALE_UP\n\
        start 2 of B\n\
        to POST_SCALE_UP\n\
        to TEST_TRAFFIC_SHIFT\n\
        to POST_TEST_TRAFFIC_SHIFT\n\
        to PRE_PRODUCTION_TRAFFIC_SHIFT\n\
        to PRODUCTION_TRAFFIC_SHIFT\n\
        in force\n\
        to POST_PRODUCTION_TRAFFIC_SHIFT\n\
        to BAKE_TIME\n\
        a minute\na minute\na minute\na minute\na minute\n\
        to CLEAN_UP\n\
        stop A1, stop A2\n\
        retire A, complete\n\
        steady\n";
    assert_eq!(whole_story(&mut world), expected);
}

#[test]
fn a_canary_waits_between_its_steps() {
    let mut world = shifting(&[100, WHOLE]);
    let told = whole_story(&mut world);
    let steps: Vec<&str> = told.lines().filter(|line| *line == "in force" || *line == "a minute").collect();
    assert_eq!(steps[..3], ["in force", "a minute", "in force"]);
}

#[test]
fn a_first_release_has_nobody_to_wait_for() {
    let mut world = World::new(1, 100, 200);
    world.deploy("A");
    world.view.release = Some(release(&world, None, &[100, WHOLE]));
    let told = whole_story(&mut world);
    assert!(told.ends_with("complete\nsteady\n") && !told.contains("minute"), "{told}");
}

#[test]
fn tasks_that_fail_to_start_take_the_release_back_before_any_user_came() {
    let mut world = shifting(&[WHOLE]);
    world.view.breaker = Some(Breaker { rollback: true, ..Breaker::default() });
    for _ in 0..2 {
        while world.count(|task| task.life == Life::Starting) == 0 {
            world.turn();
            world.view.surroundings.in_force = true;
            world.wait(30);
        }
        let now = world.now;
        world.all(&Life::Starting, &Life::Failed(now));
    }
    assert_eq!(tell(&world.turn().steps), "go back");
    assert_eq!(whole_story(&mut world), "restore\nsteady\n");
    assert_eq!(world.view.deployments[0].id, "A");
}

#[test]
fn whoever_wants_it_back_gets_first_the_users_back_and_then_the_tasks() {
    let mut world = shifting(&[100, WHOLE]);
    while world.view.release.as_ref().is_none_or(|release| release.shifted_at.is_none()) {
        world.turn();
        world.settle();
    }
    world.view.order = Some(Order { back: true });
    assert_eq!(whole_story(&mut world), "go back\nall back\nstop B3, stop B4\nrestore\nsteady\n");
}

#[test]
fn an_abort_leaves_all_where_it_is() {
    let mut world = shifting(&[100, WHOLE]);
    while world.view.release.as_ref().is_none_or(|release| release.shifted_at.is_none()) {
        world.turn();
        world.settle();
    }
    world.view.order = Some(Order { back: false });
    assert_eq!(story(&mut world), "halt\n");
    world.wait(3600);
    assert_eq!(story(&mut world), "");
    assert_eq!(world.view.release.as_ref().map(|release| release.weight), Some(100));
}

#[test]
fn users_are_not_sent_back_to_tasks_that_are_ill() {
    let mut world = shifting(&[WHOLE]);
    while world.view.release.as_ref().is_none_or(|release| release.shifted_at.is_none()) {
        world.turn();
        world.settle();
    }
    world.task("A1").life = Life::Ill;
    world.task("A2").life = Life::Ill;
    world.view.order = Some(Order { back: true });
    assert_eq!(tell(&world.turn().steps), "go back");
    assert_eq!(tell(&world.turn().steps), "start 2 of A");
    assert_eq!(tell(&world.turn().steps), "", "the new tasks serve on until old ones can");
    world.settle();
    assert_eq!(tell(&world.turn().steps), "discard A1, discard A2, all back");
}

#[test]
fn a_hook_holds_its_stage_until_it_is_answered() {
    for (answer, then) in [(HookStatus::Succeeded, "to SCALE_UP"), (HookStatus::Failed, "go back")] {
        let mut world = shifting(&[WHOLE]);
        let hook = hook(&world, Stage::PreScaleUp, Action::Rollback);
        world.view.release.as_mut().unwrap().hooks.push(hook);
        world.view.surroundings.in_force = true;
        assert_eq!(story(&mut world), "");
        world.view.surroundings.answers.insert("h".into(), answer);
        let told = story(&mut world);
        assert!(told.starts_with(&format!("h is {answer:?}\n{then}\n")), "{told}");
    }
}

#[test]
fn a_hook_that_nobody_answers_does_what_was_said_for_that() {
    for (action, then) in [(Action::Continue, "to SCALE_UP"), (Action::Rollback, "go back")] {
        let mut world = shifting(&[WHOLE]);
        let hook = hook(&world, Stage::PreScaleUp, action);
        world.view.release.as_mut().unwrap().hooks.push(hook);
        world.view.surroundings.in_force = true;
        assert_eq!(story(&mut world), "");
        world.wait(600);
        let told = story(&mut world);
        assert!(told.starts_with(&format!("h is TimedOut\n{then}\n")), "{told}");
    }
}

#[test]
fn what_a_release_overtook_is_cleared_away_first() {
    let mut world = shifting(&[WHOLE]);
    while world.count(|task| task.deployment == "B") == 0 {
        world.turn();
        world.view.surroundings.in_force = true;
    }
    world.settle();
    world.deploy("C");
    let begun = release(&world, Some("A"), &[WHOLE]);
    world.view.release = Some(Release { stage: Stage::ReconcileService, ..begun });
    world.view.surroundings.in_force = false;
    assert_eq!(tell(&world.turn().steps), "", "first the weights");
    world.view.surroundings.in_force = true;
    assert_eq!(tell(&world.turn().steps), "stop B3, stop B4");
    world.settle();
    assert_eq!(tell(&world.turn().steps), "to PRE_SCALE_UP");
    assert!(whole_story(&mut world).contains("stop A1, stop A2\nretire B, retire A, complete"));
}

/// Something that happens while a release is on its way.
#[derive(Clone, Debug)]
enum Event {
    Settle,
    Die(usize),
    FallIll(usize),
    Wait(u64),
    Stop(bool),
    Turn,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Settle),
        1 => (0..32_usize).prop_map(Event::Die),
        1 => (0..32_usize).prop_map(Event::FallIll),
        2 => (0..90_u64).prop_map(Event::Wait),
        1 => any::<bool>().prop_map(Event::Stop),
        6 => Just(Event::Turn),
    ]
}

/// How many fit tasks the share of users has that comes to `deployment`.
fn fit_of(world: &World, deployment: &str) -> usize {
    world.count(|task| task.deployment == deployment && matches!(task.life, Life::Fit(_)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_plan_takes_the_tasks_away_from_users_and_it_comes_to_rest(
        steps in prop_oneof![Just(vec![WHOLE]), Just(vec![100, WHOLE]), Just(vec![300, 600, WHOLE])],
        rollback in any::<bool>(),
        events in prop::collection::vec(event(), 0..80),
    ) {
        let mut world = shifting(&steps);
        world.view.breaker = Some(Breaker { rollback, ..Breaker::default() });
        for event in &events {
            let now = world.now;
            let living: Vec<String> = world.view.tasks.iter().filter(|task| task.lives()).map(|t| t.id.clone()).collect();
            match event {
                Event::Settle => world.settle(),
                Event::Die(index) if !living.is_empty() => {
                    world.task(&living[index % living.len()]).life = Life::Failed(now);
                }
                Event::FallIll(index) if !living.is_empty() => {
                    world.task(&living[index % living.len()]).life = Life::Ill;
                }
                Event::Wait(seconds) => world.wait(*seconds),
                Event::Stop(back) => world.view.order = Some(Order { back: *back }),
                _ => {}
            }
            let before = world.view.release.clone();
            let (a, b) = (fit_of(&world, "A"), fit_of(&world, "B"));
            let plan = world.turn();
            let Some(release) = before else { continue };
            // Whose users are there loses no fit task to a plan.
            if release.weight < WHOLE && release.stage != Stage::CleanUp {
                prop_assert!(fit_of(&world, "A") >= a.min(2), "{:?}", plan.steps);
            }
            if release.weight > 0 && world.view.release.is_some() {
                prop_assert!(fit_of(&world, "B") >= b.min(2), "{:?}", plan.steps);
            }
            // Users come only to where all new tasks are fit.
            if plan.steps.contains(&Step::Enter(Stage::ProductionTrafficShift)) {
                prop_assert_eq!(b, 2);
            }
        }
        // From now on all goes well.
        for _ in 0..200 {
            world.settle();
            world.wait(61);
            let plan = world.turn();
            let halted = world.view.release.as_ref().and_then(|r| r.end.as_ref()).is_some_and(|end| !end.back);
            if plan.steady || (halted && plan.steps.is_empty()) {
                return Ok(());
            }
        }
        prop_assert!(false, "it never came to rest: {:?}", world.view);
    }
}

/// A release from A to B that a judge steers, at the stage that shifts users.
fn judged() -> World {
    let mut world = shifting(&[WHOLE]);
    if let Some(release) = &mut world.view.release {
        release.policy = Some(serde_json::json!({}));
    }
    assert!(story(&mut world).ends_with("to PRODUCTION_TRAFFIC_SHIFT\n"));
    world
}

#[test]
fn what_is_judged_moves_as_its_judge_says_and_by_no_clock() {
    let mut world = judged();
    world.wait(3600);
    assert_eq!(story(&mut world), "", "he has said nothing yet");
    world.view.surroundings.steered.weight = Some(50);
    assert_eq!(story(&mut world), "weigh 50\nin force\n");
    world.view.surroundings.steered.finish = true;
    assert_eq!(story(&mut world), "", "only with all users at the new tasks");
    world.view.surroundings.steered.weight = Some(WHOLE);
    assert!(story(&mut world).starts_with("weigh 1000\nin force\nto POST_PRODUCTION_TRAFFIC_SHIFT\nto BAKE_TIME\n"));
}

#[test]
fn what_its_judge_takes_back_goes_back() {
    let mut world = judged();
    world.view.surroundings.steered.weight = Some(50);
    story(&mut world);
    world.view.surroundings.steered.take_back = Some("it is worse".to_owned());
    let told = story(&mut world);
    assert!(told.starts_with("go back\nall back\n") && told.contains("restore"), "{told}");
}
