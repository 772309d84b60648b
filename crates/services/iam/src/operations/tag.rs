//! Tags on roles.

use api::iam as model;

use super::{Cx, TAGS_MAX, change, page, role, tags};
use crate::Error;

/// `TagRole`.
pub(super) async fn tag_role(cx: Cx, request: model::TagRoleRequest) -> Result<model::TagRoleResponse, Error> {
    let added = tags(request.tags)?;
    change(&cx, &request.role_name, |role| {
        role.tags.extend(added);
        if role.tags.len() > TAGS_MAX {
            return Err(Error::LimitExceeded { name: "TagsPerRole", max: TAGS_MAX });
        }
        Ok(model::TagRoleResponse {})
    })
}

/// `UntagRole`.
pub(super) async fn untag_role(cx: Cx, request: model::UntagRoleRequest) -> Result<model::UntagRoleResponse, Error> {
    change(&cx, &request.role_name, |role| {
        role.tags.retain(|key, _| !request.tag_keys.contains(key));
        Ok(model::UntagRoleResponse {})
    })
}

/// `ListRoleTags`.
pub(super) async fn list_role_tags(
    cx: Cx,
    request: model::ListRoleTagsRequest,
) -> Result<model::ListRoleTagsResponse, Error> {
    let all = role(&cx, &request.role_name)?.tags.into_iter();
    let all = all.map(|(key, value)| model::Tag { key, value }).collect();
    let asked = (request.marker.as_deref(), request.max_items);
    let (tags, marker) = page(all, |tag: &model::Tag| tag.key.clone(), asked)?;
    Ok(model::ListRoleTagsResponse { tags, is_truncated: Some(marker.is_some()), marker })
}
