//! Discovery by API: who answers under a name, for callers that need no DNS.

use api::servicediscovery as sd;
use std::collections::BTreeMap;

use super::{Cx, instance::instances, invalid, page_size};
use crate::{
    Error,
    rows::{Health, Instance, Namespace, Service},
};

/// Instances in an answer, unless something else is asked.
const RESULTS: i32 = 100;

/// `DiscoverInstances`.
pub(super) async fn discover_instances(
    cx: Cx,
    request: sd::DiscoverInstancesRequest,
) -> Result<sd::DiscoverInstancesResponse, Error> {
    let limit = page_size(Some(request.max_results.unwrap_or(RESULTS)), 1000)?;
    let (namespace, service) =
        find(&cx, &request.namespace_name, &request.service_name, request.owner_account.as_deref())?;
    let mut found = instances(&cx, &service)?;
    found.retain(|instance| has(instance, &request.query_parameters));
    if !request.optional_parameters.is_empty() && found.iter().any(|i| has(i, &request.optional_parameters)) {
        found.retain(|instance| has(instance, &request.optional_parameters));
    }
    let mut found = by_health(found, request.health_status.as_deref())?;
    if !found.is_empty() {
        let first = usize::from_str_radix(&cx.ids.hex(4), 16).unwrap_or(0) % found.len();
        found.rotate_left(first);
    }
    found.truncate(limit);
    let shown = found.into_iter().map(|instance| sd::HttpInstanceSummary {
        health_status: Some(instance.health.unwrap_or(Health::Healthy).spelled().to_owned()),
        instance_id: Some(instance.id),
        namespace_name: Some(namespace.name.clone()),
        service_name: Some(service.name.clone()),
        attributes: instance.attributes,
    });
    Ok(sd::DiscoverInstancesResponse { instances: shown.collect(), instances_revision: Some(service.revision) })
}

/// `DiscoverInstancesRevision`.
pub(super) async fn discover_instances_revision(
    cx: Cx,
    request: sd::DiscoverInstancesRevisionRequest,
) -> Result<sd::DiscoverInstancesRevisionResponse, Error> {
    let (_, service) = find(&cx, &request.namespace_name, &request.service_name, request.owner_account.as_deref())?;
    Ok(sd::DiscoverInstancesRevisionResponse { instances_revision: Some(service.revision) })
}

/// The service of that name. A namespace's name may stand for several, in several VPCs: the first that has the service
/// is meant.
fn find(cx: &Cx, namespace: &str, service: &str, owner: Option<&str>) -> Result<(Namespace, Service), Error> {
    let shared = owner.is_some_and(|owner| owner != cx.scope().account.as_str());
    let namespaces = if shared { Vec::new() } else { cx.store.list::<Namespace>(cx.scope())? };
    let named: Vec<_> = namespaces.into_iter().map(|(_, row)| row).filter(|row| row.is_called(namespace)).collect();
    if named.is_empty() {
        return Err(Error::NamespaceNotFound(namespace.to_owned()));
    }
    let services = cx.store.list::<Service>(cx.scope())?;
    let found = services.into_iter().map(|(_, row)| row).find_map(|row| {
        let owner = named.iter().find(|namespace| namespace.id == row.namespace_id)?;
        row.is_called(service).then(|| (owner.clone(), row))
    });
    found.ok_or_else(|| Error::ServiceNotFound(service.to_owned()))
}

fn has(instance: &Instance, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| instance.attributes.get(key) == Some(value))
}

fn by_health(mut instances: Vec<Instance>, filter: Option<&str>) -> Result<Vec<Instance>, Error> {
    match filter.unwrap_or("HEALTHY_OR_ELSE_ALL") {
        "ALL" => {}
        "HEALTHY" => instances.retain(Instance::is_healthy),
        "UNHEALTHY" => instances.retain(|instance| !instance.is_healthy()),
        "HEALTHY_OR_ELSE_ALL" => {
            if instances.iter().any(Instance::is_healthy) {
                instances.retain(Instance::is_healthy);
            }
        }
        other => {
            return Err(invalid(format!(
                "HealthStatus `{other}` is not one of HEALTHY, UNHEALTHY, ALL, HEALTHY_OR_ELSE_ALL"
            )));
        }
    }
    Ok(instances)
}
