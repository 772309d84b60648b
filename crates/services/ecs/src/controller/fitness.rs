//! Whether a task can take work: what its containers' checks and its load balancers say together. Pure.

use std::time::Duration;

use api::ecs::HealthStatus;
use names::Timestamp;

use crate::{
    rows::{Fitness, Status, TaskObserved},
    words,
};

/// How long a task without any check must have run to count as fit: one that ends at once never does.
const PROBATION: Duration = Duration::from_secs(2);

/// Whether the task of `observed` can take work, and when that changes though nothing happens. `has_checks` tells
/// whether essential containers have health checks, `health` what these say.
pub(super) fn fitness(
    observed: &TaskObserved,
    has_checks: bool,
    health: HealthStatus,
    now: Timestamp,
) -> (Fitness, Option<Duration>) {
    if observed.status != Status::Running {
        return (Fitness::Unknown, None);
    }
    if has_checks && health == HealthStatus::Unhealthy {
        return (Fitness::Unfit(words::FAILED_CONTAINER.to_owned()), None);
    }
    let sick = observed.targets.iter().find(|target| target.health.as_deref() == Some("unhealthy"));
    if let Some(target) = sick {
        return (Fitness::Unfit(words::failed_target(&target.group)), None);
    }
    if !has_checks && observed.targets.is_empty() {
        let up = now.since(observed.started_at.unwrap_or(now));
        return match PROBATION.checked_sub(up) {
            Some(rest) if !rest.is_zero() => (Fitness::Unknown, Some(rest)),
            _ => (Fitness::Fit, None),
        };
    }
    // A group that no load balancer uses checks nobody, nor does one whose checks are off.
    let passed = |health: Option<&str>| matches!(health, Some("healthy" | "unused" | "unavailable"));
    let targets = observed.targets.iter().all(|target| passed(target.health.as_deref()));
    let containers = !has_checks || health == HealthStatus::Healthy;
    (if targets && containers { Fitness::Fit } else { Fitness::Unknown }, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn running() -> TaskObserved {
        TaskObserved { status: Status::Running, started_at: Some(Timestamp::default()), ..TaskObserved::default() }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::default().plus(Duration::from_secs(seconds))
    }

    #[test]
    fn without_checks_it_must_have_run_a_moment() {
        let (fit, wait) = fitness(&running(), false, HealthStatus::Unknown, at(1));
        assert_eq!((fit, wait), (Fitness::Unknown, Some(Duration::from_secs(1))));
        assert_eq!(fitness(&running(), false, HealthStatus::Unknown, at(2)).0, Fitness::Fit);
    }

    #[test]
    fn all_that_checks_must_have_said_so() {
        let mut observed = running();
        observed.targets = vec![samples::target("healthy")];
        assert_eq!(fitness(&observed, true, HealthStatus::Unknown, at(9)).0, Fitness::Unknown);
        assert_eq!(fitness(&observed, true, HealthStatus::Healthy, at(9)).0, Fitness::Fit);
        observed.targets[0].health = Some("initial".to_owned());
        assert_eq!(fitness(&observed, true, HealthStatus::Healthy, at(9)).0, Fitness::Unknown);
    }

    #[test]
    fn an_unhealthy_target_is_named() {
        let mut observed = running();
        observed.targets = vec![samples::target("unhealthy")];
        let Fitness::Unfit(reason) = fitness(&observed, false, HealthStatus::Unknown, at(9)).0 else { panic!() };
        assert!(reason.starts_with("Task failed ELB health checks in (target-group arn:"), "{reason}");
    }
}
