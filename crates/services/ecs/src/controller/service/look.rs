//! A service's rows as its planner sees them.

use std::time::Duration;

use api::ecs::{
    DeploymentCircuitBreaker, DeploymentConfiguration, DeploymentLifecycleHookAction as Action,
    DeploymentLifecycleHookStatus as HookStatus, DeploymentRolloutState, StopServiceDeploymentStopType as StopType,
    ThresholdType,
};
use names::Timestamp;
use store::{Key, Transaction};

use super::{
    super::{Error, sooner},
    Member,
};
use crate::{
    plan::{
        life::life,
        release::{Steered, Surroundings},
        service::{Breaker, Deployment, Order, Rollout, Task, Threshold, View},
        verdict::Alarms,
    },
    rows::{Service, ServiceAlarms, ServiceHooks, ServiceObserved, ServiceTraffic},
};

/// The rows as the planner sees them, and when that changes though nothing happens. `began_with` is how the service was
/// to change when its latest deployment began.
pub(super) fn view(
    tx: &Transaction<'_>,
    key: &Key,
    service: &Service,
    began_with: Option<&DeploymentConfiguration>,
    observed: &ServiceObserved,
    members: &[Member],
    now: Timestamp,
) -> Result<(View, Option<Duration>), Error> {
    let (tasks, again) = tasks(service, members, now);
    let percent = |value: Option<i32>, default| value.and_then(|value| usize::try_from(value).ok()).unwrap_or(default);
    let breaker = service.deployment.deployment_circuit_breaker.as_ref().filter(|breaker| breaker.enable);
    // What was asked of a deployment before it was taken up, or after it was gone back from, is none of another's.
    let is_latest = |id: &str| observed.deployments.first().is_some_and(|d| d.revision.deployment == id);
    let order = service.orders.stop.filter(|_| is_latest(&service.revision.deployment));
    let view = View {
        desired: usize::try_from(service.desired_count).unwrap_or(usize::MAX),
        minimum_percent: percent(service.deployment.minimum_healthy_percent, 100),
        maximum_percent: percent(service.deployment.maximum_percent, 200),
        breaker: breaker.map(self::breaker),
        deployments: deployments(observed),
        tasks,
        deleted: service.deleted_at.is_some(),
        order: order.map(|stop| Order { back: stop == StopType::Rollback }),
        release: observed.release.clone(),
        surroundings: surroundings(tx, key, service, observed)?,
        alarms: alarms(tx, key, began_with, observed)?,
    };
    Ok((view, again))
}

fn tasks(service: &Service, members: &[Member], now: Timestamp) -> (Vec<Task>, Option<Duration>) {
    let grace = Duration::from_secs(u64::from(service.grace_seconds.unwrap_or_default()));
    let mut again = None;
    let tasks = members.iter().map(|(_, task, task_observed)| {
        let (life, wait) = life(task, task_observed, grace, now);
        again = sooner(again, wait);
        Task {
            id: task.id.clone(),
            deployment: task.membership.as_ref().map(|m| m.deployment.clone()).unwrap_or_default(),
            created_at: task.created_at,
            life,
        }
    });
    let tasks = tasks.collect();
    (tasks, again)
}

fn breaker(asked: &DeploymentCircuitBreaker) -> Breaker {
    let threshold = asked.threshold_configuration.as_ref().map(|threshold| {
        let value = usize::try_from(threshold.value).unwrap_or_default();
        match threshold.r#type {
            ThresholdType::Count => Threshold::Count(value),
            ThresholdType::BoundedPercent => Threshold::Bounded(value),
            ThresholdType::UnboundedPercent => Threshold::Unbounded(value),
        }
    });
    Breaker {
        rollback: asked.rollback,
        threshold: threshold.unwrap_or(Breaker::default().threshold),
        reset: asked.reset_on_healthy_task != Some(false),
    }
}

fn deployments(observed: &ServiceObserved) -> Vec<Deployment> {
    let completed = observed.completed.as_ref().map(|revision| &revision.deployment);
    let each = observed.deployments.iter().map(|deployment| {
        let id = deployment.revision.deployment.clone();
        Deployment {
            rollout: match deployment.rollout {
                DeploymentRolloutState::InProgress => Rollout::InProgress,
                DeploymentRolloutState::Completed => Rollout::Completed,
                DeploymentRolloutState::Failed => Rollout::Failed,
            },
            proven_at: deployment.proven_at,
            rollback: deployment.rollback,
            reached_at: deployment.reached_at,
            has_predecessor: completed.is_some_and(|completed| *completed != id),
            id,
        }
    });
    each.collect()
}

/// What is known of the alarms that are watched over the latest deployment. A way back is watched by none, nor is what
/// began while one sounded.
fn alarms(
    tx: &Transaction<'_>,
    key: &Key,
    began_with: Option<&DeploymentConfiguration>,
    observed: &ServiceObserved,
) -> Result<Option<Alarms>, Error> {
    let asked = began_with.and_then(|configuration| configuration.alarms.as_ref()).filter(|alarms| alarms.enable);
    let latest = observed.deployments.first().filter(|latest| {
        let goes = latest.rollout == DeploymentRolloutState::InProgress && !latest.rollback;
        goes && latest.revision.deployment == observed.taken_up
    });
    let (Some(asked), Some(latest)) = (asked, latest) else { return Ok(None) };
    let seen = tx.get::<ServiceAlarms>(key)?.filter(|seen| seen.deployment == latest.revision.deployment);
    let Some(seen) = seen else { return Ok(Some(Alarms { rollback: asked.rollback, ..Alarms::default() })) };
    let minutes = began_with.and_then(|configuration| configuration.bake_time_in_minutes);
    let minutes = minutes.and_then(|minutes| u64::try_from(minutes).ok());
    Ok((!seen.ignored).then(|| Alarms {
        rollback: asked.rollback,
        bake: minutes.map_or(Duration::from_secs(seen.bake_seconds), Duration::from_mins),
        sounding: Some(seen.sounding),
        missing: seen.missing,
    }))
}

/// What load balancers were told of the release, and what its hooks answered.
fn surroundings(
    tx: &Transaction<'_>,
    key: &Key,
    service: &Service,
    observed: &ServiceObserved,
) -> Result<Surroundings, Error> {
    let (Some(release), Some(latest)) = (&observed.release, observed.deployments.first()) else {
        return Ok(Surroundings::default());
    };
    let traffic = tx.get::<ServiceTraffic>(key)?.filter(|traffic| traffic.is_of(&latest.revision.deployment, release));
    let trouble = traffic.as_ref().and_then(|traffic| traffic.trouble.clone());
    let mut answers = tx.get::<ServiceHooks>(key)?.unwrap_or_default().answers;
    answers.extend(service.orders.answers.iter().map(|(id, action)| {
        let status = match action {
            Action::Continue => HookStatus::Succeeded,
            Action::Rollback => HookStatus::Failed,
        };
        (id.clone(), status)
    }));
    let in_force = release.lanes.is_empty() || (traffic.is_some() && trouble.is_none());
    let asked = &service.orders;
    let is_latest = service.revision.deployment == latest.revision.deployment;
    let steered =
        is_latest.then(|| Steered { weight: asked.weight, finish: asked.finish, take_back: asked.take_back.clone() });
    Ok(Surroundings { in_force, trouble, answers, steered: steered.unwrap_or_default() })
}
