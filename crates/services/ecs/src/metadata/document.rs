//! A task and its containers as the fourth version of the metadata endpoint describes them. Pure.

use std::net::Ipv4Addr;

use api::ecs::{ContainerDefinition, LaunchType};
use container::{ContainerState, ContainerStatus, Health, TaskState, TaskStatus};
use ipnet::Ipv4Net;
use names::Timestamp;
use serde_json::{Map, Value, json};

use super::container_id;
use crate::{
    controller::stream_name,
    definition::log_options,
    rows::{Interface, Task, TaskObserved},
};

/// Processor units of one processor.
const UNITS: f64 = 1024.0;

/// All that is known of a task.
pub(super) struct Known {
    /// As `DescribeTasks` shows it.
    pub(super) shown: api::ecs::Task,
    pub(super) task: Task,
    /// Its containers as they are defined.
    pub(super) containers: Vec<ContainerDefinition>,
    pub(super) observed: TaskObserved,
    pub(super) state: Option<TaskState>,
    pub(super) place: Option<Place>,
}

/// The networks a task is in.
pub(super) struct Place {
    /// Its subnet's.
    pub(super) subnet: Ipv4Net,
    /// Its VPC's resolver.
    pub(super) resolver: Ipv4Addr,
}

impl Known {
    /// The task.
    pub(super) fn task(&self) -> Value {
        let (shown, observed) = (&self.shown, &self.observed);
        let names = self.containers.iter().filter_map(|definition| definition.name.as_deref());
        let runs = self.state.as_ref().is_some_and(|state| state.status == TaskStatus::Running);
        let mut document = Document::default();
        document.set("Cluster", shown.cluster_arn.as_deref());
        document.set("TaskARN", shown.task_arn.as_deref());
        document.set("Family", Some(&*self.task.family));
        document.set("Revision", Some(self.task.revision.to_string()));
        document.set("ServiceName", self.task.membership.as_ref().map(|membership| membership.service.as_str()));
        document.set("DesiredStatus", shown.desired_status.as_deref());
        document.set("KnownStatus", Some(if runs { "RUNNING" } else { "PENDING" }));
        document.set("Limits", Some(self.limits()));
        document.time("PullStartedAt", observed.pull_started_at);
        document.time("PullStoppedAt", observed.pull_stopped_at);
        document.time("ExecutionStoppedAt", observed.execution_stopped_at);
        document.set("AvailabilityZone", shown.availability_zone.as_deref());
        document.set("LaunchType", Some(self.task.launch_type.as_str()));
        // On Fargate AWS does not tell.
        let vpc = observed.interface.as_ref().filter(|_| self.task.launch_type == LaunchType::Ec2);
        document.set("VPCID", vpc.map(|interface| interface.vpc.as_str()));
        document.set("Containers", Some(names.filter_map(|name| self.container(name)).collect::<Vec<_>>()));
        document.into()
    }

    /// The task with its tags.
    pub(super) fn task_with_tags(&self) -> Value {
        let mut task = self.task();
        let tags = self.shown.tags.iter().map(|tag| (tag.key.clone(), json!(tag.value.as_deref().unwrap_or_default())));
        task["TaskTags"] = tags.collect::<Map<_, _>>().into();
        task
    }

    /// What all containers may use together: processors, and MiB.
    fn limits(&self) -> Value {
        let mut limits = Document::default();
        limits.set("CPU", self.task.cpu.map(|units| f64::from(units) / UNITS));
        limits.set("Memory", Some(self.task.memory));
        limits.into()
    }

    /// The container called `name`, if there is one.
    pub(super) fn container(&self, name: &str) -> Option<Value> {
        let definition = self.containers.iter().find(|definition| definition.name.as_deref() == Some(name))?;
        let shown = self.shown.containers.iter().find(|container| container.name.as_deref() == Some(name))?;
        let state = self.state.as_ref().and_then(|state| state.container(name));
        let mut document = Document::default();
        document.set("DockerId", Some(container_id(&self.task.id, name)));
        document.set("Name", Some(name));
        document.set("DockerName", Some(name));
        document.set("Image", definition.image.as_deref());
        document.set("ImageID", shown.image_digest.as_deref());
        document.set("Labels", Some(self.labels(name, definition)));
        document.set("DesiredStatus", self.shown.desired_status.as_deref());
        document.set("KnownStatus", Some(known_status(state)));
        document.set("ExitCode", state.and_then(|state| state.exit_code));
        document.set("Limits", Some(limits(definition)));
        document.time("CreatedAt", self.state.as_ref().map(|state| state.created_at));
        document.time("StartedAt", state.and_then(|state| state.started_at));
        document.time("FinishedAt", state.and_then(|state| state.finished_at));
        document.set("Type", Some("NORMAL"));
        document.set("Health", state.filter(|_| definition.health_check.is_some()).map(health));
        document.set("LogDriver", definition.log_configuration.as_ref().map(|log| log.log_driver.as_str()));
        document.set("LogOptions", self.log_options(name, definition));
        document.set("ContainerARN", shown.container_arn.as_deref());
        document.set("Networks", self.observed.interface.as_ref().map(|interface| vec![self.network(interface)]));
        Some(document.into())
    }

    /// The definition's own labels, and those that ECS hangs on.
    fn labels(&self, name: &str, definition: &ContainerDefinition) -> Value {
        let own = definition.docker_labels.iter().map(|(label, value)| (label.clone(), json!(value)));
        let mut labels: Map<String, Value> = own.collect();
        for (label, value) in [
            ("cluster", json!(self.shown.cluster_arn)),
            ("container-name", json!(name)),
            ("task-arn", json!(self.shown.task_arn)),
            ("task-definition-family", json!(self.task.family)),
            ("task-definition-version", json!(self.task.revision.to_string())),
        ] {
            labels.insert(format!("com.amazonaws.ecs.{label}"), value);
        }
        labels.into()
    }

    /// The options of the log driver, and the stream that they come to.
    fn log_options(&self, name: &str, definition: &ContainerDefinition) -> Option<Value> {
        let (_, prefix, _) = log_options(definition)?;
        let mut options = json!(definition.log_configuration.as_ref()?.options);
        options["awslogs-stream"] = stream_name(prefix, name, &self.task).into();
        Some(options)
    }

    fn network(&self, interface: &Interface) -> Value {
        let mut network = Document::default();
        network.set("NetworkMode", Some("awsvpc"));
        network.set("IPv4Addresses", Some([interface.address]));
        network.set("AttachmentIndex", Some(0));
        network.set("MACAddress", Some(interface.mac.as_str()));
        if let Some(Place { subnet, resolver }) = &self.place {
            let router = Ipv4Addr::from_bits(subnet.network().to_bits().saturating_add(1));
            network.set("IPv4SubnetCIDRBlock", Some(subnet));
            network.set("DomainNameServers", Some([resolver]));
            network.set("SubnetGatewayIpv4Address", Some(format!("{router}/{}", subnet.prefix_len())));
        }
        let domain = interface.dns_name.as_deref().and_then(|name| name.split_once('.')).map(|(_, domain)| [domain]);
        network.set("DomainNameSearchList", domain);
        network.set("PrivateDNSName", interface.dns_name.as_deref());
        network.into()
    }
}

/// What a container may use: processor units and MiB, as they are defined.
fn limits(definition: &ContainerDefinition) -> Value {
    let mut limits = Document::default();
    limits.set("CPU", Some(definition.cpu));
    limits.set("Memory", definition.memory);
    limits.into()
}

/// In the agent's words: what is not started yet has its image.
fn known_status(state: Option<&ContainerState>) -> &'static str {
    match state.map(|state| state.status) {
        Some(ContainerStatus::Pending) | None => "PULLED",
        Some(ContainerStatus::Running) => "RUNNING",
        Some(ContainerStatus::Stopped) => "STOPPED",
    }
}

fn health(state: &ContainerState) -> Value {
    let status = match state.health {
        Health::Healthy => "HEALTHY",
        Health::Unhealthy => "UNHEALTHY",
        Health::Unknown => "UNKNOWN",
    };
    let mut health = Document::default();
    health.set("status", Some(status));
    health.set("output", state.health_output.as_deref());
    health.into()
}

/// An object without the members that nobody knows.
#[derive(Default)]
struct Document(Map<String, Value>);

impl Document {
    fn set(&mut self, name: &str, value: Option<impl serde::Serialize>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), json!(value));
        }
    }

    fn time(&mut self, name: &str, time: Option<Timestamp>) {
        self.set(name, time.map(Timestamp::to_iso8601));
    }
}

impl From<Document> for Value {
    fn from(document: Document) -> Self {
        document.0.into()
    }
}
