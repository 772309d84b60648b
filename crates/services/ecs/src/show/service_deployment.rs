//! Service deployments and revisions as callers see them.

use api::ecs::{
    ContainerImage, DeploymentLifecycleHookDetail, DeploymentLifecycleHookTargetType as TargetType,
    ResolvedConfiguration, Rollback, ServiceDeploymentAlarms, ServiceDeploymentBrief, ServiceDeploymentCircuitBreaker,
    ServiceDeploymentStatus as Status, ServiceRevisionLoadBalancer, ServiceRevisionSummary,
    StopServiceDeploymentStopType as StopType,
};
use names::Scope;

use super::service::{PLATFORM_VERSION, Tally, desired, launch_type, network, tally, tasks};
use crate::{
    plan::release::{Hook, WHOLE},
    read::Read,
    refer::DefinitionReference,
    rows::{AlarmsSeen, Cluster, Service, ServiceDeployment, ServiceRevision, Task, TaskObserved, digits},
};

/// How a service deployment goes, with what was just asked of it.
pub(crate) fn service_deployment_status(record: &ServiceDeployment, service: Option<&Service>) -> Status {
    let asked = service.filter(|service| service.revision.digits() == record.id).and_then(|s| s.orders.stop);
    match (record.status, asked) {
        (Status::Pending | Status::InProgress, Some(StopType::Abort)) => Status::StopRequested,
        (Status::Pending | Status::InProgress, Some(StopType::Rollback)) => Status::RollbackRequested,
        (status, _) => status,
    }
}

/// A service deployment in short.
pub(crate) fn service_deployment_brief(
    scope: &Scope,
    record: &ServiceDeployment,
    service: Option<&Service>,
) -> ServiceDeploymentBrief {
    let (cluster, name, id) = (&record.cluster, &record.service, &record.id);
    ServiceDeploymentBrief {
        service_deployment_arn: Some(ServiceDeployment::arn(scope, cluster, name, id)),
        service_arn: Some(Service::arn(scope, cluster, name)),
        cluster_arn: Some(Cluster::arn(scope, cluster)),
        started_at: record.started_at,
        created_at: Some(record.created_at),
        finished_at: record.finished_at,
        target_service_revision_arn: Some(ServiceRevision::arn(scope, cluster, name, id)),
        status: Some(service_deployment_status(record, service)),
        status_reason: record.reason.clone(),
    }
}

/// A service deployment.
pub(crate) fn service_deployment(
    rows: &impl Read,
    scope: &Scope,
    record: &ServiceDeployment,
    service: Option<&Service>,
) -> Result<api::ecs::ServiceDeployment, store::Error> {
    let members = service.map(|service| tasks(rows, scope, service)).transpose()?.unwrap_or_default();
    let brief = service_deployment_brief(scope, record, service);
    let wanted = service.filter(|_| record.is_open()).map(desired);
    let summary = |id: &str| summary(scope, record, &members, id);
    let target = summary(&record.id);
    let requested_task_count = wanted.unwrap_or(target.requested_task_count);
    let rollback = record.rollback.as_ref().map(|back| Rollback {
        reason: Some(back.reason.clone()),
        started_at: Some(back.at),
        service_revision_arn: Some(ServiceRevision::arn(scope, &record.cluster, &record.service, &back.to)),
    });
    let breaker = &record.breaker;
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    Ok(api::ecs::ServiceDeployment {
        service_deployment_arn: brief.service_deployment_arn,
        service_arn: brief.service_arn,
        cluster_arn: brief.cluster_arn,
        created_at: brief.created_at,
        started_at: brief.started_at,
        finished_at: brief.finished_at,
        stopped_at: record.stopped_at,
        updated_at: Some(record.updated_at),
        source_service_revisions: record.sources.iter().map(|id| summary(id)).collect(),
        target_service_revision: Some(ServiceRevisionSummary { requested_task_count, ..target }),
        status: brief.status,
        status_reason: brief.status_reason,
        lifecycle_stage: record.stage.map(|stage| stage.as_str().to_owned()),
        lifecycle_hook_details: record.hooks.iter().map(hook).collect(),
        deployment_configuration: Some(record.configuration.clone()),
        rollback,
        deployment_circuit_breaker: Some(ServiceDeploymentCircuitBreaker {
            status: Some(breaker.status),
            failure_count: count(breaker.failures),
            threshold: count(breaker.threshold),
        }),
        alarms: Some(alarms(record.alarms.clone().unwrap_or_default())),
    })
}

/// How many tasks, and how much of the traffic, the revision `id` has in a deployment.
fn summary(
    scope: &Scope,
    record: &ServiceDeployment,
    members: &[(Task, TaskObserved)],
    id: &str,
) -> ServiceRevisionSummary {
    let Tally { running, pending, living } =
        tally(members, |task| task.membership.as_ref().is_some_and(|m| digits(&m.deployment) == id));
    let share = |coming: u16| {
        let of = if *id == record.id {
            coming
        } else if record.serving.as_deref() == Some(id) {
            WHOLE - coming
        } else {
            0
        };
        f64::from(of) / 10.0
    };
    ServiceRevisionSummary {
        arn: Some(ServiceRevision::arn(scope, &record.cluster, &record.service, id)),
        requested_task_count: living,
        running_task_count: running,
        pending_task_count: pending,
        requested_test_traffic_weight: record.traffic.map(|(_, test)| share(if test { WHOLE } else { 0 })),
        requested_production_traffic_weight: record.traffic.map(|(weight, _)| share(weight)),
    }
}

fn alarms(seen: AlarmsSeen) -> ServiceDeploymentAlarms {
    ServiceDeploymentAlarms {
        status: Some(seen.status),
        alarm_names: seen.names,
        triggered_alarm_names: seen.triggered,
    }
}

fn hook(hook: &Hook) -> DeploymentLifecycleHookDetail {
    let target_type = if hook.target.is_some() { TargetType::AwsLambda } else { TargetType::Pause };
    DeploymentLifecycleHookDetail {
        hook_id: Some(hook.id.clone()),
        target_type: Some(target_type),
        target_arn: hook.target.clone(),
        status: Some(hook.status),
        expires_at: Some(hook.expires_at),
        timeout_action: Some(hook.on_timeout),
    }
}

/// A service revision.
pub(crate) fn service_revision(
    rows: &impl Read,
    scope: &Scope,
    row: &ServiceRevision,
) -> Result<api::ecs::ServiceRevision, store::Error> {
    let revision = &row.revision;
    let rule = |group: &Option<String>| {
        let asked = revision.load_balancers.iter().filter_map(|balancer| {
            let advanced = balancer.advanced_configuration.as_ref()?;
            let ours = *group == balancer.target_group_arn || *group == advanced.alternate_target_group_arn;
            ours.then(|| advanced.production_listener_rule.clone()).flatten()
        });
        asked.into_iter().next()
    };
    let resolved = row.load_balancers.iter().map(|balancer| ServiceRevisionLoadBalancer {
        target_group_arn: balancer.target_group_arn.clone(),
        production_listener_rule: rule(&balancer.target_group_arn),
    });
    Ok(api::ecs::ServiceRevision {
        service_revision_arn: Some(ServiceRevision::arn(scope, &row.cluster, &row.service, revision.digits())),
        service_arn: Some(Service::arn(scope, &row.cluster, &row.service)),
        cluster_arn: Some(Cluster::arn(scope, &row.cluster)),
        task_definition: Some(revision.task_definition.clone()),
        capacity_provider_strategy: revision.capacity_providers.clone(),
        launch_type: launch_type(revision),
        platform_version: Some(PLATFORM_VERSION.to_owned()),
        platform_family: Some("Linux".to_owned()),
        load_balancers: revision.load_balancers.clone(),
        service_registries: revision.registries.clone(),
        network_configuration: Some(network(revision)),
        container_images: images(rows, scope, row)?,
        created_at: Some(revision.created_at),
        resolved_configuration: Some(ResolvedConfiguration { load_balancers: resolved.collect() }),
    })
}

/// The images of a revision's containers, with the digests that its tasks found.
fn images(rows: &impl Read, scope: &Scope, row: &ServiceRevision) -> Result<Vec<ContainerImage>, store::Error> {
    let reference = DefinitionReference::parse(scope, &row.revision.task_definition);
    let Some(definition) = reference.map(|r| r.find(rows, scope)).transpose()?.flatten() else {
        return Ok(Vec::new());
    };
    let service = |task: &Task| {
        task.membership
            .as_ref()
            .is_some_and(|m| m.service == row.service && digits(&m.deployment) == row.revision.digits())
    };
    let all = rows.rows_under::<Task>(scope, &format!("{}/", row.cluster))?;
    let mut digests = std::collections::BTreeMap::new();
    for (key, _) in all.into_iter().filter(|(_, task)| service(task)) {
        digests.extend(rows.row::<TaskObserved>(&key)?.unwrap_or_default().digests);
    }
    let containers = definition.definition.container_definitions.into_iter();
    let image = |container: api::ecs::ContainerDefinition| ContainerImage {
        image_digest: container.name.as_ref().and_then(|name| digests.get(name).cloned()),
        container_name: container.name,
        image: container.image,
    };
    Ok(containers.map(image).collect())
}
