//! Virtual nodes: a group of tasks that speaks in the mesh under one name.

use names::{Arn, Timestamp};
use serde::{Deserialize, Serialize};

use super::{ClientPolicy, IpPreference, Listener, Logging, ResourceMetadata, ResourceStatus, TagRef};
use crate::{Http, operation};

/// What is asked of a virtual node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualNodeSpec {
    /// How it speaks to backends that say nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_defaults: Option<BackendDefaults>,
    /// The virtual services it speaks to.
    #[serde(default)]
    pub backends: Vec<Backend>,
    /// Where it is spoken to.
    #[serde(default)]
    pub listeners: Vec<Listener>,
    /// What it logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// How others find its tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_discovery: Option<ServiceDiscovery>,
}

/// How a virtual node speaks to backends that say nothing else.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackendDefaults {
    /// The policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_policy: Option<ClientPolicy>,
}

/// What a virtual node speaks to: one member of the union.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backend {
    /// A virtual service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_service: Option<VirtualServiceBackend>,
}

/// A virtual service as a backend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualServiceBackend {
    /// How to speak to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_policy: Option<ClientPolicy>,
    /// Its name.
    pub virtual_service_name: String,
}

/// How the tasks of a virtual node are found: one member of the union.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceDiscovery {
    /// In AWS Cloud Map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_cloud_map: Option<AwsCloudMapServiceDiscovery>,
    /// By DNS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<DnsServiceDiscovery>,
}

/// The tasks that AWS Cloud Map knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AwsCloudMapServiceDiscovery {
    /// What an instance must have, all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<AwsCloudMapInstanceAttribute>,
    /// Which family of addresses to use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_preference: Option<IpPreference>,
    /// The namespace, 1 to 1024 characters.
    pub namespace_name: String,
    /// The service, 1 to 1024 characters.
    pub service_name: String,
}

/// An attribute an instance must have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AwsCloudMapInstanceAttribute {
    /// Its key, 1 to 255 characters.
    pub key: String,
    /// Its value, 1 to 1024 characters.
    pub value: String,
}

/// The tasks that a name resolves to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DnsServiceDiscovery {
    /// The name.
    pub hostname: String,
    /// Which family of addresses to use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_preference: Option<IpPreference>,
    /// What the addresses of an answer are; those of a load balancer if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_type: Option<DnsResponseType>,
}

/// What the addresses of a DNS answer are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DnsResponseType {
    /// Of a load balancer: any is as good as another, and connections to old ones stay.
    LoadBalancer,
    /// Of the tasks: all of them, and no other.
    Endpoints,
}

/// A virtual node in full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualNodeData {
    /// The mesh it is in.
    pub mesh_name: String,
    /// Owner, version and times.
    pub metadata: ResourceMetadata,
    /// What was asked of it.
    pub spec: VirtualNodeSpec,
    /// Whether it is there.
    pub status: ResourceStatus,
    /// Its name.
    pub virtual_node_name: String,
}

/// A virtual node in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualNodeRef {
    /// The full name.
    pub arn: Arn,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub last_updated_at: Timestamp,
    /// The mesh it is in.
    pub mesh_name: String,
    /// The account that owns the mesh.
    pub mesh_owner: String,
    /// The account that owns the virtual node.
    pub resource_owner: String,
    /// How often it was changed, from 1.
    pub version: i64,
    /// The name.
    pub virtual_node_name: String,
}

/// Asks for a new virtual node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateVirtualNodeRequest {
    /// Makes a repeated request the same request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// What is asked of it.
    pub spec: VirtualNodeSpec,
    /// Tags to hang on it, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagRef>,
    /// The name, 1 to 255 characters.
    pub virtual_node_name: String,
}

/// Asks what a virtual node is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeVirtualNodeRequest {
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// The virtual node.
    pub virtual_node_name: String,
}

/// Asks to delete a virtual node.
pub type DeleteVirtualNodeRequest = DescribeVirtualNodeRequest;

/// Asks to change a virtual node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateVirtualNodeRequest {
    /// Makes a repeated request the same request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// What is asked of it from now on.
    pub spec: VirtualNodeSpec,
    /// The virtual node.
    pub virtual_node_name: String,
}

/// The virtual node that was created, described, changed or deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualNodeResponse {
    /// The virtual node.
    pub virtual_node: VirtualNodeData,
}

/// Asks for the virtual nodes of a mesh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListVirtualNodesRequest {
    /// How many to answer at most, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// Where the answer before this one ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Virtual nodes of a mesh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListVirtualNodesResponse {
    /// Where to go on, if there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// The virtual nodes.
    pub virtual_nodes: Vec<VirtualNodeRef>,
}

/// The path of all virtual nodes of a mesh.
const NODES: &str = "/v20190125/meshes/{meshName}/virtualNodes";
/// The path of one virtual node.
const NODE: &str = "/v20190125/meshes/{meshName}/virtualNodes/{virtualNodeName}";

operation!(
    CreateVirtualNode,
    "appmesh",
    CreateVirtualNodeRequest,
    VirtualNodeResponse,
    Http::new("PUT", NODES).query(&["meshOwner"]).payload("virtualNode")
);
operation!(
    DescribeVirtualNode,
    "appmesh",
    DescribeVirtualNodeRequest,
    VirtualNodeResponse,
    Http::new("GET", NODE).query(&["meshOwner"]).payload("virtualNode")
);
operation!(
    UpdateVirtualNode,
    "appmesh",
    UpdateVirtualNodeRequest,
    VirtualNodeResponse,
    Http::new("PUT", NODE).query(&["meshOwner"]).payload("virtualNode")
);
operation!(
    DeleteVirtualNode,
    "appmesh",
    DeleteVirtualNodeRequest,
    VirtualNodeResponse,
    Http::new("DELETE", NODE).query(&["meshOwner"]).payload("virtualNode")
);
operation!(
    ListVirtualNodes,
    "appmesh",
    ListVirtualNodesRequest,
    ListVirtualNodesResponse,
    Http::new("GET", NODES).query(&["limit", "meshOwner", "nextToken"])
);
