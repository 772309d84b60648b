//! A machine on paper: whatever it is told to start runs at once, is well, and says nothing.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use container::{
    ContainerSpec, ContainerState, ContainerStatus, ContainerUsage, Health, TaskState, TaskStatus, Usage, logs::Entry,
};
use ecs::runtime::{Answer, Launch, Runtime};
use futures::FutureExt;
use image::{Digest, Image, ImageConfig};
use names::{Scope, Timestamp};

/// When everything began.
const BEGIN: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// The machine.
#[derive(Default)]
pub(crate) struct Paper(Mutex<BTreeMap<String, TaskState>>);

impl Paper {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, TaskState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn running(container: &ContainerSpec) -> ContainerState {
    ContainerState {
        name: container.name.clone(),
        status: ContainerStatus::Running,
        pid: Some(1),
        exit_code: None,
        reason: None,
        health: if container.health_check.is_some() { Health::Healthy } else { Health::Unknown },
        health_output: None,
        started_at: Some(BEGIN),
        finished_at: None,
        restarts: 0,
    }
}

impl Runtime for Paper {
    fn image<'a>(&'a self, _: &'a Scope, reference: &'a str) -> Answer<'a, Image> {
        let config = ImageConfig { command: vec!["/bin/app".to_owned()], ..ImageConfig::default() };
        let (reference, digest) = (reference.to_owned(), Digest::of(reference.as_bytes()));
        async move { Ok(Image { reference, digest, config, layers: vec![PathBuf::from("/")] }) }.boxed()
    }

    fn start<'a>(&'a self, launch: &'a Launch) -> Answer<'a, TaskState> {
        let state = TaskState {
            id: launch.spec.id.clone(),
            revision: 1,
            shim_pid: 1,
            status: TaskStatus::Running,
            stop: None,
            containers: launch.spec.containers.iter().map(running).collect(),
            created_at: BEGIN,
            started_at: Some(BEGIN),
            stopped_at: None,
        };
        self.lock().insert(state.id.clone(), state.clone());
        async move { Ok(state) }.boxed()
    }

    fn wait<'a>(&'a self, task: &'a str, after: u64, wait: Duration) -> Answer<'a, Option<TaskState>> {
        let state = self.lock().get(task).cloned();
        async move {
            if state.as_ref().is_some_and(|state| state.revision <= after) {
                tokio::time::sleep(wait).await;
            }
            Ok(state)
        }
        .boxed()
    }

    fn stop<'a>(&'a self, task: &'a str, _: &'a str) -> Answer<'a, bool> {
        let known = self.lock().contains_key(task);
        async move { Ok(known) }.boxed()
    }

    fn wait_output<'a>(&'a self, _: &'a str, _: BTreeMap<String, u64>, wait: Duration) -> Answer<'a, bool> {
        async move {
            tokio::time::sleep(wait).await;
            Ok(true)
        }
        .boxed()
    }

    fn output<'a>(&'a self, _: &'a str, _: &'a str, offset: u64, _: usize) -> Answer<'a, (Vec<Entry>, u64)> {
        async move { Ok((Vec::new(), offset)) }.boxed()
    }

    fn relink<'a>(&'a self, _: &'a str, _: &'a (PathBuf, u64), _: &'a network::task::Spec) -> Answer<'a, bool> {
        async { Ok(false) }.boxed()
    }

    fn remove<'a>(&'a self, task: &'a str, _: Option<(&'a Path, &'a str)>) -> Answer<'a, ()> {
        self.lock().remove(task);
        async { Ok(()) }.boxed()
    }

    fn usage(&self, tasks: Vec<String>) -> Answer<'_, BTreeMap<String, Usage>> {
        let usage = Usage { processor: Duration::from_secs(1), memory_bytes: 64 << 20 };
        async move { Ok(tasks.into_iter().map(|task| (task, usage)).collect()) }.boxed()
    }

    fn containers<'a>(
        &'a self,
        _: &'a str,
        processes: BTreeMap<String, i32>,
    ) -> Answer<'a, BTreeMap<String, ContainerUsage>> {
        let usage = ContainerUsage { memory_bytes: 64 << 20, ..ContainerUsage::default() };
        async move { Ok(processes.into_keys().map(|name| (name, usage.clone())).collect()) }.boxed()
    }

    fn tasks(&self) -> Answer<'_, Vec<String>> {
        let tasks = self.lock().keys().cloned().collect();
        async move { Ok(tasks) }.boxed()
    }

    fn volume(&self, task: &str, name: &str) -> PathBuf {
        Path::new("/").join(task).join(name)
    }
}
