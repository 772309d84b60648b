//! Which task calls from an address: how the rest of the house knows a task by what it cannot choose itself.

use std::net::Ipv4Addr;

use names::{Arn, Scope};
use store::{Error, Store};

use crate::rows::{Status, Task, TaskDefinition, TaskObserved};

/// The variables by which a container is known as an App Mesh proxy: each names what the proxy stands for.
pub(crate) const PROXY_VARIABLES: [&str; 3] =
    ["APPMESH_RESOURCE_ARN", "APPMESH_VIRTUAL_NODE_NAME", "APPMESH_RESOURCE_NAME"];

/// A task, as far as whoever it calls needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallingTask {
    /// Its ARN.
    pub arn: String,
    /// The ARNs of the virtual nodes and gateways that its definition makes it a proxy of.
    pub mesh_resources: Vec<String>,
}

/// The task that has `address` in `vpc`.
pub fn task_at(store: &Store, vpc: &str, address: Ipv4Addr) -> Result<Option<CallingTask>, Error> {
    for (key, observed) in store.list_all::<TaskObserved>()? {
        // Its address may be another's by now.
        if observed.status >= Status::Deprovisioning {
            continue;
        }
        if !observed.interface.is_some_and(|interface| interface.vpc == vpc && interface.address == address) {
            continue;
        }
        let Some(task) = store.get::<Task>(&key)? else { continue };
        let definition = store.get::<TaskDefinition>(&TaskDefinition::key(&key.scope, &task.family, task.revision))?;
        let mesh_resources = definition.map(|definition| mesh_resources(&key.scope, &task, &definition));
        let arn = Task::arn(&key.scope, &task.cluster, &task.id);
        return Ok(Some(CallingTask { arn, mesh_resources: mesh_resources.unwrap_or_default() }));
    }
    Ok(None)
}

fn mesh_resources(scope: &Scope, task: &Task, definition: &TaskDefinition) -> Vec<String> {
    let given = definition.definition.container_definitions.iter().flat_map(|container| &container.environment);
    let over = task.overrides.container_overrides.iter().flat_map(|container| &container.environment);
    let named =
        given.chain(over).filter(|variable| PROXY_VARIABLES.iter().any(|name| variable.name.as_deref() == Some(name)));
    let names = named.filter_map(|variable| variable.value.as_deref()).filter(|value| !value.is_empty());
    names.map(|name| arn_of(scope, name)).collect()
}

/// The ARN of what is named by its ARN or, shorter, `mesh/<mesh>/virtualNode/<node>`.
fn arn_of(scope: &Scope, name: &str) -> String {
    if name.starts_with("arn:") { name.to_owned() } else { Arn::new("appmesh", scope, name).to_string() }
}
