//! What a task may be asked to be.

use std::collections::BTreeMap;

use api::ecs::{ContainerOverride, LaunchType, PropagateTags, RunTaskRequest, TaskOverride};

use super::{Context, refused, service_checks};
use crate::{
    Error,
    definition::{self, Size},
    rows::{Task, TaskDefinition},
    tags,
};

/// The longest `startedBy` and `group`.
const LABEL_LENGTH_MAX: usize = 128;

/// Refuses what can't be honoured of a task.
pub(super) fn refuse(request: &RunTaskRequest) -> Result<(), Error> {
    refused::placement(&request.placement_constraints, &request.placement_strategy)?;
    refused::execute_command(request.enable_execute_command)?;
    refused::strategy(&request.capacity_provider_strategy, request.launch_type.is_some())?;
    service_checks::platform_version(request.platform_version.as_deref())?;
    service_checks::foreign(&[("volumeConfigurations", request.volume_configurations.as_ref())])?;
    if request.reference_id.is_some() {
        return Err(refused::unsupported("referenceId", "use startedBy, group or tags"));
    }
    for (member, value) in [("startedBy", &request.started_by), ("group", &request.group)] {
        if value.as_ref().is_some_and(|value| value.len() > LABEL_LENGTH_MAX) {
            return Err(Error::InvalidParameter(format!("{member} is longer than {LABEL_LENGTH_MAX} characters.")));
        }
    }
    Ok(())
}

/// A task as `request` wants it, without an id and a cluster.
pub(super) fn draft(cx: &Context, request: &RunTaskRequest, row: &TaskDefinition) -> Result<Task, Error> {
    service_checks::launch_type(row, request.launch_type, !request.capacity_provider_strategy.is_empty())?;
    let overrides = request.overrides.clone().unwrap_or_default();
    let size = size(&overrides, row)?;
    let mut own = tags::checked(&request.tags, false)?;
    match request.propagate_tags {
        Some(PropagateTags::TaskDefinition) => {
            for (key, value) in &row.tags {
                own.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        Some(PropagateTags::Service) => {
            return Err(Error::InvalidParameter("SERVICE is no valid value of propagateTags for RunTask.".to_owned()));
        }
        _ => {}
    }
    let family = row.definition.family.clone();
    let capacity_provider = request.capacity_provider_strategy.first().map(|item| item.capacity_provider.clone());
    let fallback = if capacity_provider.is_some() { LaunchType::Fargate } else { LaunchType::Ec2 };
    Ok(Task {
        id: String::new(),
        cluster: String::new(),
        group: request.group.clone().unwrap_or_else(|| format!("family:{family}")),
        family,
        revision: row.revision,
        started_by: request.started_by.clone(),
        launch_type: request.launch_type.unwrap_or(fallback),
        capacity_provider,
        platform_version: request.platform_version.clone(),
        network: service_checks::network(request.network_configuration.as_ref())?,
        overrides,
        cpu: size.cpu,
        memory: size.memory,
        membership: None,
        containers: BTreeMap::new(),
        tags: own,
        client_token: request.client_token.clone(),
        created_at: cx.clock.now(),
        stop: None,
    })
}

/// How much the task takes of the machine, and whether its overrides can be.
fn size(overrides: &TaskOverride, row: &TaskDefinition) -> Result<Size, Error> {
    refused::members(&[(
        "overrides.inferenceAcceleratorOverrides",
        overrides.inference_accelerator_overrides.as_ref(),
        "there are no such devices",
    )])?;
    overrides.container_overrides.iter().try_for_each(|container| check(container, row))?;
    let mut size = definition::size_of(&row.definition);
    if let Some(cpu) = &overrides.cpu {
        size.cpu = Some(definition::cpu_units(cpu)?);
    }
    if let Some(memory) = &overrides.memory {
        size.memory = definition::memory_mib(memory)?;
    }
    Ok(size)
}

fn check(container: &ContainerOverride, row: &TaskDefinition) -> Result<(), Error> {
    refused::members(&[
        ("overrides.containerOverrides.environmentFiles", container.environment_files.as_ref(), "there is no S3"),
        (
            "overrides.containerOverrides.resourceRequirements",
            container.resource_requirements.as_ref(),
            "there are no such devices",
        ),
    ])?;
    let name = container.name.as_deref().unwrap_or_default();
    if row.definition.container_definitions.iter().any(|known| known.name.as_deref() == Some(name)) {
        Ok(())
    } else {
        let text = format!("Override for container named {name} is not a container in the TaskDefinition.");
        Err(Error::InvalidParameter(text))
    }
}
