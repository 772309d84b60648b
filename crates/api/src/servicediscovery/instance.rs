//! Instances: who answers under a service's name, and how healthy they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::OperationStarted;

crate::operation!(RegisterInstance, "servicediscovery", RegisterInstanceRequest, OperationStarted);
crate::operation!(DeregisterInstance, "servicediscovery", DeregisterInstanceRequest, OperationStarted);
crate::operation!(GetInstance, "servicediscovery", GetInstanceRequest, GetInstanceResponse);
crate::operation!(ListInstances, "servicediscovery", ListInstancesRequest, ListInstancesResponse);
crate::operation!(
    GetInstancesHealthStatus,
    "servicediscovery",
    GetInstancesHealthStatusRequest,
    GetInstancesHealthStatusResponse
);
crate::operation!(
    UpdateInstanceCustomHealthStatus,
    "servicediscovery",
    UpdateInstanceCustomHealthStatusRequest,
    UpdateInstanceCustomHealthStatusResponse
);
crate::operation!(DiscoverInstances, "servicediscovery", DiscoverInstancesRequest, DiscoverInstancesResponse);
crate::operation!(
    DiscoverInstancesRevision,
    "servicediscovery",
    DiscoverInstancesRevisionRequest,
    DiscoverInstancesRevisionResponse
);

/// What [`RegisterInstance`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RegisterInstanceRequest {
    /// The service, by id or ARN.
    pub service_id: String,
    /// The instance; one that is registered already is replaced.
    pub instance_id: String,
    /// Repeated by a client that tries again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator_request_id: Option<String>,
    /// `AWS_INSTANCE_IPV4`, `AWS_INSTANCE_PORT`, `AWS_INIT_HEALTH_STATUS`, and whatever else is worth knowing.
    pub attributes: BTreeMap<String, String>,
}

/// What [`DeregisterInstance`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeregisterInstanceRequest {
    /// The service, by id or ARN.
    pub service_id: String,
    /// The instance.
    pub instance_id: String,
}

/// What [`GetInstance`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetInstanceRequest {
    /// The service, by id or ARN.
    pub service_id: String,
    /// The instance.
    pub instance_id: String,
}

/// What [`GetInstance`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetInstanceResponse {
    /// The account that owns the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_owner: Option<String>,
    /// The instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Instance>,
}

/// An instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Instance {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What the creator sent with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator_request_id: Option<String>,
    /// What was registered of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// The account that registered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by_account: Option<String>,
}

/// What [`ListInstances`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListInstancesRequest {
    /// The service, by id or ARN.
    pub service_id: String,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many at most, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
}

/// What [`ListInstances`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListInstancesResponse {
    /// The account that owns the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_owner: Option<String>,
    /// The instances of this page.
    #[serde(default)]
    pub instances: Vec<InstanceSummary>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// An instance in a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InstanceSummary {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What was registered of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// The account that registered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by_account: Option<String>,
}

/// What [`GetInstancesHealthStatus`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetInstancesHealthStatusRequest {
    /// The service, by id or ARN.
    pub service_id: String,
    /// Which instances; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<String>,
    /// How many at most, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// What [`GetInstancesHealthStatus`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetInstancesHealthStatusResponse {
    /// By instance: `HEALTHY`, `UNHEALTHY` or `UNKNOWN`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub status: BTreeMap<String, String>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// What [`UpdateInstanceCustomHealthStatus`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateInstanceCustomHealthStatusRequest {
    /// The service, by id or ARN.
    pub service_id: String,
    /// The instance.
    pub instance_id: String,
    /// `HEALTHY` or `UNHEALTHY`.
    pub status: String,
}

/// What [`UpdateInstanceCustomHealthStatus`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateInstanceCustomHealthStatusResponse {}

/// What [`DiscoverInstances`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DiscoverInstancesRequest {
    /// The namespace, by name.
    pub namespace_name: String,
    /// The service, by name.
    pub service_name: String,
    /// How many at most, 1 to 1000; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    /// Attributes an instance must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query_parameters: BTreeMap<String, String>,
    /// Attributes an instance should have; without any such instance they don't count.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub optional_parameters: BTreeMap<String, String>,
    /// `HEALTHY`, `UNHEALTHY`, `ALL` or `HEALTHY_OR_ELSE_ALL` (the default).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_status: Option<String>,
    /// The account that owns the namespace; the caller's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_account: Option<String>,
}

/// What [`DiscoverInstances`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DiscoverInstancesResponse {
    /// The instances, in random order.
    #[serde(default)]
    pub instances: Vec<HttpInstanceSummary>,
    /// Grows with every change of the service's instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances_revision: Option<i64>,
}

/// An instance as it is discovered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HttpInstanceSummary {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// Its namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_name: Option<String>,
    /// Its service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    /// `HEALTHY`, `UNHEALTHY` or `UNKNOWN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_status: Option<String>,
    /// What was registered of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// What [`DiscoverInstancesRevision`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DiscoverInstancesRevisionRequest {
    /// The namespace, by name.
    pub namespace_name: String,
    /// The service, by name.
    pub service_name: String,
    /// The account that owns the namespace; the caller's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_account: Option<String>,
}

/// What [`DiscoverInstancesRevision`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DiscoverInstancesRevisionResponse {
    /// Grows with every change of the service's instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances_revision: Option<i64>,
}
