//! Users who stay: from before the first of them comes to the new version until one version has all.

use super::*;
use crate::plan::Reason;

async fn house(fails: u64) -> House {
    let mut policy: Value = serde_json::from_str(POLICY).unwrap();
    policy["Sticky"] = json!({"Header": "x-user"});
    House::with(fails, policy).await
}

/// Demands that users began to stay while the old version had all, and stayed until one had all again.
fn assert_stayed(house: &House, last: &RouteSpec) {
    let world = house.world.lock().unwrap();
    let [(Some(begun), first), rest @ ..] = &world.trials[..] else { panic!("{:?}", world.trials) };
    assert_eq!(begun.sticky.clone().unwrap().header.as_deref(), Some("x-user"));
    assert_eq!(first, &route(&[("v1", 100), ("v2", 0)]));
    let all_at_one = |route: &RouteSpec| shift::targets(route).iter().filter(|target| target.weight > 0).count() == 1;
    let ends: Vec<_> = rest.iter().filter(|(trial, _)| trial.is_none()).collect();
    assert!(!ends.is_empty() && ends.iter().all(|(_, route)| all_at_one(route)), "{ends:?}");
    assert_eq!(&world.route, last);
}

#[tokio::test]
async fn users_stay_until_the_new_version_has_all_or_the_old_one_again() {
    let mut promoted = house(0).await;
    let seen = promoted.run(|_| false).await;
    assert_eq!(seen.state.phase, Phase::Done, "{:?}", told(&seen));
    assert_stayed(&promoted, &route(&[("v2", 1)]));

    let mut back = house(50).await;
    let seen = back.run(|_| false).await;
    assert_eq!(seen.state.phase, Phase::TakenBack(Reason::Worse), "{:?}", told(&seen));
    assert_stayed(&back, &route(&[("v1", 1)]));
}

#[tokio::test]
async fn that_nobody_tells_users_apart_is_said_once_and_only_where_it_is_so() {
    for (groups, said) in [(None, 1), (Some(Vec::new()), 0), (Some(vec![(0, 0); 64]), 0)] {
        let mut house = house(0).await;
        house.world.lock().unwrap().baseline.users.clone_from(&groups);
        let seen = house.run(|_| false).await;
        let told = told(&seen);
        let count = told.iter().filter(|message| message.contains("count no groups of users")).count();
        assert_eq!(count, said, "{groups:?}: {told:?}");
    }
}
