//! Tasks: what each should be, what it is, and what its shim and logs say.

use std::{collections::BTreeMap, net::Ipv4Addr};

use api::ecs::{AwsVpcConfiguration, LaunchType, LoadBalancer, ServiceRegistry, TaskOverride, TaskStopCode};
use container::TaskState;
use names::{Arn, Scope, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row};

/// What was asked of a task. Only `stop` and the tags ever change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Task {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Its cluster's name.
    pub cluster: String,
    /// Its task definition's family.
    pub family: String,
    /// Its task definition's revision.
    pub revision: u32,
    /// `service:` and a service's name, `family:` and a family, or what the caller said.
    pub group: String,
    /// The deployment that started it, or what the caller said.
    pub started_by: Option<String>,
    /// On what it runs.
    pub launch_type: LaunchType,
    /// The capacity provider it was placed by.
    pub capacity_provider: Option<String>,
    /// The Fargate platform's version that was asked for.
    pub platform_version: Option<String>,
    /// Where it gets its address.
    pub network: AwsVpcConfiguration,
    /// What it does otherwise than its definition says.
    pub overrides: TaskOverride,
    /// Processor units of the whole task.
    pub cpu: Option<u32>,
    /// Memory of the whole task in MiB: what it takes of the machine's.
    pub memory: u64,
    /// Its service, if it has one.
    pub membership: Option<Membership>,
    /// The id of each of its containers, by container: the last part of their ARNs.
    pub containers: BTreeMap<String, String>,
    /// Its tags.
    pub tags: Tags,
    /// What the caller gave to make a repeated call the same call.
    pub client_token: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// That it should stop.
    pub stop: Option<Stop>,
}

impl Row for Task {
    const KIND: &'static str = "ecs/task";
}

impl Task {
    /// The key of a task.
    pub(crate) fn key(scope: &Scope, cluster: &str, id: &str) -> Key {
        Key::new(scope, format!("{cluster}/{id}"))
    }

    /// The ARN of a task.
    pub(crate) fn arn(scope: &Scope, cluster: &str, id: &str) -> String {
        Arn::new("ecs", scope, format!("task/{cluster}/{id}")).to_string()
    }

    /// Why it stops or stopped, if it does: what was seen of its end comes before what was asked.
    pub(crate) fn end<'a>(&'a self, observed: &'a TaskObserved) -> Option<&'a Stop> {
        observed.stop.as_ref().or(self.stop.as_ref())
    }
}

/// A task's place in a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Membership {
    /// The service's name.
    pub service: String,
    /// The deployment it belongs to.
    pub deployment: String,
    /// Target groups to register it to.
    pub load_balancers: Vec<LoadBalancer>,
    /// Cloud Map services to register it to.
    pub registries: Vec<ServiceRegistry>,
}

/// Why a task stops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stop {
    /// As a word.
    pub code: TaskStopCode,
    /// For people.
    pub reason: String,
    /// When that was decided.
    pub at: Timestamp,
    /// Whether it is a failure of the task, as against somebody's wish.
    pub failed: bool,
}

/// The stations of a task's life, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Status {
    /// It gets its network interface.
    #[default]
    Provisioning,
    /// Its images are fetched and its containers made.
    Pending,
    /// Its containers start, and it is made known to load balancers and Cloud Map.
    Activating,
    /// It runs.
    Running,
    /// It is taken out of load balancers and Cloud Map, and finishes what it has begun.
    Deactivating,
    /// Its containers are told to end.
    Stopping,
    /// Its network interface goes.
    Deprovisioning,
    /// Nothing of it is left but the story.
    Stopped,
}

impl Status {
    /// The word as AWS spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Pending => "PENDING",
            Self::Activating => "ACTIVATING",
            Self::Running => "RUNNING",
            Self::Deactivating => "DEACTIVATING",
            Self::Stopping => "STOPPING",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// What a task is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct TaskObserved {
    /// Its station.
    pub status: Status,
    /// How often it has changed.
    pub version: u64,
    /// Its network interface, once it has one.
    pub interface: Option<Interface>,
    /// The digest of each container's image, by container, once they are all there.
    pub digests: BTreeMap<String, String>,
    /// When the fetching of images began.
    pub pull_started_at: Option<Timestamp>,
    /// When it ended.
    pub pull_stopped_at: Option<Timestamp>,
    /// What went wrong with a container before it could start, by container.
    pub failures: BTreeMap<String, String>,
    /// When all its containers ran.
    pub started_at: Option<Timestamp>,
    /// When it began to stop.
    pub stopping_at: Option<Timestamp>,
    /// When its containers had ended.
    pub execution_stopped_at: Option<Timestamp>,
    /// When nothing of it was left.
    pub stopped_at: Option<Timestamp>,
    /// Why it stops.
    pub stop: Option<Stop>,
    /// Its places in target groups.
    pub targets: Vec<Target>,
    /// Its places in Cloud Map.
    pub instances: Vec<RegistryInstance>,
    /// Since when nobody should be sent to it any more: it has left Cloud Map, or has begun to drain.
    pub left_at: Option<Timestamp>,
    /// Whether it can take work.
    pub fitness: Fitness,
    /// When it first could.
    pub first_fit_at: Option<Timestamp>,
}

impl Row for TaskObserved {
    const KIND: &'static str = "ecs/task.observed";
}

/// Whether a task can take work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Fitness {
    /// It does not run, or not all that checks it has spoken yet.
    #[default]
    Unknown,
    /// It runs, and all that checks it says that it is well.
    Fit,
    /// A check says that it is not well; the reason is worded as a stop reason.
    Unfit(String),
}

/// A task's network interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Interface {
    /// The id of the attachment, a UUID.
    pub attachment: String,
    /// `eni-` and digits.
    pub id: String,
    /// The hardware address, `02:00:…`.
    pub mac: String,
    /// The address in the subnet.
    pub address: Ipv4Addr,
    /// The subnet.
    pub subnet: String,
    /// The VPC.
    pub vpc: String,
    /// The subnet's zone.
    pub zone: String,
    /// The name the address has in the VPC.
    pub dns_name: Option<String>,
}

/// A task's place in a target group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Target {
    /// The target group's ARN.
    pub group: String,
    /// The port.
    pub port: u16,
    /// Whether it is registered.
    pub registered: bool,
    /// What the load balancer last said of it: `initial`, `healthy`, `unhealthy`, `draining`, `unused`.
    pub health: Option<String>,
    /// Why, as the load balancer says it.
    pub description: Option<String>,
}

/// A task's place in Cloud Map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RegistryInstance {
    /// The Cloud Map service's id.
    pub service: String,
    /// Whether it is registered.
    pub registered: bool,
    /// What was last said of its health; none if the Cloud Map service takes no such word.
    pub healthy: Option<bool>,
}

/// What a task's shim last said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TaskRuntime {
    /// The containers.
    pub state: TaskState,
}

impl Row for TaskRuntime {
    const KIND: &'static str = "ecs/task.runtime";
}

/// How far each container's output was carried to Logs, by container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct TaskLogs {
    /// By container.
    pub containers: BTreeMap<String, LogCheckpoint>,
    /// Whether the task has ended and all it printed was carried.
    pub complete: bool,
}

impl Row for TaskLogs {
    const KIND: &'static str = "ecs/task.logs";
}

/// How far one container's output was carried.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LogCheckpoint {
    /// Bytes of the shim's log that Logs has acknowledged.
    pub offset: u64,
    /// Bytes that were given up because Logs refused them for good.
    pub refused: u64,
}
