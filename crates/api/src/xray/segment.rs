//! Segments in, and what a daemon tells of itself.

use names::Timestamp;
use serde::{Deserialize, Serialize};

crate::operation!(
    PutTraceSegments,
    "xray",
    PutTraceSegmentsRequest,
    PutTraceSegmentsResponse,
    crate::Http::new("POST", "/TraceSegments")
);
crate::operation!(
    PutTelemetryRecords,
    "xray",
    PutTelemetryRecordsRequest,
    PutTelemetryRecordsResponse,
    crate::Http::new("POST", "/TelemetryRecords")
);

/// What [`PutTraceSegments`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PutTraceSegmentsRequest {
    /// Segments and subsegments, each a JSON document of its own.
    pub trace_segment_documents: Vec<String>,
}

/// What [`PutTraceSegments`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutTraceSegmentsResponse {
    /// Those that were not taken.
    #[serde(default)]
    pub unprocessed_trace_segments: Vec<UnprocessedTraceSegment>,
}

/// A segment that was not taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UnprocessedTraceSegment {
    /// Its id, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Why, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What [`PutTelemetryRecords`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PutTelemetryRecordsRequest {
    /// What a daemon did, by interval.
    pub telemetry_records: Vec<TelemetryRecord>,
    /// The machine it runs on.
    #[serde(rename = "EC2InstanceId", default, skip_serializing_if = "Option::is_none")]
    pub ec2_instance_id: Option<String>,
    /// The machine's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// What it runs for.
    #[serde(rename = "ResourceARN", default, skip_serializing_if = "Option::is_none")]
    pub resource_arn: Option<String>,
}

/// What a daemon did in an interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TelemetryRecord {
    /// When.
    pub timestamp: Timestamp,
    /// How many segments it received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments_received_count: Option<i32>,
    /// How many it passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments_sent_count: Option<i32>,
    /// How many it dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments_spillover_count: Option<i32>,
    /// How many were not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments_rejected_count: Option<i32>,
    /// What went wrong on the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_connection_errors: Option<BackendConnectionErrors>,
}

/// What went wrong between a daemon and the API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct BackendConnectionErrors {
    /// No answer in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_count: Option<i32>,
    /// Nobody there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_refused_count: Option<i32>,
    /// Refused.
    #[serde(rename = "HTTPCode4XXCount", default, skip_serializing_if = "Option::is_none")]
    pub http_code_4xx_count: Option<i32>,
    /// Failed.
    #[serde(rename = "HTTPCode5XXCount", default, skip_serializing_if = "Option::is_none")]
    pub http_code_5xx_count: Option<i32>,
    /// No such name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_host_count: Option<i32>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_count: Option<i32>,
}

/// What [`PutTelemetryRecords`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutTelemetryRecordsResponse {}
