//! Properties: what a service must never do, and what it must always reach, whatever happens to its tasks.

use proptest::prelude::*;

use super::{
    service::{Breaker, Life, Rollout, Step, Task},
    service_world::World,
};

/// Something that happens to a service.
#[derive(Clone, Debug)]
enum Event {
    Fit(usize),
    Die(usize),
    FallIll(usize),
    Vanish,
    Deploy,
    Scale(usize),
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..32_usize).prop_map(Event::Fit),
        1 => (0..32_usize).prop_map(Event::Die),
        1 => (0..32_usize).prop_map(Event::FallIll),
        2 => Just(Event::Vanish),
        1 => Just(Event::Deploy),
        1 => (0..7_usize).prop_map(Event::Scale),
        2 => (0..40_u64).prop_map(Event::Wait),
    ]
}

fn is_living(task: &Task) -> bool {
    matches!(task.life, Life::Starting | Life::Fit(_) | Life::Ill | Life::Stillborn)
}

fn is_fit(task: &Task) -> bool {
    matches!(task.life, Life::Fit(_))
}

fn happen(world: &mut World, event: &Event, deployments: &mut usize) {
    let now = world.now;
    let pick = |world: &World, index: usize| -> Option<String> {
        let living: Vec<&Task> = world.view.tasks.iter().filter(|task| is_living(task)).collect();
        living.get(index % living.len().max(1)).map(|task| task.id.clone())
    };
    match event {
        Event::Fit(index) | Event::Die(index) | Event::FallIll(index) => {
            let Some(id) = pick(world, *index) else { return };
            let task = world.task(&id);
            task.life = match (event, &task.life) {
                (Event::Fit(_), Life::Starting | Life::Ill) => Life::Fit(now),
                (Event::Die(_), _) => Life::Failed(now),
                (Event::FallIll(_), Life::Starting) => Life::Stillborn,
                (Event::FallIll(_), Life::Fit(_)) => Life::Ill,
                (_, other) => other.clone(),
            };
        }
        Event::Vanish => world.all(&Life::Leaving, &Life::Gone),
        Event::Deploy => {
            *deployments += 1;
            world.deploy(&format!("D{deployments}-"));
        }
        Event::Scale(desired) => world.view.desired = *desired,
        Event::Wait(seconds) => world.wait(*seconds),
    }
}

/// One turn, checked: starts keep below the maximum, stops leave the minimum fit.
fn checked_turn(world: &mut World) -> Result<(), TestCaseError> {
    let fit_before = world.count(is_fit);
    let living_before = world.count(is_living);
    let plan = world.turn();
    let started: usize = plan.steps.iter().map(|s| if let Step::Start(_, count) = s { *count } else { 0 }).sum();
    if started > 0 {
        let limit = world.view.maximum();
        prop_assert!(living_before + started <= limit, "{living_before} + {started} > {limit}: {:?}", plan.steps);
    }
    let fit = world.count(is_fit);
    let floor = fit_before.min(world.view.minimum());
    prop_assert!(fit >= floor, "{fit} fit left of {fit_before}, {floor} wanted: {:?}", plan.steps);
    prop_assert!(plan.steps.len() < 64, "{:?}", plan.steps);
    Ok(())
}

/// From now on every task does well; the service must come to rest with what was asked.
fn must_settle(world: &mut World) -> Result<(), TestCaseError> {
    for _ in 0..200 {
        checked_turn(world)?;
        world.settle();
        world.wait(61);
        let quiet = world.turn();
        if quiet.steady {
            let latest = world.view.deployments[0].id.clone();
            let right = world.count(|task| is_fit(task) && task.deployment == latest);
            prop_assert_eq!((right, world.count(is_living)), (world.view.desired, world.view.desired));
            prop_assert_eq!(world.view.deployments.len(), 1);
            return Ok(());
        }
        if world.view.deployments[0].rollout == Rollout::Failed || quiet.stuck {
            return Ok(());
        }
    }
    Err(TestCaseError::fail(format!("it never came to rest: {:?}", world.view)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn limits_hold_and_it_comes_to_rest(
        desired in 0..7_usize,
        minimum in prop_oneof![Just(0_usize), Just(50), Just(100)],
        maximum in prop_oneof![Just(100_usize), Just(150), Just(200)],
        rollback in prop_oneof![Just(None), Just(Some(true)), Just(Some(false))],
        events in prop::collection::vec(event(), 0..60),
    ) {
        let mut world = World::new(desired, minimum, maximum);
        world.view.breaker = rollback.map(|rollback| Breaker { rollback, ..Breaker::default() });
        let mut deployments = 0;
        happen(&mut world, &Event::Deploy, &mut deployments);
        for event in &events {
            happen(&mut world, event, &mut deployments);
            checked_turn(&mut world)?;
        }
        must_settle(&mut world)?;
    }

    #[test]
    fn a_deleted_service_always_finishes(events in prop::collection::vec(event(), 0..40)) {
        let mut world = World::new(3, 100, 200);
        let mut deployments = 0;
        happen(&mut world, &Event::Deploy, &mut deployments);
        for event in &events {
            happen(&mut world, event, &mut deployments);
            world.turn();
        }
        world.view.deleted = true;
        world.turn();
        world.settle();
        prop_assert_eq!(world.turn().steps, [Step::Finish]);
    }
}
