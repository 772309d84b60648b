//! Tags on what is there already.

use api::ec2::{self as shape, Done, TagItem, TagToDelete};
use names::Tags;
use store::{Row, Store, Transaction};
use wire::Context;

use super::{all, all_in, get, in_process, key};
use crate::{
    Ec2,
    error::{Error, Kind},
    filter::{Described, select},
    rows::{InternetGateway, NetworkInterface, RouteTable, SecurityGroup, Subnet, Vpc},
    tags,
};

/// Items on a page if nobody says how many.
const PAGE: usize = 1000;

pub(super) async fn create_tags(cx: Context<Ec2>, request: shape::CreateTagsRequest) -> Result<Done, Error> {
    let trusted = in_process(cx.call());
    if request.tags.is_empty() {
        return Err(Error::Missing("tagSet"));
    }
    change(&cx, &request.resources, |id, tags| tags::add(tags, &request.tags, id, trusted))
}

pub(super) async fn delete_tags(cx: Context<Ec2>, request: shape::DeleteTagsRequest) -> Result<Done, Error> {
    change(&cx, &request.resources, |_, tags| {
        remove(tags, &request.tags);
        Ok(())
    })
}

/// Without `gone`, all tags go but AWS's own.
fn remove(tags: &mut Tags, gone: &[TagToDelete]) {
    if gone.is_empty() {
        tags.retain(|key, _| key.starts_with("aws:"));
    }
    let goes = |key: &String, value: &String| {
        gone.iter().any(|tag| tag.key == *key && tag.value.as_ref().is_none_or(|told| told == value))
    };
    tags.retain(|key, value| !goes(key, value));
}

/// Changes the tags of all `resources`, or of none.
fn change(
    cx: &Context<Ec2>,
    resources: &[String],
    change: impl Fn(&str, &mut Tags) -> Result<(), Error>,
) -> Result<Done, Error> {
    if resources.is_empty() {
        return Err(Error::Missing("resourceIdSet"));
    }
    cx.store.write(|tx| resources.iter().try_for_each(|id| change_one(tx, cx, id, |tags| change(id, tags))))?;
    Ok(Done::default())
}

fn change_one(
    tx: &mut Transaction<'_>,
    cx: &Context<Ec2>,
    id: &str,
    change: impl FnOnce(&mut Tags) -> Result<(), Error>,
) -> Result<(), Error> {
    let prefix = id.split('-').next().unwrap_or_default();
    match prefix {
        "vpc" => on::<Vpc>(tx, cx, Kind::Vpc, id, |row| change(&mut row.tags)),
        "subnet" => on::<Subnet>(tx, cx, Kind::Subnet, id, |row| change(&mut row.tags)),
        "igw" => on::<InternetGateway>(tx, cx, Kind::InternetGateway, id, |row| change(&mut row.tags)),
        "rtb" => on::<RouteTable>(tx, cx, Kind::RouteTable, id, |row| change(&mut row.tags)),
        "sg" => on::<SecurityGroup>(tx, cx, Kind::SecurityGroup, id, |row| change(&mut row.tags)),
        "eni" => on::<NetworkInterface>(tx, cx, Kind::NetworkInterface, id, |row| change(&mut row.tags)),
        "sgr" => on_rule(tx, cx, id, change),
        _ => Err(Kind::AnyId.not_found(id)),
    }
}

fn on<R: Row>(
    tx: &mut Transaction<'_>,
    cx: &Context<Ec2>,
    kind: Kind,
    id: &str,
    change: impl FnOnce(&mut R) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut row = get::<R>(tx, cx, kind, id)?;
    change(&mut row)?;
    Ok(tx.put(&key(cx, id), &row)?)
}

/// Rules are kept in their group.
fn on_rule(
    tx: &mut Transaction<'_>,
    cx: &Context<Ec2>,
    id: &str,
    change: impl FnOnce(&mut Tags) -> Result<(), Error>,
) -> Result<(), Error> {
    for (group, mut row) in all_in::<SecurityGroup>(tx, cx)? {
        if let Some(rule) = row.rules.iter_mut().find(|rule| rule.id == id) {
            change(&mut rule.tags)?;
            return Ok(tx.put(&key(cx, &group), &row)?);
        }
    }
    Err(Kind::SecurityGroupRule.not_found(id))
}

pub(super) async fn describe_tags(
    cx: Context<Ec2>,
    request: shape::DescribeTagsRequest,
) -> Result<shape::DescribeTagsResponse, Error> {
    let all = select(every_tag(&cx.store, &cx)?, &request.filters)?;
    let limit = request.max_results.and_then(|max| usize::try_from(max).ok()).unwrap_or(PAGE).clamp(1, PAGE);
    let token = request.next_token.as_deref();
    let (page, next_token) =
        wire::page(all, |tag| format!("{}/{}", tag.shown.resource_id, tag.shown.key), limit, token)
            .map_err(|error| Error::Value(format!("Value for parameter NextToken is invalid: {error}")))?;
    let tags = page.into_iter().map(|tag| tag.shown).collect();
    Ok(shape::DescribeTagsResponse { tags, next_token })
}

/// A tag with itself as a list, which is how filters see tags.
struct Hung {
    shown: shape::TagDescription,
    item: [TagItem; 1],
}

impl Described for Hung {
    const FILTERS: &'static [&'static str] = &["key", "value", "resource-id", "resource-type"];

    fn id(&self) -> &str {
        &self.shown.resource_id
    }

    fn values(&self, filter: &str) -> Vec<String> {
        vec![match filter {
            "key" => self.shown.key.clone(),
            "value" => self.shown.value.clone(),
            "resource-type" => self.shown.resource_type.clone(),
            _ => self.shown.resource_id.clone(),
        }]
    }

    fn tags(&self) -> &[TagItem] {
        &self.item
    }
}

fn every_tag(store: &Store, cx: &Context<Ec2>) -> Result<Vec<Hung>, Error> {
    let mut found = Vec::new();
    let mut hang = |kind: &str, id: &str, tags: &Tags| {
        for item in tags::items(tags) {
            let shown = shape::TagDescription {
                key: item.key.clone(),
                value: item.value.clone(),
                resource_id: id.to_owned(),
                resource_type: kind.to_owned(),
            };
            found.push(Hung { shown, item: [item] });
        }
    };
    all::<Vpc>(store, cx)?.iter().for_each(|(id, row)| hang("vpc", id, &row.tags));
    all::<Subnet>(store, cx)?.iter().for_each(|(id, row)| hang("subnet", id, &row.tags));
    all::<InternetGateway>(store, cx)?.iter().for_each(|(id, row)| hang("internet-gateway", id, &row.tags));
    all::<RouteTable>(store, cx)?.iter().for_each(|(id, row)| hang("route-table", id, &row.tags));
    all::<NetworkInterface>(store, cx)?.iter().for_each(|(id, row)| hang("network-interface", id, &row.tags));
    for (id, group) in all::<SecurityGroup>(store, cx)? {
        hang("security-group", &id, &group.tags);
        group.rules.iter().for_each(|rule| hang("security-group-rule", &rule.id, &rule.tags));
    }
    Ok(found)
}
