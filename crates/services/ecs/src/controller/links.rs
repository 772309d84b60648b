//! Puts running tasks back on their VPC when it had to be made anew.
//!
//! A VPC's namespace is held by the edge and by the control plane. When both died, the links of its tasks are gone with
//! it; the tasks live on in namespaces of their own, and all they need is a link to the new one.

use std::sync::Arc;

use reconcile::{Controller, Next};
use store::{Change, Key};
use tracing::warn;

use super::{Error, task::Visit};
use crate::{
    Ecs,
    rows::{Status, Task, TaskObserved},
};

/// Looks after the links of tasks.
pub(super) struct Links {
    ecs: Arc<Ecs>,
}

impl Links {
    pub(super) fn new(ecs: Arc<Ecs>) -> Self {
        Self { ecs }
    }
}

impl Controller for Links {
    type Error = Error;
    const NAME: &'static str = "ecs/links";

    fn watches(&self) -> &'static [&'static str] {
        &["ec2/vpc.observed"]
    }

    fn keys_of(&self, change: &Change) -> Vec<Key> {
        let observed = self.ecs.store.list::<TaskObserved>(&change.key.scope).unwrap_or_default();
        let on_it = |observed: &TaskObserved| observed.interface.as_ref().is_some_and(|i| i.vpc == change.key.name);
        observed.into_iter().filter(|(_, observed)| on_it(observed)).map(|(key, _)| key).collect()
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(self.ecs.store.list_all::<TaskObserved>()?.into_iter().map(|(key, _)| key).collect())
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        let (task, observed) = (self.ecs.store.get::<Task>(key)?, self.ecs.store.get::<TaskObserved>(key)?);
        let (Some(task), Some(observed)) = (task, observed) else { return Ok(Next::Settled) };
        let Some(interface) = &observed.interface else { return Ok(Next::Settled) };
        if !matches!(observed.status, Status::Activating | Status::Running | Status::Deactivating) {
            return Ok(Next::Settled);
        }
        let visit = Visit { ecs: &self.ecs, key, task: &task, before: &observed, runtime: None };
        let Some(vpc) = visit.vpc_namespace(&interface.vpc).await? else { return Ok(Next::Settled) };
        let place = visit.place(interface).await?;
        if self.ecs.runtime.relink(&task.id, &vpc, &place).await? {
            warn!(task = task.id, vpc = interface.vpc, "A task was put back on its VPC, which had been made anew.");
        }
        Ok(Next::Settled)
    }
}
