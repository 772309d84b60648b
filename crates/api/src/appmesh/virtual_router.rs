//! Virtual routers: a port that routes hang on.

use names::{Arn, Timestamp};
use serde::{Deserialize, Serialize};

use super::{PortMapping, ResourceMetadata, ResourceStatus, TagRef};
use crate::{Http, operation};

/// What is asked of a virtual router.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualRouterSpec {
    /// The ports that are routed.
    #[serde(default)]
    pub listeners: Vec<VirtualRouterListener>,
}

/// A port that is routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualRouterListener {
    /// The port.
    pub port_mapping: PortMapping,
}

/// A virtual router in full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualRouterData {
    /// The mesh it is in.
    pub mesh_name: String,
    /// Owner, version and times.
    pub metadata: ResourceMetadata,
    /// What was asked of it.
    pub spec: VirtualRouterSpec,
    /// Whether it is there.
    pub status: ResourceStatus,
    /// Its name.
    pub virtual_router_name: String,
}

/// A virtual router in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualRouterRef {
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
    /// The account that owns the virtual router.
    pub resource_owner: String,
    /// How often it was changed, from 1.
    pub version: i64,
    /// The name.
    pub virtual_router_name: String,
}

/// Asks for a new virtual router.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateVirtualRouterRequest {
    /// Makes a repeated request the same request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// What is asked of it.
    pub spec: VirtualRouterSpec,
    /// Tags to hang on it, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagRef>,
    /// The name, 1 to 255 characters.
    pub virtual_router_name: String,
}

/// Asks what a virtual router is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeVirtualRouterRequest {
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// The virtual router.
    pub virtual_router_name: String,
}

/// Asks to delete a virtual router.
pub type DeleteVirtualRouterRequest = DescribeVirtualRouterRequest;

/// Asks to change a virtual router.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateVirtualRouterRequest {
    /// Makes a repeated request the same request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// What is asked of it from now on.
    pub spec: VirtualRouterSpec,
    /// The virtual router.
    pub virtual_router_name: String,
}

/// The virtual router that was created, described, changed or deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualRouterResponse {
    /// The virtual router.
    pub virtual_router: VirtualRouterData,
}

/// Asks for the virtual routers of a mesh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListVirtualRoutersRequest {
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

/// Virtual routers of a mesh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListVirtualRoutersResponse {
    /// Where to go on, if there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// The virtual routers.
    pub virtual_routers: Vec<VirtualRouterRef>,
}

/// The path of all virtual routers of a mesh.
const ROUTERS: &str = "/v20190125/meshes/{meshName}/virtualRouters";
/// The path of one virtual router.
const ROUTER: &str = "/v20190125/meshes/{meshName}/virtualRouters/{virtualRouterName}";

operation!(
    CreateVirtualRouter,
    "appmesh",
    CreateVirtualRouterRequest,
    VirtualRouterResponse,
    Http::new("PUT", ROUTERS).query(&["meshOwner"]).payload("virtualRouter")
);
operation!(
    DescribeVirtualRouter,
    "appmesh",
    DescribeVirtualRouterRequest,
    VirtualRouterResponse,
    Http::new("GET", ROUTER).query(&["meshOwner"]).payload("virtualRouter")
);
operation!(
    UpdateVirtualRouter,
    "appmesh",
    UpdateVirtualRouterRequest,
    VirtualRouterResponse,
    Http::new("PUT", ROUTER).query(&["meshOwner"]).payload("virtualRouter")
);
operation!(
    DeleteVirtualRouter,
    "appmesh",
    DeleteVirtualRouterRequest,
    VirtualRouterResponse,
    Http::new("DELETE", ROUTER).query(&["meshOwner"]).payload("virtualRouter")
);
operation!(
    ListVirtualRouters,
    "appmesh",
    ListVirtualRoutersRequest,
    ListVirtualRoutersResponse,
    Http::new("GET", ROUTERS).query(&["limit", "meshOwner", "nextToken"])
);
