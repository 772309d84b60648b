//! Tags on log groups, in the old and in the new spelling.

use std::collections::BTreeMap;

use api::logs as model;
use names::Tags;

use super::{Cx, work};
use crate::{
    Error,
    identifier::{group_of, invalid},
};

/// Tags on one group.
const TAGS_MAX: usize = 50;

/// `TagResource`.
pub(super) async fn tag_resource(
    cx: Cx,
    request: model::TagResourceRequest,
) -> Result<model::TagResourceResponse, Error> {
    let group = group_of(cx.scope(), &request.resource_arn)?;
    add(&cx, group, request.tags).await?;
    Ok(model::TagResourceResponse {})
}

/// `UntagResource`.
pub(super) async fn untag_resource(
    cx: Cx,
    request: model::UntagResourceRequest,
) -> Result<model::UntagResourceResponse, Error> {
    let group = group_of(cx.scope(), &request.resource_arn)?;
    remove(&cx, group, request.tag_keys).await?;
    Ok(model::UntagResourceResponse {})
}

/// `ListTagsForResource`.
pub(super) async fn list_tags_for_resource(
    cx: Cx,
    request: model::ListTagsForResourceRequest,
) -> Result<model::ListTagsForResourceResponse, Error> {
    let group = group_of(cx.scope(), &request.resource_arn)?;
    Ok(model::ListTagsForResourceResponse { tags: list(&cx, group).await? })
}

/// `TagLogGroup`.
pub(super) async fn tag_log_group(
    cx: Cx,
    request: model::TagLogGroupRequest,
) -> Result<model::TagLogGroupResponse, Error> {
    add(&cx, request.log_group_name, request.tags).await?;
    Ok(model::TagLogGroupResponse {})
}

/// `UntagLogGroup`.
pub(super) async fn untag_log_group(
    cx: Cx,
    request: model::UntagLogGroupRequest,
) -> Result<model::UntagLogGroupResponse, Error> {
    remove(&cx, request.log_group_name, request.tags).await?;
    Ok(model::UntagLogGroupResponse {})
}

/// `ListTagsLogGroup`.
pub(super) async fn list_tags_log_group(
    cx: Cx,
    request: model::ListTagsLogGroupRequest,
) -> Result<model::ListTagsLogGroupResponse, Error> {
    Ok(model::ListTagsLogGroupResponse { tags: list(&cx, request.log_group_name).await? })
}

async fn add(cx: &Cx, group: String, added: BTreeMap<String, String>) -> Result<(), Error> {
    let added = checked(added)?;
    let change = move |tags: &mut Tags| {
        tags.extend(added);
        if tags.len() > TAGS_MAX { Err(Error::TooManyTags(TAGS_MAX)) } else { Ok(()) }
    };
    work(cx, move |w| w.logs.change_tags(&w.scope, &group, change)).await
}

async fn remove(cx: &Cx, group: String, keys: Vec<String>) -> Result<(), Error> {
    let change = move |tags: &mut Tags| {
        tags.retain(|key, _| !keys.contains(key));
        Ok(())
    };
    work(cx, move |w| w.logs.change_tags(&w.scope, &group, change)).await
}

async fn list(cx: &Cx, group: String) -> Result<Tags, Error> {
    work(cx, move |w| Ok(w.logs.group(&w.scope, &group)?.tags)).await
}

/// Tags whose keys and values have lengths that they can have.
pub(super) fn checked(tags: BTreeMap<String, String>) -> Result<Tags, Error> {
    let wrong =
        |(key, value): (&String, &String)| key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256;
    if tags.iter().any(wrong) {
        return Err(invalid("the keys of tags have 1 to 128 characters, the values at most 256"));
    }
    if tags.len() > TAGS_MAX { Err(Error::TooManyTags(TAGS_MAX)) } else { Ok(tags) }
}
