//! Tags of repositories.

use api::ecr as shape;
use names::{Arn, Tags};
use wire::Context;

use super::repository::change;
use crate::{Registry, error::Error};

/// Tags on one repository.
const TAGS_MAX: usize = 50;

/// Tags of a request as they are kept.
pub(crate) fn checked(list: &[shape::Tag]) -> Result<Tags, Error> {
    let tags: Tags = list.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
    if tags.len() > TAGS_MAX {
        return Err(Error::TooManyTags(TAGS_MAX));
    }
    let fits =
        |(key, value): (&String, &String)| (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
    match tags.iter().find(|tag| !fits(*tag)) {
        None if tags.len() == list.len() => Ok(tags),
        None => Err(Error::InvalidTag("a tag key stands twice".to_owned())),
        Some((key, _)) => {
            Err(Error::InvalidTag(format!("tag `{key}`: a key has 1 to 128 characters, a value at most 256")))
        }
    }
}

/// The repository that `arn` names.
fn named(cx: &Context<Registry>, arn: &str) -> Result<String, Error> {
    let parsed: Option<Arn> = arn.parse().ok();
    let own = parsed.filter(|arn| arn.service == "ecr" && arn.scope().as_ref() == Some(cx.scope()));
    let name = own.as_ref().and_then(|arn| arn.name_of("repository")).map(str::to_owned);
    name.ok_or_else(|| Error::InvalidParameter {
        member: "resourceArn",
        constraint: "the ARN of a repository".to_owned(),
    })
}

pub(crate) async fn tag_resource(
    cx: Context<Registry>,
    request: shape::TagResourceRequest,
) -> Result<shape::TagResourceResponse, Error> {
    let (name, new) = (named(&cx, &request.resource_arn)?, checked(&request.tags)?);
    change(&cx, &name, |row| {
        row.tags.extend(new);
        if row.tags.len() > TAGS_MAX {
            return Err(Error::TooManyTags(TAGS_MAX));
        }
        Ok(())
    })?;
    Ok(shape::TagResourceResponse {})
}

pub(crate) async fn untag_resource(
    cx: Context<Registry>,
    request: shape::UntagResourceRequest,
) -> Result<shape::UntagResourceResponse, Error> {
    let name = named(&cx, &request.resource_arn)?;
    change(&cx, &name, |row| {
        row.tags.retain(|key, _| !request.tag_keys.contains(key));
        Ok(())
    })?;
    Ok(shape::UntagResourceResponse {})
}

pub(crate) async fn list_tags_for_resource(
    cx: Context<Registry>,
    request: shape::ListTagsForResourceRequest,
) -> Result<shape::ListTagsForResourceResponse, Error> {
    let name = named(&cx, &request.resource_arn)?;
    let row = change(&cx, &name, |_| Ok(()))?;
    let tags = row.tags.into_iter().map(|(key, value)| shape::Tag { key, value }).collect();
    Ok(shape::ListTagsForResourceResponse { tags })
}
