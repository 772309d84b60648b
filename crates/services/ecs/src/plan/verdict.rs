//! What speaks for a deployment and what ends it, whatever way it goes: rolling ones and releases ask the same here.

use std::time::Duration;

use names::Timestamp;

use super::{
    release::Cause,
    service::{Deployment, Life, Task, View},
};

/// How long a task must have been fit for its deployment's failures to be forgiven.
const PROOF: Duration = Duration::from_secs(30);

/// What is known of the alarms that are watched over the latest deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Alarms {
    /// Whether what was reached before is taken up again when one sounds.
    pub rollback: bool,
    /// How long a rolling deployment is watched once it is reached.
    pub bake: Duration,
    /// Those that sounded; none if nobody has looked yet.
    pub sounding: Option<Vec<String>>,
    /// Those that nobody has made.
    pub missing: Vec<String>,
}

/// Whether a deployment has shown that its tasks start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// It has.
    Given,
    /// It will have after this time, if nothing happens.
    After(Duration),
}

/// Whether a task of `deployment` has been fit for long enough for failures before to be forgiven; none if there is
/// nothing to forgive, or that is switched off, or no task is fit.
pub(super) fn proof(service: &View, deployment: &Deployment, now: Timestamp) -> Option<Proof> {
    let keeps = service.breaker.is_some_and(|breaker| !breaker.reset);
    if keeps || service.failed(deployment) == 0 {
        return None;
    }
    let fit_since = |task: &Task| match task.life {
        Life::Fit(since) => Some(since),
        _ => None,
    };
    let proven = service.of(&deployment.id).filter_map(fit_since).min()?.plus(PROOF);
    Some(if proven <= now { Proof::Given } else { Proof::After(proven.since(now)) })
}

/// Why `latest` must not go on, and whether it is to go back then: somebody wants it, too many tasks failed that
/// nothing forgives, or an alarm sounds.
pub(super) fn end(service: &View, latest: &Deployment, forgiven: bool) -> Option<(Cause, bool)> {
    if let Some(order) = service.order {
        return Some((Cause::Asked, order.back));
    }
    if let Some(breaker) = service.breaker
        && !forgiven
        && service.failed(latest) >= service.breaker_threshold()
    {
        return Some((Cause::Breaker, breaker.rollback));
    }
    let alarms = service.alarms.as_ref()?;
    let sounding = alarms.sounding.as_ref().filter(|sounding| !sounding.is_empty())?;
    Some((Cause::Alarms(sounding.clone()), alarms.rollback))
}

impl View {
    /// Whether the alarms over the latest deployment, if there are any, have been looked at: only then is known which
    /// of them sounded before it began.
    pub(super) fn has_seen_alarms(&self) -> bool {
        self.alarms.as_ref().is_none_or(|alarms| alarms.sounding.is_some())
    }
}
