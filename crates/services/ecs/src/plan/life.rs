//! What a task's rows mean to its service.

use std::time::Duration;

use names::Timestamp;

use super::service::Life;
use crate::rows::{Fitness, Status, Task, TaskObserved};

/// What `task` has come to at `now`, and when that may change though nothing happens.
///
/// Until `grace` after its start, what checks say against a task does not count.
pub(crate) fn life(task: &Task, observed: &TaskObserved, grace: Duration, now: Timestamp) -> (Life, Option<Duration>) {
    let end = task.end(observed);
    let failed = end.is_some_and(|stop| stop.failed);
    // A failure counts from its first moment on: what follows must not be started before its wait.
    let failed_at = observed.stopping_at.or(observed.stopped_at);
    if observed.status == Status::Stopped {
        return (if failed { Life::Failed(failed_at.unwrap_or(task.created_at)) } else { Life::Gone }, None);
    }
    if end.is_some() || observed.status > Status::Running {
        return (if failed { Life::Failing(failed_at.unwrap_or(now)) } else { Life::Leaving }, None);
    }
    match &observed.fitness {
        Fitness::Fit => (Life::Fit(observed.first_fit_at.unwrap_or(now)), None),
        Fitness::Unknown => (Life::Starting, None),
        Fitness::Unfit(_) => {
            let over = observed.started_at.unwrap_or(now).plus(grace);
            if over > now {
                (Life::Starting, Some(over.since(now)))
            } else if observed.first_fit_at.is_some() {
                (Life::Ill, None)
            } else {
                (Life::Stillborn, None)
            }
        }
    }
}
