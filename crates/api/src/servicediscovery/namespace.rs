//! Namespaces: the part of the name space that services are named in.

use names::Timestamp;
use serde::{Deserialize, Serialize};

use super::Tag;

crate::operation!(CreatePrivateDnsNamespace, "servicediscovery", CreatePrivateDnsNamespaceRequest, OperationStarted);
crate::operation!(CreateHttpNamespace, "servicediscovery", CreateHttpNamespaceRequest, OperationStarted);
crate::operation!(UpdatePrivateDnsNamespace, "servicediscovery", UpdatePrivateDnsNamespaceRequest, OperationStarted);
crate::operation!(UpdateHttpNamespace, "servicediscovery", UpdateHttpNamespaceRequest, OperationStarted);
crate::operation!(DeleteNamespace, "servicediscovery", DeleteNamespaceRequest, OperationStarted);
crate::operation!(GetNamespace, "servicediscovery", GetNamespaceRequest, GetNamespaceResponse);
crate::operation!(ListNamespaces, "servicediscovery", ListNamespacesRequest, ListNamespacesResponse);

/// What [`CreatePrivateDnsNamespace`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreatePrivateDnsNamespaceRequest {
    /// The domain name that all names of the namespace end in.
    pub name: String,
    /// Repeated by a client that tries again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator_request_id: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The VPC whose resolver knows the names.
    pub vpc: String,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// How its zone is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<PrivateDnsNamespaceProperties>,
}

/// How the zone of a private namespace is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PrivateDnsNamespaceProperties {
    /// Its DNS side.
    pub dns_properties: PrivateDnsPropertiesMutable,
}

/// What can be set of a zone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PrivateDnsPropertiesMutable {
    /// Its start of authority.
    #[serde(rename = "SOA")]
    pub soa: Soa,
}

/// A zone's start of authority.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Soa {
    /// Seconds for which a resolver may remember that a name is not there.
    #[serde(rename = "TTL")]
    pub ttl: i64,
}

/// What [`CreateHttpNamespace`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateHttpNamespaceRequest {
    /// The name; it is never a domain name.
    pub name: String,
    /// Repeated by a client that tries again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator_request_id: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// What [`UpdatePrivateDnsNamespace`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdatePrivateDnsNamespaceRequest {
    /// The namespace, by id or ARN.
    pub id: String,
    /// Repeated by a client that tries again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updater_request_id: Option<String>,
    /// What to change.
    pub namespace: PrivateDnsNamespaceChange,
}

/// What to change of a private namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PrivateDnsNamespaceChange {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How its zone is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<PrivateDnsNamespaceProperties>,
}

/// What [`UpdateHttpNamespace`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateHttpNamespaceRequest {
    /// The namespace, by id or ARN.
    pub id: String,
    /// Repeated by a client that tries again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updater_request_id: Option<String>,
    /// What to change.
    pub namespace: HttpNamespaceChange,
}

/// What to change of an HTTP namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct HttpNamespaceChange {
    /// For people.
    pub description: String,
}

/// What [`DeleteNamespace`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteNamespaceRequest {
    /// The namespace, by id or ARN.
    pub id: String,
}

/// What an operation answers that is finished later: how to ask after it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OperationStarted {
    /// What [`GetOperation`](super::GetOperation) takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<String>,
}

/// What [`GetNamespace`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetNamespaceRequest {
    /// The namespace, by id or ARN.
    pub id: String,
}

/// What [`GetNamespace`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetNamespaceResponse {
    /// The namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
}

/// A namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Namespace {
    /// Its id, `ns-…`.
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
    /// `DNS_PRIVATE` or `HTTP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How many services it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_count: Option<i32>,
    /// What depends on its type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<NamespaceProperties>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_date: Option<Timestamp>,
    /// What the creator sent with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator_request_id: Option<String>,
}

/// What depends on a namespace's type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NamespaceProperties {
    /// Its DNS side; none for an HTTP namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_properties: Option<DnsProperties>,
    /// Its side toward [`DiscoverInstances`](super::DiscoverInstances).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_properties: Option<HttpProperties>,
}

/// The zone of a private namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DnsProperties {
    /// The id of the zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosted_zone_id: Option<String>,
    /// Its start of authority.
    #[serde(rename = "SOA", default, skip_serializing_if = "Option::is_none")]
    pub soa: Option<Soa>,
}

/// How instances are discovered by API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HttpProperties {
    /// The name to ask with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_name: Option<String>,
}

/// What [`ListNamespaces`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListNamespacesRequest {
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many at most, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    /// Which ones: `TYPE`, `NAME`, `HTTP_NAME`, `RESOURCE_OWNER`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
}

/// A condition on what is listed; all conditions hold together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Filter {
    /// What is looked at.
    pub name: String,
    /// What it is compared with.
    pub values: Vec<String>,
    /// `EQ` (the default), `IN`, `BETWEEN` or `BEGINS_WITH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

/// What [`ListNamespaces`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListNamespacesResponse {
    /// The namespaces of this page.
    #[serde(default)]
    pub namespaces: Vec<NamespaceSummary>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A namespace in a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NamespaceSummary {
    /// Its id, `ns-…`.
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
    /// `DNS_PRIVATE` or `HTTP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How many services it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_count: Option<i32>,
    /// What depends on its type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<NamespaceProperties>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_date: Option<Timestamp>,
}
