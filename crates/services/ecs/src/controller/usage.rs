//! Writes what tasks use as metrics of CloudWatch.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use names::Scope;
use reconcile::{Controller, Next};
use store::Key;

use super::Error;
use crate::{
    Ecs,
    plan::usage::{Member, Reading, reports},
    rows::{Status, Task, TaskDefinition, TaskObserved},
};

/// The pause between two readings, as AWS's.
const PAUSE: Duration = Duration::from_secs(20);
/// Processor units of one processor.
const UNITS: u32 = 1024;

/// Looks at what tasks use. What it saw last is in memory alone: a new start loses one reading.
pub(super) struct Meter {
    ecs: Arc<Ecs>,
    before: Mutex<Reading>,
}

impl Meter {
    pub(super) fn new(ecs: Arc<Ecs>) -> Self {
        Self { ecs, before: Mutex::default() }
    }

    /// The running tasks of services, by id.
    fn members(&self) -> Result<BTreeMap<String, Member>, Error> {
        let store = &self.ecs.store;
        let mut members = BTreeMap::new();
        for (key, observed) in store.list_all::<TaskObserved>()? {
            if observed.status != Status::Running {
                continue;
            }
            let Some(task) = store.get::<Task>(&key)? else { continue };
            let Some(membership) = &task.membership else { continue };
            let member = Member {
                scope: key.scope.clone(),
                cluster: task.cluster.clone(),
                service: membership.service.clone(),
                cpu: self.units(&key.scope, &task)?,
                memory: task.memory,
            };
            members.insert(task.id, member);
        }
        Ok(members)
    }

    /// What the task reserves, or its containers together, or else the whole machine.
    fn units(&self, scope: &Scope, task: &Task) -> Result<u32, Error> {
        if let Some(units) = task.cpu.filter(|units| *units > 0) {
            return Ok(units);
        }
        let definition =
            self.ecs.store.get::<TaskDefinition>(&TaskDefinition::key(scope, &task.family, task.revision))?;
        let containers = definition.into_iter().flat_map(|definition| definition.definition.container_definitions);
        let units: i64 = containers.map(|container| i64::from(container.cpu)).sum();
        let machine = self.ecs.machine.cpus.saturating_mul(UNITS);
        Ok(u32::try_from(units).ok().filter(|units| *units > 0).unwrap_or(machine))
    }
}

impl Controller for Meter {
    type Error = Error;
    const NAME: &'static str = "ecs/meter";

    fn watches(&self) -> &'static [&'static str] {
        &[]
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(vec![Key::new(&Scope::default(), "machine")])
    }

    async fn reconcile(&self, _: &Key) -> Result<Next, Error> {
        let members = self.members()?;
        let used = self.ecs.runtime.usage(members.keys().cloned().collect()).await?;
        let now = Reading { at: self.ecs.clock.now(), used };
        let before = std::mem::replace(&mut *self.before.lock().unwrap_or_else(PoisonError::into_inner), now.clone());
        let (reports, metrics, at) = (reports(&members, &before, &now), self.ecs.metrics.clone(), now.at);
        let add = move || reports.iter().try_for_each(|(scope, reported)| metrics.add(scope, reported, at));
        tokio::task::spawn_blocking(add).await??;
        Ok(Next::After(PAUSE))
    }
}
