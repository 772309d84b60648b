//! How a task fares, as seen from outside: what the shim writes to `<task-dir>/state.json` on every change.

use names::Timestamp;
use serde::{Deserialize, Serialize};

/// A task's state. Once [`TaskStatus::Stopped`] is on disk it never changes again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskState {
    /// The task's id.
    pub id: String,
    /// Grows with every change.
    pub revision: u64,
    /// The shim that keeps, or kept, the task.
    pub shim_pid: i32,
    /// What the task has come to.
    pub status: TaskStatus,
    /// Why it stops or stopped.
    pub stop: Option<TaskStop>,
    /// In the order of the specification.
    pub containers: Vec<ContainerState>,
    /// When the shim took it on.
    pub created_at: Timestamp,
    /// When the last of its containers was started for the first time.
    pub started_at: Option<Timestamp>,
    /// When the last of its containers had ended.
    pub stopped_at: Option<Timestamp>,
}

/// What a task has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TaskStatus {
    /// Some container has not been started yet.
    Pending,
    /// Every container has been started.
    Running,
    /// It has to stop; some container still runs.
    Stopping,
    /// Nothing of it runs, and its mounts and cgroups are gone. Final.
    Stopped,
}

/// Why a task stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskStop {
    /// What kind of end it is.
    pub cause: StopCause,
    /// For people, worded as ECS does where it has words.
    pub reason: String,
    /// When the decision fell.
    pub at: Timestamp,
}

/// What makes a task stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum StopCause {
    /// An essential container ended, and may not be restarted.
    EssentialContainerExited {
        /// Its name.
        container: String,
    },
    /// An essential container could not be created or started.
    FailedToStart {
        /// Its name.
        container: String,
    },
    /// A container waits for what can no longer be.
    DependencyFailed {
        /// The one that waited.
        container: String,
    },
    /// Somebody asked for it.
    Requested,
    /// Every container has ended, none of them the reason for the others' end.
    Completed,
    /// The shim died; what it kept was ended by who found that out.
    ShimLost,
}

/// A container's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerState {
    /// Its name.
    pub name: String,
    /// What it has come to.
    pub status: ContainerStatus,
    /// Its process 1, as the host numbers it, while it runs.
    pub pid: Option<i32>,
    /// What the last run ended with; 128 and the signal's number when a signal did it.
    pub exit_code: Option<i32>,
    /// Why it ended or never started, when there is more to say than the exit code:
    /// `OutOfMemoryError: Container killed due to memory usage`, `CannotStartContainerError: …`.
    pub reason: Option<String>,
    /// What its health check says.
    pub health: Health,
    /// What the last failed health check printed, cut to 4 KiB.
    pub health_output: Option<String>,
    /// When the present or last run began.
    pub started_at: Option<Timestamp>,
    /// When the last run ended.
    pub finished_at: Option<Timestamp>,
    /// How often it has been restarted.
    pub restarts: u32,
}

/// What a container has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ContainerStatus {
    /// Not started yet, or waiting for its restart.
    Pending,
    /// Its process runs.
    Running,
    /// It has ended, or will never start.
    Stopped,
}

/// What a container's health check says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Health {
    /// No check, or no verdict yet.
    #[default]
    Unknown,
    /// The last check that counts succeeded.
    Healthy,
    /// As many in a row as it may failed.
    Unhealthy,
}

/// The reason of a container whose memory limit was its end, in ECS's words.
pub const REASON_OUT_OF_MEMORY: &str = "OutOfMemoryError: Container killed due to memory usage";

impl TaskState {
    /// The container called `name`.
    pub fn container(&self, name: &str) -> Option<&ContainerState> {
        self.containers.iter().find(|container| container.name == name)
    }

    /// Whether nothing will change any more.
    pub fn is_final(&self) -> bool {
        self.status == TaskStatus::Stopped
    }
}
