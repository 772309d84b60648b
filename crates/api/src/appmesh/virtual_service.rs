//! Virtual services: the names that virtual nodes speak to.

use names::{Arn, Timestamp};
use serde::{Deserialize, Serialize};

use super::{ResourceMetadata, ResourceStatus, TagRef};
use crate::{Http, operation};

/// What is asked of a virtual service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualServiceSpec {
    /// Who answers for it; nobody if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<VirtualServiceProvider>,
}

/// Who answers for a virtual service: one member of the union.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualServiceProvider {
    /// A virtual node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_node: Option<VirtualNodeServiceProvider>,
    /// Those that a virtual router chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_router: Option<VirtualRouterServiceProvider>,
}

/// A virtual node that answers for a virtual service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualNodeServiceProvider {
    /// Its name.
    pub virtual_node_name: String,
}

/// A virtual router that answers for a virtual service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualRouterServiceProvider {
    /// Its name.
    pub virtual_router_name: String,
}

/// A virtual service in full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualServiceData {
    /// The mesh it is in.
    pub mesh_name: String,
    /// Owner, version and times.
    pub metadata: ResourceMetadata,
    /// What was asked of it.
    pub spec: VirtualServiceSpec,
    /// Whether it is there.
    pub status: ResourceStatus,
    /// Its name.
    pub virtual_service_name: String,
}

/// A virtual service in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualServiceRef {
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
    /// The account that owns the virtual service.
    pub resource_owner: String,
    /// How often it was changed, from 1.
    pub version: i64,
    /// The name.
    pub virtual_service_name: String,
}

/// Asks for a new virtual service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateVirtualServiceRequest {
    /// Makes a repeated request the same request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// What is asked of it.
    pub spec: VirtualServiceSpec,
    /// Tags to hang on it, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagRef>,
    /// The name: the host that its clients speak to.
    pub virtual_service_name: String,
}

/// Asks what a virtual service is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeVirtualServiceRequest {
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// The virtual service.
    pub virtual_service_name: String,
}

/// Asks to delete a virtual service.
pub type DeleteVirtualServiceRequest = DescribeVirtualServiceRequest;

/// Asks to change a virtual service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateVirtualServiceRequest {
    /// Makes a repeated request the same request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// What is asked of it from now on.
    pub spec: VirtualServiceSpec,
    /// The virtual service.
    pub virtual_service_name: String,
}

/// The virtual service that was created, described, changed or deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualServiceResponse {
    /// The virtual service.
    pub virtual_service: VirtualServiceData,
}

/// Asks for the virtual services of a mesh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListVirtualServicesRequest {
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

/// Virtual services of a mesh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListVirtualServicesResponse {
    /// Where to go on, if there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// The virtual services.
    pub virtual_services: Vec<VirtualServiceRef>,
}

/// The path of all virtual services of a mesh.
const SERVICES: &str = "/v20190125/meshes/{meshName}/virtualServices";
/// The path of one virtual service.
const SERVICE: &str = "/v20190125/meshes/{meshName}/virtualServices/{virtualServiceName}";

operation!(
    CreateVirtualService,
    "appmesh",
    CreateVirtualServiceRequest,
    VirtualServiceResponse,
    Http::new("PUT", SERVICES).query(&["meshOwner"]).payload("virtualService")
);
operation!(
    DescribeVirtualService,
    "appmesh",
    DescribeVirtualServiceRequest,
    VirtualServiceResponse,
    Http::new("GET", SERVICE).query(&["meshOwner"]).payload("virtualService")
);
operation!(
    UpdateVirtualService,
    "appmesh",
    UpdateVirtualServiceRequest,
    VirtualServiceResponse,
    Http::new("PUT", SERVICE).query(&["meshOwner"]).payload("virtualService")
);
operation!(
    DeleteVirtualService,
    "appmesh",
    DeleteVirtualServiceRequest,
    VirtualServiceResponse,
    Http::new("DELETE", SERVICE).query(&["meshOwner"]).payload("virtualService")
);
operation!(
    ListVirtualServices,
    "appmesh",
    ListVirtualServicesRequest,
    ListVirtualServicesResponse,
    Http::new("GET", SERVICES).query(&["limit", "meshOwner", "nextToken"])
);
