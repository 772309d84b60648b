//! Logs Insights: queries that are started, run for a while, and are asked for what they found.

use serde::{Deserialize, Serialize};

crate::operation!(StartQuery, "logs", StartQueryRequest, StartQueryResponse);
crate::operation!(GetQueryResults, "logs", GetQueryResultsRequest, GetQueryResultsResponse);
crate::operation!(StopQuery, "logs", StopQueryRequest, StopQueryResponse);
crate::operation!(DescribeQueries, "logs", DescribeQueriesRequest, DescribeQueriesResponse);

/// What [`StartQuery`] takes. Groups are named in one of three members.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartQueryRequest {
    /// `CWLI`; the others are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_language: Option<String>,
    /// The group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group_name: Option<String>,
    /// The groups, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_group_names: Vec<String>,
    /// The groups, by name or ARN.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_group_identifiers: Vec<String>,
    /// Not before this, in seconds since 1970.
    pub start_time: i64,
    /// Not after this, in seconds since 1970.
    pub end_time: i64,
    /// The query.
    pub query_string: String,
    /// How many rows at most, 1 to 10000, where the query says nothing; 10000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i32>,
}

/// What [`StartQuery`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartQueryResponse {
    /// The query's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_id: Option<String>,
}

/// What [`GetQueryResults`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetQueryResultsRequest {
    /// The query.
    pub query_id: String,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many rows at most; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_items: Option<i32>,
}

/// What [`GetQueryResults`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetQueryResultsResponse {
    /// `CWLI`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_language: Option<String>,
    /// The rows.
    #[serde(default)]
    pub results: Vec<Vec<ResultField>>,
    /// How much was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistics: Option<QueryStatistics>,
    /// `Running`, `Complete`, `Failed`, `Cancelled` or `Timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A field of a row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResultField {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// How much a query looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryStatistics {
    /// Events that went through all filters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_matched: Option<f64>,
    /// Events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_scanned: Option<f64>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_scanned: Option<f64>,
    /// Groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_groups_scanned: Option<f64>,
    /// Rows, on all pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_count: Option<f64>,
}

/// What [`StopQuery`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StopQueryRequest {
    /// The query.
    pub query_id: String,
}

/// What [`StopQuery`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StopQueryResponse {
    /// Whether it was still running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
}

/// What [`DescribeQueries`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeQueriesRequest {
    /// Only those of this group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group_name: Option<String>,
    /// Only those in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// How many at most, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// Only those in this language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_language: Option<String>,
}

/// What [`DescribeQueries`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeQueriesResponse {
    /// The queries, the latest first.
    #[serde(default)]
    pub queries: Vec<QueryInfo>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A query.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryInfo {
    /// `CWLI`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_language: Option<String>,
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_id: Option<String>,
    /// Its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_string: Option<String>,
    /// As in [`GetQueryResultsResponse::status`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// When it was started, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_time: Option<i64>,
    /// The first of its groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group_name: Option<String>,
}
