//! Faults on purpose: what a virtual node's requests suffer for a while, so that one sees what becomes of it.
//!
//! These operations are ours, and no template has them: a fault is asked for by somebody who watches, and always ends by
//! itself. What it does is said in the terms of Envoy's fault filter, which is what makes it: a part of the requests is
//! answered with a status, a part is delayed by a fixed time.

use names::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Http, operation};

/// Requests that are answered in the application's place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Abort {
    /// With this status, 400 to 599.
    pub status: u16,
    /// So many of them, in percent, in ten-thousandths at the finest.
    pub percent: f64,
}

/// Requests that come to the application later.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delay {
    /// By so much, in milliseconds, at most ten seconds.
    pub milliseconds: u64,
    /// So many of them, in percent, in ten-thousandths at the finest.
    pub percent: f64,
}

/// A fault, and how long it lasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InjectedFault {
    /// The virtual node whose requests suffer.
    pub virtual_node_name: String,
    /// The virtual router of the route, where only what comes by one suffers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_router_name: Option<String>,
    /// That route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_name: Option<String>,
    /// What is answered in the application's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort: Option<Abort>,
    /// What comes later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    /// When it begins.
    pub begins_at: Timestamp,
    /// When it is over, whatever happens.
    pub ends_at: Timestamp,
}

/// Asks for a fault; one that the virtual node has already is replaced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InjectFaultRequest {
    /// The mesh.
    pub mesh_name: String,
    /// The virtual node whose requests are to suffer.
    pub virtual_node_name: String,
    /// The virtual router of the route, where only what comes by one is to suffer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_router_name: Option<String>,
    /// That route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_name: Option<String>,
    /// What is to be answered in the application's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort: Option<Abort>,
    /// What is to come later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    /// In how many seconds it begins; now if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_seconds: Option<u64>,
    /// How long it lasts, in seconds, at most an hour.
    pub seconds: u64,
}

/// The fault as it is to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InjectFaultResponse {
    /// It.
    pub fault: InjectedFault,
}

/// Asks for a fault to end now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoveFaultRequest {
    /// The mesh.
    pub mesh_name: String,
    /// The virtual node.
    pub virtual_node_name: String,
}

/// There is none any more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RemoveFaultResponse {}

/// Asks for the faults of a mesh that have not ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListFaultsRequest {
    /// The mesh.
    pub mesh_name: String,
}

/// The faults of a mesh that have not ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListFaultsResponse {
    /// By virtual node.
    pub faults: Vec<InjectedFault>,
}

operation!(
    InjectFault,
    "appmesh",
    InjectFaultRequest,
    InjectFaultResponse,
    Http::new("PUT", "/serin/v1/meshes/{meshName}/virtualNodes/{virtualNodeName}/fault")
);
operation!(
    RemoveFault,
    "appmesh",
    RemoveFaultRequest,
    RemoveFaultResponse,
    Http::new("DELETE", "/serin/v1/meshes/{meshName}/virtualNodes/{virtualNodeName}/fault")
);
operation!(
    ListFaults,
    "appmesh",
    ListFaultsRequest,
    ListFaultsResponse,
    Http::new("GET", "/serin/v1/meshes/{meshName}/faults")
);
