//! The course a task has taken: its state as seen from outside, and the notes needed to decide what is next.
//!
//! Everything that happens comes in by one method each. They read no clock and touch nothing outside, so that a whole
//! life can be told in a test. What to do is decided in [`crate::plan`].

use std::time::Duration;

use names::Timestamp;

use crate::{
    ContainerSpec, ContainerState, ContainerStatus, Health, StopCause, TaskSpec, TaskState, TaskStatus, TaskStop,
    plan::Step, state::REASON_OUT_OF_MEMORY,
};

/// How much of a failed health check's output is kept, in bytes.
const HEALTH_OUTPUT_MAX: usize = 4096;

/// A task's state and the notes beside it.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    pub(crate) state: TaskState,
    pub(crate) notes: Vec<Notes>,
    /// Stands instead of each container's own time between stop signal and SIGKILL.
    pub(crate) stop_timeout: Option<Duration>,
}

/// What must be remembered of a container beside its state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    /// When it was first started; stays over restarts.
    pub(crate) first_started_at: Option<Timestamp>,
    pub(crate) stop_signalled_at: Option<Timestamp>,
    pub(crate) kill_signalled: bool,
    /// When it is to be started again.
    pub(crate) restart_at: Option<Timestamp>,
    /// The wait before its last restart.
    backoff: Option<Duration>,
    pub(crate) probe: Probe,
}

/// What must be remembered of a container's health check, from each start afresh.
#[derive(Clone, Debug, Default)]
pub(crate) struct Probe {
    pub(crate) running: bool,
    pub(crate) ended_at: Option<Timestamp>,
    counted_at: Option<Timestamp>,
    failures: u32,
}

/// How a health check's run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Probed {
    /// Exit code 0 in time.
    pub(crate) success: bool,
    /// What it printed, or why it did not run.
    pub(crate) output: String,
}

/// The state of a task whose containers have not been started.
pub(crate) fn initial_state(spec: &TaskSpec, shim_pid: i32, now: Timestamp) -> TaskState {
    let pending = |container: &ContainerSpec| ContainerState {
        name: container.name.clone(),
        status: ContainerStatus::Pending,
        pid: None,
        exit_code: None,
        reason: None,
        health: Health::Unknown,
        health_output: None,
        started_at: None,
        finished_at: None,
        restarts: 0,
    };
    TaskState {
        id: spec.id.clone(),
        revision: 1,
        shim_pid,
        status: TaskStatus::Pending,
        stop: None,
        containers: spec.containers.iter().map(pending).collect(),
        created_at: now,
        started_at: None,
        stopped_at: None,
    }
}

impl Course {
    /// A task whose containers have not been started.
    pub(crate) fn new(spec: &TaskSpec, shim_pid: i32, now: Timestamp) -> Self {
        let state = initial_state(spec, shim_pid, now);
        Self { notes: vec![Notes::default(); state.containers.len()], state, stop_timeout: None }
    }

    /// As seen from outside.
    pub(crate) fn state(&self) -> &TaskState {
        &self.state
    }

    /// Container `index` runs as process `pid`.
    pub(crate) fn started(&mut self, index: usize, pid: i32, now: Timestamp) {
        let (container, notes) = (&mut self.state.containers[index], &mut self.notes[index]);
        if notes.restart_at.take().is_some() {
            container.restarts += 1;
        }
        notes.first_started_at.get_or_insert(now);
        notes.probe = Probe::default();
        container.status = ContainerStatus::Running;
        container.pid = Some(pid);
        container.exit_code = None;
        container.reason = None;
        container.health = Health::Unknown;
        container.started_at = Some(now);
        container.finished_at = None;
        if self.state.status == TaskStatus::Pending && self.notes.iter().all(|n| n.first_started_at.is_some()) {
            self.state.status = TaskStatus::Running;
            self.state.started_at = Some(now);
        }
    }

    /// Container `index` could not be made or started; `reason` is worded for users.
    pub(crate) fn failed_to_start(&mut self, index: usize, reason: String, now: Timestamp) {
        let (container, notes) = (&mut self.state.containers[index], &mut self.notes[index]);
        if notes.restart_at.take().is_some() {
            container.finished_at = Some(now);
        }
        container.status = ContainerStatus::Stopped;
        container.pid = None;
        container.reason = Some(reason);
    }

    /// Container `index` ended with `exit_code`, `out_of_memory` if the kernel killed in it for its memory.
    pub(crate) fn exited(
        &mut self,
        spec: &TaskSpec,
        index: usize,
        exit_code: i32,
        out_of_memory: bool,
        now: Timestamp,
    ) {
        let stopping = self.state.stop.is_some();
        let (container, notes) = (&mut self.state.containers[index], &mut self.notes[index]);
        container.status = ContainerStatus::Stopped;
        container.pid = None;
        container.exit_code = Some(exit_code);
        container.finished_at = Some(now);
        container.reason = out_of_memory.then(|| REASON_OUT_OF_MEMORY.to_owned());
        notes.probe = Probe::default();
        if !stopping && let Some(wait) = restart_wait(&spec.containers[index], container, notes, exit_code, now) {
            container.status = ContainerStatus::Pending;
            notes.backoff = Some(wait);
            notes.restart_at = Some(now.plus(wait));
        }
    }

    /// The health check of container `index` ended.
    pub(crate) fn probed(&mut self, spec: &TaskSpec, index: usize, result: Probed, now: Timestamp) {
        let (container, notes) = (&mut self.state.containers[index], &mut self.notes[index]);
        let (Some(check), Some(started_at)) = (&spec.containers[index].health_check, container.started_at) else {
            return;
        };
        let probe = &mut notes.probe;
        probe.running = false;
        probe.ended_at = Some(now);
        if result.success {
            probe.failures = 0;
            container.health = Health::Healthy;
            container.health_output = None;
            return;
        }
        container.health_output = Some(cut(result.output));
        if container.health == Health::Unknown {
            // Before the first verdict checks run oftener than the interval; those in between do not count.
            let due = probe.counted_at.unwrap_or(started_at).plus(check.interval);
            if now < started_at.plus(check.start_period) || now < due {
                return;
            }
        }
        probe.counted_at = Some(now);
        probe.failures += 1;
        if probe.failures >= check.retries {
            container.health = Health::Unhealthy;
        }
    }

    /// Somebody asked the task to stop. The first reason to stop stands; the time given last stands.
    pub(crate) fn stop_requested(&mut self, reason: String, timeout: Option<Duration>, now: Timestamp) {
        if timeout.is_some() {
            self.stop_timeout = timeout;
        }
        self.stop(StopCause::Requested, reason, now);
    }

    /// `step` has been done. What comes of starting a container or checking its health is told by other methods.
    pub(crate) fn done(&mut self, step: &Step, now: Timestamp) {
        match step {
            Step::Start(_) => {}
            Step::Probe(index) => self.notes[*index].probe.running = true,
            Step::Signal(index, _) => self.notes[*index].stop_signalled_at = Some(now),
            Step::Kill(index) => self.notes[*index].kill_signalled = true,
            Step::Abandon(index, reason) => self.abandon(*index, reason.as_ref()),
            Step::Stop(cause, reason) => self.stop(cause.clone(), reason.clone(), now),
            Step::Finish => {
                self.state.status = TaskStatus::Stopped;
                self.state.stopped_at = Some(now);
            }
        }
    }

    fn abandon(&mut self, index: usize, reason: Option<&String>) {
        let container = &mut self.state.containers[index];
        container.status = ContainerStatus::Stopped;
        if let Some(reason) = reason {
            container.reason = Some(reason.clone());
        }
        self.notes[index].restart_at = None;
    }

    fn stop(&mut self, cause: StopCause, reason: String, at: Timestamp) {
        if self.state.stop.is_none() && self.state.status != TaskStatus::Stopped {
            self.state.stop = Some(TaskStop { cause, reason, at });
            self.state.status = TaskStatus::Stopping;
        }
    }
}

/// How long to wait before starting a container that ended by itself again; `None` is never.
fn restart_wait(
    spec: &ContainerSpec,
    container: &ContainerState,
    notes: &Notes,
    exit_code: i32,
    now: Timestamp,
) -> Option<Duration> {
    let restart = spec.restart.as_ref()?;
    let run = now.since(container.started_at?);
    if restart.ignored_exit_codes.contains(&exit_code) || run < restart.minimum_run {
        return None;
    }
    let wait = match notes.backoff {
        Some(last) if run < restart.backoff_max => last.saturating_mul(2),
        _ => restart.backoff_initial,
    };
    Some(wait.min(restart.backoff_max))
}

fn cut(mut output: String) -> String {
    if output.len() > HEALTH_OUTPUT_MAX {
        output.truncate(output.floor_char_boundary(HEALTH_OUTPUT_MAX));
    }
    output
}
