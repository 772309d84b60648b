//! Log groups: the streams of one thing, kept for one time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

crate::operation!(CreateLogGroup, "logs", CreateLogGroupRequest, CreateLogGroupResponse);
crate::operation!(DeleteLogGroup, "logs", DeleteLogGroupRequest, DeleteLogGroupResponse);
crate::operation!(DescribeLogGroups, "logs", DescribeLogGroupsRequest, DescribeLogGroupsResponse);
crate::operation!(PutRetentionPolicy, "logs", PutRetentionPolicyRequest, PutRetentionPolicyResponse);
crate::operation!(DeleteRetentionPolicy, "logs", DeleteRetentionPolicyRequest, DeleteRetentionPolicyResponse);
crate::operation!(
    PutLogGroupDeletionProtection,
    "logs",
    PutLogGroupDeletionProtectionRequest,
    PutLogGroupDeletionProtectionResponse
);

/// What [`CreateLogGroup`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateLogGroupRequest {
    /// Its name.
    pub log_group_name: String,
    /// A key to encrypt with; refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// `STANDARD`; the others are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group_class: Option<String>,
    /// Whether it refuses to be deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_protection_enabled: Option<bool>,
}

/// What [`CreateLogGroup`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateLogGroupResponse {}

/// What [`DeleteLogGroup`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteLogGroupRequest {
    /// The group.
    pub log_group_name: String,
}

/// What [`DeleteLogGroup`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteLogGroupResponse {}

/// What [`DescribeLogGroups`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeLogGroupsRequest {
    /// Only those whose name begins with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group_name_prefix: Option<String>,
    /// Only those whose name contains this, whatever its case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group_name_pattern: Option<String>,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many at most, 1 to 50; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i32>,
    /// Only those of this class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group_class: Option<String>,
    /// Only these, by name or ARN.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_group_identifiers: Vec<String>,
}

/// What [`DescribeLogGroups`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeLogGroupsResponse {
    /// The groups of this page, by name.
    #[serde(default)]
    pub log_groups: Vec<LogGroup>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A log group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogGroup {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group_name: Option<String>,
    /// When it was created, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_time: Option<i64>,
    /// For how many days events are kept; for ever if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_in_days: Option<i32>,
    /// How many metric filters it has; none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric_filter_count: Option<i32>,
    /// Its ARN, with `:*` behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// How much it keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<i64>,
    /// `STANDARD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group_class: Option<String>,
    /// Its ARN, with nothing behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group_arn: Option<String>,
    /// Whether it refuses to be deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_protection_enabled: Option<bool>,
}

/// What [`PutRetentionPolicy`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutRetentionPolicyRequest {
    /// The group.
    pub log_group_name: String,
    /// For how many days events are kept; only certain numbers are allowed.
    pub retention_in_days: i32,
}

/// What [`PutRetentionPolicy`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutRetentionPolicyResponse {}

/// What [`DeleteRetentionPolicy`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteRetentionPolicyRequest {
    /// The group, whose events are kept for ever from now on.
    pub log_group_name: String,
}

/// What [`DeleteRetentionPolicy`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteRetentionPolicyResponse {}

/// What [`PutLogGroupDeletionProtection`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutLogGroupDeletionProtectionRequest {
    /// The group, by name or ARN.
    pub log_group_identifier: String,
    /// Whether it refuses to be deleted.
    pub deletion_protection_enabled: bool,
}

/// What [`PutLogGroupDeletionProtection`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutLogGroupDeletionProtectionResponse {}
