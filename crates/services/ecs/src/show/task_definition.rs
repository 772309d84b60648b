//! A task definition as callers see it.

use api::ecs::LaunchType;
use names::Scope;

use crate::rows::TaskDefinition;

/// `row` as a caller sees it.
pub(crate) fn task_definition(scope: &Scope, row: &TaskDefinition) -> api::ecs::TaskDefinition {
    let definition = row.definition.clone();
    let fargate = definition.requires_compatibilities.iter().any(|kind| kind == LaunchType::Fargate.as_str());
    let compatibilities = if fargate { vec![LaunchType::Ec2, LaunchType::Fargate] } else { vec![LaunchType::Ec2] };
    api::ecs::TaskDefinition {
        task_definition_arn: Some(row.arn(scope)),
        container_definitions: definition.container_definitions,
        family: Some(definition.family),
        task_role_arn: definition.task_role_arn,
        execution_role_arn: definition.execution_role_arn,
        network_mode: definition.network_mode,
        revision: i32::try_from(row.revision).unwrap_or(i32::MAX),
        volumes: definition.volumes,
        status: Some(row.status),
        compatibilities: compatibilities.into_iter().map(|kind| kind.as_str().to_owned()).collect(),
        runtime_platform: definition.runtime_platform,
        requires_compatibilities: definition.requires_compatibilities,
        cpu: definition.cpu,
        memory: definition.memory,
        proxy_configuration: definition.proxy_configuration,
        registered_at: Some(row.registered_at),
        deregistered_at: row.deregistered_at,
        delete_requested_at: row.delete_requested_at,
        registered_by: Some(row.registered_by.clone()),
        ephemeral_storage: definition.ephemeral_storage,
        ..api::ecs::TaskDefinition::default()
    }
}
