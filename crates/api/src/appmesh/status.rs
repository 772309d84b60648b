//! What App Mesh never told: whether the proxies do yet what was asked.
//!
//! These operations are ours. They stand beside Amazon's under a path of their own, and answer what `serin status`
//! shows and a canary's judge waits for: a weight counts as applied when every proxy it concerns has acknowledged it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::WeightedTarget;
use crate::{Http, operation};

/// Asks how far the proxies are with a route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeRouteStatusRequest {
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// The virtual router it hangs on.
    pub virtual_router_name: String,
    /// The route.
    pub route_name: String,
    /// How long to hold the answer until the route is applied, in seconds, at most 60; not at all if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u32>,
}

/// How far the proxies are with a route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeRouteStatusResponse {
    /// The version of the route that is asked for.
    pub asked_version: i64,
    /// The shares that are asked for.
    pub asked: Vec<WeightedTarget>,
    /// The last version of the route that no proxy was without: every connected proxy that carries the route, and has any
    /// configuration at all, had acknowledged it. None before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_version: Option<i64>,
    /// The shares of that version.
    pub applied: Vec<WeightedTarget>,
    /// The clusters that proxies know its targets by, by virtual node; a variant of one has its name, `_` and more.
    #[serde(default)]
    pub clusters: BTreeMap<String, Vec<String>>,
    /// How many connected proxies carry the route.
    pub proxies: u32,
    /// How many of them have acknowledged the version that is asked for.
    pub acknowledged: u32,
    /// Those that refused it, and why.
    pub refusals: Vec<Refusal>,
    /// Why the route, or what it refers to, could not be given to proxies; empty if all is well.
    #[serde(default)]
    pub faults: Vec<String>,
}

impl DescribeRouteStatusResponse {
    /// Whether what is asked for is what every proxy concerned does.
    pub fn is_applied(&self) -> bool {
        self.applied_version == Some(self.asked_version)
    }
}

/// A proxy that refused its configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// The proxy's node id: `mesh/<mesh>/virtualNode/<name>`.
    pub node: String,
    /// The task it runs in, if it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_arn: Option<String>,
    /// What it said.
    pub reason: String,
}

/// Asks for the proxies that are connected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListProxiesRequest {
    /// The mesh.
    pub mesh_name: String,
    /// The account that owns the mesh, if it is not the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
}

/// The proxies that are connected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListProxiesResponse {
    /// The proxies of the mesh, by what they stand for.
    pub proxies: Vec<Proxy>,
    /// What the mesh asks for that no proxy could be given, and why; empty if all is well.
    #[serde(default)]
    pub faults: Vec<String>,
}

/// A connected proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proxy {
    /// The virtual node it stands for, if it does not stand for a virtual gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_node_name: Option<String>,
    /// The virtual gateway it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_gateway_name: Option<String>,
    /// The task it runs in, if it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_arn: Option<String>,
    /// Whether it has acknowledged all that is asked of it.
    pub up_to_date: bool,
    /// What it refused last, and why, if it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
}

/// Asks for the proxies that were turned away of late.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListTurnedAwayProxiesRequest {}

/// The proxies that were turned away of late.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTurnedAwayProxiesResponse {
    /// Those that asked for a node of this account and region, and those that did not say of which.
    pub proxies: Vec<TurnedAwayProxy>,
}

/// A proxy that asks in vain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnedAwayProxy {
    /// The node id it was given; none if it could not prove who it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Who it proved to be, as the ARN of its task, or else the address it calls from.
    pub caller: String,
    /// Why it is not served, and what to do.
    pub reason: String,
    /// How often it asked.
    pub times: u64,
}

operation!(
    DescribeRouteStatus,
    "appmesh",
    DescribeRouteStatusRequest,
    DescribeRouteStatusResponse,
    Http::new("GET", "/serin/v1/meshes/{meshName}/virtualRouter/{virtualRouterName}/routes/{routeName}/status")
        .query(&["meshOwner", "waitSeconds"])
);
operation!(
    ListProxies,
    "appmesh",
    ListProxiesRequest,
    ListProxiesResponse,
    Http::new("GET", "/serin/v1/meshes/{meshName}/proxies").query(&["meshOwner"])
);
operation!(
    ListTurnedAwayProxies,
    "appmesh",
    ListTurnedAwayProxiesRequest,
    ListTurnedAwayProxiesResponse,
    Http::new("GET", "/serin/v1/turned-away-proxies")
);
