//! A service as callers see it.

use api::ecs::{
    DeploymentController, DeploymentRolloutState, LaunchType, NetworkConfiguration, SchedulingStrategy,
    ServiceCurrentRevisionSummary, ServiceEvent,
};
use names::{Scope, Timestamp};

use crate::{
    read::{Read, tasks_under},
    rows::{
        Cluster, Deployment, Revision, Service, ServiceDeployment, ServiceObserved, ServiceRevision, Status, Task,
        TaskObserved, digits,
    },
};

/// The version of the Fargate platform whose behaviour is shown.
pub(super) const PLATFORM_VERSION: &str = "1.4.0";

/// How many tasks of one deployment, or of a whole service, are how far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) running: i32,
    pub(super) pending: i32,
    pub(super) living: i32,
}

impl Tally {
    fn add(mut self, (task, observed): &(Task, TaskObserved)) -> Self {
        self.running += i32::from(observed.status == Status::Running);
        self.pending += i32::from(observed.status < Status::Running);
        self.living += i32::from(observed.status <= Status::Running && task.end(observed).is_none());
        self
    }
}

/// The service of `row` as a caller sees it; its tasks are read from `rows`.
pub(crate) fn service(
    rows: &impl Read,
    scope: &Scope,
    row: &Service,
    observed: Option<ServiceObserved>,
    include: &[String],
    now: Timestamp,
) -> Result<api::ecs::Service, store::Error> {
    let mut observed = observed.unwrap_or_default();
    // What was asked a moment ago may not have been taken up yet; a caller sees it all the same.
    observed.take_up(row, now);
    let tasks = tasks(rows, scope, row)?;
    let total = tally(&tasks, |_| true);
    let latest = observed.deployments.first().map_or(&row.revision, |deployment| &deployment.revision);
    let status = match (row.deleted_at, observed.inactive_at) {
        (None, _) => "ACTIVE",
        (Some(_), None) => "DRAINING",
        (Some(_), Some(_)) => "INACTIVE",
    };
    Ok(api::ecs::Service {
        service_arn: Some(Service::arn(scope, &row.cluster, &row.name)),
        service_name: Some(row.name.clone()),
        cluster_arn: Some(Cluster::arn(scope, &row.cluster)),
        load_balancers: latest.load_balancers.clone(),
        service_registries: latest.registries.clone(),
        status: Some(status.to_owned()),
        desired_count: desired(row),
        running_count: total.running,
        pending_count: total.pending,
        launch_type: launch_type(latest),
        capacity_provider_strategy: latest.capacity_providers.clone(),
        platform_version: latest.platform_version.clone().or_else(|| Some("LATEST".to_owned())),
        platform_family: Some("Linux".to_owned()),
        task_definition: Some(latest.task_definition.clone()),
        deployment_configuration: Some(row.deployment.clone()),
        deployments: deployments(row, &observed, &tasks),
        role_arn: row.role.clone(),
        events: observed.events.iter().map(event).collect(),
        created_at: Some(row.created_at),
        current_service_deployment: current_deployment(scope, row, &observed),
        current_service_revisions: current_revisions(scope, row, &observed, &tasks),
        network_configuration: Some(network(latest)),
        health_check_grace_period_seconds: grace(row),
        scheduling_strategy: Some(SchedulingStrategy::Replica),
        deployment_controller: Some(DeploymentController { r#type: "ECS".to_owned() }),
        tags: if include.iter().any(|field| field == "TAGS") { super::tags(&row.tags) } else { Vec::new() },
        created_by: Some(row.created_by.clone()),
        enable_ecs_managed_tags: row.managed_tags,
        propagate_tags: Some(row.propagate_tags),
        availability_zone_rebalancing: Some("DISABLED".to_owned()),
        ..api::ecs::Service::default()
    })
}

pub(super) fn tasks(rows: &impl Read, scope: &Scope, row: &Service) -> Result<Vec<(Task, TaskObserved)>, store::Error> {
    let mut tasks = tasks_under(rows, scope, &format!("{}/", row.cluster))?;
    tasks.retain(|(task, _)| task.membership.as_ref().is_some_and(|m| m.service == row.name));
    Ok(tasks)
}

pub(super) fn tally(tasks: &[(Task, TaskObserved)], which: impl Fn(&Task) -> bool) -> Tally {
    tasks.iter().filter(|(task, _)| which(task)).fold(Tally::default(), Tally::add)
}

pub(super) fn desired(row: &Service) -> i32 {
    if row.deleted_at.is_some() { 0 } else { i32::try_from(row.desired_count).unwrap_or(i32::MAX) }
}

fn grace(row: &Service) -> Option<i32> {
    row.grace_seconds.map(|seconds| i32::try_from(seconds).unwrap_or(i32::MAX))
}

pub(super) fn launch_type(revision: &Revision) -> Option<LaunchType> {
    revision.capacity_providers.is_empty().then(|| revision.launch_type.unwrap_or(LaunchType::Ec2))
}

pub(super) fn network(revision: &Revision) -> NetworkConfiguration {
    NetworkConfiguration { awsvpc_configuration: Some(revision.network.clone()) }
}

fn deployments(row: &Service, observed: &ServiceObserved, tasks: &[(Task, TaskObserved)]) -> Vec<api::ecs::Deployment> {
    if observed.inactive_at.is_some() {
        return Vec::new();
    }
    let of = |index: usize, deployment: &Deployment| {
        let id = &deployment.revision.deployment;
        let own = tally(tasks, |task| task.membership.as_ref().is_some_and(|m| m.deployment == *id));
        let status = if index == 0 { ("PRIMARY", desired(row)) } else { ("ACTIVE", own.living) };
        show_deployment(deployment, status, own, failed(deployment, tasks))
    };
    observed.deployments.iter().enumerate().map(|(index, deployment)| of(index, deployment)).collect()
}

/// Tasks that failed are those whose end is a failure, since the deployment last proved well.
fn failed(deployment: &Deployment, tasks: &[(Task, TaskObserved)]) -> i32 {
    let own = tasks.iter().filter(|(task, observed)| {
        let member = task.membership.as_ref().is_some_and(|m| m.deployment == deployment.revision.deployment);
        let stopped = observed.stopped_at.filter(|at| deployment.proven_at.is_none_or(|proven| *at > proven));
        member && stopped.is_some() && task.end(observed).is_some_and(|stop| stop.failed)
    });
    i32::try_from(own.count()).unwrap_or(i32::MAX)
}

/// The service deployment on its way, back or forth, if there is one.
fn current_deployment(scope: &Scope, row: &Service, observed: &ServiceObserved) -> Option<String> {
    let latest = observed.deployments.first()?;
    let going = latest.rollout == DeploymentRolloutState::InProgress && observed.inactive_at.is_none();
    going.then(|| ServiceDeployment::arn(scope, &row.cluster, &row.name, digits(&observed.taken_up)))
}

fn current_revisions(
    scope: &Scope,
    row: &Service,
    observed: &ServiceObserved,
    tasks: &[(Task, TaskObserved)],
) -> Vec<ServiceCurrentRevisionSummary> {
    let shown = deployments(row, observed, tasks).into_iter();
    let summary = |shown: api::ecs::Deployment| ServiceCurrentRevisionSummary {
        arn: shown.id.as_deref().map(|id| ServiceRevision::arn(scope, &row.cluster, &row.name, digits(id))),
        requested_task_count: shown.desired_count,
        running_task_count: shown.running_count,
        pending_task_count: shown.pending_count,
    };
    shown.map(summary).collect()
}

fn show_deployment(
    deployment: &Deployment,
    (status, desired_count): (&str, i32),
    tally: Tally,
    failed_tasks: i32,
) -> api::ecs::Deployment {
    let revision = &deployment.revision;
    api::ecs::Deployment {
        id: Some(revision.deployment.clone()),
        status: Some(status.to_owned()),
        task_definition: Some(revision.task_definition.clone()),
        desired_count,
        pending_count: tally.pending,
        running_count: tally.running,
        failed_tasks,
        created_at: Some(revision.created_at),
        updated_at: Some(deployment.updated_at),
        capacity_provider_strategy: revision.capacity_providers.clone(),
        launch_type: launch_type(revision),
        platform_version: Some(PLATFORM_VERSION.to_owned()),
        platform_family: Some("Linux".to_owned()),
        network_configuration: Some(network(revision)),
        rollout_state: Some(deployment.rollout),
        rollout_state_reason: Some(deployment.reason.clone()),
    }
}

fn event(event: &crate::rows::Event) -> ServiceEvent {
    ServiceEvent { id: Some(event.id.clone()), created_at: Some(event.at), message: Some(event.message.clone()) }
}

/// Whether a waiter for stable services, or for inactive ones, has its answer from this service.
pub(crate) fn is_stable(service: &api::ecs::Service) -> bool {
    match service.status.as_deref() {
        Some("ACTIVE") => service.deployments.len() == 1 && service.running_count == service.desired_count,
        Some("DRAINING") => false,
        _ => true,
    }
}
