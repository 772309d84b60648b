//! Canaries: Serin's own operations. Not part of any AWS API, which never had such a thing for App Mesh.

use names::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::rehearsal::{DescribeRehearsal, StartRehearsal, StopRehearsal};
use crate::{appmesh::RouteSpec, operation};

operation!(CheckCanaryPolicy, "canary", CheckCanaryPolicyRequest, CheckCanaryPolicyResponse);
operation!(StartCanary, "canary", StartCanaryRequest, StartCanaryResponse);
operation!(StartServiceCanary, "canary", StartServiceCanaryRequest, StartCanaryResponse);
operation!(DescribeCanary, "canary", DescribeCanaryRequest, DescribeCanaryResponse);
operation!(ListCanaries, "canary", ListCanariesRequest, ListCanariesResponse);
operation!(CommandCanary, "canary", CommandCanaryRequest, CommandCanaryResponse);
operation!(GetCanaryRecord, "canary", GetCanaryRecordRequest, GetCanaryRecordResponse);
operation!(DescribeApproval, "canary", DescribeApprovalRequest, DescribeApprovalResponse);
operation!(ApproveByLink, "canary", ApproveByLinkRequest, ApproveByLinkResponse);

/// Asks whether a policy can be followed, before anything is changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckCanaryPolicyRequest {
    /// The policy, as it stands in a template under `Serin::Canary`.
    pub policy: Value,
    /// Whether it is to be the policy of deployments of an ECS service, and not of a route.
    #[serde(default)]
    pub of_service: bool,
}

/// The policy can be followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckCanaryPolicyResponse {
    /// The whole policy, with all that was not said.
    pub policy: Value,
    /// How long a canary that follows it may take, in seconds.
    pub longest_seconds: u64,
}

/// Asks for a route to become what `spec` says, step by step, if the version that gains by it is good enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartCanaryRequest {
    /// The mesh.
    pub mesh_name: String,
    /// The virtual router.
    pub virtual_router_name: String,
    /// The route.
    pub route_name: String,
    /// What the route is to become. Exactly one virtual node gains weight by it, and exactly one loses.
    pub spec: RouteSpec,
    /// The policy, as it stands in a template under `Serin::Canary`; the usual one if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Value>,
    /// Tells this version of the gaining node from others; asking twice with the same one starts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// Asks for users to come to the new tasks of a deployment of ECS, step by step, if they are good enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartServiceCanaryRequest {
    /// The service deployment, which waits to be steered.
    pub service_deployment_arn: String,
    /// Its cluster's name.
    pub cluster: String,
    /// Its service's name.
    pub service: String,
    /// What the version is called that serves.
    pub baseline: String,
    /// What the version is called that comes.
    pub canary: String,
    /// The policy, as it stands in a template under `Serin::Canary`.
    pub policy: Value,
    /// Tells this deployment from others; asking twice with the same one starts once.
    pub revision: String,
}

/// The canary that began, or that had begun already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartCanaryResponse {
    /// The canary.
    pub canary: CanaryDescription,
}

/// Asks how a canary is doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeCanaryRequest {
    /// Its id, or the name of its route if no other route is called so: then the latest of that route.
    pub canary: String,
    /// Hold the answer until its version is above this …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_version: Option<u64>,
    /// … for at most so many seconds, 60 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u32>,
}

/// How a canary is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeCanaryResponse {
    /// The canary.
    pub canary: CanaryDescription,
}

/// Asks for all canaries, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListCanariesRequest {}

/// All canaries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListCanariesResponse {
    /// The canaries.
    pub canaries: Vec<CanaryDescription>,
}

/// Asks something of a canary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommandCanaryRequest {
    /// Its id, or the name of its route.
    pub canary: String,
    /// `Pause`, `Resume`, `Approve`, `Promote`, `Abort`, `Undo`, `Retry` or `Freeze`.
    pub command: String,
}

/// The canary, which has heard the command and acts on it next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandCanaryResponse {
    /// The canary.
    pub canary: CanaryDescription,
}

/// Asks for what a canary's judge saw and decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetCanaryRecordRequest {
    /// Its id, or the name of its route.
    pub canary: String,
    /// Where to read on, in bytes.
    #[serde(default)]
    pub offset: u64,
}

/// A part of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetCanaryRecordResponse {
    /// Whole lines of JSON.
    pub lines: Vec<String>,
    /// Where to read on; none at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<u64>,
}

/// A canary: what was asked, how far it is, and what it rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CanaryDescription {
    /// Its id.
    pub id: String,
    /// The mesh; empty for a service of ECS.
    pub mesh_name: String,
    /// The virtual router; empty for a service of ECS.
    pub virtual_router_name: String,
    /// The route; empty for a service of ECS.
    pub route_name: String,
    /// The service of ECS, as `cluster/service`, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// What loses: a virtual node, or a task definition.
    pub baseline: String,
    /// What gains: a virtual node, or a task definition.
    pub canary: String,
    /// Which version of it.
    pub revision: String,
    /// The policy it follows.
    pub policy: Value,
    /// How long that lets it take, in seconds, unless somebody pauses it or it freezes.
    pub longest_seconds: u64,
    /// `Clearing`, `Waiting`, `Gated`, `Watching`, `Baking`, `Finishing`, `Done`, `TakingBack`, `TakenBack` or `Frozen`.
    pub phase: String,
    /// Whether it has come to an end.
    pub ended: bool,
    /// Why it was taken back or frozen, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether somebody paused it.
    pub paused: bool,
    /// The part of the traffic that the new version is to have, in percent.
    pub percent: f64,
    /// The part that every proxy has acknowledged; none while they are at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_percent: Option<f64>,
    /// How many proxies carry the route.
    pub proxies: u32,
    /// Healthy copies of the new version, as the proxy sees them that sees the fewest.
    pub healthy: u32,
    /// Requests to the new version, and the failed ones of them.
    pub requests: (u64, u64),
    /// The same of the old version.
    pub baseline_requests: (u64, u64),
    /// The fortune of the bets against the new version; at `limit` it is taken back.
    pub e_value: f64,
    /// See `e_value`.
    pub limit: f64,
    /// The fortune of the bets for it; at `certificate_limit` the present step is passed.
    pub certificate: f64,
    /// See `certificate`.
    pub certificate_limit: f64,
    /// Failed requests beyond those that the old version's rate makes one expect.
    pub harm: u64,
    /// What it waits for, or how it ended, in plain words.
    pub message: String,
    /// Why, with the numbers.
    pub explanation: String,
    /// What happened, oldest first.
    pub events: Vec<CanaryEvent>,
    /// Whom nobody could tell of it, and why, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undelivered: Vec<CanaryEvent>,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Grows with every change.
    pub version: u64,
}

/// Asks what a link approves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeApprovalRequest {
    /// What the link ends with.
    pub token: String,
}

/// What a link approves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeApprovalResponse {
    /// The gate.
    pub approval: Approval,
}

/// Approves by a link, once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApproveByLinkRequest {
    /// What the link ends with.
    pub token: String,
}

/// What was approved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApproveByLinkResponse {
    /// The gate.
    pub approval: Approval,
}

/// A gate that waits for somebody.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The canary's id.
    pub canary: String,
    /// Its route's or service's name.
    pub subject: String,
    /// What loses.
    pub baseline: String,
    /// What gains.
    pub new: String,
    /// The part of the traffic that the new version has, in percent.
    pub percent: f64,
    /// The part that it gets.
    pub next_percent: f64,
    /// What is known of it, with the numbers.
    pub explanation: String,
}

/// Something that happened to a canary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CanaryEvent {
    /// When.
    pub at: Timestamp,
    /// What, in plain words.
    pub message: String,
}
