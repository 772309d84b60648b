//! Tags of alarms.

use api::cloudwatch as model;
use names::{Arn, Tags};

use super::{Cx, alarm};
use crate::{Error, metric::invalid, rows::Alarm};

/// Tags of one alarm.
const TAGS_MAX: usize = 50;

/// `TagResource`.
pub(super) async fn tag_resource(cx: Cx, request: model::TagResourceRequest) -> Result<model::Done, Error> {
    let name = name_of(&cx, &request.resource_arn)?;
    let added = checked(request.tags)?;
    alarm::retag(&cx, &name, |tags| {
        tags.extend(added);
        few(tags)
    })?;
    Ok(model::Done {})
}

/// `UntagResource`.
pub(super) async fn untag_resource(cx: Cx, request: model::UntagResourceRequest) -> Result<model::Done, Error> {
    let name = name_of(&cx, &request.resource_arn)?;
    alarm::retag(&cx, &name, |tags| {
        tags.retain(|key, _| !request.tag_keys.contains(key));
        Ok(())
    })?;
    Ok(model::Done {})
}

/// `ListTagsForResource`.
pub(super) async fn list_tags_for_resource(
    cx: Cx,
    request: model::ListTagsForResourceRequest,
) -> Result<model::ListTagsForResourceResponse, Error> {
    let name = name_of(&cx, &request.resource_arn)?;
    let alarm: Option<Alarm> = cx.store.get(&Alarm::key(cx.scope(), &name))?;
    let tags = alarm.ok_or(Error::NoResource(name))?.tags;
    let tags = tags.into_iter().map(|(key, value)| model::Tag { key, value }).collect();
    Ok(model::ListTagsForResourceResponse { tags })
}

/// The alarm's name in its ARN.
fn name_of(cx: &Cx, arn: &str) -> Result<String, Error> {
    let parsed: Option<Arn> = arn.parse().ok();
    let ours = parsed.filter(|arn| arn.service == "cloudwatch" && arn.scope().as_ref() == Some(cx.scope()));
    let name = ours.as_ref().and_then(|arn| arn.resource.strip_prefix("alarm:"));
    name.map(str::to_owned).ok_or_else(|| invalid(format!("{arn} is not the ARN of an alarm in {}", cx.scope())))
}

/// Tags whose keys and values have lengths that they can have.
pub(super) fn checked(tags: Vec<model::Tag>) -> Result<Tags, Error> {
    let wrong = |tag: &model::Tag| !(1..=128).contains(&tag.key.chars().count()) || tag.value.chars().count() > 256;
    if tags.iter().any(wrong) {
        return Err(invalid("The Keys of tags have 1 to 128 characters, their Values at most 256."));
    }
    let tags: Tags = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    few(&tags)?;
    Ok(tags)
}

fn few(tags: &Tags) -> Result<(), Error> {
    if tags.len() > TAGS_MAX { Err(invalid(format!("An alarm can have at most {TAGS_MAX} tags."))) } else { Ok(()) }
}
