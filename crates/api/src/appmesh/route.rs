//! Routes: which requests of a virtual router go to which virtual nodes, and in which shares.

use names::{Arn, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    GrpcRetryPolicy, GrpcRouteMatch, GrpcTimeout, HttpRetryPolicy, HttpRouteMatch, HttpTimeout, ResourceMetadata,
    ResourceStatus, TagRef, TcpRouteMatch, TcpTimeout,
};
use crate::{Http, operation};

/// What is asked of a route: one of the four kinds, and its place among others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteSpec {
    /// For gRPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc_route: Option<GrpcRoute>,
    /// For HTTP/2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http2_route: Option<HttpRoute>,
    /// For HTTP/1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_route: Option<HttpRoute>,
    /// Its place, 0 to 1000, and 0 is looked at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u32>,
    /// For TCP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_route: Option<TcpRoute>,
}

/// A route for HTTP or HTTP/2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRoute {
    /// Where to.
    pub action: HttpRouteAction,
    /// For which requests.
    pub r#match: HttpRouteMatch,
    /// What is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<HttpRetryPolicy>,
    /// How long an answer may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<HttpTimeout>,
}

/// A route for gRPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcRoute {
    /// Where to.
    pub action: GrpcRouteAction,
    /// For which calls.
    pub r#match: GrpcRouteMatch,
    /// What is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<GrpcRetryPolicy>,
    /// How long an answer may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<GrpcTimeout>,
}

/// A route for TCP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TcpRoute {
    /// Where to.
    pub action: TcpRouteAction,
    /// For which connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#match: Option<TcpRouteMatch>,
    /// How long a connection may be silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<TcpTimeout>,
}

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRouteAction {
    /// The virtual nodes and their shares, 1 to 10.
    pub weighted_targets: Vec<WeightedTarget>,
}

/// Where gRPC calls go.
pub type GrpcRouteAction = HttpRouteAction;

/// Where connections go.
pub type TcpRouteAction = HttpRouteAction;

/// A virtual node and its share of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WeightedTarget {
    /// Which of its ports, if it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
    /// Its name.
    pub virtual_node: String,
    /// Its share, 0 to 100, relative to the other shares.
    pub weight: u32,
}

/// A route in full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteData {
    /// The mesh it is in.
    pub mesh_name: String,
    /// Owner, version and times.
    pub metadata: ResourceMetadata,
    /// Its name.
    pub route_name: String,
    /// What was asked of it.
    pub spec: RouteSpec,
    /// Whether it is there.
    pub status: ResourceStatus,
    /// The virtual router it hangs on.
    pub virtual_router_name: String,
}

/// A route in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteRef {
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
    /// The account that owns the route.
    pub resource_owner: String,
    /// The name.
    pub route_name: String,
    /// How often it was changed, from 1.
    pub version: i64,
    /// The virtual router it hangs on.
    pub virtual_router_name: String,
}

/// Asks for a new route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateRouteRequest {
    /// Makes a repeated request the same request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// The name, 1 to 255 characters.
    pub route_name: String,
    /// What is asked of it.
    pub spec: RouteSpec,
    /// Tags to hang on it, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagRef>,
    /// The virtual router to hang it on.
    pub virtual_router_name: String,
}

/// Asks what a route is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeRouteRequest {
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// The route.
    pub route_name: String,
    /// The virtual router it hangs on.
    pub virtual_router_name: String,
}

/// Asks to delete a route.
pub type DeleteRouteRequest = DescribeRouteRequest;

/// Asks to change a route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateRouteRequest {
    /// Makes a repeated request the same request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// The route.
    pub route_name: String,
    /// What is asked of it from now on.
    pub spec: RouteSpec,
    /// The virtual router it hangs on.
    pub virtual_router_name: String,
}

/// The route that was created, described, changed or deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteResponse {
    /// The route.
    pub route: RouteData,
}

/// Asks for the routes of a virtual router.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListRoutesRequest {
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
    /// The virtual router.
    pub virtual_router_name: String,
}

/// Routes of a virtual router.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListRoutesResponse {
    /// Where to go on, if there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// The routes.
    pub routes: Vec<RouteRef>,
}

/// The path of all routes of a virtual router; it says `virtualRouter` where the router's own path has the plural.
const ROUTES: &str = "/v20190125/meshes/{meshName}/virtualRouter/{virtualRouterName}/routes";
/// The path of one route.
const ROUTE: &str = "/v20190125/meshes/{meshName}/virtualRouter/{virtualRouterName}/routes/{routeName}";

operation!(
    CreateRoute,
    "appmesh",
    CreateRouteRequest,
    RouteResponse,
    Http::new("PUT", ROUTES).query(&["meshOwner"]).payload("route")
);
operation!(
    DescribeRoute,
    "appmesh",
    DescribeRouteRequest,
    RouteResponse,
    Http::new("GET", ROUTE).query(&["meshOwner"]).payload("route")
);
operation!(
    UpdateRoute,
    "appmesh",
    UpdateRouteRequest,
    RouteResponse,
    Http::new("PUT", ROUTE).query(&["meshOwner"]).payload("route")
);
operation!(
    DeleteRoute,
    "appmesh",
    DeleteRouteRequest,
    RouteResponse,
    Http::new("DELETE", ROUTE).query(&["meshOwner"]).payload("route")
);
operation!(
    ListRoutes,
    "appmesh",
    ListRoutesRequest,
    ListRoutesResponse,
    Http::new("GET", ROUTES).query(&["limit", "meshOwner", "nextToken"])
);
