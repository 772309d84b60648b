//! The service controller: reads a service and its tasks, plans, and writes what the plan says, all in one transaction.

use std::{sync::Arc, time::Duration};

use names::Timestamp;
use reconcile::{Controller, Next};
use store::{Change, Key, Row, Transaction};

use super::{Error, sooner};
use crate::{
    Ecs, plan,
    rows::{Service, ServiceAlarms, ServiceHooks, ServiceObserved, ServiceTraffic, Task, TaskObserved},
};

mod apply;
mod history;
mod look;
mod release;

use apply::Application;
use look::view;

/// How long a deleted service can be described, as on AWS.
const RETENTION: Duration = Duration::from_hours(1);

/// Keeps services at what was asked of them.
pub(super) struct ServiceController {
    ecs: Arc<Ecs>,
}

impl ServiceController {
    pub(super) fn new(ecs: Arc<Ecs>) -> Self {
        Self { ecs }
    }
}

impl Controller for ServiceController {
    type Error = Error;
    const NAME: &'static str = "ecs/service";

    fn watches(&self) -> &'static [&'static str] {
        &[Service::KIND, Task::KIND, TaskObserved::KIND, ServiceTraffic::KIND, ServiceHooks::KIND, ServiceAlarms::KIND]
    }

    /// A task concerns its service.
    fn keys_of(&self, change: &Change) -> Vec<Key> {
        if [Service::KIND, ServiceTraffic::KIND, ServiceHooks::KIND, ServiceAlarms::KIND].contains(&change.kind) {
            return vec![change.key.clone()];
        }
        let task = self.ecs.store.get::<Task>(&change.key).ok().flatten();
        task.and_then(|task| Ecs::service_key(&change.key.scope, &task)).into_iter().collect()
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(self.ecs.store.list_all::<Service>()?.into_iter().map(|(key, _)| key).collect())
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        let now = self.ecs.clock.now();
        self.ecs.store.write(|tx| reconcile(&self.ecs, tx, key, now))
    }
}

/// A service's task with both its rows.
pub(super) type Member = (Key, Task, TaskObserved);

fn reconcile(ecs: &Ecs, tx: &mut Transaction<'_>, key: &Key, now: Timestamp) -> Result<Next, Error> {
    let Some(service) = tx.get::<Service>(key)? else {
        tx.delete::<ServiceObserved>(key)?;
        return Ok(Next::Settled);
    };
    let mut observed = tx.get::<ServiceObserved>(key)?.unwrap_or_default();
    if let Some(at) = observed.inactive_at {
        return forget_in_time(tx, key, now.since(at));
    }
    let members = members(tx, key, &service)?;
    let mut story = history::Story::read(tx, &key.scope, &service, &mut observed, now)?;
    let (view, grace_over) = view(tx, key, &service, story.configuration(), &observed, &members, now)?;
    let plan = plan::service::plan(&view, now);
    story.watch(&view);
    let mut application = Application {
        ecs,
        tx,
        scope: &key.scope,
        service: &service,
        observed,
        story,
        members: &members,
        now,
        wait: None,
    };
    application.apply(&plan)?;
    let Application { observed, story, wait, .. } = application;
    story.write(tx, &key.scope, &observed, now)?;
    tx.put(key, &observed)?;
    let wait = sooner(sooner(plan.look_again, grace_over), wait);
    Ok(wait.map_or(Next::Settled, Next::After))
}

/// A service that is gone is forgotten when nobody can want to hear of it any more.
fn forget_in_time(tx: &mut Transaction<'_>, key: &Key, age: Duration) -> Result<Next, Error> {
    match RETENTION.checked_sub(age) {
        Some(rest) if !rest.is_zero() => Ok(Next::After(rest)),
        _ => {
            tx.delete::<Service>(key)?;
            tx.delete::<ServiceObserved>(key)?;
            tx.delete::<ServiceTraffic>(key)?;
            tx.delete::<ServiceHooks>(key)?;
            tx.delete::<ServiceAlarms>(key)?;
            history::forget(tx, key)?;
            Ok(Next::Settled)
        }
    }
}

fn members(tx: &Transaction<'_>, key: &Key, service: &Service) -> Result<Vec<Member>, Error> {
    let mut members = Vec::new();
    for (task_key, task) in tx.list_under::<Task>(&key.scope, &format!("{}/", service.cluster))? {
        if task.membership.as_ref().is_some_and(|membership| membership.service == service.name) {
            let observed = tx.get::<TaskObserved>(&task_key)?.unwrap_or_default();
            members.push((task_key, task, observed));
        }
    }
    Ok(members)
}
