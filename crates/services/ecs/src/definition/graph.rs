//! How a task's containers and volumes refer to each other.

use std::collections::BTreeSet;

use api::ecs::{ContainerCondition, ContainerDefinition, RegisterTaskDefinitionRequest};

use super::wrong;
use crate::Error;

/// Checks that names are unique, that dependencies lead somewhere and in no circle, and that mounts have volumes.
pub(super) fn check(request: &RegisterTaskDefinitionRequest) -> Result<(), Error> {
    let containers = &request.container_definitions;
    let mut names = BTreeSet::new();
    for container in containers {
        if !names.insert(name(container)) {
            return Err(wrong(format!("Container name {} is used more than once.", name(container))));
        }
    }
    for container in containers {
        dependencies(container, containers)?;
        mounts(container, request)?;
        if leads_to(container, name(container), containers, containers.len()) {
            let text = format!("The dependencies of container {} lead in a circle back to it.", name(container));
            return Err(wrong(text));
        }
    }
    Ok(())
}

fn name(container: &ContainerDefinition) -> &str {
    container.name.as_deref().unwrap_or_default()
}

fn dependencies(container: &ContainerDefinition, all: &[ContainerDefinition]) -> Result<(), Error> {
    for dependency in &container.depends_on {
        let Some(other) = all.iter().find(|other| name(other) == dependency.container_name) else {
            let text = format!(
                "Container {} depends on {}, which is not in the task.",
                name(container),
                dependency.container_name
            );
            return Err(wrong(text));
        };
        if dependency.condition == ContainerCondition::Healthy && other.health_check.is_none() {
            return Err(wrong(format!(
                "Container {} depends on {} being HEALTHY, which has no health check.",
                name(container),
                name(other)
            )));
        }
        let ends = matches!(dependency.condition, ContainerCondition::Complete | ContainerCondition::Success);
        if ends && other.essential == Some(true) {
            return Err(wrong(format!(
                "A container that is essential ({}) can't be a dependency with condition {}.",
                name(other),
                dependency.condition.as_str()
            )));
        }
    }
    Ok(())
}

/// Whether `target` is among what `from` depends on, however indirectly. `depth` bounds the search: no path is longer
/// than there are containers.
fn leads_to(from: &ContainerDefinition, target: &str, all: &[ContainerDefinition], depth: usize) -> bool {
    depth > 0
        && from.depends_on.iter().any(|dependency| {
            dependency.container_name == target
                || all
                    .iter()
                    .filter(|other| name(other) == dependency.container_name)
                    .any(|other| leads_to(other, target, all, depth - 1))
        })
}

fn mounts(container: &ContainerDefinition, request: &RegisterTaskDefinitionRequest) -> Result<(), Error> {
    for mount in &container.mount_points {
        let volume = mount.source_volume.as_deref().unwrap_or_default();
        if !request.volumes.iter().any(|known| known.name.as_deref() == Some(volume)) {
            return Err(wrong(format!("Unknown volume '{volume}'. Container {} mounts it.", name(container))));
        }
        if !mount.container_path.as_deref().is_some_and(|path| path.starts_with('/')) {
            return Err(wrong(format!(
                "Invalid mount point of container {}: the path must be absolute.",
                name(container)
            )));
        }
    }
    Ok(())
}
