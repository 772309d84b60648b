//! Stops every task in good order without giving it up: the next start of the house brings it back.
//!
//! A task that runs is told to stop, its last lines are carried to Logs, and its rows go back to the station before its
//! shim was started: same id, same address, same registrations. A task that was about to end is left to end.

use std::{sync::Arc, time::Duration};

use store::Key;

use crate::{
    Ecs,
    controller::{Error, carry_all},
    rows::{Fitness, Status, Task, TaskLogs, TaskObserved, TaskRuntime},
};

/// How long all tasks together may take to stop; their own `stopTimeout` is at most two minutes.
const STOP_MAX: Duration = Duration::from_secs(130);
/// How long one question for a task's end waits.
const LISTEN: Duration = Duration::from_secs(10);
/// How long a task's last lines may take.
const LOGS_MAX: Duration = Duration::from_secs(5);

/// Stops the tasks when the house stops. The controllers must not run any more.
pub struct Suspender(Arc<Ecs>);

impl Suspender {
    /// The suspender of the tasks that `ecs` knows.
    pub fn new(ecs: Arc<Ecs>) -> Self {
        Self(ecs)
    }

    /// Stops all tasks, side by side; returns when none runs.
    pub async fn suspend(&self) -> Result<(), String> {
        let tasks = self.0.store.list_all::<Task>().map_err(|error| error.to_string())?;
        let mut stopping = tokio::task::JoinSet::new();
        for (key, task) in tasks {
            let ecs = Arc::clone(&self.0);
            stopping.spawn(
                async move { suspend(&ecs, &key, &task).await.map_err(|error| format!("{}: {error}", task.id)) },
            );
        }
        let all = async {
            let mut failed = Vec::new();
            while let Some(stopped) = stopping.join_next().await {
                match stopped {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => failed.push(error),
                    Err(error) => failed.push(error.to_string()),
                }
            }
            if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
        };
        let late = |_| format!("tasks were still running after {} s", STOP_MAX.as_secs());
        tokio::time::timeout(STOP_MAX, all).await.map_err(late)?
    }
}

async fn suspend(ecs: &Arc<Ecs>, key: &Key, task: &Task) -> Result<(), Error> {
    let observed = ecs.store.get::<TaskObserved>(key)?.unwrap_or_default();
    if !ecs.runtime.stop(&task.id, "Serin stops").await? {
        return Ok(());
    }
    let mut known = 0;
    while let Some(state) = ecs.runtime.wait(&task.id, known, LISTEN).await? {
        if state.is_final() {
            break;
        }
        known = state.revision;
    }
    let comes_back = task.stop.is_none()
        && observed.stop.is_none()
        && matches!(observed.status, Status::Pending | Status::Activating | Status::Running);
    if !comes_back {
        // Its end is found and told by the next start.
        return Ok(());
    }
    // Lines that Logs does not take now would be lost with the files; there is no more time for them.
    let _ = tokio::time::timeout(LOGS_MAX, carry_all(Arc::clone(ecs), key.clone(), task.clone())).await;
    ecs.runtime.remove(&task.id, None).await?;
    let again = TaskObserved {
        status: Status::Pending,
        version: observed.version + 1,
        pull_started_at: None,
        pull_stopped_at: None,
        fitness: Fitness::Unknown,
        ..observed
    };
    ecs.store.write(|tx| {
        tx.put(key, &again)?;
        tx.delete::<TaskRuntime>(key)?;
        tx.delete::<TaskLogs>(key)?;
        Ok::<_, Error>(())
    })
}
