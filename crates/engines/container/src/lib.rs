//! Everything about a task's containers: what they are ([`TaskSpec`]), how they fare ([`TaskState`]) and who
//! keeps them.
//!
//! A *task* is a handful of containers that share a network namespace and live and die together. Each task is kept
//! by a process of its own, the [`shim`]: it starts the containers in the order of their dependencies, checks
//! their health, collects their output and exit codes, restarts what may be restarted and stops what must stop.
//! The control plane speaks to it through [`Client`] and may be killed and started anew at any time; the shim and
//! the containers do not notice.
//!
//! What to do next is decided by `plan`, a pure function; `runtime` does it, with libcontainer. This crate knows
//! neither AWS nor networks: it is handed a network namespace to enter.
//!
//! The binary's part is one line: `serin shim …` calls [`shim::main`] with what follows, before it starts a
//! thread or sets up its logging.

#![allow(unsafe_code)] // system calls without a safe wrapper; each use says why it is sound

pub mod client;
pub mod logs;
pub mod shim;

mod bundle;
mod capabilities;
mod cgroup;
mod course;
mod executor;
mod fitness;
mod image_user;
mod millis;
mod plan;
mod protocol;
mod rootfs;
mod runtime;
mod seccomp;
mod spec;
mod state;
mod ulimits;
mod usage;

pub use capabilities::{ADDABLE_CAPABILITIES, ALL_CAPABILITIES};
pub use client::{Adopted, Client, Condition, Netns, layers_in_use};
pub use fitness::{Unfit, check_control_groups};
pub use protocol::ExecOutput;
pub use spec::{
    BindMount, ContainerSpec, DEFAULT_STOP_TIMEOUT, Dependency, DependencyCondition, HealthCheck, HealthCommand,
    HostEntry, InvalidSpec, Resolver, Restart, TaskLimits, TaskSpec, Ulimit,
};
pub use state::{
    ContainerState, ContainerStatus, Health, REASON_OUT_OF_MEMORY, StopCause, TaskState, TaskStatus, TaskStop,
};
pub use usage::{ContainerUsage, Traffic, Usage};
