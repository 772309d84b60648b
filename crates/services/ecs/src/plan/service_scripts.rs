//! Golden scripts: what a service does, turn by turn, in stories that are easily told.

use std::fmt::Write;

use super::{
    service::{Breaker, Life, Step},
    service_world::World,
    verdict::Alarms,
};

/// Plans until nothing happens, then lets tasks become fit and gone, and so on; tells what was done, a line a plan.
pub(super) fn story(world: &mut World) -> String {
    let mut told = String::new();
    for _ in 0..100 {
        let plan = world.turn();
        if !plan.steps.is_empty() {
            told.push_str(&tell(&plan.steps));
            told.push('\n');
            continue;
        }
        let told_all = world.view.release.is_none() || world.view.surroundings.in_force;
        if told_all && world.count(|task| matches!(task.life, Life::Starting | Life::Leaving)) == 0 {
            told.push_str(if plan.steady { "steady\n" } else { "" });
            return told;
        }
        world.settle();
        world.wait(1);
    }
    panic!("it never came to rest:\n{told}");
}

pub(super) fn tell(steps: &[Step]) -> String {
    steps.iter().fold(String::new(), |mut line, step| {
        let separator = if line.is_empty() { "" } else { ", " };
        let _ = match step {
            Step::Start(deployment, count) => write!(line, "{separator}start {count} of {deployment}"),
            Step::Stop(task) => write!(line, "{separator}stop {task}"),
            Step::Discard(task) => write!(line, "{separator}discard {task}"),
            Step::Prove(deployment) => write!(line, "{separator}{deployment} proved well"),
            Step::Complete => write!(line, "{separator}complete"),
            Step::Bake => write!(line, "{separator}bake"),
            Step::GiveUp(_) => write!(line, "{separator}give up"),
            Step::RollBack(_) => write!(line, "{separator}roll back"),
            Step::Retire(deployment) => write!(line, "{separator}retire {deployment}"),
            Step::Finish => write!(line, "{separator}finish"),
            Step::Enter(stage) => write!(line, "{separator}to {}", stage.as_str()),
            Step::Weigh(weight) => write!(line, "{separator}weigh {weight}"),
            Step::Shifted => write!(line, "{separator}in force"),
            Step::Resolve(hook, status) => write!(line, "{separator}{hook} is {status:?}"),
            Step::Return(_) => write!(line, "{separator}go back"),
            Step::Halt(_) => write!(line, "{separator}halt"),
            Step::Unshift => write!(line, "{separator}all back"),
            Step::Restore => write!(line, "{separator}restore"),
        };
        line
    })
}

#[test]
fn a_first_deployment_starts_its_tasks_and_completes() {
    let mut world = World::new(2, 100, 200);
    world.deploy("A");
    assert_eq!(story(&mut world), "start 2 of A\ncomplete\nsteady\n");
}

#[test]
fn with_room_for_twice_as_many_the_new_ones_come_first() {
    let mut world = World::new(2, 100, 200);
    world.deploy("A");
    story(&mut world);
    world.deploy("B");
    assert_eq!(story(&mut world), "start 2 of B\nstop A1, stop A2\nretire A, complete\nsteady\n");
}

#[test]
fn without_room_the_old_ones_go_as_far_as_the_minimum_allows() {
    let mut world = World::new(4, 50, 100);
    world.deploy("A");
    story(&mut world);
    world.deploy("B");
    let expected = "stop A1, stop A2\nstart 2 of B\nstop A3, stop A4\nstart 2 of B\nretire A, complete\nsteady\n";
    assert_eq!(story(&mut world), expected);
}

#[test]
fn with_half_as_much_room_again_it_goes_in_steps_and_keeps_all_serving() {
    let mut world = World::new(4, 50, 150);
    world.deploy("A");
    story(&mut world);
    world.deploy("B");
    let expected = "start 2 of B\nstop A1, stop A2\nstart 2 of B\nstop A3, stop A4\nretire A, complete\nsteady\n";
    assert_eq!(story(&mut world), expected);
}

#[test]
fn a_scale_down_stops_the_youngest() {
    let mut world = World::new(3, 100, 200);
    world.deploy("A");
    story(&mut world);
    world.task("A3").created_at = world.now;
    world.view.desired = 2;
    assert_eq!(story(&mut world), "stop A3\nsteady\n");
}

#[test]
fn a_dead_task_is_replaced_after_a_wait() {
    let mut world = World::new(1, 100, 200);
    world.deploy("A");
    story(&mut world);
    let now = world.now;
    // Also while it is on its way out.
    for life in [Life::Failing(now), Life::Failed(now)] {
        world.task("A1").life = life;
        let plan = world.turn();
        assert_eq!((plan.steps.len(), plan.look_again.map(|wait| wait.as_millis())), (0, Some(1000)));
    }
    world.wait(1);
    assert_eq!(tell(&world.turn().steps), "start 1 of A");
}

#[test]
fn waits_double_and_failures_are_forgiven_after_proof() {
    let mut world = World::new(1, 100, 200);
    world.deploy("A");
    world.turn();
    let mut waits = Vec::new();
    for _ in 0..8 {
        let now = world.now;
        world.all(&Life::Starting, &Life::Failed(now));
        let wait = world.turn().look_again.unwrap().as_secs();
        waits.push(wait);
        world.wait(wait);
        assert_eq!(tell(&world.turn().steps), "start 1 of A");
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    world.settle();
    let plan = world.turn();
    assert_eq!((tell(&plan.steps).as_str(), plan.look_again.map(|w| w.as_secs())), ("complete", Some(30)));
    assert!(plan.impaired);
    world.wait(30);
    assert_eq!(tell(&world.turn().steps), "A proved well");
    assert!(!world.turn().impaired);
}

#[test]
fn a_broken_deployment_is_rolled_back_by_the_circuit_breaker_while_the_old_tasks_serve() {
    let mut world = World::new(2, 100, 200);
    world.view.breaker = Some(Breaker { rollback: true, ..Breaker::default() });
    world.deploy("A");
    story(&mut world);
    world.deploy("B");
    for _ in 0..2 {
        assert_eq!(world.turn().steps, [Step::Start("B".to_owned(), 2)]);
        let now = world.now;
        world.all(&Life::Starting, &Life::Failed(now));
        world.wait(60);
    }
    assert_eq!(tell(&world.turn().steps), "roll back");
    assert_eq!(story(&mut world), "retire B, complete\nsteady\n");
    assert_eq!(world.count(|task| task.deployment == "A" && matches!(task.life, Life::Fit(_))), 2);
}

#[test]
fn without_a_way_back_a_broken_deployment_is_given_up_and_nothing_more_started() {
    let mut world = World::new(1, 100, 200);
    world.view.breaker = Some(Breaker { rollback: true, ..Breaker::default() });
    world.deploy("A");
    for _ in 0..3 {
        world.turn();
        let now = world.now;
        world.all(&Life::Starting, &Life::Failed(now));
        world.wait(60);
    }
    assert_eq!(tell(&world.turn().steps), "give up");
    world.wait(600);
    assert_eq!(tell(&world.turn().steps), "");
}

#[test]
fn a_task_that_fell_ill_is_replaced_before_it_is_stopped() {
    let mut world = World::new(1, 100, 200);
    world.deploy("A");
    story(&mut world);
    world.task("A1").life = Life::Ill;
    assert_eq!(story(&mut world), "start 1 of A\ndiscard A1\nsteady\n");
}

#[test]
fn what_never_became_fit_is_discarded_at_once_and_counts_as_failed() {
    let mut world = World::new(1, 100, 200);
    world.deploy("A");
    world.turn();
    world.all(&Life::Starting, &Life::Stillborn);
    assert_eq!(tell(&world.turn().steps), "start 1 of A, discard A1");
}

#[test]
fn percentages_that_allow_nothing_are_noticed() {
    let mut world = World::new(1, 100, 150);
    world.deploy("A");
    story(&mut world);
    world.deploy("B");
    let plan = world.turn();
    assert!(plan.stuck && plan.steps.is_empty(), "{plan:?}");
}

#[test]
fn a_deleted_service_stops_everything_and_finishes_when_all_is_gone() {
    let mut world = World::new(2, 100, 200);
    world.deploy("A");
    story(&mut world);
    world.view.deleted = true;
    assert_eq!(tell(&world.turn().steps), "stop A1, stop A2");
    assert_eq!(tell(&world.turn().steps), "");
    world.settle();
    assert_eq!(tell(&world.turn().steps), "finish");
}

#[test]
fn a_newer_deployment_overtakes_one_on_its_way() {
    let mut world = World::new(1, 100, 200);
    world.deploy("A");
    story(&mut world);
    world.deploy("B");
    world.turn();
    world.deploy("C");
    assert_eq!(tell(&world.turn().steps), "stop B2");
    assert_eq!(story(&mut world), "start 1 of C\nstop A1, retire B\nretire A, complete\nsteady\n");
}

/// Alarms that are watched for a minute, of which these sounded.
fn alarms(sounding: Option<&[&str]>) -> Alarms {
    let sounding = sounding.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let bake = std::time::Duration::from_mins(1);
    Alarms { rollback: true, bake, sounding, missing: Vec::new() }
}

#[test]
fn nothing_starts_before_alarms_were_looked_at_and_all_bakes_under_them() {
    let mut world = World::new(1, 100, 200);
    world.deploy("A");
    story(&mut world);
    world.deploy("B");
    world.view.alarms = Some(alarms(None));
    assert_eq!(story(&mut world), "");
    world.view.alarms = Some(alarms(Some(&[])));
    assert_eq!(story(&mut world), "start 1 of B\nstop A1\nbake\nsteady\n");
    assert_eq!(world.view.deployments.len(), 2, "what could be gone back to is not forgotten");
    world.wait(60);
    assert_eq!(story(&mut world), "retire A, complete\nsteady\n");
}

#[test]
fn an_alarm_takes_a_deployment_back_while_it_bakes_and_not_afterwards() {
    let mut world = World::new(1, 100, 200);
    world.deploy("A");
    story(&mut world);
    world.deploy("B");
    world.view.alarms = Some(alarms(Some(&[])));
    story(&mut world);
    world.view.alarms = Some(alarms(Some(&["errors"])));
    assert_eq!(tell(&world.turn().steps), "roll back");
    world.view.alarms = None;
    assert_eq!(story(&mut world), "start 1 of A\nstop B2\nretire B, complete\nsteady\n");
}

#[test]
fn without_a_way_back_an_alarm_stops_the_deployment_where_it_is() {
    let mut world = World::new(1, 100, 200);
    world.deploy("A");
    world.view.alarms = Some(alarms(Some(&["errors"])));
    assert_eq!(story(&mut world), "give up\n");
    assert_eq!(world.count(|_| true), 0);
}
