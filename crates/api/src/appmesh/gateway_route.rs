//! Gateway routes: which requests that come to a virtual gateway go to which virtual service, and how they are rewritten.

use names::{Arn, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    GrpcRouteMetadata, HttpMethod, HttpPathMatch, HttpQueryParameter, HttpRouteHeader, ResourceMetadata,
    ResourceStatus, TagRef,
};
use crate::{Http, operation};

/// What is asked of a gateway route: one of the three kinds, and its place among others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewayRouteSpec {
    /// For gRPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc_route: Option<GrpcGatewayRoute>,
    /// For HTTP/2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http2_route: Option<HttpGatewayRoute>,
    /// For HTTP/1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_route: Option<HttpGatewayRoute>,
    /// Its place, 0 to 1000, and 0 is looked at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u32>,
}

/// A gateway route for HTTP or HTTP/2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpGatewayRoute {
    /// Where to.
    pub action: HttpGatewayRouteAction,
    /// For which requests.
    pub r#match: HttpGatewayRouteMatch,
}

/// Where HTTP requests go, and what is changed on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpGatewayRouteAction {
    /// What is changed; if not given, the host name becomes the virtual service's and a matched prefix becomes `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<HttpGatewayRouteRewrite>,
    /// Where to.
    pub target: GatewayRouteTarget,
}

/// Where a gateway route leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewayRouteTarget {
    /// Which of the virtual service's ports, if it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
    /// The virtual service.
    pub virtual_service: GatewayRouteVirtualService,
}

/// The virtual service that a gateway route leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewayRouteVirtualService {
    /// Its name.
    pub virtual_service_name: String,
}

/// What an HTTP gateway route changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpGatewayRouteRewrite {
    /// The host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<GatewayRouteHostnameRewrite>,
    /// The whole path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<HttpGatewayRoutePathRewrite>,
    /// The matched beginning of the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<HttpGatewayRoutePrefixRewrite>,
}

/// Whether the host name is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewayRouteHostnameRewrite {
    /// Whether it becomes the virtual service's name; yes if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_target_hostname: Option<DefaultGatewayRouteRewrite>,
}

/// Whether a rewrite that is done by default is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DefaultGatewayRouteRewrite {
    /// It is.
    Enabled,
    /// It is not.
    Disabled,
}

/// What the whole path becomes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpGatewayRoutePathRewrite {
    /// This, 1 to 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact: Option<String>,
}

/// What the matched beginning of the path becomes: one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpGatewayRoutePrefixRewrite {
    /// Whether it becomes `/`; yes if neither is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_prefix: Option<DefaultGatewayRouteRewrite>,
    /// This, 1 to 255 characters; it begins and ends with `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// For which requests an HTTP gateway route is: those that meet all of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpGatewayRouteMatch {
    /// Headers, 1 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<HttpGatewayRouteHeader>>,
    /// The host name asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<GatewayRouteHostnameMatch>,
    /// The method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<HttpMethod>,
    /// The whole path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<HttpPathMatch>,
    /// The port, which must be one of the virtual gateway's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
    /// How the path begins; it begins with `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Parameters of the query, 1 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_parameters: Option<Vec<HttpQueryParameter>>,
}

/// A header a request must have.
pub type HttpGatewayRouteHeader = HttpRouteHeader;

/// The host name a request must ask for: one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewayRouteHostnameMatch {
    /// Letter by letter, 1 to 253 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact: Option<String>,
    /// Its end, 1 to 253 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
}

/// A gateway route for gRPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcGatewayRoute {
    /// Where to.
    pub action: GrpcGatewayRouteAction,
    /// For which calls.
    pub r#match: GrpcGatewayRouteMatch,
}

/// Where gRPC calls go, and what is changed on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcGatewayRouteAction {
    /// What is changed; if not given, the host name becomes the virtual service's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<GrpcGatewayRouteRewrite>,
    /// Where to.
    pub target: GatewayRouteTarget,
}

/// What a gRPC gateway route changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcGatewayRouteRewrite {
    /// The host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<GatewayRouteHostnameRewrite>,
}

/// For which calls a gRPC gateway route is: those that meet all of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcGatewayRouteMatch {
    /// The host name asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<GatewayRouteHostnameMatch>,
    /// Metadata, 1 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Vec<GrpcGatewayRouteMetadata>>,
    /// The port, which must be one of the virtual gateway's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
    /// The service's full name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
}

/// Metadata a gRPC call must have.
pub type GrpcGatewayRouteMetadata = GrpcRouteMetadata;

/// A gateway route in full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRouteData {
    /// The mesh it is in.
    pub mesh_name: String,
    /// Owner, version and times.
    pub metadata: ResourceMetadata,
    /// Its name.
    pub gateway_route_name: String,
    /// What was asked of it.
    pub spec: GatewayRouteSpec,
    /// Whether it is there.
    pub status: ResourceStatus,
    /// The virtual gateway it belongs to.
    pub virtual_gateway_name: String,
}

/// A gateway route in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRouteRef {
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
    /// The account that owns the gateway route.
    pub resource_owner: String,
    /// The name.
    pub gateway_route_name: String,
    /// How often it was changed, from 1.
    pub version: i64,
    /// The virtual gateway it belongs to.
    pub virtual_gateway_name: String,
}

/// Asks for a new gateway route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateGatewayRouteRequest {
    /// Makes a repeated request the same request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// The name, 1 to 255 characters.
    pub gateway_route_name: String,
    /// What is asked of it.
    pub spec: GatewayRouteSpec,
    /// Tags to hang on it, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagRef>,
    /// The virtual gateway it is to belong to.
    pub virtual_gateway_name: String,
}

/// Asks what a gateway route is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeGatewayRouteRequest {
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// The gateway route.
    pub gateway_route_name: String,
    /// The virtual gateway it belongs to.
    pub virtual_gateway_name: String,
}

/// Asks to delete a gateway route.
pub type DeleteGatewayRouteRequest = DescribeGatewayRouteRequest;

/// Asks to change a gateway route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateGatewayRouteRequest {
    /// Makes a repeated request the same request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// The gateway route.
    pub gateway_route_name: String,
    /// What is asked of it from now on.
    pub spec: GatewayRouteSpec,
    /// The virtual gateway it belongs to.
    pub virtual_gateway_name: String,
}

/// The gateway route that was created, described, changed or deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRouteResponse {
    /// The gateway route.
    pub gateway_route: GatewayRouteData,
}

/// Asks for the gateway routes of a virtual gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListGatewayRoutesRequest {
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
    /// The virtual gateway.
    pub virtual_gateway_name: String,
}

/// Gateway routes of a virtual gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListGatewayRoutesResponse {
    /// Where to go on, if there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// The gateway routes.
    pub gateway_routes: Vec<GatewayRouteRef>,
}

/// The path of all gateway routes of a virtual gateway; it says `virtualGateway` where the gateway's own path has the plural.
const ROUTES: &str = "/v20190125/meshes/{meshName}/virtualGateway/{virtualGatewayName}/gatewayRoutes";
/// The path of one gateway route.
const ROUTE: &str = "/v20190125/meshes/{meshName}/virtualGateway/{virtualGatewayName}/gatewayRoutes/{gatewayRouteName}";

operation!(
    CreateGatewayRoute,
    "appmesh",
    CreateGatewayRouteRequest,
    GatewayRouteResponse,
    Http::new("PUT", ROUTES).query(&["meshOwner"]).payload("gatewayRoute")
);
operation!(
    DescribeGatewayRoute,
    "appmesh",
    DescribeGatewayRouteRequest,
    GatewayRouteResponse,
    Http::new("GET", ROUTE).query(&["meshOwner"]).payload("gatewayRoute")
);
operation!(
    UpdateGatewayRoute,
    "appmesh",
    UpdateGatewayRouteRequest,
    GatewayRouteResponse,
    Http::new("PUT", ROUTE).query(&["meshOwner"]).payload("gatewayRoute")
);
operation!(
    DeleteGatewayRoute,
    "appmesh",
    DeleteGatewayRouteRequest,
    GatewayRouteResponse,
    Http::new("DELETE", ROUTE).query(&["meshOwner"]).payload("gatewayRoute")
);
operation!(
    ListGatewayRoutes,
    "appmesh",
    ListGatewayRoutesRequest,
    ListGatewayRoutesResponse,
    Http::new("GET", ROUTES).query(&["limit", "meshOwner", "nextToken"])
);
