//! Sampling: how much of the traffic is traced.

use std::collections::BTreeMap;

use names::Timestamp;
use serde::{Deserialize, Serialize};

use super::Tag;

crate::operation!(
    GetSamplingRules,
    "xray",
    GetSamplingRulesRequest,
    GetSamplingRulesResponse,
    crate::Http::new("POST", "/GetSamplingRules")
);
crate::operation!(
    GetSamplingTargets,
    "xray",
    GetSamplingTargetsRequest,
    GetSamplingTargetsResponse,
    crate::Http::new("POST", "/SamplingTargets")
);

crate::operation!(
    CreateSamplingRule,
    "xray",
    CreateSamplingRuleRequest,
    CreateSamplingRuleResponse,
    crate::Http::new("POST", "/CreateSamplingRule")
);
crate::operation!(
    UpdateSamplingRule,
    "xray",
    UpdateSamplingRuleRequest,
    UpdateSamplingRuleResponse,
    crate::Http::new("POST", "/UpdateSamplingRule")
);
crate::operation!(
    DeleteSamplingRule,
    "xray",
    DeleteSamplingRuleRequest,
    DeleteSamplingRuleResponse,
    crate::Http::new("POST", "/DeleteSamplingRule")
);
crate::operation!(
    GetSamplingStatisticSummaries,
    "xray",
    GetSamplingStatisticSummariesRequest,
    GetSamplingStatisticSummariesResponse,
    crate::Http::new("POST", "/SamplingStatisticSummaries")
);

/// What [`GetSamplingRules`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetSamplingRulesRequest {
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// What [`GetSamplingRules`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSamplingRulesResponse {
    /// The rules.
    #[serde(default)]
    pub sampling_rule_records: Vec<SamplingRuleRecord>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A rule and its history.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SamplingRuleRecord {
    /// The rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_rule: Option<SamplingRule>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
}

/// How much is traced of the requests that match.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SamplingRule {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<String>,
    /// Its ARN.
    #[serde(rename = "RuleARN", default, skip_serializing_if = "Option::is_none")]
    pub rule_arn: Option<String>,
    /// What it matches: a resource, `*` for any.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
    /// The lowest that matches decides.
    pub priority: i32,
    /// The part that is traced beyond the reservoir, 0 to 1.
    pub fixed_rate: f64,
    /// How many requests are traced each second whatever the rate.
    pub reservoir_size: i32,
    /// What it matches: the service.
    pub service_name: String,
    /// What it matches: what the service runs on.
    pub service_type: String,
    /// What it matches: the host that was asked.
    pub host: String,
    /// What it matches: the method.
    #[serde(rename = "HTTPMethod")]
    pub http_method: String,
    /// What it matches: the path.
    #[serde(rename = "URLPath")]
    pub url_path: String,
    /// 1.
    pub version: i32,
    /// What it matches: attributes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// What [`GetSamplingTargets`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetSamplingTargetsRequest {
    /// What a client did with the rules since it asked last.
    pub sampling_statistics_documents: Vec<SamplingStatisticsDocument>,
}

/// What a client did with a rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SamplingStatisticsDocument {
    /// The rule.
    pub rule_name: String,
    /// The client.
    #[serde(rename = "ClientID")]
    pub client_id: String,
    /// When.
    pub timestamp: Timestamp,
    /// Requests that matched.
    pub request_count: i32,
    /// Those that were traced.
    pub sampled_count: i32,
    /// Those that were traced on credit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub borrow_count: Option<i32>,
}

/// What [`GetSamplingTargets`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSamplingTargetsResponse {
    /// What the client may do from now on.
    #[serde(default)]
    pub sampling_target_documents: Vec<SamplingTargetDocument>,
    /// When a rule was changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_rule_modification: Option<Timestamp>,
    /// What was not understood.
    #[serde(default)]
    pub unprocessed_statistics: Vec<UnprocessedStatistics>,
}

/// What a client may do with a rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SamplingTargetDocument {
    /// The rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<String>,
    /// The part that is traced beyond the quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_rate: Option<f64>,
    /// How many requests it may trace each second whatever the rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservoir_quota: Option<i32>,
    /// Until when the quota holds.
    #[serde(rename = "ReservoirQuotaTTL", default, skip_serializing_if = "Option::is_none")]
    pub reservoir_quota_ttl: Option<Timestamp>,
    /// Seconds after which to ask again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<i32>,
}

/// A document that was not understood.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UnprocessedStatistics {
    /// The rule it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<String>,
    /// Why, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What [`CreateSamplingRule`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateSamplingRuleRequest {
    /// The rule.
    pub sampling_rule: SamplingRule,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
}

/// What [`CreateSamplingRule`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateSamplingRuleResponse {
    /// The rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_rule_record: Option<SamplingRuleRecord>,
}

/// What [`UpdateSamplingRule`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateSamplingRuleResponse {
    /// The rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_rule_record: Option<SamplingRuleRecord>,
}

/// What [`DeleteSamplingRule`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteSamplingRuleResponse {
    /// The rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_rule_record: Option<SamplingRuleRecord>,
}

/// What [`UpdateSamplingRule`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateSamplingRuleRequest {
    /// What changes.
    pub sampling_rule_update: SamplingRuleUpdate,
}

/// What changes of a rule, which is named by its name or its ARN.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SamplingRuleUpdate {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<String>,
    /// Its ARN.
    #[serde(rename = "RuleARN", default, skip_serializing_if = "Option::is_none")]
    pub rule_arn: Option<String>,
    /// What it matches: a resource, `*` for any.
    #[serde(rename = "ResourceARN", default, skip_serializing_if = "Option::is_none")]
    pub resource_arn: Option<String>,
    /// The lowest that matches decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// The part that is traced beyond the reservoir, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_rate: Option<f64>,
    /// How many requests are traced each second whatever the rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservoir_size: Option<i32>,
    /// What it matches: the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    /// What it matches: what the service runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_type: Option<String>,
    /// What it matches: the host that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What it matches: the method.
    #[serde(rename = "HTTPMethod", default, skip_serializing_if = "Option::is_none")]
    pub http_method: Option<String>,
    /// What it matches: the path.
    #[serde(rename = "URLPath", default, skip_serializing_if = "Option::is_none")]
    pub url_path: Option<String>,
    /// What it matches: attributes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<BTreeMap<String, String>>,
}

/// What [`DeleteSamplingRule`] takes; a rule by its name or its ARN.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteSamplingRuleRequest {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<String>,
    /// Its ARN.
    #[serde(rename = "RuleARN", default, skip_serializing_if = "Option::is_none")]
    pub rule_arn: Option<String>,
}

/// What [`GetSamplingStatisticSummaries`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetSamplingStatisticSummariesRequest {
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// What [`GetSamplingStatisticSummaries`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSamplingStatisticSummariesResponse {
    /// What clients did with each rule in each minute.
    #[serde(default)]
    pub sampling_statistic_summaries: Vec<SamplingStatisticSummary>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// What clients did with a rule in a minute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SamplingStatisticSummary {
    /// The rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<String>,
    /// When the minute began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// Requests that matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_count: Option<i32>,
    /// Those that were traced on credit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub borrow_count: Option<i32>,
    /// Those that were traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled_count: Option<i32>,
}
