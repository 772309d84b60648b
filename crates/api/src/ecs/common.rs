//! The small shapes that clusters, services and tasks share.

use serde::{Deserialize, Serialize};

/// A key and its value, hung on a cluster, task definition, service or task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tag {
    /// The key, unique on its resource.
    pub key: String,
    /// The value; absent means empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A name with a value: an environment variable, a detail, a proxy's property.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyValuePair {
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// One thing of several that could not be found or done, beside those that could.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Which thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Why, as a word scripts compare: `MISSING`, `RESOURCE:MEMORY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How much of the work one capacity provider gets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CapacityProviderStrategyItem {
    /// The provider: `FARGATE` or `FARGATE_SPOT`, since a machine here is neither and both.
    pub capacity_provider: String,
    /// Its share among the providers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
    /// How many tasks it gets before shares count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<i32>,
}

/// Where tasks get their addresses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkConfiguration {
    /// The subnets and security groups of `awsvpc` tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awsvpc_configuration: Option<AwsVpcConfiguration>,
}

/// The subnets and security groups of a task's network interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AwsVpcConfiguration {
    /// One of them gives the task its address.
    pub subnets: Vec<String>,
    /// What may reach the task; the VPC's default group if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<String>,
    /// Whether the interface asks for a public address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assign_public_ip: Option<AssignPublicIp>,
}

/// Whether a task's network interface asks for a public address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AssignPublicIp {
    /// It does.
    #[serde(rename = "ENABLED")]
    Enabled,
    /// It does not.
    #[default]
    #[serde(rename = "DISABLED")]
    Disabled,
}

impl AssignPublicIp {
    /// The word as the API model spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
        }
    }
}

/// On what tasks run. Here all run on the machine itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LaunchType {
    /// The user's own instances.
    #[serde(rename = "EC2")]
    Ec2,
    /// Capacity that nobody manages.
    #[default]
    #[serde(rename = "FARGATE")]
    Fargate,
    /// Machines outside AWS.
    #[serde(rename = "EXTERNAL")]
    External,
    /// Instances that AWS manages.
    #[serde(rename = "MANAGED_INSTANCES")]
    ManagedInstances,
}

impl LaunchType {
    /// The word as the API model spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ec2 => "EC2",
            Self::Fargate => "FARGATE",
            Self::External => "EXTERNAL",
            Self::ManagedInstances => "MANAGED_INSTANCES",
        }
    }
}

/// From where a task takes over tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PropagateTags {
    /// From its task definition.
    #[serde(rename = "TASK_DEFINITION")]
    TaskDefinition,
    /// From its service.
    #[serde(rename = "SERVICE")]
    Service,
    /// From nowhere.
    #[serde(rename = "NONE")]
    None,
}

impl PropagateTags {
    /// The word as the API model spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TaskDefinition => "TASK_DEFINITION",
            Self::Service => "SERVICE",
            Self::None => "NONE",
        }
    }
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SortOrder {
    /// Oldest or smallest first.
    #[default]
    #[serde(rename = "ASC")]
    Asc,
    /// Newest or greatest first.
    #[serde(rename = "DESC")]
    Desc,
}

impl SortOrder {
    /// The word as the API model spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asc => "ASC",
            Self::Desc => "DESC",
        }
    }
}
