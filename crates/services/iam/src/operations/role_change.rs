//! Roles: changed.

use api::iam as model;

use super::{
    Cx, change, managed_policy,
    role::{check_trust, description, session_duration, shown},
};
use crate::Error;

/// `UpdateRole`.
pub(super) async fn update_role(cx: Cx, request: model::UpdateRoleRequest) -> Result<model::UpdateRoleResponse, Error> {
    let said = request.description.is_some();
    let (text, duration) = (description(request.description)?, session_duration(request.max_session_duration)?);
    change(&cx, &request.role_name, |role| {
        if said {
            role.description = text;
        }
        role.max_session_duration = duration.unwrap_or(role.max_session_duration);
        Ok(model::UpdateRoleResponse {})
    })
}

/// `UpdateRoleDescription`.
pub(super) async fn update_role_description(
    cx: Cx,
    request: model::UpdateRoleDescriptionRequest,
) -> Result<model::UpdateRoleDescriptionResponse, Error> {
    let text = description(Some(request.description))?;
    let role = change(&cx, &request.role_name, |role| {
        role.description = text;
        Ok(role.clone())
    })?;
    Ok(model::UpdateRoleDescriptionResponse { role: Some(shown(&role, &cx.scope().account)) })
}

/// `UpdateAssumeRolePolicy`.
pub(super) async fn update_assume_role_policy(
    cx: Cx,
    request: model::UpdateAssumeRolePolicyRequest,
) -> Result<model::UpdateAssumeRolePolicyResponse, Error> {
    check_trust(&request.policy_document)?;
    change(&cx, &request.role_name, |role| {
        role.trust = request.policy_document;
        Ok(model::UpdateAssumeRolePolicyResponse {})
    })
}

/// `PutRolePermissionsBoundary`.
pub(super) async fn put_role_permissions_boundary(
    cx: Cx,
    request: model::PutRolePermissionsBoundaryRequest,
) -> Result<model::PutRolePermissionsBoundaryResponse, Error> {
    managed_policy(&request.permissions_boundary)?;
    change(&cx, &request.role_name, |role| {
        role.boundary = Some(request.permissions_boundary);
        Ok(model::PutRolePermissionsBoundaryResponse {})
    })
}

/// `DeleteRolePermissionsBoundary`.
pub(super) async fn delete_role_permissions_boundary(
    cx: Cx,
    request: model::DeleteRolePermissionsBoundaryRequest,
) -> Result<model::DeleteRolePermissionsBoundaryResponse, Error> {
    change(&cx, &request.role_name, |role| {
        role.boundary = None;
        Ok(model::DeleteRolePermissionsBoundaryResponse {})
    })
}
