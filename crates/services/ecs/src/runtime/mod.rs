//! What runs tasks: the one seam between ECS and the machine.
//!
//! [`MachineRuntime`] is the real one: images by `image`, namespaces by `network`, shims by `container`. Tests put a
//! recording fake in its place, so that the whole service runs without root.

mod machine;
#[cfg(test)]
pub(crate) mod recording;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use container::{ContainerUsage, TaskSpec, TaskState, Usage, logs::Entry};
use futures::future::BoxFuture;
use image::Image;
use names::Scope;
use network::Redirect;

pub use machine::MachineRuntime;

/// What comes of asking the machine.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// What is asked of the machine. Everything can be asked twice.
pub trait Runtime: Send + Sync + 'static {
    /// The image that a task of `scope` means by `reference`, ready to run.
    fn image<'a>(&'a self, scope: &'a Scope, reference: &'a str) -> Answer<'a, Image>;

    /// Starts a task, or finds it started.
    fn start<'a>(&'a self, launch: &'a Launch) -> Answer<'a, TaskState>;

    /// The state of a task once its revision is greater than `after`, or as it is when `wait` is over. None if the
    /// machine knows no such task. A task whose shim died is cleaned up and has a final state.
    fn wait<'a>(&'a self, task: &'a str, after: u64, wait: Duration) -> Answer<'a, Option<TaskState>>;

    /// Asks a task to stop; says whether there is such a task.
    fn stop<'a>(&'a self, task: &'a str, reason: &'a str) -> Answer<'a, bool>;

    /// Waits until a container of `offsets` has printed beyond its offset, or `wait` is over. Says whether more may
    /// come: not when the task has ended.
    fn wait_output<'a>(&'a self, task: &'a str, offsets: BTreeMap<String, u64>, wait: Duration) -> Answer<'a, bool>;

    /// At most `max` lines that a container printed from `offset` on, and the offset to read on from.
    fn output<'a>(
        &'a self,
        task: &'a str,
        container: &'a str,
        offset: u64,
        max: usize,
    ) -> Answer<'a, (Vec<Entry>, u64)>;

    /// Puts a running task back on its VPC if it hangs on one that is gone; says whether it did not.
    fn relink<'a>(&'a self, task: &'a str, vpc: &'a (PathBuf, u64), place: &'a network::task::Spec)
    -> Answer<'a, bool>;

    /// Removes what is left of a task that has ended: its link in the VPC (given by the path of its namespace and
    /// the id of the interface), its files, its volumes.
    fn remove<'a>(&'a self, task: &'a str, link: Option<(&'a Path, &'a str)>) -> Answer<'a, ()>;

    /// What each of these tasks has used; those that do not run are left out.
    fn usage(&self, tasks: Vec<String>) -> Answer<'_, BTreeMap<String, Usage>>;

    /// What each of the containers of a task uses, given by name with its process 1; those that do not run are left out.
    fn containers<'a>(
        &'a self,
        task: &'a str,
        processes: BTreeMap<String, i32>,
    ) -> Answer<'a, BTreeMap<String, ContainerUsage>>;

    /// The ids of all tasks the machine has anything of.
    fn tasks(&self) -> Answer<'_, Vec<String>>;

    /// Where a task's own volume called `name` lies.
    fn volume(&self, task: &str, name: &str) -> PathBuf;
}

/// What starts a task.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The containers.
    pub spec: TaskSpec,
    /// The namespace of its VPC: a path and, since a path can outlive what it named, its inode.
    pub vpc: (PathBuf, u64),
    /// Its place there.
    pub place: network::task::Spec,
    /// Which of its traffic goes through its proxy.
    pub redirect: Option<Redirect>,
}

/// Why the machine did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An image can't be had; the text is the reason as ECS gives it.
    #[error("{0}")]
    Image(String),
    /// The task can't be run as it is specified.
    #[error("CannotCreateContainerError: {0}")]
    Spec(#[from] container::InvalidSpec),
    /// The VPC's namespace is another by now than the one that was named.
    #[error("the namespace {0} of the VPC is gone; it is looked up again")]
    StaleVpc(PathBuf),
    /// The network refused.
    #[error("can't set up the task's network: {0}")]
    Network(#[from] network::Error),
    /// The shim refused, or is silent.
    #[error("{0}")]
    Shim(#[from] container::client::Error),
    /// The disk refused.
    #[error("can't {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}
