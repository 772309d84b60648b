//! A task as callers see it.

use std::collections::{BTreeMap, btree_map::Entry};

use api::ecs::{
    Attachment, Attribute, ContainerDefinition, ContainerOverride, HealthStatus, KeyValuePair, NetworkInterface,
};
use container::{ContainerState, ContainerStatus, Health, TaskState};
use names::{Arn, Scope};

use crate::{
    metadata::container_id,
    read::Read,
    rows::{Cluster, Status, Task, TaskDefinition, TaskObserved, TaskRuntime},
};

/// The version of the Fargate platform whose behaviour is shown.
const PLATFORM_VERSION: &str = "1.4.0";

/// The task of `row` as a caller sees it; what is known of it besides is read from `rows`.
pub(crate) fn task(
    rows: &impl Read,
    scope: &Scope,
    row: &Task,
    include: &[String],
) -> Result<api::ecs::Task, store::Error> {
    Tasks::new(rows, scope).task(row, include)
}

/// Shows tasks as callers see them. Many tasks are of few definitions, which are long: each is read once.
pub(crate) struct Tasks<'a, R> {
    rows: &'a R,
    scope: &'a Scope,
    containers: BTreeMap<(String, u32), Vec<ContainerDefinition>>,
}

impl<'a, R: Read> Tasks<'a, R> {
    /// For tasks in `scope`; what is known of them besides is read from `rows`.
    pub(crate) fn new(rows: &'a R, scope: &'a Scope) -> Self {
        Self { rows, scope, containers: BTreeMap::new() }
    }

    /// The task of `row`.
    pub(crate) fn task(&mut self, row: &Task, include: &[String]) -> Result<api::ecs::Task, store::Error> {
        let (rows, scope) = (self.rows, self.scope);
        let key = Task::key(scope, &row.cluster, &row.id);
        let observed = rows.row::<TaskObserved>(&key)?.unwrap_or_default();
        let runtime = rows.row::<TaskRuntime>(&key)?.map(|row| row.state);
        let containers = match self.containers.entry((row.family.clone(), row.revision)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let definition = rows.row::<TaskDefinition>(&TaskDefinition::key(scope, &row.family, row.revision))?;
                place.insert(definition.map(|row| row.definition.container_definitions).unwrap_or_default())
            }
        };
        let view = View { scope, row, observed: &observed, runtime: runtime.as_ref(), containers };
        Ok(view.show(include))
    }
}

/// What the health checks of a task's essential containers say together.
pub(crate) fn health(containers: &[ContainerDefinition], runtime: Option<&TaskState>) -> HealthStatus {
    let essential = containers.iter().filter(|c| c.essential != Some(false) && c.health_check.is_some());
    let each = essential.map(|container| {
        let name = container.name.as_deref().unwrap_or_default();
        runtime.and_then(|state| state.container(name)).map_or(Health::Unknown, |state| state.health)
    });
    let (mut any, mut worst) = (false, HealthStatus::Healthy);
    for health in each {
        any = true;
        worst = match (health, worst) {
            (Health::Unhealthy, _) | (_, HealthStatus::Unhealthy) => HealthStatus::Unhealthy,
            (Health::Unknown, _) | (_, HealthStatus::Unknown) => HealthStatus::Unknown,
            (Health::Healthy, HealthStatus::Healthy) => HealthStatus::Healthy,
        };
    }
    if any { worst } else { HealthStatus::Unknown }
}

/// All that is known of one task.
struct View<'a> {
    scope: &'a Scope,
    row: &'a Task,
    observed: &'a TaskObserved,
    runtime: Option<&'a TaskState>,
    containers: &'a [ContainerDefinition],
}

impl View<'_> {
    fn show(&self, include: &[String]) -> api::ecs::Task {
        let (row, observed) = (self.row, self.observed);
        let stop = row.end(observed);
        api::ecs::Task {
            attachments: self.attachment().into_iter().collect(),
            attributes: vec![architecture()],
            availability_zone: observed.interface.as_ref().map(|interface| interface.zone.clone()),
            capacity_provider_name: row.capacity_provider.clone(),
            cluster_arn: Some(Cluster::arn(self.scope, &row.cluster)),
            connectivity: observed.pull_started_at.map(|_| "CONNECTED".to_owned()),
            connectivity_at: observed.pull_started_at,
            containers: self.containers.iter().map(|container| self.container(container)).collect(),
            cpu: row.cpu.map(|units| units.to_string()),
            created_at: Some(row.created_at),
            desired_status: Some(if stop.is_some() { "STOPPED" } else { "RUNNING" }.to_owned()),
            execution_stopped_at: observed.execution_stopped_at,
            group: Some(row.group.clone()),
            health_status: Some(health(self.containers, self.runtime)),
            last_status: Some(observed.status.as_str().to_owned()),
            launch_type: Some(row.launch_type),
            memory: Some(row.memory.to_string()),
            overrides: Some(self.overrides()),
            platform_version: Some(PLATFORM_VERSION.to_owned()),
            platform_family: Some("Linux".to_owned()),
            pull_started_at: observed.pull_started_at,
            pull_stopped_at: observed.pull_stopped_at,
            started_at: observed.started_at,
            started_by: row.started_by.clone(),
            stop_code: stop.map(|stop| stop.code),
            stopped_at: observed.stopped_at,
            stopped_reason: stop.map(|stop| stop.reason.clone()),
            stopping_at: observed.stopping_at,
            tags: if include.iter().any(|field| field == "TAGS") { super::tags(&row.tags) } else { Vec::new() },
            task_arn: Some(self.arn()),
            task_definition_arn: Some(definition_arn(self.scope, row)),
            version: i64::try_from(observed.version).unwrap_or(i64::MAX),
            ephemeral_storage: row.overrides.ephemeral_storage.clone(),
            ..api::ecs::Task::default()
        }
    }

    fn arn(&self) -> String {
        Task::arn(self.scope, &self.row.cluster, &self.row.id)
    }

    fn attachment(&self) -> Option<Attachment> {
        let interface = self.observed.interface.as_ref()?;
        let status = match self.observed.status {
            Status::Provisioning | Status::Pending => "ATTACHING",
            Status::Stopped => "DELETED",
            Status::Deprovisioning => "DETACHING",
            _ => "ATTACHED",
        };
        let detail =
            |name: &str, value: &str| KeyValuePair { name: Some(name.to_owned()), value: Some(value.to_owned()) };
        let mut details = vec![
            detail("subnetId", &interface.subnet),
            detail("networkInterfaceId", &interface.id),
            detail("macAddress", &interface.mac),
        ];
        details.extend(interface.dns_name.as_deref().map(|name| detail("privateDnsName", name)));
        details.push(detail("privateIPv4Address", &interface.address.to_string()));
        Some(Attachment {
            id: Some(interface.attachment.clone()),
            r#type: Some("ElasticNetworkInterface".to_owned()),
            status: Some(status.to_owned()),
            details,
        })
    }

    /// Overrides as AWS shows them: an entry for each container, empty where nothing is otherwise.
    fn overrides(&self) -> api::ecs::TaskOverride {
        let mut overrides = self.row.overrides.clone();
        for container in self.containers {
            if !overrides.container_overrides.iter().any(|known| known.name == container.name) {
                let empty = ContainerOverride { name: container.name.clone(), ..ContainerOverride::default() };
                overrides.container_overrides.push(empty);
            }
        }
        overrides
    }

    fn container(&self, definition: &ContainerDefinition) -> api::ecs::Container {
        let name = definition.name.clone().unwrap_or_default();
        let state = self.runtime.and_then(|state| state.container(&name));
        let id = self.row.containers.get(&name).cloned().unwrap_or_default();
        let resource = format!("container/{}/{}/{id}", self.row.cluster, self.row.id);
        api::ecs::Container {
            container_arn: Some(Arn::new("ecs", self.scope, resource).to_string()),
            task_arn: Some(self.arn()),
            image: definition.image.clone(),
            image_digest: self.observed.digests.get(&name).cloned(),
            runtime_id: state.map(|_| container_id(&self.row.id, &name)),
            last_status: Some(self.container_status(state).to_owned()),
            exit_code: state.and_then(|state| state.exit_code),
            reason: state.and_then(|s| s.reason.clone()).or_else(|| self.observed.failures.get(&name).cloned()),
            network_interfaces: self.container_interface().into_iter().collect(),
            health_status: Some(container_health(state)),
            cpu: Some(definition.cpu.to_string()),
            memory: definition.memory.map(|mib| mib.to_string()),
            memory_reservation: definition.memory_reservation.map(|mib| mib.to_string()),
            name: Some(name),
            ..api::ecs::Container::default()
        }
    }

    fn container_status(&self, state: Option<&ContainerState>) -> &'static str {
        match state.map(|state| state.status) {
            Some(ContainerStatus::Running) => "RUNNING",
            Some(ContainerStatus::Stopped) => "STOPPED",
            None if self.observed.status == Status::Stopped => "STOPPED",
            Some(ContainerStatus::Pending) | None => "PENDING",
        }
    }

    fn container_interface(&self) -> Option<NetworkInterface> {
        self.observed.interface.as_ref().map(|interface| NetworkInterface {
            attachment_id: Some(interface.attachment.clone()),
            private_ipv4_address: Some(interface.address.to_string()),
            ipv6_address: None,
        })
    }
}

fn definition_arn(scope: &Scope, row: &Task) -> String {
    Arn::new("ecs", scope, format!("task-definition/{}:{}", row.family, row.revision)).to_string()
}

fn container_health(state: Option<&ContainerState>) -> HealthStatus {
    match state.map(|state| state.health) {
        Some(Health::Healthy) => HealthStatus::Healthy,
        Some(Health::Unhealthy) => HealthStatus::Unhealthy,
        Some(Health::Unknown) | None => HealthStatus::Unknown,
    }
}

fn architecture() -> Attribute {
    let own = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    Attribute { name: "ecs.cpu-architecture".to_owned(), value: Some(own.to_owned()), ..Attribute::default() }
}
