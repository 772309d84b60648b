//! What the operations and controllers share.

use std::sync::Arc;

use names::{Clock, Ids};
use store::Store;
use wire::Caller;

use crate::{
    placement::Machine,
    rows::{Service, Task, TaskDefinition},
    runtime::Runtime,
};

/// Digits of a deployment's id.
const DEPLOYMENT_DIGITS: u64 = 10_000_000_000_000_000_000;

/// ECS's state: handles only.
pub struct Ecs {
    /// Where rows are kept.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// Where ids come from.
    pub ids: Ids,
    /// How neighbours are called.
    pub caller: Caller,
    /// Where it is written what tasks use.
    pub metrics: telemetry::Metrics,
    /// What tasks may use together.
    pub machine: Machine,
    /// What runs tasks.
    pub runtime: Arc<dyn Runtime>,
    /// The secret of the access key that tasks with a role get; the key is their account.
    pub task_secret: String,
}

impl Ecs {
    /// A new deployment's id: `ecs-svc/` and nineteen digits.
    pub(crate) fn deployment_id(&self) -> String {
        let number = u64::from_str_radix(&self.ids.hex(16), 16).unwrap_or_default();
        format!("ecs-svc/{:019}", number % DEPLOYMENT_DIGITS)
    }

    /// Gives `task` its id, ids for its containers, and the tags that ECS hangs on by itself if it is to.
    pub(crate) fn name_task(&self, task: &mut Task, definition: &TaskDefinition, managed_tags: bool) {
        task.id = self.ids.hex(32);
        let containers = definition.definition.container_definitions.iter().filter_map(|c| c.name.clone());
        task.containers = containers.map(|name| (name, self.ids.uuid())).collect();
        if managed_tags {
            task.tags.insert("aws:ecs:clusterName".to_owned(), task.cluster.clone());
            if let Some(membership) = &task.membership {
                task.tags.insert("aws:ecs:serviceName".to_owned(), membership.service.clone());
            }
        }
    }

    /// The key of the service that `task` belongs to.
    pub(crate) fn service_key(scope: &names::Scope, task: &Task) -> Option<store::Key> {
        task.membership.as_ref().map(|membership| Service::key(scope, &task.cluster, &membership.service))
    }
}
