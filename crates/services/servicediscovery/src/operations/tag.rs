//! Tags on namespaces and services.

use api::servicediscovery as sd;
use names::{Arn, Tags};
use store::{Key, Transaction};

use super::{Cx, TAGS_MAX};
use crate::{
    Error,
    rows::{Namespace, Service},
};

/// `TagResource`.
pub(super) async fn tag_resource(cx: Cx, request: sd::TagResourceRequest) -> Result<sd::TagResourceResponse, Error> {
    change(&cx, &request.resource_arn, |tags| {
        tags.extend(request.tags.into_iter().map(|tag| (tag.key, tag.value)));
        if tags.len() > TAGS_MAX { Err(Error::TooManyTags(TAGS_MAX)) } else { Ok(()) }
    })?;
    Ok(sd::TagResourceResponse {})
}

/// `UntagResource`.
pub(super) async fn untag_resource(
    cx: Cx,
    request: sd::UntagResourceRequest,
) -> Result<sd::UntagResourceResponse, Error> {
    change(&cx, &request.resource_arn, |tags| {
        tags.retain(|key, _| !request.tag_keys.contains(key));
        Ok(())
    })?;
    Ok(sd::UntagResourceResponse {})
}

/// `ListTagsForResource`.
pub(super) async fn list_tags_for_resource(
    cx: Cx,
    request: sd::ListTagsForResourceRequest,
) -> Result<sd::ListTagsForResourceResponse, Error> {
    let tags = change(&cx, &request.resource_arn, |_| Ok(()))?;
    let tags = tags.into_iter().map(|(key, value)| sd::Tag { key, value });
    Ok(sd::ListTagsForResourceResponse { tags: tags.collect() })
}

/// Changes the tags of what `arn` names and gives what they are now.
fn change(cx: &Cx, arn: &str, change: impl FnOnce(&mut Tags) -> Result<(), Error>) -> Result<Tags, Error> {
    let absent = || Error::ResourceNotFound(arn.to_owned());
    let parsed: Arn = arn.parse().map_err(|_| absent())?;
    if parsed.service != "servicediscovery" || parsed.scope().as_ref() != Some(cx.scope()) {
        return Err(absent());
    }
    let key = |kind: &str| parsed.name_of(kind).map(|id| Key::new(cx.scope(), id));
    cx.store.write(|tx| {
        if let Some((key, mut row)) = row::<Namespace>(tx, key("namespace"))? {
            change(&mut row.tags)?;
            tx.put(&key, &row)?;
            return Ok(row.tags);
        }
        let (key, mut row) = row::<Service>(tx, key("service"))?.ok_or_else(absent)?;
        change(&mut row.tags)?;
        tx.put(&key, &row)?;
        Ok(row.tags)
    })
}

fn row<R: store::Row>(tx: &Transaction<'_>, key: Option<Key>) -> Result<Option<(Key, R)>, Error> {
    let Some(key) = key else { return Ok(None) };
    Ok(tx.get::<R>(&key)?.map(|row| (key, row)))
}
