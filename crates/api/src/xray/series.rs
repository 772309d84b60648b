//! A service's requests over time.

use names::Timestamp;
use serde::{Deserialize, Serialize};

use super::{HistogramEntry, ServiceStatistics};

crate::operation!(
    GetTimeSeriesServiceStatistics,
    "xray",
    GetTimeSeriesServiceStatisticsRequest,
    GetTimeSeriesServiceStatisticsResponse,
    crate::Http::new("POST", "/TimeSeriesServiceStatistics")
);

/// What [`GetTimeSeriesServiceStatistics`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetTimeSeriesServiceStatisticsRequest {
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
    /// Which services or edges: `service("api")`, `edge("gateway", "api")`; all that clients call where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_selector_expression: Option<String>,
    /// Seconds of each entry: 60 (the default) or 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<i32>,
    /// Whether faults are foretold; they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast_statistics: Option<bool>,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// What [`GetTimeSeriesServiceStatistics`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetTimeSeriesServiceStatisticsResponse {
    /// An entry for each period.
    #[serde(default)]
    pub time_series_service_statistics: Vec<TimeSeriesServiceStatistics>,
    /// Whether a group changed meanwhile; never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains_old_group_versions: Option<bool>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// How the requests of one period went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TimeSeriesServiceStatistics {
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// How they went, if an edge was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge_summary_statistics: Option<ServiceStatistics>,
    /// How they went, if a service was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_summary_statistics: Option<ServiceStatistics>,
    /// How long they took.
    #[serde(default)]
    pub response_time_histogram: Vec<HistogramEntry>,
}
