//! Meshes: the boundary inside which services find each other.

use names::{Arn, Timestamp};
use serde::{Deserialize, Serialize};

use super::{IpPreference, ResourceMetadata, ResourceStatus, TagRef};
use crate::{Http, operation};

/// What is asked of a mesh.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MeshSpec {
    /// What may leave the mesh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress_filter: Option<EgressFilter>,
    /// How its services are found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_discovery: Option<MeshServiceDiscovery>,
}

/// What may leave a mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EgressFilter {
    /// All, or only what the mesh knows.
    pub r#type: EgressFilterType,
}

/// The kinds of [`EgressFilter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EgressFilterType {
    /// Anything.
    AllowAll,
    /// What the mesh knows, and `*.amazonaws.com`.
    DropAll,
}

/// How the services of a mesh are found, where a virtual node says nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MeshServiceDiscovery {
    /// Which family of addresses to use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_preference: Option<IpPreference>,
}

/// A mesh in full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MeshData {
    /// Its name.
    pub mesh_name: String,
    /// Owner, version and times.
    pub metadata: ResourceMetadata,
    /// What was asked of it.
    pub spec: MeshSpec,
    /// Whether it is there.
    pub status: ResourceStatus,
}

/// A mesh in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MeshRef {
    /// The full name.
    pub arn: Arn,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub last_updated_at: Timestamp,
    /// The name.
    pub mesh_name: String,
    /// The account that owns the mesh.
    pub mesh_owner: String,
    /// The account that owns the resource: the same.
    pub resource_owner: String,
    /// How often it was changed, from 1.
    pub version: i64,
}

/// Asks for a new mesh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateMeshRequest {
    /// Makes a repeated request the same request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// The name, 1 to 255 characters.
    pub mesh_name: String,
    /// What is asked of the mesh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<MeshSpec>,
    /// Tags to hang on it, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagRef>,
}

/// Asks what a mesh is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeMeshRequest {
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns it, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
}

/// Asks to change a mesh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateMeshRequest {
    /// Makes a repeated request the same request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// The mesh.
    pub mesh_name: String,
    /// What is asked of it from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<MeshSpec>,
}

/// Asks to delete a mesh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteMeshRequest {
    /// The mesh.
    pub mesh_name: String,
}

/// The mesh that was created, described, changed or deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MeshResponse {
    /// The mesh.
    pub mesh: MeshData,
}

/// Asks for the meshes of an account and region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListMeshesRequest {
    /// How many to answer at most, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the answer before this one ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Meshes of an account and region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListMeshesResponse {
    /// The meshes.
    pub meshes: Vec<MeshRef>,
    /// Where to go on, if there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// The path of one mesh.
const MESH: &str = "/v20190125/meshes/{meshName}";

operation!(
    CreateMesh,
    "appmesh",
    CreateMeshRequest,
    MeshResponse,
    Http::new("PUT", "/v20190125/meshes").payload("mesh")
);
operation!(
    DescribeMesh,
    "appmesh",
    DescribeMeshRequest,
    MeshResponse,
    Http::new("GET", MESH).query(&["meshOwner"]).payload("mesh")
);
operation!(UpdateMesh, "appmesh", UpdateMeshRequest, MeshResponse, Http::new("PUT", MESH).payload("mesh"));
operation!(DeleteMesh, "appmesh", DeleteMeshRequest, MeshResponse, Http::new("DELETE", MESH).payload("mesh"));
operation!(
    ListMeshes,
    "appmesh",
    ListMeshesRequest,
    ListMeshesResponse,
    Http::new("GET", "/v20190125/meshes").query(&["limit", "nextToken"])
);
