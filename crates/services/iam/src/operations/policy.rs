//! What a role may do: inline and managed policies.

use api::iam as model;

use super::{Cx, change, check_name, managed_policy, page, role, role::encoded};
use crate::{
    Error,
    document::{Purpose, check},
};

/// Managed policies on one role.
const ATTACHED_MAX: usize = 20;
/// Characters of all inline policies of one role, blanks not counted.
const INLINE_LENGTH_MAX: usize = 10_240;

/// `PutRolePolicy`.
pub(super) async fn put_role_policy(
    cx: Cx,
    request: model::PutRolePolicyRequest,
) -> Result<model::PutRolePolicyResponse, Error> {
    check_name("policyName", &request.policy_name, 128)?;
    check(&request.policy_document, Purpose::Permission)?;
    change(&cx, &request.role_name, |role| {
        role.inline.insert(request.policy_name, request.policy_document);
        let length = |document: &String| document.chars().filter(|c| !c.is_whitespace()).count();
        if role.inline.values().map(length).sum::<usize>() > INLINE_LENGTH_MAX {
            return Err(Error::LimitExceeded { name: "TotalInlinePolicySizePerRole", max: INLINE_LENGTH_MAX });
        }
        Ok(model::PutRolePolicyResponse {})
    })
}

/// `GetRolePolicy`.
pub(super) async fn get_role_policy(
    cx: Cx,
    request: model::GetRolePolicyRequest,
) -> Result<model::GetRolePolicyResponse, Error> {
    let role = role(&cx, &request.role_name)?;
    let document = role.inline.get(&request.policy_name);
    let document = document.ok_or_else(|| Error::NoSuchRolePolicy(request.policy_name.clone()))?;
    Ok(model::GetRolePolicyResponse {
        policy_document: encoded(document),
        role_name: role.name,
        policy_name: request.policy_name,
    })
}

/// `ListRolePolicies`.
pub(super) async fn list_role_policies(
    cx: Cx,
    request: model::ListRolePoliciesRequest,
) -> Result<model::ListRolePoliciesResponse, Error> {
    let names = role(&cx, &request.role_name)?.inline.into_keys().collect();
    let (policy_names, marker) = page(names, String::clone, (request.marker.as_deref(), request.max_items))?;
    Ok(model::ListRolePoliciesResponse { policy_names, is_truncated: Some(marker.is_some()), marker })
}

/// `DeleteRolePolicy`.
pub(super) async fn delete_role_policy(
    cx: Cx,
    request: model::DeleteRolePolicyRequest,
) -> Result<model::DeleteRolePolicyResponse, Error> {
    change(&cx, &request.role_name, |role| match role.inline.remove(&request.policy_name) {
        Some(_) => Ok(model::DeleteRolePolicyResponse {}),
        None => Err(Error::NoSuchRolePolicy(request.policy_name)),
    })
}

/// `AttachRolePolicy`.
pub(super) async fn attach_role_policy(
    cx: Cx,
    request: model::AttachRolePolicyRequest,
) -> Result<model::AttachRolePolicyResponse, Error> {
    managed_policy(&request.policy_arn)?;
    change(&cx, &request.role_name, |role| {
        role.attached.insert(request.policy_arn);
        if role.attached.len() > ATTACHED_MAX {
            return Err(Error::LimitExceeded { name: "PoliciesPerRole", max: ATTACHED_MAX });
        }
        Ok(model::AttachRolePolicyResponse {})
    })
}

/// `DetachRolePolicy`.
pub(super) async fn detach_role_policy(
    cx: Cx,
    request: model::DetachRolePolicyRequest,
) -> Result<model::DetachRolePolicyResponse, Error> {
    change(&cx, &request.role_name, |role| {
        if role.attached.remove(&request.policy_arn) {
            Ok(model::DetachRolePolicyResponse {})
        } else {
            Err(Error::NoSuchPolicy(request.policy_arn))
        }
    })
}

/// `ListAttachedRolePolicies`.
pub(super) async fn list_attached_role_policies(
    cx: Cx,
    request: model::ListAttachedRolePoliciesRequest,
) -> Result<model::ListAttachedRolePoliciesResponse, Error> {
    let prefix = format!("policy{}", request.path_prefix.unwrap_or_else(|| "/".to_owned()));
    let attached = role(&cx, &request.role_name)?.attached.into_iter();
    let found = attached.filter(|arn| arn.split(':').nth(5).is_some_and(|path| path.starts_with(&prefix))).collect();
    let (arns, marker) = page(found, String::clone, (request.marker.as_deref(), request.max_items))?;
    let shown = arns.into_iter().map(|arn| model::AttachedPolicy {
        policy_name: arn.rsplit('/').next().map(str::to_owned),
        policy_arn: Some(arn),
    });
    Ok(model::ListAttachedRolePoliciesResponse {
        attached_policies: shown.collect(),
        is_truncated: Some(marker.is_some()),
        marker,
    })
}
