//! The service controller: reads a service and its tasks, plans, and writes what the plan says, all in one transaction.

use std::{sync::Arc, time::Duration};

use api::ecs::DeploymentRolloutState;
use names::Timestamp;
use reconcile::{Controller, Next};
use store::{Change, Key, Row, Transaction};

use super::{Error, sooner};
use crate::{
    Ecs,
    plan::{self, life::life},
    rows::{Service, ServiceObserved, Task, TaskObserved},
};

mod apply;

use apply::Application;

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
        &[Service::KIND, Task::KIND, TaskObserved::KIND]
    }

    /// A task concerns its service.
    fn keys_of(&self, change: &Change) -> Vec<Key> {
        if change.kind == Service::KIND {
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
    observed.take_up(&service, now);
    let members = members(tx, key, &service)?;
    let (view, grace_over) = view(&service, &observed, &members, now);
    let plan = plan::service::plan(&view, now);
    let mut application =
        Application { ecs, tx, scope: &key.scope, service: &service, observed, members: &members, now, wait: None };
    application.apply(&plan)?;
    let Application { observed, wait, .. } = application;
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

/// The rows as the planner sees them, and when that changes though nothing happens.
fn view(
    service: &Service,
    observed: &ServiceObserved,
    members: &[Member],
    now: Timestamp,
) -> (plan::service::View, Option<Duration>) {
    let grace = Duration::from_secs(u64::from(service.grace_seconds.unwrap_or_default()));
    let mut again = None;
    let tasks = members.iter().map(|(_, task, task_observed)| {
        let (life, wait) = life(task, task_observed, grace, now);
        again = sooner(again, wait);
        plan::service::Task {
            id: task.id.clone(),
            deployment: task.membership.as_ref().map(|m| m.deployment.clone()).unwrap_or_default(),
            created_at: task.created_at,
            life,
        }
    });
    let tasks = tasks.collect();
    let percent = |value: Option<i32>, default| value.and_then(|value| usize::try_from(value).ok()).unwrap_or(default);
    let breaker = service.deployment.deployment_circuit_breaker.as_ref().filter(|breaker| breaker.enable);
    let view = plan::service::View {
        desired: usize::try_from(service.desired_count).unwrap_or(usize::MAX),
        minimum_percent: percent(service.deployment.minimum_healthy_percent, 100),
        maximum_percent: percent(service.deployment.maximum_percent, 200),
        breaker: breaker.map(|breaker| plan::service::Breaker { rollback: breaker.rollback }),
        deployments: deployments(observed),
        tasks,
        deleted: service.deleted_at.is_some(),
    };
    (view, again)
}

fn deployments(observed: &ServiceObserved) -> Vec<plan::service::Deployment> {
    let completed = observed.completed.as_ref().map(|revision| &revision.deployment);
    let each = observed.deployments.iter().map(|deployment| {
        let id = deployment.revision.deployment.clone();
        plan::service::Deployment {
            rollout: match deployment.rollout {
                DeploymentRolloutState::InProgress => plan::service::Rollout::InProgress,
                DeploymentRolloutState::Completed => plan::service::Rollout::Completed,
                DeploymentRolloutState::Failed => plan::service::Rollout::Failed,
            },
            proven_at: deployment.proven_at,
            rollback: deployment.rollback,
            has_predecessor: completed.is_some_and(|completed| *completed != id),
            id,
        }
    });
    each.collect()
}
