//! Clusters: the name under which services and tasks are kept together.

use serde::{Deserialize, Serialize};

use super::{Attachment, CapacityProviderStrategyItem, Failure, KeyValuePair, Tag, Unsupported};

crate::operation!(CreateCluster, "ecs", CreateClusterRequest, CreateClusterResponse);
crate::operation!(DescribeClusters, "ecs", DescribeClustersRequest, DescribeClustersResponse);
crate::operation!(ListClusters, "ecs", ListClustersRequest, ListClustersResponse);
crate::operation!(DeleteCluster, "ecs", DeleteClusterRequest, DeleteClusterResponse);
crate::operation!(UpdateCluster, "ecs", UpdateClusterRequest, UpdateClusterResponse);
crate::operation!(UpdateClusterSettings, "ecs", UpdateClusterSettingsRequest, UpdateClusterSettingsResponse);
crate::operation!(
    PutClusterCapacityProviders,
    "ecs",
    PutClusterCapacityProvidersRequest,
    PutClusterCapacityProvidersResponse
);

/// A switch of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterSetting {
    /// `containerInsights` is the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `enabled`, `enhanced` or `disabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A cluster and what it counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// Its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_arn: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<String>,
    /// How commands are executed in its tasks and its storage encrypted; never set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Unsupported>,
    /// `ACTIVE`, or `INACTIVE` once deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Container instances; none, since tasks run on the machine itself.
    #[serde(default)]
    pub registered_container_instances_count: i32,
    /// Tasks that run.
    #[serde(default)]
    pub running_tasks_count: i32,
    /// Tasks on their way to run.
    #[serde(default)]
    pub pending_tasks_count: i32,
    /// Services that are active.
    #[serde(default)]
    pub active_services_count: i32,
    /// Counts by launch type, when asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statistics: Vec<KeyValuePair>,
    /// Its tags, when asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// Its switches, when asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<ClusterSetting>,
    /// The capacity providers it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capacity_providers: Vec<String>,
    /// The strategy of tasks that name none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub default_capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
    /// What is attached to it; nothing ever.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// How attaching goes; never set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments_status: Option<String>,
    /// The namespace of Service Connect; never set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_connect_defaults: Option<Unsupported>,
}

/// What [`CreateCluster`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateClusterRequest {
    /// The name; `default` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// Switches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<ClusterSetting>,
    /// How commands are executed and storage encrypted; refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Unsupported>,
    /// Capacity providers to name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capacity_providers: Vec<String>,
    /// The strategy of tasks that name none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub default_capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
    /// The namespace of Service Connect; refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_connect_defaults: Option<Unsupported>,
}

/// What [`CreateCluster`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateClusterResponse {
    /// The cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
}

/// What [`DescribeClusters`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeClustersRequest {
    /// Names or ARNs; the cluster `default` if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<String>,
    /// What else to tell: `ATTACHMENTS`, `CONFIGURATIONS`, `SETTINGS`, `STATISTICS`, `TAGS`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
}

/// What [`DescribeClusters`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeClustersResponse {
    /// Those found.
    #[serde(default)]
    pub clusters: Vec<Cluster>,
    /// Those not.
    #[serde(default)]
    pub failures: Vec<Failure>,
}

/// What [`ListClusters`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListClustersRequest {
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many at most, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
}

/// What [`ListClusters`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListClustersResponse {
    /// Their ARNs.
    #[serde(default)]
    pub cluster_arns: Vec<String>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// What [`DeleteCluster`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteClusterRequest {
    /// Name or ARN.
    pub cluster: String,
}

/// What [`DeleteCluster`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteClusterResponse {
    /// The cluster, now inactive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
}

/// What [`UpdateCluster`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateClusterRequest {
    /// Name or ARN.
    pub cluster: String,
    /// Switches to set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<ClusterSetting>,
    /// How commands are executed and storage encrypted; refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Unsupported>,
    /// The namespace of Service Connect; refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_connect_defaults: Option<Unsupported>,
}

/// What [`UpdateCluster`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateClusterResponse {
    /// The cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
}

/// What [`UpdateClusterSettings`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateClusterSettingsRequest {
    /// Name or ARN.
    pub cluster: String,
    /// Switches to set.
    pub settings: Vec<ClusterSetting>,
}

/// What [`UpdateClusterSettings`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateClusterSettingsResponse {
    /// The cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
}

/// What [`PutClusterCapacityProviders`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutClusterCapacityProvidersRequest {
    /// Name or ARN.
    pub cluster: String,
    /// The capacity providers it names from now on.
    pub capacity_providers: Vec<String>,
    /// The strategy of tasks that name none.
    pub default_capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
}

/// What [`PutClusterCapacityProviders`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutClusterCapacityProvidersResponse {
    /// The cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
}
