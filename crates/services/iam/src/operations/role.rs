//! Roles: made, looked at, taken away.

use std::collections::{BTreeMap, BTreeSet};

use api::iam as model;
use names::AccountId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Cx, check_name, managed_policy, page, role, tags};
use crate::{
    Error,
    document::{Purpose, check},
    rows::Role,
};

/// Roles of one account.
const ROLES_MAX: usize = 1000;
/// Seconds a session lasts at most, unless something else is asked.
const SESSION_DURATION: i32 = 3600;
/// Characters of a trust policy.
const TRUST_LENGTH_MAX: usize = 4096;
/// What IAM writes plainly in a document it gives back.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// `CreateRole`.
pub(super) async fn create_role(cx: Cx, request: model::CreateRoleRequest) -> Result<model::CreateRoleResponse, Error> {
    check_name("roleName", &request.role_name, 64)?;
    check_trust(&request.assume_role_policy_document)?;
    let role = Role {
        id: format!("AROA{}", cx.ids.suffix(17)),
        path: path(request.path)?,
        trust: request.assume_role_policy_document,
        description: description(request.description)?,
        max_session_duration: session_duration(request.max_session_duration)?.unwrap_or(SESSION_DURATION),
        boundary: request.permissions_boundary.map(|arn| managed_policy(&arn).map(|_| arn)).transpose()?,
        inline: BTreeMap::new(),
        attached: BTreeSet::new(),
        tags: tags(request.tags)?,
        created: cx.clock.now(),
        service_linked: false,
        name: request.role_name,
    };
    add(&cx, &role)?;
    Ok(model::CreateRoleResponse { role: shown(&role, &cx.scope().account) })
}

/// Keeps a new role.
pub(super) fn add(cx: &Cx, role: &Role) -> Result<(), Error> {
    let key = Role::key(cx.scope(), &role.name);
    cx.store.write(|tx| {
        if tx.get::<Role>(&key)?.is_some() {
            return Err(Error::RoleExists(role.name.clone()));
        }
        if tx.list::<Role>(&cx.scope().global())?.len() >= ROLES_MAX {
            return Err(Error::LimitExceeded { name: "RolesPerAccount", max: ROLES_MAX });
        }
        Ok(tx.put(&key, role)?)
    })
}

/// `GetRole`.
pub(super) async fn get_role(cx: Cx, request: model::GetRoleRequest) -> Result<model::GetRoleResponse, Error> {
    let role = role(&cx, &request.role_name)?;
    Ok(model::GetRoleResponse { role: shown(&role, &cx.scope().account) })
}

/// `ListRoles`.
pub(super) async fn list_roles(cx: Cx, request: model::ListRolesRequest) -> Result<model::ListRolesResponse, Error> {
    let roles = cx.store.list::<Role>(&cx.scope().global())?.into_iter().map(|(_, role)| role);
    let prefix = request.path_prefix.unwrap_or_else(|| "/".to_owned());
    let found = roles.filter(|role| role.path.starts_with(&prefix)).collect();
    let asked = (request.marker.as_deref(), request.max_items);
    let (roles, marker) = page(found, |role: &Role| role.name.clone(), asked)?;
    let account = &cx.scope().account;
    let untagged = |role: &Role| model::Role { tags: Vec::new(), permissions_boundary: None, ..shown(role, account) };
    Ok(model::ListRolesResponse {
        roles: roles.iter().map(untagged).collect(),
        is_truncated: Some(marker.is_some()),
        marker,
    })
}

/// `DeleteRole`.
pub(super) async fn delete_role(cx: Cx, request: model::DeleteRoleRequest) -> Result<model::DeleteRoleResponse, Error> {
    let key = Role::key(cx.scope(), &request.role_name);
    cx.store.write(|tx| {
        let role = tx.get::<Role>(&key)?.ok_or_else(|| Error::NoSuchRole(request.role_name.clone()))?;
        match role {
            Role { service_linked: true, name, .. } => return Err(Error::Unmodifiable(name)),
            Role { attached, .. } if !attached.is_empty() => return Err(Error::DeleteConflict("detach all")),
            Role { inline, .. } if !inline.is_empty() => return Err(Error::DeleteConflict("delete")),
            _ => tx.delete::<Role>(&key)?,
        };
        Ok(model::DeleteRoleResponse {})
    })
}

/// A role as the API shows it.
pub(super) fn shown(role: &Role, account: &AccountId) -> model::Role {
    let boundary = role.boundary.clone().map(|arn| model::AttachedPermissionsBoundary {
        permissions_boundary_type: Some("Policy".to_owned()),
        permissions_boundary_arn: Some(arn),
    });
    model::Role {
        path: role.path.clone(),
        role_name: role.name.clone(),
        role_id: role.id.clone(),
        arn: role.arn(account),
        create_date: role.created,
        assume_role_policy_document: Some(encoded(&role.trust)),
        description: role.description.clone(),
        max_session_duration: Some(role.max_session_duration),
        permissions_boundary: boundary,
        tags: role.tags.iter().map(|(k, v)| model::Tag { key: k.clone(), value: v.clone() }).collect(),
    }
}

/// A document as the API gives it back.
pub(super) fn encoded(document: &str) -> String {
    utf8_percent_encode(document, UNRESERVED).to_string()
}

pub(super) fn check_trust(document: &str) -> Result<(), Error> {
    check(document, Purpose::Trust)?;
    // Blanks don't count.
    if document.chars().filter(|c| !c.is_whitespace()).count() > TRUST_LENGTH_MAX {
        return Err(Error::LimitExceeded { name: "ACLSizePerRole", max: TRUST_LENGTH_MAX });
    }
    Ok(())
}

pub(super) fn description(text: Option<String>) -> Result<Option<String>, Error> {
    match text {
        Some(text) if text.chars().count() > 1000 => {
            Err(Error::Validation("Description must have at most 1000 characters".to_owned()))
        }
        text => Ok(text.filter(|text| !text.is_empty())),
    }
}

pub(super) fn session_duration(seconds: Option<i32>) -> Result<Option<i32>, Error> {
    match seconds {
        Some(seconds) if !(3600..=43200).contains(&seconds) => {
            Err(Error::Validation("MaxSessionDuration must be between 3600 and 43200".to_owned()))
        }
        seconds => Ok(seconds),
    }
}

fn path(path: Option<String>) -> Result<String, Error> {
    let path = path.unwrap_or_else(|| "/".to_owned());
    let enclosed = path == "/" || (path.starts_with('/') && path.ends_with('/') && path.len() > 2);
    if enclosed && path.len() <= 512 && path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(path);
    }
    Err(Error::Validation(
        "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters \
         and/or / characters."
            .to_owned(),
    ))
}
