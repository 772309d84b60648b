//! Traces: the segments that one request left behind, whole and in summary.

use std::collections::BTreeMap;

use names::Timestamp;
use serde::{Deserialize, Serialize};

crate::operation!(
    BatchGetTraces,
    "xray",
    BatchGetTracesRequest,
    BatchGetTracesResponse,
    crate::Http::new("POST", "/Traces")
);
crate::operation!(
    GetTraceSummaries,
    "xray",
    GetTraceSummariesRequest,
    GetTraceSummariesResponse,
    crate::Http::new("POST", "/TraceSummaries")
);

/// What [`BatchGetTraces`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct BatchGetTracesRequest {
    /// Which traces; up to five.
    pub trace_ids: Vec<String>,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// What [`BatchGetTraces`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchGetTracesResponse {
    /// The traces.
    #[serde(default)]
    pub traces: Vec<Trace>,
    /// Ids that are not those of a trace.
    #[serde(default)]
    pub unprocessed_trace_ids: Vec<String>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A trace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Trace {
    /// Its id, `1-<seconds>-<random>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Seconds from the first begin to the last end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// Whether it has more segments than are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_exceeded: Option<bool>,
    /// Its segments.
    #[serde(default)]
    pub segments: Vec<Segment>,
}

/// A segment of a trace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Segment {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The segment as JSON, with its subsegments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// What [`GetTraceSummaries`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetTraceSummariesRequest {
    /// Not before this.
    pub start_time: Timestamp,
    /// Not after this.
    pub end_time: Timestamp,
    /// What the range speaks of: `TraceId` (the default), `Event` or `Service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_range_type: Option<String>,
    /// Whether a part of the traces will do; all are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<bool>,
    /// Which part of the traces will do; all are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_strategy: Option<SamplingStrategy>,
    /// Which traces: `service("api") { fault }`, `responsetime > 1`, `http.status = 500`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_expression: Option<String>,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Which part of the traces will do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SamplingStrategy {
    /// `PartialScan` or `FixedRate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The part, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// What [`GetTraceSummaries`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetTraceSummariesResponse {
    /// The traces of this page.
    #[serde(default)]
    pub trace_summaries: Vec<TraceSummary>,
    /// The beginning of this page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approximate_time: Option<Timestamp>,
    /// How many traces were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traces_processed_count: Option<i64>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A trace in short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TraceSummary {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// Seconds from the first begin to the last end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// Seconds its first segment took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_time: Option<f64>,
    /// Whether a server failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_fault: Option<bool>,
    /// Whether a client erred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_error: Option<bool>,
    /// Whether somebody was sent away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_throttle: Option<bool>,
    /// Whether a segment is still open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_partial: Option<bool>,
    /// The request that began it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// What services noted of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, Vec<ValueWithServiceIds>>,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<TraceUser>,
    /// Which services took part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_ids: Vec<ServiceId>,
    /// Where it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_point: Option<ServiceId>,
    /// How many segments came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i32>,
    /// When it matched, if asked by event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched_event_time: Option<Timestamp>,
}

/// A request and its answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Http {
    /// What was asked for.
    #[serde(rename = "HttpURL", default, skip_serializing_if = "Option::is_none")]
    pub http_url: Option<String>,
    /// How it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<i32>,
    /// How it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_method: Option<String>,
    /// With what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<String>,
}

/// The value of an annotation, and who noted it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ValueWithServiceIds {
    /// The value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotation_value: Option<AnnotationValue>,
    /// Who noted it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_ids: Vec<ServiceId>,
}

/// The value of an annotation; one of the three.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AnnotationValue {
    /// A number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_value: Option<f64>,
    /// Yes or no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boolean_value: Option<bool>,
    /// Text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
}

/// Who asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TraceUser {
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// Who noted it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_ids: Vec<ServiceId>,
}

/// A service that took part in a trace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceId {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// All its names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Its account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// What it runs on: `AWS::ECS::Container`, `client`, `remote`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
}
