//! The next step of a task, on its way from nothing to nothing.
//!
//! ```text
//! PROVISIONING ─ interface ─▶ PENDING ─ images, shim ─▶ ACTIVATING ─ containers, registered ─▶ RUNNING
//!                                │                          │                                    │
//!                                ▼                          ▼          deregister, drain, settle ▼
//!  STOPPED ◀─ release ─ DEPROVISIONING ◀─ containers end ─ STOPPING ◀──────────────────── DEACTIVATING
//! ```
//!
//! Every step can be done again after a crash between doing it and noting it: interfaces are made with the task's id as
//! client token, shims are adopted, registering twice is registering once. A task that has to stop never skips a
//! station it has something at; so what was made is unmade, whenever the end comes.

use std::time::Duration;

use api::ecs::TaskStopCode;
use container::{ContainerState, StopCause, TaskState, TaskStatus};
use names::Timestamp;

use crate::rows::{Status, Stop, Task, TaskObserved};

/// How long those who learnt a task's address from Cloud Map may still use it: proxies ask DNS anew every five
/// seconds, and an answer may have been on its way.
pub(crate) const SETTLE: Duration = Duration::from_secs(7);
/// The same for load balancers, which are told and not asked: a request may be on its way from them.
pub(crate) const SETTLE_BALANCER: Duration = Duration::from_secs(1);
/// The longest a load balancer may take to drain a target: the longest `deregistration_delay` and a minute.
pub(crate) const DRAIN_MAX: Duration = Duration::from_mins(61);
/// The longest that is waited for the last lines of a stopped task's output to reach Logs.
pub(crate) const LOGS_FLUSH_MAX: Duration = Duration::from_secs(30);
/// How long a stopped task can be described, as on AWS.
pub(crate) const RETENTION: Duration = Duration::from_hours(1);
/// How often what has no event is looked at: the health of targets.
const HEALTH_POLL: Duration = Duration::from_secs(1);
/// The same while all is well.
const HEALTH_POLL_CALM: Duration = Duration::from_secs(5);
/// How often a draining target is looked at.
const DRAIN_POLL: Duration = Duration::from_millis(500);

/// What to do with a task now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ask EC2 for its network interface.
    CreateInterface,
    /// Make its log streams and fetch its images.
    Prepare,
    /// Make its namespace and start its shim.
    Launch,
    /// Make it known to its target groups and Cloud Map services, and let it be RUNNING.
    Register,
    /// See what load balancers say of it, tell Cloud Map how it is; look again after this time, if at all.
    Observe(Option<Duration>),
    /// It has to stop: note why, and go to this station.
    Leave(Status),
    /// Take it out of target groups and Cloud Map.
    Deregister,
    /// See whether its targets have drained; look again after this time.
    AwaitDrained(Duration),
    /// Tell its containers to end.
    Terminate,
    /// Its containers have ended.
    Ended,
    /// Wait for its logs to be carried away.
    AwaitLogs(Duration),
    /// Remove its directory and network interface.
    Release,
    /// Remove its rows.
    Forget,
    /// Nothing, until something happens or this time is over.
    Wait(Option<Duration>),
}

/// What the planner looks at besides the task's own rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    /// What the shim last said, if there ever was one.
    pub runtime: Option<&'a TaskState>,
    /// Whether every line of its output has reached Logs.
    pub logs_carried: bool,
    /// The present moment.
    pub now: Timestamp,
}

/// The next step of `task`.
pub(crate) fn next(task: &Task, observed: &TaskObserved, facts: Facts<'_>) -> Step {
    match observed.status {
        // Made even if the task is to stop already: only so is it known whether there is one to unmake.
        Status::Provisioning if observed.interface.is_none() && observed.stop.is_none() => Step::CreateInterface,
        Status::Provisioning => Step::Leave(Status::Deprovisioning),
        Status::Pending => pending(task, observed),
        Status::Activating => activating(task, observed, facts),
        Status::Running => running(task, observed, facts),
        Status::Deactivating => deactivating(observed, facts),
        Status::Stopping => stopping(facts),
        Status::Deprovisioning => deprovisioning(observed, facts),
        Status::Stopped => stopped(observed, facts),
    }
}

fn pending(task: &Task, observed: &TaskObserved) -> Step {
    if task.stop.is_some() || observed.stop.is_some() {
        // The shim may have been started and not noted: stopping it finds out.
        Step::Leave(Status::Stopping)
    } else if observed.pull_stopped_at.is_none() {
        Step::Prepare
    } else {
        Step::Launch
    }
}

fn activating(task: &Task, observed: &TaskObserved, facts: Facts<'_>) -> Step {
    if must_stop(task, observed, facts) {
        return Step::Leave(Status::Deactivating);
    }
    match facts.runtime.map(|state| state.status) {
        Some(TaskStatus::Running) => Step::Register,
        _ => Step::Wait(None),
    }
}

fn running(task: &Task, observed: &TaskObserved, facts: Facts<'_>) -> Step {
    if must_stop(task, observed, facts) {
        return Step::Leave(Status::Deactivating);
    }
    let calm = observed.targets.iter().all(|target| target.health.as_deref() == Some("healthy"));
    let wait = if calm { HEALTH_POLL_CALM } else { HEALTH_POLL };
    Step::Observe((!observed.targets.is_empty()).then_some(wait))
}

fn must_stop(task: &Task, observed: &TaskObserved, facts: Facts<'_>) -> bool {
    let ending = facts.runtime.is_some_and(|state| matches!(state.status, TaskStatus::Stopping | TaskStatus::Stopped));
    task.stop.is_some() || observed.stop.is_some() || ending
}

fn deactivating(observed: &TaskObserved, facts: Facts<'_>) -> Step {
    let registered = observed.targets.iter().any(|t| t.registered) || observed.instances.iter().any(|i| i.registered);
    let Some(left_at) = observed.left_at else {
        return if registered { Step::Deregister } else { Step::Leave(Status::Stopping) };
    };
    // Nobody is served any more by what is dead.
    if facts.runtime.is_none_or(|state| matches!(state.status, TaskStatus::Stopping | TaskStatus::Stopped)) {
        return Step::Leave(Status::Stopping);
    }
    let gone = facts.now.since(left_at);
    if observed.targets.iter().any(|target| target.health.is_some()) && gone < DRAIN_MAX {
        return Step::AwaitDrained(DRAIN_POLL);
    }
    let settle = if observed.instances.is_empty() { SETTLE_BALANCER } else { SETTLE };
    match settle.checked_sub(gone) {
        Some(rest) if !rest.is_zero() => Step::Wait(Some(rest)),
        _ => Step::Leave(Status::Stopping),
    }
}

fn stopping(facts: Facts<'_>) -> Step {
    match facts.runtime.map(|state| state.status) {
        Some(TaskStatus::Stopped) => Step::Ended,
        Some(TaskStatus::Stopping) => Step::Wait(None),
        _ => Step::Terminate,
    }
}

fn deprovisioning(observed: &TaskObserved, facts: Facts<'_>) -> Step {
    let since = observed.execution_stopped_at.or(observed.stopping_at).unwrap_or(facts.now);
    let waited = facts.now.since(since);
    if facts.runtime.is_some() && !facts.logs_carried && waited < LOGS_FLUSH_MAX {
        Step::AwaitLogs(LOGS_FLUSH_MAX.saturating_sub(waited))
    } else {
        Step::Release
    }
}

fn stopped(observed: &TaskObserved, facts: Facts<'_>) -> Step {
    let age = facts.now.since(observed.stopped_at.unwrap_or(facts.now));
    match RETENTION.checked_sub(age) {
        Some(rest) if !rest.is_zero() => Step::Wait(Some(rest)),
        _ => Step::Forget,
    }
}

/// Why a task stops whose containers ended without anybody's order, in AWS's words.
pub(crate) fn stop_of(state: &TaskState, at: Timestamp) -> Stop {
    let (code, reason) = match state.stop.as_ref().map(|stop| &stop.cause) {
        Some(StopCause::FailedToStart { container } | StopCause::DependencyFailed { container }) => {
            (TaskStopCode::TaskFailedToStart, failed_to_start(state.container(container), container))
        }
        Some(StopCause::ShimLost) => (
            TaskStopCode::InfrastructureHealth,
            "Task stopped: the process that held its containers ended unexpectedly".to_owned(),
        ),
        Some(StopCause::Requested) => {
            (TaskStopCode::UserInitiated, state.stop.as_ref().map(|stop| stop.reason.clone()).unwrap_or_default())
        }
        Some(StopCause::EssentialContainerExited { .. } | StopCause::Completed) | None => {
            (TaskStopCode::EssentialContainerExited, "Essential container in task exited".to_owned())
        }
    };
    let failed = code != TaskStopCode::UserInitiated;
    Stop { code, reason, at, failed }
}

fn failed_to_start(state: Option<&ContainerState>, container: &str) -> String {
    match state.and_then(|state| state.reason.as_deref()) {
        Some(reason) => reason.to_owned(),
        None => format!("Task failed to start: container {container} did not come up"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn facts(runtime: Option<&TaskState>, now: i64) -> Facts<'_> {
        Facts { runtime, logs_carried: false, now: Timestamp::from_millis(now) }
    }

    fn at(status: Status) -> TaskObserved {
        TaskObserved { status, ..TaskObserved::default() }
    }

    #[test]
    fn a_task_goes_up_station_by_station() {
        let task = samples::task();
        assert_eq!(next(&task, &at(Status::Provisioning), facts(None, 0)), Step::CreateInterface);
        assert_eq!(next(&task, &at(Status::Pending), facts(None, 0)), Step::Prepare);
        let pulled = TaskObserved { pull_stopped_at: Some(Timestamp::default()), ..at(Status::Pending) };
        assert_eq!(next(&task, &pulled, facts(None, 0)), Step::Launch);
        let pending = samples::state(TaskStatus::Pending);
        assert_eq!(next(&task, &at(Status::Activating), facts(Some(&pending), 0)), Step::Wait(None));
        let running = samples::state(TaskStatus::Running);
        assert_eq!(next(&task, &at(Status::Activating), facts(Some(&running), 0)), Step::Register);
        assert_eq!(next(&task, &at(Status::Running), facts(Some(&running), 0)), Step::Observe(None));
    }

    #[test]
    fn a_task_that_is_to_stop_leaves_from_wherever_it_is() {
        let task = samples::stopping_task();
        let running = samples::state(TaskStatus::Running);
        // The interface is made all the same: only so is it known whether there is one.
        assert_eq!(next(&task, &at(Status::Provisioning), facts(None, 0)), Step::CreateInterface);
        assert_eq!(next(&task, &at(Status::Pending), facts(None, 0)), Step::Leave(Status::Stopping));
        for status in [Status::Activating, Status::Running] {
            assert_eq!(next(&task, &at(status), facts(Some(&running), 0)), Step::Leave(Status::Deactivating));
        }
    }

    #[test]
    fn what_serves_is_deregistered_drained_and_settled_before_it_is_told_to_end() {
        let task = samples::stopping_task();
        let running = samples::state(TaskStatus::Running);
        let mut observed = at(Status::Deactivating);
        observed.targets = vec![samples::target("healthy")];
        observed.instances = vec![samples::instance()];
        assert_eq!(next(&task, &observed, facts(Some(&running), 0)), Step::Deregister);
        observed.targets[0].registered = false;
        observed.instances[0].registered = false;
        observed.left_at = Some(Timestamp::from_millis(0));
        observed.targets[0].health = Some("draining".to_owned());
        assert_eq!(next(&task, &observed, facts(Some(&running), 60_000)), Step::AwaitDrained(DRAIN_POLL));
        observed.targets[0].health = None;
        let rest = SETTLE.checked_sub(Duration::from_secs(2)).unwrap();
        assert_eq!(next(&task, &observed, facts(Some(&running), 2_000)), Step::Wait(Some(rest)));
        assert_eq!(next(&task, &observed, facts(Some(&running), 7_000)), Step::Leave(Status::Stopping));
    }

    #[test]
    fn what_died_is_not_drained() {
        let stopped = samples::state(TaskStatus::Stopped);
        let mut observed = at(Status::Deactivating);
        observed.targets = vec![samples::target("healthy")];
        assert_eq!(next(&samples::task(), &observed, facts(Some(&stopped), 0)), Step::Deregister);
        observed.targets[0].registered = false;
        observed.left_at = Some(Timestamp::from_millis(0));
        assert_eq!(next(&samples::task(), &observed, facts(Some(&stopped), 0)), Step::Leave(Status::Stopping));
    }

    #[test]
    fn the_way_down_ends_in_nothing() {
        let task = samples::stopping_task();
        let (running, stopped) = (samples::state(TaskStatus::Running), samples::state(TaskStatus::Stopped));
        assert_eq!(next(&task, &at(Status::Stopping), facts(Some(&running), 0)), Step::Terminate);
        assert_eq!(next(&task, &at(Status::Stopping), facts(Some(&stopped), 0)), Step::Ended);
        let deprovisioning = at(Status::Deprovisioning);
        assert_eq!(next(&task, &deprovisioning, facts(Some(&stopped), 0)), Step::AwaitLogs(LOGS_FLUSH_MAX));
        assert_eq!(next(&task, &deprovisioning, facts(None, 0)), Step::Release);
        let gone = TaskObserved { stopped_at: Some(Timestamp::from_millis(0)), ..at(Status::Stopped) };
        assert_eq!(next(&task, &gone, facts(None, 0)), Step::Wait(Some(RETENTION)));
        assert_eq!(next(&task, &gone, facts(None, 3_600_000)), Step::Forget);
    }

    #[test]
    fn an_end_is_worded_as_aws_words_it() {
        let mut state = samples::state(TaskStatus::Stopped);
        let mut cause = |cause| {
            state.stop = Some(container::TaskStop { cause, reason: "why".to_owned(), at: Timestamp::default() });
            let stop = stop_of(&state, Timestamp::default());
            (stop.code, stop.reason)
        };
        let app = || "app".to_owned();
        let (code, reason) = cause(StopCause::EssentialContainerExited { container: app() });
        assert_eq!(
            (code, reason.as_str()),
            (TaskStopCode::EssentialContainerExited, "Essential container in task exited")
        );
        assert_eq!(cause(StopCause::FailedToStart { container: app() }).0, TaskStopCode::TaskFailedToStart);
        assert_eq!(cause(StopCause::ShimLost).0, TaskStopCode::InfrastructureHealth);
    }
}
