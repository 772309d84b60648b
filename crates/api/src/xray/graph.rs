//! The service graph: who calls whom, how often, how fast and how well.

use names::Timestamp;
use serde::{Deserialize, Serialize};

crate::operation!(
    GetServiceGraph,
    "xray",
    GetServiceGraphRequest,
    GetServiceGraphResponse,
    crate::Http::new("POST", "/ServiceGraph")
);
crate::operation!(
    GetTraceGraph,
    "xray",
    GetTraceGraphRequest,
    GetTraceGraphResponse,
    crate::Http::new("POST", "/TraceGraph")
);

/// What [`GetServiceGraph`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetServiceGraphRequest {
    /// Not before this.
    pub start_time: Timestamp,
    /// Not after this.
    pub end_time: Timestamp,
    /// The group of traces; `Default` is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// The group of traces, by ARN.
    #[serde(rename = "GroupARN", default, skip_serializing_if = "Option::is_none")]
    pub group_arn: Option<String>,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// What [`GetServiceGraph`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetServiceGraphResponse {
    /// The begin that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// The end that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Timestamp>,
    /// The nodes, each with the edges that leave it.
    #[serde(default)]
    pub services: Vec<Service>,
    /// Whether a group changed meanwhile; never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains_old_group_versions: Option<bool>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// What [`GetTraceGraph`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetTraceGraphRequest {
    /// Which traces.
    pub trace_ids: Vec<String>,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// What [`GetTraceGraph`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetTraceGraphResponse {
    /// The nodes, each with the edges that leave it.
    #[serde(default)]
    pub services: Vec<Service>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A node of the graph.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Service {
    /// Its number in this graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<i32>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// All its names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Whether requests enter here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<bool>,
    /// Its account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// What it runs on: `AWS::ECS::Container`, `client`, `remote`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// `active`, or `unknown` for those seen from outside alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The begin of its first segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// The end of its last segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Timestamp>,
    /// Whom it calls.
    #[serde(default)]
    pub edges: Vec<Edge>,
    /// How its requests went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary_statistics: Option<ServiceStatistics>,
    /// How long its segments took.
    #[serde(default)]
    pub duration_histogram: Vec<HistogramEntry>,
    /// How long its answers took.
    #[serde(default)]
    pub response_time_histogram: Vec<HistogramEntry>,
}

/// Calls from one node to another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Edge {
    /// The number of the node that is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<i32>,
    /// The begin of the first call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// The end of the last call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Timestamp>,
    /// How the calls went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary_statistics: Option<ServiceStatistics>,
    /// How long their answers took.
    #[serde(default)]
    pub response_time_histogram: Vec<HistogramEntry>,
    /// Other names of the node that is called.
    #[serde(default)]
    pub aliases: Vec<Alias>,
    /// Set for links between traces, of which none are drawn here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge_type: Option<String>,
}

/// Another name of a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Alias {
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// All names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// What it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
}

/// How requests went. At AWS, nodes and edges have types of their own with the same members.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceStatistics {
    /// How many went well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ok_count: Option<i64>,
    /// Those that failed by the client's fault (4xx).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_statistics: Option<ErrorStatistics>,
    /// Those that failed by the server's fault (5xx).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault_statistics: Option<FaultStatistics>,
    /// How many there were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_count: Option<i64>,
    /// Seconds they took together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_response_time: Option<f64>,
}

/// Requests that failed by the client's fault.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ErrorStatistics {
    /// Those that were sent away (429).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle_count: Option<i64>,
    /// The rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_count: Option<i64>,
    /// All.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_count: Option<i64>,
}

/// Requests that failed by the server's fault.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FaultStatistics {
    /// All but those of a kind of its own, of which there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_count: Option<i64>,
    /// All.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_count: Option<i64>,
}

/// How many took about this long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HistogramEntry {
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// How many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<i32>,
}
