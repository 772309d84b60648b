//! Services: a name under which instances register.

use std::collections::BTreeMap;

use names::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Filter, OperationStarted, Tag};

crate::operation!(CreateService, "servicediscovery", CreateServiceRequest, CreateServiceResponse);
crate::operation!(GetService, "servicediscovery", GetServiceRequest, GetServiceResponse);
crate::operation!(ListServices, "servicediscovery", ListServicesRequest, ListServicesResponse);
crate::operation!(UpdateService, "servicediscovery", UpdateServiceRequest, OperationStarted);
crate::operation!(DeleteService, "servicediscovery", DeleteServiceRequest, DeleteServiceResponse);
crate::operation!(GetServiceAttributes, "servicediscovery", GetServiceAttributesRequest, GetServiceAttributesResponse);
crate::operation!(
    UpdateServiceAttributes,
    "servicediscovery",
    UpdateServiceAttributesRequest,
    UpdateServiceAttributesResponse
);
crate::operation!(
    DeleteServiceAttributes,
    "servicediscovery",
    DeleteServiceAttributesRequest,
    DeleteServiceAttributesResponse
);

/// What [`CreateService`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateServiceRequest {
    /// The name; in DNS, `<name>.<namespace>`.
    pub name: String,
    /// The namespace, by id or ARN; may stand in `DnsConfig` instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_id: Option<String>,
    /// Repeated by a client that tries again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator_request_id: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Which records instances get; none for discovery by API alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_config: Option<DnsConfig>,
    /// A health check by Route 53.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_config: Option<HealthCheckConfig>,
    /// Health as somebody else reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_custom_config: Option<HealthCheckCustomConfig>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// `HTTP` for a service of a DNS namespace that has no records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
}

/// What [`CreateService`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateServiceResponse {
    /// The service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
}

/// Which records the instances of a service get.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DnsConfig {
    /// The namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_id: Option<String>,
    /// `MULTIVALUE` (up to eight instances in an answer) or `WEIGHTED` (one).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing_policy: Option<String>,
    /// The records of each instance.
    pub dns_records: Vec<DnsRecord>,
}

/// A record that each instance gets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DnsRecord {
    /// `A`, `AAAA`, `SRV` or `CNAME`.
    pub r#type: String,
    /// Seconds for which a resolver may remember it.
    #[serde(rename = "TTL")]
    pub ttl: i64,
}

/// A health check by Route 53, over the internet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct HealthCheckConfig {
    /// `HTTP`, `HTTPS` or `TCP`.
    pub r#type: String,
    /// The path to ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_path: Option<String>,
    /// Failures in a row until an instance counts as unhealthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_threshold: Option<i32>,
}

/// Health as it is reported by [`UpdateInstanceCustomHealthStatus`](super::UpdateInstanceCustomHealthStatus).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct HealthCheckCustomConfig {
    /// Kept for old clients; a report counts at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_threshold: Option<i32>,
}

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Service {
    /// Its id, `srv-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// The account that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_owner: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_id: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How many instances are registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_count: Option<i32>,
    /// Which records instances get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_config: Option<DnsConfig>,
    /// `HTTP`, `DNS_HTTP` or `DNS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// Never set: Route 53's checkers can't reach a machine of one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_config: Option<HealthCheckConfig>,
    /// Set if somebody reports the instances' health.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_custom_config: Option<HealthCheckCustomConfig>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_date: Option<Timestamp>,
    /// What the creator sent with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator_request_id: Option<String>,
    /// The account that created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by_account: Option<String>,
}

/// What [`GetService`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetServiceRequest {
    /// The service, by id or ARN.
    pub id: String,
}

/// What [`GetService`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetServiceResponse {
    /// The service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
}

/// What [`ListServices`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListServicesRequest {
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many at most, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    /// Which ones: `NAMESPACE_ID`, `RESOURCE_OWNER`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
}

/// What [`ListServices`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListServicesResponse {
    /// The services of this page.
    #[serde(default)]
    pub services: Vec<ServiceSummary>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A service in a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceSummary {
    /// Its id, `srv-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// The account that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_owner: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `HTTP`, `DNS_HTTP` or `DNS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How many instances are registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_count: Option<i32>,
    /// Which records instances get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_config: Option<DnsConfig>,
    /// Never set, as in [`Service`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_config: Option<HealthCheckConfig>,
    /// Set if somebody reports the instances' health.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_custom_config: Option<HealthCheckCustomConfig>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_date: Option<Timestamp>,
    /// The account that created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by_account: Option<String>,
}

/// What [`UpdateService`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateServiceRequest {
    /// The service, by id or ARN.
    pub id: String,
    /// What it is to be.
    pub service: ServiceChange,
}

/// What a service is to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ServiceChange {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The records its instances get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_config: Option<DnsConfigChange>,
    /// A health check by Route 53.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_config: Option<HealthCheckConfig>,
}

/// The records that instances are to get.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DnsConfigChange {
    /// The records; a type that was there can get another time to live or, left out, go. None can come.
    pub dns_records: Vec<DnsRecord>,
}

/// What [`DeleteService`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteServiceRequest {
    /// The service, by id or ARN.
    pub id: String,
}

/// What [`DeleteService`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteServiceResponse {}

/// What [`GetServiceAttributes`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetServiceAttributesRequest {
    /// The service, by id or ARN.
    pub service_id: String,
}

/// What [`GetServiceAttributes`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetServiceAttributesResponse {
    /// What is noted of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_attributes: Option<ServiceAttributes>,
}

/// What is noted of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceAttributes {
    /// Its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_arn: Option<String>,
    /// The account that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_owner: Option<String>,
    /// The notes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// What [`UpdateServiceAttributes`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateServiceAttributesRequest {
    /// The service, by id or ARN.
    pub service_id: String,
    /// Notes to add or change.
    pub attributes: BTreeMap<String, String>,
}

/// What [`UpdateServiceAttributes`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateServiceAttributesResponse {}

/// What [`DeleteServiceAttributes`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteServiceAttributesRequest {
    /// The service, by id or ARN.
    pub service_id: String,
    /// Keys of notes to take away.
    pub attributes: Vec<String>,
}

/// What [`DeleteServiceAttributes`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteServiceAttributesResponse {}
