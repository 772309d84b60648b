//! What the control plane and a shim say to each other over `<task-dir>/shim.sock`: a line of JSON asks, a line of
//! JSON answers, and a connection carries one after the other.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{TaskState, millis};

/// The longest line either side accepts, in bytes.
pub(crate) const LINE_MAX: usize = 1 << 20;
/// The longest a shim holds a long poll.
pub(crate) const POLL_MAX: Duration = Duration::from_mins(1);
/// The longest a command in a container may take.
pub(crate) const EXEC_TIMEOUT_MAX: Duration = Duration::from_mins(10);
/// What is kept of a command's output, in bytes; the rest is dropped.
pub(crate) const EXEC_OUTPUT_MAX: usize = 64 << 10;

/// What a shim is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "ask", deny_unknown_fields)]
pub(crate) enum Request {
    /// The state now.
    State,
    /// The state once its revision is greater than `after`, or when the time is over.
    WaitState {
        after: u64,
        #[serde(with = "millis")]
        timeout: Duration,
    },
    /// Stop the task. The first reason stands.
    Stop {
        reason: String,
        /// Instead of each container's own time before SIGKILL.
        #[serde(with = "millis::option")]
        timeout: Option<Duration>,
    },
    /// Run a command in a container.
    Exec {
        container: String,
        args: Vec<String>,
        #[serde(with = "millis")]
        timeout: Duration,
    },
    /// The ends of the logs once one lies behind its offset in `offsets`, or when the time is over.
    WaitLogs {
        offsets: BTreeMap<String, u64>,
        #[serde(with = "millis")]
        timeout: Duration,
    },
}

/// What a shim answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    State(Box<TaskState>),
    Exec(ExecOutput),
    /// For each container where its log ends.
    Logs(BTreeMap<String, u64>),
    /// What was asked cannot be done; for people.
    Error(String),
}

/// What came of a command that ran in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecOutput {
    /// What it ended with; 128 and the signal's number when a signal did it. `None` when its time was over and it
    /// was killed.
    pub exit_code: Option<i32>,
    /// What it printed on both streams, as it came; the first 64 KiB.
    pub output: String,
}
