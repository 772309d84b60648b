//! Ends what runs on the machine and has no row any more.
//!
//! A row is written before anything is made for it and removed after everything is gone; so what has no row was left
//! over when a data directory lost its rows, or by a bug, and nobody will ever ask for it.

use std::{sync::Arc, time::Duration};

use names::Scope;
use reconcile::{Controller, Next};
use store::Key;
use tracing::warn;

use super::Error;
use crate::{
    Ecs,
    rows::{Status, Task, TaskObserved},
};

/// How often to look.
const INTERVAL: Duration = Duration::from_mins(1);
/// How soon to look whether a leftover has ended.
const POLL: Duration = Duration::from_secs(1);

/// Ends leftovers.
pub(super) struct Sweeper {
    ecs: Arc<Ecs>,
}

impl Sweeper {
    pub(super) fn new(ecs: Arc<Ecs>) -> Self {
        Self { ecs }
    }
}

impl Controller for Sweeper {
    type Error = Error;
    const NAME: &'static str = "ecs/sweep";

    fn watches(&self) -> &'static [&'static str] {
        &[]
    }

    /// There is one machine, and one key.
    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(vec![Key::new(&Scope::default(), "machine")])
    }

    async fn reconcile(&self, _: &Key) -> Result<Next, Error> {
        // Listed before the rows are read: what starts in between has its row already.
        let present = self.ecs.runtime.tasks().await?;
        let mut wanted = Vec::new();
        for (key, task) in self.ecs.store.list_all::<Task>()? {
            let status = self.ecs.store.get::<TaskObserved>(&key)?.unwrap_or_default().status;
            if status != Status::Stopped {
                wanted.push(task.id);
            }
        }
        let mut ending = false;
        for task in present.iter().filter(|task| !wanted.contains(task)) {
            ending |= self.end(task).await?;
        }
        Ok(Next::After(if ending { POLL } else { INTERVAL }))
    }
}

impl Sweeper {
    /// One step toward the end of a leftover; says whether it goes on.
    async fn end(&self, task: &str) -> Result<bool, Error> {
        let runtime = &self.ecs.runtime;
        let state = runtime.wait(task, 0, Duration::ZERO).await?;
        if state.is_some_and(|state| !state.is_final()) {
            warn!(task, "A task runs that nobody asked for; it is stopped.");
            runtime.stop(task, "Task stopped: it has no record any more").await?;
            return Ok(true);
        }
        runtime.remove(task, None).await?;
        Ok(false)
    }
}
