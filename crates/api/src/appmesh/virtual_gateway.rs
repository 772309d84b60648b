//! Virtual gateways: tasks through which requests come into a mesh from outside.

use names::{Arn, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    BackendDefaults, HealthCheckPolicy, ListenerTls, Logging, PortMapping, PortProtocol, ResourceMetadata,
    ResourceStatus, TagRef, VirtualNodeGrpcConnectionPool, VirtualNodeHttp2ConnectionPool,
    VirtualNodeHttpConnectionPool,
};
use crate::{Http, operation};

/// What is asked of a virtual gateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualGatewaySpec {
    /// How it speaks to the virtual services that its routes lead to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_defaults: Option<BackendDefaults>,
    /// Where it is spoken to.
    pub listeners: Vec<VirtualGatewayListener>,
    /// What it logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
}

/// Where a virtual gateway is spoken to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualGatewayListener {
    /// How much may be under way toward each of the services behind it at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_pool: Option<VirtualGatewayConnectionPool>,
    /// How what stands before it finds out whether it is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<VirtualGatewayHealthCheckPolicy>,
    /// The port.
    pub port_mapping: VirtualGatewayPortMapping,
    /// TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ListenerTls>,
}

/// A port of a virtual gateway and what is spoken on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualGatewayPortMapping {
    /// 1 to 65535.
    pub port: u32,
    /// What is spoken.
    pub protocol: VirtualGatewayPortProtocol,
}

impl From<VirtualGatewayPortMapping> for PortMapping {
    fn from(VirtualGatewayPortMapping { port, protocol }: VirtualGatewayPortMapping) -> Self {
        Self { port, protocol: protocol.into() }
    }
}

/// The protocols of a virtual gateway: those of [`PortProtocol`] without TCP, which has nothing to route by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VirtualGatewayPortProtocol {
    /// HTTP/1.1.
    Http,
    /// HTTP/2.
    Http2,
    /// gRPC.
    Grpc,
}

impl From<VirtualGatewayPortProtocol> for PortProtocol {
    fn from(protocol: VirtualGatewayPortProtocol) -> Self {
        match protocol {
            VirtualGatewayPortProtocol::Http => Self::Http,
            VirtualGatewayPortProtocol::Http2 => Self::Http2,
            VirtualGatewayPortProtocol::Grpc => Self::Grpc,
        }
    }
}

/// How what stands before a virtual gateway finds out whether it is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualGatewayHealthCheckPolicy {
    /// After how many good answers in a row it is well, 2 to 10.
    pub healthy_threshold: u32,
    /// Between two checks, in milliseconds, 5000 to 300000.
    pub interval_millis: u64,
    /// The path asked for, where the protocol has paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The port; the listener's if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
    /// What the check speaks.
    pub protocol: VirtualGatewayPortProtocol,
    /// How long an answer may take, in milliseconds, 2000 to 60000.
    pub timeout_millis: u64,
    /// After how many bad answers in a row it is not well, 2 to 10.
    pub unhealthy_threshold: u32,
}

impl From<VirtualGatewayHealthCheckPolicy> for HealthCheckPolicy {
    fn from(policy: VirtualGatewayHealthCheckPolicy) -> Self {
        Self {
            healthy_threshold: policy.healthy_threshold,
            interval_millis: policy.interval_millis,
            path: policy.path,
            port: policy.port,
            protocol: policy.protocol.into(),
            timeout_millis: policy.timeout_millis,
            unhealthy_threshold: policy.unhealthy_threshold,
        }
    }
}

/// How much may be under way through a virtual gateway: one member of the union, that of the listener's protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualGatewayConnectionPool {
    /// Of a gRPC listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<VirtualNodeGrpcConnectionPool>,
    /// Of an HTTP listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<VirtualNodeHttpConnectionPool>,
    /// Of an HTTP/2 listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http2: Option<VirtualNodeHttp2ConnectionPool>,
}

/// A virtual gateway in full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualGatewayData {
    /// The mesh it is in.
    pub mesh_name: String,
    /// Owner, version and times.
    pub metadata: ResourceMetadata,
    /// What was asked of it.
    pub spec: VirtualGatewaySpec,
    /// Whether it is there.
    pub status: ResourceStatus,
    /// Its name.
    pub virtual_gateway_name: String,
}

/// A virtual gateway in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualGatewayRef {
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
    /// The account that owns the virtual gateway.
    pub resource_owner: String,
    /// How often it was changed, from 1.
    pub version: i64,
    /// The name.
    pub virtual_gateway_name: String,
}

/// Asks for a new virtual gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateVirtualGatewayRequest {
    /// Makes a repeated request the same request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// What is asked of it.
    pub spec: VirtualGatewaySpec,
    /// Tags to hang on it, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagRef>,
    /// The name, 1 to 255 characters.
    pub virtual_gateway_name: String,
}

/// Asks what a virtual gateway is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeVirtualGatewayRequest {
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// The virtual gateway.
    pub virtual_gateway_name: String,
}

/// Asks to delete a virtual gateway.
pub type DeleteVirtualGatewayRequest = DescribeVirtualGatewayRequest;

/// Asks to change a virtual gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateVirtualGatewayRequest {
    /// Makes a repeated request the same request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// What is asked of it from now on.
    pub spec: VirtualGatewaySpec,
    /// The virtual gateway.
    pub virtual_gateway_name: String,
}

/// The virtual gateway that was created, described, changed or deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualGatewayResponse {
    /// The virtual gateway.
    pub virtual_gateway: VirtualGatewayData,
}

/// Asks for the virtual gateways of a mesh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListVirtualGatewaysRequest {
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
pub struct ListVirtualGatewaysResponse {
    /// Where to go on, if there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// The virtual gateways.
    pub virtual_gateways: Vec<VirtualGatewayRef>,
}

/// The path of all virtual gateways of a mesh.
const GATEWAYS: &str = "/v20190125/meshes/{meshName}/virtualGateways";
/// The path of one virtual gateway.
const GATEWAY: &str = "/v20190125/meshes/{meshName}/virtualGateways/{virtualGatewayName}";

operation!(
    CreateVirtualGateway,
    "appmesh",
    CreateVirtualGatewayRequest,
    VirtualGatewayResponse,
    Http::new("PUT", GATEWAYS).query(&["meshOwner"]).payload("virtualGateway")
);
operation!(
    DescribeVirtualGateway,
    "appmesh",
    DescribeVirtualGatewayRequest,
    VirtualGatewayResponse,
    Http::new("GET", GATEWAY).query(&["meshOwner"]).payload("virtualGateway")
);
operation!(
    UpdateVirtualGateway,
    "appmesh",
    UpdateVirtualGatewayRequest,
    VirtualGatewayResponse,
    Http::new("PUT", GATEWAY).query(&["meshOwner"]).payload("virtualGateway")
);
operation!(
    DeleteVirtualGateway,
    "appmesh",
    DeleteVirtualGatewayRequest,
    VirtualGatewayResponse,
    Http::new("DELETE", GATEWAY).query(&["meshOwner"]).payload("virtualGateway")
);
operation!(
    ListVirtualGateways,
    "appmesh",
    ListVirtualGatewaysRequest,
    ListVirtualGatewaysResponse,
    Http::new("GET", GATEWAYS).query(&["limit", "meshOwner", "nextToken"])
);
