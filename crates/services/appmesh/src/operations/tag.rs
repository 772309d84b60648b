//! Tags of any resource, by its ARN.

use api::appmesh::{
    GatewayRouteSpec, ListTagsForResourceRequest, ListTagsForResourceResponse, MeshSpec, RouteSpec, TagRef,
    TagResourceRequest, TagResourceResponse, UntagResourceRequest, UntagResourceResponse, VirtualGatewaySpec,
    VirtualNodeSpec, VirtualRouterSpec, VirtualServiceSpec,
};
use names::{Arn, Scope, Tags};
use store::{Key, Transaction};
use wire::Context;

use crate::{
    State,
    check::{self, Checks, TAGS_MAX},
    error::Error,
    rows::{Resource, Spec},
};

pub(super) async fn tag_resource(
    cx: Context<State>,
    request: TagResourceRequest,
) -> Result<TagResourceResponse, Error> {
    let mut checks = Checks::default();
    check::tags(&mut checks, &request.tags);
    checks.finish()?;
    change(&cx, &request.resource_arn, |tags| {
        tags.extend(request.tags.into_iter().map(|tag| (tag.key, tag.value)));
        if tags.len() > TAGS_MAX { Err(Error::TooManyTags(TAGS_MAX)) } else { Ok(()) }
    })?;
    Ok(TagResourceResponse {})
}

pub(super) async fn untag_resource(
    cx: Context<State>,
    request: UntagResourceRequest,
) -> Result<UntagResourceResponse, Error> {
    let mut checks = Checks::default();
    checks.count("tagKeys", request.tag_keys.len(), 0, TAGS_MAX);
    for (index, key) in request.tag_keys.iter().enumerate() {
        checks.length(&format!("tagKeys.{}.member", index + 1), key, 1, 128);
    }
    checks.finish()?;
    change(&cx, &request.resource_arn, |tags| {
        tags.retain(|key, _| !request.tag_keys.contains(key));
        Ok(())
    })?;
    Ok(UntagResourceResponse {})
}

pub(super) async fn list_tags_for_resource(
    cx: Context<State>,
    request: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse, Error> {
    let mut checks = Checks::default();
    check::limit(&mut checks, request.limit, 50);
    checks.finish()?;
    let tags = change(&cx, &request.resource_arn, |_| Ok(()))?;
    let tags = tags.into_iter().map(|(key, value)| TagRef { key, value }).collect();
    let limit = request.limit.map_or(TAGS_MAX, |limit| limit as usize);
    let (tags, next_token) = wire::page(tags, |tag: &TagRef| tag.key.clone(), limit, request.next_token.as_deref())
        .map_err(|bad| Error::Invalid(bad.to_string()))?;
    Ok(ListTagsForResourceResponse { tags, next_token })
}

/// Changes the tags of the resource `arn`, and answers what they are then.
fn change(cx: &Context<State>, arn: &str, change: impl FnOnce(&mut Tags) -> Result<(), Error>) -> Result<Tags, Error> {
    let (kinds, key) = path_of(cx.scope(), arn)?;
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    cx.store.write(|tx| match kinds.as_slice() {
        kinds if kinds == MeshSpec::ARN => change_in::<MeshSpec>(tx, &key, arn, change),
        kinds if kinds == VirtualNodeSpec::ARN => change_in::<VirtualNodeSpec>(tx, &key, arn, change),
        kinds if kinds == VirtualRouterSpec::ARN => change_in::<VirtualRouterSpec>(tx, &key, arn, change),
        kinds if kinds == RouteSpec::ARN => change_in::<RouteSpec>(tx, &key, arn, change),
        kinds if kinds == VirtualServiceSpec::ARN => change_in::<VirtualServiceSpec>(tx, &key, arn, change),
        kinds if kinds == VirtualGatewaySpec::ARN => change_in::<VirtualGatewaySpec>(tx, &key, arn, change),
        kinds if kinds == GatewayRouteSpec::ARN => change_in::<GatewayRouteSpec>(tx, &key, arn, change),
        _ => Err(Error::NoArn(arn.to_owned())),
    })
}

fn change_in<S: Spec>(
    tx: &mut Transaction<'_>,
    key: &Key,
    arn: &str,
    change: impl FnOnce(&mut Tags) -> Result<(), Error>,
) -> Result<Tags, Error> {
    let mut resource = tx.get::<Resource<S>>(key)?.ok_or_else(|| Error::NoArn(arn.to_owned()))?;
    change(&mut resource.tags)?;
    tx.put(key, &resource)?;
    Ok(resource.tags)
}

/// What an ARN's path says: its kinds, and the key that its names make.
fn path_of(scope: &Scope, text: &str) -> Result<(Vec<String>, Key), Error> {
    let arn: Arn = text.parse().map_err(|error: names::ParseArnError| Error::Invalid(error.to_string()))?;
    if arn.service != "appmesh" || arn.scope().as_ref() != Some(scope) {
        return Err(Error::NoArn(text.to_owned()));
    }
    let steps: Vec<&str> = arn.resource.split('/').collect();
    let kinds = steps.iter().step_by(2).map(|kind| (*kind).to_owned()).collect();
    let names: Vec<&str> = steps.iter().skip(1).step_by(2).copied().collect();
    Ok((kinds, Key::new(scope, names.join("/"))))
}
