//! Tags of authorities, and who may use them.

use api::acmpca::{
    CreatePermissionRequest, DeletePermissionRequest, Done, ListPermissionsRequest, ListPermissionsResponse,
    ListTagsRequest, ListTagsResponse, Permission, Tag, TagCertificateAuthorityRequest,
    UntagCertificateAuthorityRequest,
};

use super::authority::change;
use crate::{Cx, Error, check, issue, rows};

/// How many a list holds if its caller does not say.
const LIST_LIMIT: u32 = 1000;
/// The only service that can be given a permission.
const PRINCIPAL: &str = "acm.amazonaws.com";

/// `TagCertificateAuthority`.
pub(super) async fn tag_certificate_authority(cx: Cx, request: TagCertificateAuthorityRequest) -> Result<Done, Error> {
    let new = check::tags(request.tags.into_iter().map(|tag| (tag.key, tag.value)))?;
    change(&cx, &request.certificate_authority_arn, |row| check::add_tags(&mut row.tags, new))
}

/// `UntagCertificateAuthority`.
pub(super) async fn untag_certificate_authority(
    cx: Cx,
    request: UntagCertificateAuthorityRequest,
) -> Result<Done, Error> {
    change(&cx, &request.certificate_authority_arn, |row| {
        check::remove_tags(&mut row.tags, request.tags.into_iter().map(|tag| (tag.key, tag.value)));
        Ok(())
    })
}

/// `ListTags`.
pub(super) async fn list_tags(cx: Cx, request: ListTagsRequest) -> Result<ListTagsResponse, Error> {
    let limit = request.max_results.unwrap_or(LIST_LIMIT);
    check::range("maxResults", limit, 1, LIST_LIMIT)?;
    let tags = issue::private(cx.service(), cx.scope(), &request.certificate_authority_arn)?.tags;
    let tags = tags.into_iter().map(|(key, value)| Tag { key, value: Some(value) }).collect();
    let name = |tag: &Tag| tag.key.clone();
    let (tags, next_token) = wire::page(tags, name, limit as usize, request.next_token.as_deref())?;
    Ok(ListTagsResponse { tags, next_token })
}

/// `CreatePermission`.
pub(super) async fn create_permission(cx: Cx, request: CreatePermissionRequest) -> Result<Done, Error> {
    if request.principal != PRINCIPAL {
        return Err(Error::Validation(format!("The only principal is {PRINCIPAL}, not {}", request.principal)));
    }
    if !(1..=3).contains(&request.actions.len()) {
        return Err(Error::Validation("actions must have 1 to 3 members".to_owned()));
    }
    let now = cx.clock.now();
    let arn = request.certificate_authority_arn;
    change(&cx, &arn, |row| {
        let same = |given: &rows::Permission| {
            given.principal == request.principal && given.source_account == request.source_account
        };
        if row.permissions.iter().any(same) {
            return Err(Error::PermissionExists(request.principal));
        }
        row.permissions.push(rows::Permission {
            principal: request.principal,
            source_account: request.source_account,
            actions: request.actions,
            created_at: now,
        });
        Ok(())
    })
}

/// `DeletePermission`.
pub(super) async fn delete_permission(cx: Cx, request: DeletePermissionRequest) -> Result<Done, Error> {
    change(&cx, &request.certificate_authority_arn, |row| {
        row.permissions
            .retain(|given| given.principal != request.principal || given.source_account != request.source_account);
        Ok(())
    })
}

/// `ListPermissions`.
pub(super) async fn list_permissions(
    cx: Cx,
    request: ListPermissionsRequest,
) -> Result<ListPermissionsResponse, Error> {
    let limit = request.max_results.unwrap_or(LIST_LIMIT);
    check::range("maxResults", limit, 1, LIST_LIMIT)?;
    let arn = request.certificate_authority_arn;
    let all = issue::private(cx.service(), cx.scope(), &arn)?.permissions;
    let name = |given: &rows::Permission| format!("{} {:?}", given.principal, given.source_account);
    let (page, next_token) = wire::page(all, name, limit as usize, request.next_token.as_deref())?;
    let permissions = page.into_iter().map(|given| Permission {
        certificate_authority_arn: arn.clone(),
        created_at: given.created_at,
        principal: given.principal,
        source_account: given.source_account,
        actions: given.actions,
    });
    Ok(ListPermissionsResponse { permissions: permissions.collect(), next_token })
}
