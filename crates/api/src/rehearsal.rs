//! Rehearsals of canaries: operations of Serin's own, beside those of [`crate::canary`].

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::operation;

operation!(StartRehearsal, "canary", StartRehearsalRequest, StartRehearsalResponse);
operation!(DescribeRehearsal, "canary", DescribeRehearsalRequest, DescribeRehearsalResponse);
operation!(StopRehearsal, "canary", StopRehearsalRequest, StopRehearsalResponse);

/// Asks for canaries of a route's present version against itself, each with a fault that is made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartRehearsalRequest {
    /// The mesh.
    pub mesh_name: String,
    /// The virtual router.
    pub virtual_router_name: String,
    /// The route; all of its traffic goes to one virtual node.
    pub route_name: String,
    /// The faults, as `{"Kind": {"Errors": {"Percent": 5}}, "FromSeconds": 0}`; the usual ones if there are none.
    #[serde(default)]
    pub faults: Vec<Value>,
    /// The policy, as it stands in a template under `Serin::Canary`; the usual one if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Value>,
    /// It stops once so many requests have failed by it; 500 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_harm: Option<u64>,
    /// How long one fault may take to be caught, in seconds; 900 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_seconds: Option<u64>,
    /// It stops if nobody has asked for it for so long, in seconds; 30 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_seconds: Option<u64>,
}

/// The rehearsal that has begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartRehearsalResponse {
    /// It.
    pub rehearsal: RehearsalDescription,
}

/// Asks how a rehearsal is doing, and lets it go on for another lease.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeRehearsalRequest {
    /// Its id.
    pub rehearsal: String,
    /// Hold the answer until its version is above this …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_version: Option<u64>,
    /// … for at most so many seconds, 10 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u32>,
}

/// How a rehearsal is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeRehearsalResponse {
    /// It.
    pub rehearsal: RehearsalDescription,
}

/// Asks a rehearsal to put everything back and to end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StopRehearsalRequest {
    /// Its id.
    pub rehearsal: String,
}

/// It has heard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StopRehearsalResponse {
    /// It.
    pub rehearsal: RehearsalDescription,
}

/// A rehearsal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RehearsalDescription {
    /// Its id.
    pub id: String,
    /// The mesh.
    pub mesh_name: String,
    /// The virtual router.
    pub virtual_router_name: String,
    /// The route.
    pub route_name: String,
    /// The virtual node that has the route's traffic.
    pub virtual_node_name: String,
    /// What came of the faults that are over, in their order.
    pub results: Vec<RehearsalResult>,
    /// How many faults there are.
    pub faults: u64,
    /// The fault that is being made, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<String>,
    /// The canary of that fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<String>,
    /// What it waits for, or how it ended, in plain words.
    pub message: String,
    /// Requests that failed by it.
    pub failed: u64,
    /// Requests that took longer by it.
    pub slowed: u64,
    /// Whether it is over, and everything put back.
    pub ended: bool,
    /// Grows with every change.
    pub version: u64,
}

/// What came of one fault.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RehearsalResult {
    /// The fault, in words.
    pub fault: String,
    /// `Caught`, `Missed`, `Spared`, `TakenBackWrongly` or `Undecided`.
    pub outcome: String,
    /// Whether that is as it should be.
    pub sound: bool,
    /// How long after the fault began it was caught, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_seconds: Option<u64>,
    /// Requests that the faulty version got.
    pub requests: u64,
    /// Requests that failed by the fault.
    pub failed: u64,
    /// Requests that took longer by it.
    pub slowed: u64,
    /// What happened, in plain words.
    pub message: String,
}
