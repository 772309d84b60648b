//! The table of operations, and what they share.

mod discovery;
mod instance;
mod namespace;
mod namespace_change;
mod operation;
mod service;
mod service_attributes;
mod service_change;
mod tag;

use std::collections::BTreeMap;

use api::servicediscovery as sd;
use names::{Arn, Scope, Tags};
use store::{Key, Transaction};
use wire::{Bound, Context, bind};

use crate::{
    Error, ServiceDiscovery,
    rows::{Namespace, Operation, Service},
};

/// Tags on one resource.
const TAGS_MAX: usize = 50;

pub(crate) fn operations() -> Vec<Bound<ServiceDiscovery>> {
    vec![
        bind::<sd::CreatePrivateDnsNamespace, _, _, _, _>(namespace::create_private_dns_namespace),
        bind::<sd::CreateHttpNamespace, _, _, _, _>(namespace::create_http_namespace),
        bind::<sd::UpdatePrivateDnsNamespace, _, _, _, _>(namespace_change::update_private_dns_namespace),
        bind::<sd::UpdateHttpNamespace, _, _, _, _>(namespace_change::update_http_namespace),
        bind::<sd::DeleteNamespace, _, _, _, _>(namespace_change::delete_namespace),
        bind::<sd::GetNamespace, _, _, _, _>(namespace::get_namespace),
        bind::<sd::ListNamespaces, _, _, _, _>(namespace::list_namespaces),
        bind::<sd::CreateService, _, _, _, _>(service::create_service),
        bind::<sd::GetService, _, _, _, _>(service::get_service),
        bind::<sd::ListServices, _, _, _, _>(service::list_services),
        bind::<sd::UpdateService, _, _, _, _>(service_change::update_service),
        bind::<sd::DeleteService, _, _, _, _>(service_change::delete_service),
        bind::<sd::GetServiceAttributes, _, _, _, _>(service_attributes::get_service_attributes),
        bind::<sd::UpdateServiceAttributes, _, _, _, _>(service_attributes::update_service_attributes),
        bind::<sd::DeleteServiceAttributes, _, _, _, _>(service_attributes::delete_service_attributes),
        bind::<sd::RegisterInstance, _, _, _, _>(instance::register_instance),
        bind::<sd::DeregisterInstance, _, _, _, _>(instance::deregister_instance),
        bind::<sd::GetInstance, _, _, _, _>(instance::get_instance),
        bind::<sd::ListInstances, _, _, _, _>(instance::list_instances),
        bind::<sd::GetInstancesHealthStatus, _, _, _, _>(instance::get_instances_health_status),
        bind::<sd::UpdateInstanceCustomHealthStatus, _, _, _, _>(instance::update_instance_custom_health_status),
        bind::<sd::DiscoverInstances, _, _, _, _>(discovery::discover_instances),
        bind::<sd::DiscoverInstancesRevision, _, _, _, _>(discovery::discover_instances_revision),
        bind::<sd::GetOperation, _, _, _, _>(operation::get_operation),
        bind::<sd::ListOperations, _, _, _, _>(operation::list_operations),
        bind::<sd::TagResource, _, _, _, _>(tag::tag_resource),
        bind::<sd::UntagResource, _, _, _, _>(tag::untag_resource),
        bind::<sd::ListTagsForResource, _, _, _, _>(tag::list_tags_for_resource),
    ]
}

type Cx = Context<ServiceDiscovery>;

/// The id in `text`, which is an id or the ARN of a `kind`.
fn id_of(kind: &str, text: &str) -> String {
    let arn = text.parse::<Arn>().ok();
    arn.and_then(|arn| arn.name_of(kind).map(str::to_owned)).unwrap_or_else(|| text.to_owned())
}

fn invalid(message: impl Into<String>) -> Error {
    Error::InvalidInput(message.into())
}

/// The size of a page, which must be between 1 and `max`.
fn page_size(asked: Option<i32>, max: usize) -> Result<usize, Error> {
    let size = asked.map_or(Some(max), |asked| usize::try_from(asked).ok());
    size.filter(|size| (1..=max).contains(size))
        .ok_or_else(|| invalid(format!("MaxResults must be between 1 and {max}")))
}

fn tags(list: Vec<sd::Tag>) -> Result<Tags, Error> {
    let tags: Tags = list.into_iter().map(|tag| (tag.key, tag.value)).collect();
    if tags.len() > TAGS_MAX { Err(Error::TooManyTags(TAGS_MAX)) } else { Ok(tags) }
}

fn namespace(tx: &Transaction<'_>, scope: &Scope, id: &str) -> Result<(Key, Namespace), Error> {
    let key = Key::new(scope, id_of("namespace", id));
    let namespace = tx.get(&key)?.ok_or_else(|| Error::NamespaceNotFound(id.to_owned()))?;
    Ok((key, namespace))
}

fn service(tx: &Transaction<'_>, scope: &Scope, id: &str) -> Result<(Key, Service), Error> {
    let key = Key::new(scope, id_of("service", id));
    let service = tx.get(&key)?.ok_or_else(|| Error::ServiceNotFound(id.to_owned()))?;
    Ok((key, service))
}

/// Records that something was done, for whoever asks after it; gives its id.
fn done(cx: &Cx, tx: &mut Transaction<'_>, kind: &str, targets: &[(&str, &str)]) -> Result<String, Error> {
    let id = format!("{}-{}", cx.ids.hex(32), cx.ids.hex(8));
    let targets = targets.iter().map(|(kind, id)| ((*kind).to_owned(), (*id).to_owned()));
    let operation =
        Operation { id: id.clone(), kind: kind.to_owned(), done: cx.clock.now(), targets: targets.collect() };
    tx.put(&Key::new(cx.scope(), &id), &operation)?;
    Ok(id)
}

fn started(id: String) -> sd::OperationStarted {
    sd::OperationStarted { operation_id: Some(id) }
}

/// Whether `value` meets every one of `filters`; `value` gives what a filter's name stands for, if it is known.
fn meets(filters: &[sd::Filter], value: impl Fn(&str) -> Option<String>) -> Result<bool, Error> {
    for filter in filters {
        let value =
            value(&filter.name).ok_or_else(|| invalid(format!("the filter {} is not supported", filter.name)))?;
        let first = filter.values.first().ok_or_else(|| invalid(format!("the filter {} has no value", filter.name)))?;
        let met = match filter.condition.as_deref().unwrap_or("EQ") {
            "EQ" => value == *first,
            "IN" => filter.values.contains(&value),
            "BEGINS_WITH" => value.starts_with(first.as_str()),
            "BETWEEN" => match filter.values.as_slice() {
                [low, high] => (low.as_str()..=high.as_str()).contains(&value.as_str()),
                _ => return Err(invalid(format!("the filter {} needs two values for BETWEEN", filter.name))),
            },
            other => return Err(invalid(format!("the condition {other} is not one of EQ, IN, BETWEEN, BEGINS_WITH"))),
        };
        if !met {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Keeps those of `items` that meet `filters`.
fn filtered<T>(
    items: Vec<T>,
    filters: &[sd::Filter],
    value: impl Fn(&T, &str) -> Option<String>,
) -> Result<Vec<T>, Error> {
    let mut kept = Vec::new();
    for item in items {
        if meets(filters, |name| value(&item, name))? {
            kept.push(item);
        }
    }
    Ok(kept)
}

/// How many of `items` belong to each `key`.
fn count<T>(items: &[T], key: impl Fn(&T) -> &str) -> BTreeMap<String, i32> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(key(item).to_owned()).or_default() += 1;
    }
    counts
}
