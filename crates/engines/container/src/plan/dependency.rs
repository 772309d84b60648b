//! Whether what a container waits for holds, may come to hold, or never will.

use names::Timestamp;

use super::{Course, condition_name};
use crate::{ContainerStatus, Dependency, DependencyCondition, Health, TaskSpec};

/// How the dependencies of a container stand.
pub(super) enum Outlook {
    /// All hold.
    Holds,
    /// Some may come to hold; until when, if there is an end to waiting.
    Open(Option<Timestamp>),
    /// One can no longer hold; why.
    Never(String),
}

/// How all dependencies of container `index` stand.
pub(super) fn outlook(spec: &TaskSpec, course: &Course, index: usize, now: Timestamp) -> Outlook {
    let mut deadline = None;
    let mut open = false;
    for dependency in &spec.containers[index].depends_on {
        match one(spec, course, dependency, now) {
            Outlook::Holds => {}
            Outlook::Open(until) => {
                open = true;
                deadline = [deadline, until].into_iter().flatten().min();
            }
            Outlook::Never(problem) => {
                let (container, on) = (&spec.containers[index].name, &dependency.container);
                return Outlook::Never(format!(
                    "DependencyError: container {container} waits for {on} to be {}, but {on} {problem}",
                    condition_name(dependency.condition)
                ));
            }
        }
    }
    if open { Outlook::Open(deadline) } else { Outlook::Holds }
}

fn one(spec: &TaskSpec, course: &Course, dependency: &Dependency, now: Timestamp) -> Outlook {
    let Some(index) = spec.containers.iter().position(|container| container.name == dependency.container) else {
        return Outlook::Never("is not in the task".to_owned());
    };
    let state = &course.state.containers[index];
    let Some(first_started_at) = course.notes[index].first_started_at else {
        let never = state.status == ContainerStatus::Stopped;
        return if never { Outlook::Never("did not start".to_owned()) } else { Outlook::Open(None) };
    };
    let ended = state.status == ContainerStatus::Stopped;
    match dependency.condition {
        DependencyCondition::Start => return Outlook::Holds,
        DependencyCondition::Complete | DependencyCondition::Success if ended => {
            let wanted = dependency.condition == DependencyCondition::Complete || state.exit_code == Some(0);
            return if wanted { Outlook::Holds } else { Outlook::Never("did not exit successfully".to_owned()) };
        }
        DependencyCondition::Healthy if ended => return Outlook::Never("exited".to_owned()),
        DependencyCondition::Healthy if state.health == Health::Healthy => return Outlook::Holds,
        _ => {}
    }
    match spec.containers[index].start_timeout.map(|timeout| first_started_at.plus(timeout)) {
        Some(deadline) if deadline <= now => Outlook::Never("did not get there in its start timeout".to_owned()),
        deadline => Outlook::Open(deadline),
    }
}
