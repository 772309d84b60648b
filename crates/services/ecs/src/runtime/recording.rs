//! A machine on paper: it remembers what it was asked, and its tasks do what a test says.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use container::{
    ContainerState, ContainerStatus, ContainerUsage, Health, StopCause, TaskState, TaskStatus, TaskStop, Usage,
    logs::{Entry, Stream},
};
use futures::FutureExt;
use image::Image;
use names::{Scope, Timestamp};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{Answer, Error, Launch, Runtime};
use crate::samples;

/// The machine.
pub(crate) struct Recording {
    tasks: Mutex<BTreeMap<String, Paper>>,
    changed: watch::Sender<u64>,
    settings: Mutex<Settings>,
}

/// How tasks fare unless a test says otherwise.
#[derive(Clone, Default)]
struct Settings {
    /// Images that can't be had.
    missing: BTreeSet<String>,
    /// Images whose containers end at once.
    dying: BTreeSet<String>,
}

/// A task on paper.
struct Paper {
    launch: Launch,
    state: TaskState,
    printed: BTreeMap<String, Vec<String>>,
    /// How often it was asked what it uses.
    looks: u64,
}

impl Recording {
    pub(crate) fn new() -> Self {
        Self { tasks: Mutex::default(), changed: watch::Sender::new(0), settings: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Paper>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the image can't be had.
    pub(crate) fn lose_image(&self, reference: &str) {
        self.settings().missing.insert(reference.to_owned());
    }

    /// From now on containers of the image end at once.
    pub(crate) fn break_image(&self, reference: &str) {
        self.settings().dying.insert(format!("/images/{reference}"));
    }

    /// The ids of the tasks whose containers run.
    pub(crate) fn running(&self) -> Vec<String> {
        let tasks = self.lock();
        tasks.iter().filter(|(_, paper)| paper.state.status == TaskStatus::Running).map(|(id, _)| id.clone()).collect()
    }

    /// What the task was started with.
    pub(crate) fn launch(&self, task: &str) -> Option<Launch> {
        self.lock().get(task).map(|paper| paper.launch.clone())
    }

    /// Lets something happen to a task.
    pub(crate) fn happen(&self, task: &str, how: impl FnOnce(&mut TaskState)) {
        if let Some(paper) = self.lock().get_mut(task) {
            how(&mut paper.state);
            paper.state.revision += 1;
        }
        self.changed.send_modify(|count| *count += 1);
    }

    /// An essential container of the task ends.
    pub(crate) fn exit(&self, task: &str, container: &str, code: i32) {
        let container = container.to_owned();
        self.happen(task, |state| {
            end(
                state,
                StopCause::EssentialContainerExited { container: container.clone() },
                "Essential container in task exited",
            );
            state.containers.iter_mut().filter(|c| c.name == container).for_each(|c| c.exit_code = Some(code));
        });
    }

    /// What all containers' checks say.
    pub(crate) fn set_health(&self, task: &str, health: Health) {
        self.happen(task, |state| state.containers.iter_mut().for_each(|container| container.health = health));
    }

    /// A container prints a line.
    pub(crate) fn print(&self, task: &str, container: &str, line: &str) {
        if let Some(paper) = self.lock().get_mut(task) {
            paper.printed.entry(container.to_owned()).or_default().push(line.to_owned());
        }
        self.changed.send_modify(|count| *count += 1);
    }

    /// The task's files vanish, as if somebody removed them.
    pub(crate) fn lose(&self, task: &str) {
        self.lock().remove(task);
        self.changed.send_modify(|count| *count += 1);
    }

    fn first_state(&self, launch: &Launch) -> TaskState {
        let container = |spec: &container::ContainerSpec| ContainerState {
            health: if spec.health_check.is_some() { Health::Healthy } else { Health::Unknown },
            ..samples::container_state(&spec.name)
        };
        let mut state = TaskState {
            id: launch.spec.id.clone(),
            containers: launch.spec.containers.iter().map(container).collect(),
            started_at: Some(Timestamp::default()),
            ..samples::state(TaskStatus::Running)
        };
        let dying = self.settings().dying.clone();
        let dies =
            launch.spec.containers.iter().find(|c| c.layers.iter().any(|l| dying.contains(&*l.to_string_lossy())));
        if let Some(container) = dies {
            let cause = StopCause::EssentialContainerExited { container: container.name.clone() };
            end(&mut state, cause, "Essential container in task exited");
        }
        state
    }
}

fn end(state: &mut TaskState, cause: StopCause, reason: &str) {
    state.status = TaskStatus::Stopped;
    state.stop.get_or_insert(TaskStop { cause, reason: reason.to_owned(), at: Timestamp::default() });
    state.stopped_at = Some(Timestamp::default());
    state.containers.iter_mut().for_each(|container| {
        container.status = ContainerStatus::Stopped;
        container.exit_code.get_or_insert(143);
    });
}

impl Runtime for Recording {
    fn image<'a>(&'a self, _: &'a Scope, reference: &'a str) -> Answer<'a, Image> {
        let missing = self.settings().missing.contains(reference);
        let answer = if missing {
            Err(Error::Image(format!("CannotPullContainerError: {reference}: not found")))
        } else {
            // The layer is named after the image, so that a test can tell containers by it.
            Ok(Image {
                layers: vec![Path::new("/images").join(reference)],
                reference: reference.to_owned(),
                ..samples::image()
            })
        };
        async move { answer }.boxed()
    }

    fn start<'a>(&'a self, launch: &'a Launch) -> Answer<'a, TaskState> {
        launch.spec.validate().expect("only what can be run is started");
        let state = self.first_state(launch);
        let mut tasks = self.lock();
        let paper = tasks.entry(launch.spec.id.clone()).or_insert_with(|| Paper {
            launch: launch.clone(),
            state,
            printed: BTreeMap::new(),
            looks: 0,
        });
        let state = paper.state.clone();
        async move { Ok(state) }.boxed()
    }

    fn wait<'a>(&'a self, task: &'a str, after: u64, wait: Duration) -> Answer<'a, Option<TaskState>> {
        let deadline = Instant::now() + wait;
        let mut news = self.changed.subscribe();
        async move {
            loop {
                let state = self.lock().get(task).map(|paper| paper.state.clone());
                match state {
                    Some(state) if state.revision <= after && !state.is_final() => {
                        if timeout_at(deadline, news.changed()).await.is_err() {
                            return Ok(Some(state));
                        }
                    }
                    state => return Ok(state),
                }
            }
        }
        .boxed()
    }

    fn stop<'a>(&'a self, task: &'a str, reason: &'a str) -> Answer<'a, bool> {
        let known = self.lock().contains_key(task);
        self.happen(task, |state| end(state, StopCause::Requested, reason));
        async move { Ok(known) }.boxed()
    }

    fn wait_output<'a>(&'a self, task: &'a str, offsets: BTreeMap<String, u64>, wait: Duration) -> Answer<'a, bool> {
        let deadline = Instant::now() + wait;
        let mut news = self.changed.subscribe();
        async move {
            loop {
                let (ended, behind) = match self.lock().get(task) {
                    None => (true, false),
                    Some(paper) => {
                        let length = |name: &String| paper.printed.get(name).map_or(0, |lines| lines.len() as u64);
                        (paper.state.is_final(), offsets.iter().any(|(name, offset)| length(name) > *offset))
                    }
                };
                if ended || behind || timeout_at(deadline, news.changed()).await.is_err() {
                    return Ok(!ended);
                }
            }
        }
        .boxed()
    }

    fn output<'a>(
        &'a self,
        task: &'a str,
        container: &'a str,
        offset: u64,
        max: usize,
    ) -> Answer<'a, (Vec<Entry>, u64)> {
        let tasks = self.lock();
        let lines = tasks.get(task).and_then(|paper| paper.printed.get(container)).cloned().unwrap_or_default();
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let entry = |line: String| Entry { time: Timestamp::default(), stream: Stream::Out, message: line };
        let entries: Vec<Entry> = lines.into_iter().skip(from).take(max).map(entry).collect();
        let next = offset + entries.len() as u64;
        async move { Ok((entries, next)) }.boxed()
    }

    fn relink<'a>(
        &'a self,
        task: &'a str,
        vpc: &'a (PathBuf, u64),
        place: &'a network::task::Spec,
    ) -> Answer<'a, bool> {
        let mut tasks = self.lock();
        let relinked = tasks.get_mut(task).is_some_and(|paper| {
            let gone = paper.launch.vpc.1 != vpc.1;
            (paper.launch.vpc, paper.launch.place) = (vpc.clone(), place.clone());
            gone
        });
        async move { Ok(relinked) }.boxed()
    }

    fn remove<'a>(&'a self, task: &'a str, _: Option<(&'a Path, &'a str)>) -> Answer<'a, ()> {
        self.lock().remove(task);
        async move { Ok(()) }.boxed()
    }

    /// Each has used a second of processor time for each time it was asked, and has 64 MiB of memory.
    fn usage(&self, asked: Vec<String>) -> Answer<'_, BTreeMap<String, Usage>> {
        let mut tasks = self.lock();
        let used = asked.into_iter().filter_map(|id| {
            let paper = tasks.get_mut(&id)?;
            paper.looks += 1;
            Some((id, Usage { processor: Duration::from_secs(paper.looks), memory_bytes: 64 << 20 }))
        });
        let used = used.collect();
        async move { Ok(used) }.boxed()
    }

    fn containers<'a>(
        &'a self,
        _: &'a str,
        processes: BTreeMap<String, i32>,
    ) -> Answer<'a, BTreeMap<String, ContainerUsage>> {
        let usage = ContainerUsage { memory_bytes: 64 << 20, ..ContainerUsage::default() };
        let used = processes.into_keys().map(|name| (name, usage.clone())).collect();
        async move { Ok(used) }.boxed()
    }

    fn tasks(&self) -> Answer<'_, Vec<String>> {
        let ids = self.lock().keys().cloned().collect();
        async move { Ok(ids) }.boxed()
    }

    fn volume(&self, task: &str, name: &str) -> PathBuf {
        Path::new("/volumes").join(task).join(name)
    }
}
