//! What a role may do: policies written into it, and managed ones attached to it.

use serde::{Deserialize, Serialize};

crate::operation!(PutRolePolicy, "iam", PutRolePolicyRequest, PutRolePolicyResponse);
crate::operation!(GetRolePolicy, "iam", GetRolePolicyRequest, GetRolePolicyResponse);
crate::operation!(ListRolePolicies, "iam", ListRolePoliciesRequest, ListRolePoliciesResponse);
crate::operation!(DeleteRolePolicy, "iam", DeleteRolePolicyRequest, DeleteRolePolicyResponse);
crate::operation!(AttachRolePolicy, "iam", AttachRolePolicyRequest, AttachRolePolicyResponse);
crate::operation!(DetachRolePolicy, "iam", DetachRolePolicyRequest, DetachRolePolicyResponse);
crate::operation!(ListAttachedRolePolicies, "iam", ListAttachedRolePoliciesRequest, ListAttachedRolePoliciesResponse);

/// What [`PutRolePolicy`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PutRolePolicyRequest {
    /// The role.
    pub role_name: String,
    /// The policy's name in the role; one that is there is replaced.
    pub policy_name: String,
    /// What may be done, as JSON.
    pub policy_document: String,
}

/// What [`PutRolePolicy`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutRolePolicyResponse {}

/// What [`GetRolePolicy`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetRolePolicyRequest {
    /// The role.
    pub role_name: String,
    /// The policy.
    pub policy_name: String,
}

/// What [`GetRolePolicy`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRolePolicyResponse {
    /// The role.
    pub role_name: String,
    /// The policy.
    pub policy_name: String,
    /// JSON in which, as IAM answers, all but unreserved characters are percent-encoded.
    pub policy_document: String,
}

/// What [`ListRolePolicies`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListRolePoliciesRequest {
    /// The role.
    pub role_name: String,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// How many at most, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_items: Option<i32>,
}

/// What [`ListRolePolicies`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListRolePoliciesResponse {
    /// The names of the policies of this page.
    #[serde(default)]
    pub policy_names: Vec<String>,
    /// Whether there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_truncated: Option<bool>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
}

/// What [`DeleteRolePolicy`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteRolePolicyRequest {
    /// The role.
    pub role_name: String,
    /// The policy.
    pub policy_name: String,
}

/// What [`DeleteRolePolicy`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteRolePolicyResponse {}

/// What [`AttachRolePolicy`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AttachRolePolicyRequest {
    /// The role.
    pub role_name: String,
    /// The managed policy.
    pub policy_arn: String,
}

/// What [`AttachRolePolicy`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttachRolePolicyResponse {}

/// What [`DetachRolePolicy`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DetachRolePolicyRequest {
    /// The role.
    pub role_name: String,
    /// The managed policy.
    pub policy_arn: String,
}

/// What [`DetachRolePolicy`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DetachRolePolicyResponse {}

/// What [`ListAttachedRolePolicies`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListAttachedRolePoliciesRequest {
    /// The role.
    pub role_name: String,
    /// Only policies whose path begins with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// How many at most, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_items: Option<i32>,
}

/// What [`ListAttachedRolePolicies`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAttachedRolePoliciesResponse {
    /// The policies of this page.
    #[serde(default)]
    pub attached_policies: Vec<AttachedPolicy>,
    /// Whether there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_truncated: Option<bool>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
}

/// A managed policy of a role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttachedPolicy {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_name: Option<String>,
    /// Its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_arn: Option<String>,
}
