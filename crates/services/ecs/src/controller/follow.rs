//! Followers: for each task that has a shim, one listener to its state and one carrier of its output.
//!
//! What they hear they write into rows, which wake the controller; so a follower that is lost with the process is only
//! started anew by the next one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use container::{ContainerState, ContainerStatus, Health, StopCause, TaskState, TaskStatus, TaskStop};
use store::Key;
use tokio::task::JoinHandle;
use tracing::warn;

use super::{Error, carry::Carrier};
use crate::{
    Ecs,
    rows::{Task, TaskLogs, TaskRuntime},
};

/// How long one question to a shim waits for news.
const LISTEN: Duration = Duration::from_secs(50);
/// The pause after a question that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// All followers.
pub(super) struct Followers {
    ecs: Arc<Ecs>,
    running: Mutex<HashMap<Key, [JoinHandle<()>; 2]>>,
}

impl Followers {
    pub(super) fn new(ecs: Arc<Ecs>) -> Self {
        Self { ecs, running: Mutex::default() }
    }

    /// Makes sure that `task` is followed, as long as there may be news of it.
    pub(super) fn ensure(&self, key: &Key, task: &Task) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|_, followers| followers.iter().any(|follower| !follower.is_finished()));
        running.entry(key.clone()).or_insert_with(|| {
            let listener = listen(Arc::clone(&self.ecs), key.clone(), task.clone());
            let carrier = Carrier::new(Arc::clone(&self.ecs), key.clone(), task.clone()).run();
            [tokio::spawn(listener), tokio::spawn(carrier)]
        });
    }
}

impl Drop for Followers {
    fn drop(&mut self) {
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner);
        running.values().flatten().for_each(JoinHandle::abort);
    }
}

/// Writes down each state of the task's shim, until the last.
async fn listen(ecs: Arc<Ecs>, key: Key, task: Task) {
    loop {
        match hear(&ecs, &key, &task).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                warn!(task = %task.id, %error, "A task's shim can't be asked.");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Waits for one piece of news; says whether it was the last.
async fn hear(ecs: &Ecs, key: &Key, task: &Task) -> Result<bool, Error> {
    let known = ecs.store.get::<TaskRuntime>(key)?.map(|row| row.state);
    if known.as_ref().is_some_and(TaskState::is_final) {
        return Ok(true);
    }
    let after = known.as_ref().map_or(0, |state| state.revision);
    let heard = ecs.runtime.wait(&task.id, after, LISTEN).await?;
    let state = heard.unwrap_or_else(|| lost(known, task, ecs.clock.now()));
    let last = state.is_final();
    ecs.store.write(|tx| {
        // A task that was forgotten meanwhile leaves no row behind.
        if tx.get::<Task>(key)?.is_some() { tx.put(key, &TaskRuntime { state }) } else { Ok(()) }
    })?;
    Ok(last)
}

/// The end of a task of which the machine knows nothing any more: somebody removed its files.
fn lost(known: Option<TaskState>, task: &Task, now: names::Timestamp) -> TaskState {
    let container = |name: &String| ContainerState {
        name: name.clone(),
        status: ContainerStatus::Stopped,
        pid: None,
        exit_code: None,
        reason: None,
        health: Health::Unknown,
        health_output: None,
        started_at: None,
        finished_at: Some(now),
        restarts: 0,
    };
    let mut state = known.unwrap_or_else(|| TaskState {
        id: task.id.clone(),
        revision: 0,
        shim_pid: 0,
        status: TaskStatus::Stopped,
        stop: None,
        containers: task.containers.keys().map(container).collect(),
        created_at: task.created_at,
        started_at: None,
        stopped_at: None,
    });
    let reason = "The task's files are gone".to_owned();
    state.stop.get_or_insert(TaskStop { cause: StopCause::ShimLost, reason, at: now });
    (state.status, state.stopped_at) = (TaskStatus::Stopped, Some(now));
    state.revision += 1;
    for container in &mut state.containers {
        (container.status, container.pid) = (ContainerStatus::Stopped, None);
    }
    state
}

/// Whether everything the task printed has been carried away, according to its rows.
pub(super) fn is_carried(ecs: &Ecs, key: &Key) -> Result<bool, store::Error> {
    Ok(ecs.store.get::<TaskLogs>(key)?.is_some_and(|logs| logs.complete))
}
