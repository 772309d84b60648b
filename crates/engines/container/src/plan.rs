//! What a task needs next: a pure function of its specification, its course and the time.
//!
//! The rules are those of ECS. A container starts once all it depends on holds. The end of an essential one is the
//! end of all; so is a dependency that can no longer hold. Stopping goes against the dependencies: who was waited
//! for at the start goes last. Each container is asked by its stop signal and killed when its time is over.

use std::time::Duration;

use names::Timestamp;

pub(crate) use crate::course::{Course, Probed};
use crate::{ContainerStatus, DependencyCondition, Health, StopCause, TaskSpec};

mod dependency;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod properties;

use dependency::{Outlook, outlook};

/// The longest wait between two checks of a container whose health is not known yet.
pub(crate) const EAGER_INTERVAL: Duration = Duration::from_millis(500);

/// Something to do. Containers are told by their place in the specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Create and start the container, or start it again.
    Start(usize),
    /// Run its health check.
    Probe(usize),
    /// Send it its stop signal.
    Signal(usize, i32),
    /// Kill it.
    Kill(usize),
    /// It will never start, or never start again; why, unless the task's stop says it all.
    Abandon(usize, Option<String>),
    /// The task has to stop.
    Stop(StopCause, String),
    /// Nothing runs any more: remove what is left and close the state.
    Finish,
}

/// What to do now, and when to ask again if nothing happens before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// To be done in this order; then ask again.
    pub(crate) steps: Vec<Step>,
    /// When time alone makes a difference.
    pub(crate) wake_at: Option<Timestamp>,
}

/// What `course` needs at `now`. Without steps there is nothing to do before `wake_at` or the next event.
pub(crate) fn plan(spec: &TaskSpec, course: &Course, now: Timestamp) -> Plan {
    let mut planner = Planner { spec, course, now, plan: Plan::default() };
    if course.state.is_final() {
        return planner.plan;
    }
    if course.state.stop.is_some() {
        planner.stop_all();
    } else if !planner.reason_to_stop() {
        (0..spec.containers.len()).for_each(|index| planner.carry_on(index));
    }
    planner.plan
}

struct Planner<'a> {
    spec: &'a TaskSpec,
    course: &'a Course,
    now: Timestamp,
    plan: Plan,
}

impl Planner<'_> {
    /// Whether something has happened that the task does not outlive.
    fn reason_to_stop(&mut self) -> bool {
        let containers = || self.spec.containers.iter().zip(&self.course.state.containers);
        let ended = containers().find(|(spec, state)| spec.essential && state.status == ContainerStatus::Stopped);
        if let Some((spec, state)) = ended {
            let container = spec.name.clone();
            let step = if state.started_at.is_some() {
                let reason = "Essential container in task exited".to_owned();
                Step::Stop(StopCause::EssentialContainerExited { container }, reason)
            } else {
                let reason = state.reason.clone().unwrap_or_else(|| "Task failed to start".to_owned());
                Step::Stop(StopCause::FailedToStart { container }, reason)
            };
            self.plan.steps.push(step);
            return true;
        }
        if containers().all(|(_, state)| state.status == ContainerStatus::Stopped) {
            let reason = "All containers in task exited".to_owned();
            self.plan.steps.push(Step::Stop(StopCause::Completed, reason));
            return true;
        }
        (0..self.spec.containers.len()).any(|index| self.abandon_if_hopeless(index))
    }

    /// Whether container `index` waits for what can no longer be; then the task stops.
    fn abandon_if_hopeless(&mut self, index: usize) -> bool {
        if !self.awaits_first_start(index) {
            return false;
        }
        let Outlook::Never(reason) = outlook(self.spec, self.course, index, self.now) else { return false };
        let container = self.spec.containers[index].name.clone();
        self.plan.steps.push(Step::Abandon(index, Some(reason.clone())));
        self.plan.steps.push(Step::Stop(StopCause::DependencyFailed { container }, reason));
        true
    }

    fn carry_on(&mut self, index: usize) {
        let restart_at = self.course.notes[index].restart_at;
        match (self.course.state.containers[index].status, restart_at) {
            (ContainerStatus::Pending, Some(at)) => self.when(at, Step::Start(index)),
            (ContainerStatus::Pending, None) => match outlook(self.spec, self.course, index, self.now) {
                Outlook::Holds => self.plan.steps.push(Step::Start(index)),
                Outlook::Open(deadline) => self.wake(deadline),
                Outlook::Never(_) => {}
            },
            (ContainerStatus::Running, _) => self.probe(index),
            (ContainerStatus::Stopped, _) => {}
        }
    }

    fn probe(&mut self, index: usize) {
        let (state, probe) = (&self.course.state.containers[index], &self.course.notes[index].probe);
        let (Some(check), Some(started_at)) = (&self.spec.containers[index].health_check, state.started_at) else {
            return;
        };
        if probe.running {
            return;
        }
        let wait = if state.health == Health::Unknown { check.interval.min(EAGER_INTERVAL) } else { check.interval };
        self.when(probe.ended_at.unwrap_or(started_at).plus(wait), Step::Probe(index));
    }

    fn stop_all(&mut self) {
        for index in 0..self.spec.containers.len() {
            match self.course.state.containers[index].status {
                ContainerStatus::Pending => self.plan.steps.push(Step::Abandon(index, None)),
                ContainerStatus::Running if !self.is_needed(index) => self.stop_one(index),
                ContainerStatus::Running | ContainerStatus::Stopped => {}
            }
        }
        if self.course.state.containers.iter().all(|container| container.status == ContainerStatus::Stopped) {
            self.plan.steps.push(Step::Finish);
        }
    }

    fn stop_one(&mut self, index: usize) {
        let (container, notes) = (&self.spec.containers[index], &self.course.notes[index]);
        match notes.stop_signalled_at {
            None => self.plan.steps.push(Step::Signal(index, container.stop_signal_number())),
            Some(_) if notes.kill_signalled => {}
            Some(at) => {
                let timeout = self.course.stop_timeout.unwrap_or(container.stop_timeout);
                self.when(at.plus(timeout), Step::Kill(index));
            }
        }
    }

    /// Whether a container that depends on `index` still runs.
    fn is_needed(&self, index: usize) -> bool {
        let name = &self.spec.containers[index].name;
        self.spec.containers.iter().zip(&self.course.state.containers).any(|(other, state)| {
            state.status == ContainerStatus::Running && other.depends_on.iter().any(|on| on.container == *name)
        })
    }

    fn awaits_first_start(&self, index: usize) -> bool {
        let pending = self.course.state.containers[index].status == ContainerStatus::Pending;
        pending && self.course.notes[index].restart_at.is_none()
    }

    /// `step` once it is time for it.
    fn when(&mut self, at: Timestamp, step: Step) {
        if at <= self.now {
            self.plan.steps.push(step);
        } else {
            self.wake(Some(at));
        }
    }

    fn wake(&mut self, at: Option<Timestamp>) {
        self.plan.wake_at = [self.plan.wake_at, at].into_iter().flatten().min();
    }
}

/// What a dependency has to wait for, for the words of a reason.
fn condition_name(condition: DependencyCondition) -> &'static str {
    match condition {
        DependencyCondition::Start => "START",
        DependencyCondition::Complete => "COMPLETE",
        DependencyCondition::Success => "SUCCESS",
        DependencyCondition::Healthy => "HEALTHY",
    }
}
