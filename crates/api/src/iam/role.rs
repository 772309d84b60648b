//! Roles: whom a workload speaks as.

use names::Timestamp;
use serde::{Deserialize, Serialize};

use super::Tag;

crate::operation!(CreateRole, "iam", CreateRoleRequest, CreateRoleResponse);
crate::operation!(GetRole, "iam", GetRoleRequest, GetRoleResponse);
crate::operation!(ListRoles, "iam", ListRolesRequest, ListRolesResponse);
crate::operation!(UpdateRole, "iam", UpdateRoleRequest, UpdateRoleResponse);
crate::operation!(UpdateRoleDescription, "iam", UpdateRoleDescriptionRequest, UpdateRoleDescriptionResponse);
crate::operation!(UpdateAssumeRolePolicy, "iam", UpdateAssumeRolePolicyRequest, UpdateAssumeRolePolicyResponse);
crate::operation!(DeleteRole, "iam", DeleteRoleRequest, DeleteRoleResponse);
crate::operation!(CreateServiceLinkedRole, "iam", CreateServiceLinkedRoleRequest, CreateServiceLinkedRoleResponse);
crate::operation!(DeleteServiceLinkedRole, "iam", DeleteServiceLinkedRoleRequest, DeleteServiceLinkedRoleResponse);
crate::operation!(
    GetServiceLinkedRoleDeletionStatus,
    "iam",
    GetServiceLinkedRoleDeletionStatusRequest,
    GetServiceLinkedRoleDeletionStatusResponse
);
crate::operation!(
    PutRolePermissionsBoundary,
    "iam",
    PutRolePermissionsBoundaryRequest,
    PutRolePermissionsBoundaryResponse
);
crate::operation!(
    DeleteRolePermissionsBoundary,
    "iam",
    DeleteRolePermissionsBoundaryRequest,
    DeleteRolePermissionsBoundaryResponse
);

/// What [`CreateRole`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateRoleRequest {
    /// Where it stands among the account's names; `/` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Its name, one in the account whatever its case.
    pub role_name: String,
    /// Who may take it on, as JSON.
    pub assume_role_policy_document: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Seconds a session may last, 3600 to 43200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_session_duration: Option<i32>,
    /// The policy that bounds what it may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// What [`CreateRole`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateRoleResponse {
    /// The role.
    pub role: Role,
}

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Role {
    /// Where it stands among the account's names.
    pub path: String,
    /// Its name.
    pub role_name: String,
    /// Its id, `AROA…`.
    pub role_id: String,
    /// Its ARN.
    pub arn: String,
    /// When it was created.
    pub create_date: Timestamp,
    /// Who may take it on: JSON in which, as IAM answers, all but unreserved characters are percent-encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assume_role_policy_document: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Seconds a session may last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_session_duration: Option<i32>,
    /// The policy that bounds what it may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<AttachedPermissionsBoundary>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// The policy that bounds what a role may do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttachedPermissionsBoundary {
    /// `Policy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_boundary_type: Option<String>,
    /// The policy's ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_boundary_arn: Option<String>,
}

/// What [`GetRole`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetRoleRequest {
    /// The role.
    pub role_name: String,
}

/// What [`GetRole`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRoleResponse {
    /// The role.
    pub role: Role,
}

/// What [`ListRoles`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListRolesRequest {
    /// Only those whose path begins with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// How many at most, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_items: Option<i32>,
}

/// What [`ListRoles`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListRolesResponse {
    /// The roles of this page, without their tags.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Whether there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_truncated: Option<bool>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
}

/// What [`UpdateRole`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateRoleRequest {
    /// The role.
    pub role_name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Seconds a session may last, 3600 to 43200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_session_duration: Option<i32>,
}

/// What [`UpdateRole`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateRoleResponse {}

/// What [`UpdateRoleDescription`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateRoleDescriptionRequest {
    /// The role.
    pub role_name: String,
    /// For people.
    pub description: String,
}

/// What [`UpdateRoleDescription`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateRoleDescriptionResponse {
    /// The role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// What [`UpdateAssumeRolePolicy`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateAssumeRolePolicyRequest {
    /// The role.
    pub role_name: String,
    /// Who may take it on, as JSON.
    pub policy_document: String,
}

/// What [`UpdateAssumeRolePolicy`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateAssumeRolePolicyResponse {}

/// What [`DeleteRole`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteRoleRequest {
    /// The role; it must have no policies.
    pub role_name: String,
}

/// What [`DeleteRole`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteRoleResponse {}

/// What [`CreateServiceLinkedRole`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateServiceLinkedRoleRequest {
    /// The service it is for: `ecs.amazonaws.com`.
    #[serde(rename = "AWSServiceName")]
    pub aws_service_name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What follows the name that the service gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_suffix: Option<String>,
}

/// What [`CreateServiceLinkedRole`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateServiceLinkedRoleResponse {
    /// The role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// What [`DeleteServiceLinkedRole`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteServiceLinkedRoleRequest {
    /// The role.
    pub role_name: String,
}

/// What [`DeleteServiceLinkedRole`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteServiceLinkedRoleResponse {
    /// What [`GetServiceLinkedRoleDeletionStatus`] takes.
    pub deletion_task_id: String,
}

/// What [`GetServiceLinkedRoleDeletionStatus`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetServiceLinkedRoleDeletionStatusRequest {
    /// What [`DeleteServiceLinkedRole`] gave.
    pub deletion_task_id: String,
}

/// What [`GetServiceLinkedRoleDeletionStatus`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetServiceLinkedRoleDeletionStatusResponse {
    /// `SUCCEEDED`, since deleting takes no time here.
    pub status: String,
}

/// What [`PutRolePermissionsBoundary`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PutRolePermissionsBoundaryRequest {
    /// The role.
    pub role_name: String,
    /// The policy's ARN.
    pub permissions_boundary: String,
}

/// What [`PutRolePermissionsBoundary`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutRolePermissionsBoundaryResponse {}

/// What [`DeleteRolePermissionsBoundary`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteRolePermissionsBoundaryRequest {
    /// The role.
    pub role_name: String,
}

/// What [`DeleteRolePermissionsBoundary`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteRolePermissionsBoundaryResponse {}
