//! Tags of groups and of sampling rules.

use api::xray as model;
use names::{Arn, Tags};

use super::{Cx, group, invalid, sampling};
use crate::{
    Error,
    rows::{Group, Rule},
};

/// Tags of one resource.
const TAGS_MAX: usize = 50;

/// `TagResource`.
pub(super) async fn tag_resource(
    cx: Cx,
    request: model::TagResourceRequest,
) -> Result<model::TagResourceResponse, Error> {
    let added = checked(request.tags)?;
    change(&cx, &request.resource_arn, |tags| {
        tags.extend(added);
        few(tags)
    })?;
    Ok(model::TagResourceResponse {})
}

/// `UntagResource`.
pub(super) async fn untag_resource(
    cx: Cx,
    request: model::UntagResourceRequest,
) -> Result<model::UntagResourceResponse, Error> {
    change(&cx, &request.resource_arn, |tags| {
        tags.retain(|key, _| !request.tag_keys.contains(key));
        Ok(())
    })?;
    Ok(model::UntagResourceResponse {})
}

/// `ListTagsForResource`.
pub(super) async fn list_tags_for_resource(
    cx: Cx,
    request: model::ListTagsForResourceRequest,
) -> Result<model::ListTagsForResourceResponse, Error> {
    if request.next_token.is_some() {
        return Err(invalid("NextToken is none that was given: tags come in one page"));
    }
    let tags = change(&cx, &request.resource_arn, |_| Ok(()))?;
    let tags = tags.into_iter().map(|(key, value)| model::Tag { key, value }).collect();
    Ok(model::ListTagsForResourceResponse { tags, next_token: None })
}

/// Changes the tags of what `arn` names and gives what they are now.
fn change(cx: &Cx, arn: &str, change: impl FnOnce(&mut Tags) -> Result<(), Error>) -> Result<Tags, Error> {
    let absent = || Error::NoResource(arn.to_owned());
    let parsed: Arn = arn.parse().map_err(|_| absent())?;
    if parsed.service != "xray" || parsed.scope().as_ref() != Some(cx.scope()) {
        return Err(absent());
    }
    cx.store.write(|tx| {
        if let Some(name) = parsed.name_of("sampling-rule") {
            let mut rule = sampling::find(tx, cx.scope(), name).map_err(|_| absent())?;
            change(&mut rule.tags)?;
            tx.put(&Rule::key(cx.scope(), name), &rule)?;
            return Ok(rule.tags);
        }
        let key = group::name_in(cx.scope(), arn).map(|name| Group::key(cx.scope(), &name)).ok_or_else(absent)?;
        let group = tx.get::<Group>(&key)?.filter(|group| group.arn(cx.scope()) == arn);
        let mut group = group.ok_or_else(absent)?;
        change(&mut group.tags)?;
        tx.put(&key, &group)?;
        Ok(group.tags)
    })
}

/// Tags whose keys and values have lengths that they can have.
pub(super) fn checked(tags: Vec<model::Tag>) -> Result<Tags, Error> {
    let wrong = |tag: &model::Tag| !(1..=128).contains(&tag.key.chars().count()) || tag.value.chars().count() > 256;
    if tags.iter().any(wrong) {
        return Err(invalid("the Keys of Tags have 1 to 128 characters, their Values at most 256"));
    }
    let tags: Tags = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    few(&tags)?;
    Ok(tags)
}

fn few(tags: &Tags) -> Result<(), Error> {
    if tags.len() > TAGS_MAX { Err(Error::TooManyTags(TAGS_MAX)) } else { Ok(()) }
}
