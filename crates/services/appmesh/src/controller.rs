//! Hands to proxies what is asked of a mesh.

use std::{collections::BTreeMap, sync::Arc};

use api::{
    appmesh::{
        GatewayRouteSpec, IpPreference, MeshSpec, RouteSpec, VirtualGatewaySpec, VirtualNodeSpec, VirtualRouterSpec,
        VirtualServiceSpec, trial::Trial,
    },
    servicediscovery::{DiscoverInstances, DiscoverInstancesRequest},
};
use names::{Scope, Timestamp};
use reconcile::{Controller, Next};
use store::{Change, Key, Row as _, Transaction};
use tracing::{debug, info};

use crate::{
    State,
    board::{Board, Handed, HandedEndpoint, HandedRoute},
    error::Error,
    identity,
    plan::{self, GatewayRouteName, Mesh, MeshEndpoint, RouteName},
    rows::{Injection, OnTrial, Resource, Spec, mesh_of, own_name, targets},
    secrets,
};

/// The rows of a mesh, and what its virtual nodes may be found by and prove themselves with.
const KINDS: [&str; 14] = [
    MeshSpec::KIND,
    VirtualNodeSpec::KIND,
    VirtualRouterSpec::KIND,
    RouteSpec::KIND,
    VirtualServiceSpec::KIND,
    VirtualGatewaySpec::KIND,
    GatewayRouteSpec::KIND,
    Injection::KIND,
    OnTrial::KIND,
    "servicediscovery/instance",
    "acm/certificate",
    "acm/identity",
    "acm/authority",
    "acm-pca/authority",
];
/// How the kinds of a mesh's own rows begin.
const OWN: &str = "appmesh/";
/// Where an instance says its addresses.
const IPV4: &str = "AWS_INSTANCE_IPV4";
const IPV6: &str = "AWS_INSTANCE_IPV6";
/// The most instances Cloud Map names at once.
const INSTANCES_MAX: i32 = 1000;

/// The controller that translates a mesh and puts the result into the xDS cache. Its keys are meshes.
pub struct Mesher {
    state: Arc<State>,
    board: Arc<Board>,
}

/// A mesh as it is read, with what the plan does not need.
struct Read {
    mesh: Mesh,
    routes: BTreeMap<RouteName, HandedRoute>,
    /// When a fault on purpose begins or ends next.
    turns: Option<Timestamp>,
}

impl Mesher {
    pub(crate) fn new(state: Arc<State>, board: Arc<Board>) -> Self {
        Self { state, board }
    }

    /// All of the mesh at `key`, of one moment.
    fn read(&self, key: &Key) -> Result<Option<Read>, Error> {
        self.state.store.write(|tx| {
            let Some(row) = tx.get::<Resource<MeshSpec>>(key)? else { return Ok(None) };
            let routes = under::<RouteSpec>(tx, key)?;
            let handed = routes.iter().map(|(key, row)| (route_name(key), handed(row))).collect();
            let (injections, turns) = injections(tx, key, self.state.clock.now())?;
            let trials = trials(tx, key, &routes)?;
            let gateway_routes = under::<GatewayRouteSpec>(tx, key)?.into_iter();
            let mesh = Mesh {
                name: key.name.clone(),
                spec: row.spec,
                nodes: by_name(under::<VirtualNodeSpec>(tx, key)?),
                routers: by_name(under::<VirtualRouterSpec>(tx, key)?),
                routes: routes.into_iter().map(|(key, row)| (route_name(&key), row.spec)).collect(),
                services: by_name(under::<VirtualServiceSpec>(tx, key)?),
                gateways: by_name(under::<VirtualGatewaySpec>(tx, key)?),
                gateway_routes: gateway_routes.map(|(key, row)| (gateway_route_name(&key), row.spec)).collect(),
                injections,
                trials,
                ..Mesh::default()
            };
            Ok(Some(Read { mesh, routes: handed, turns }))
        })
    }

    /// The addresses of the instances of every virtual node that Cloud Map finds. What cannot be asked for has none: its
    /// namespace or service may come later, and the change that brings it wakes us.
    async fn instances(&self, scope: &Scope, mesh: &Mesh) -> BTreeMap<String, Vec<String>> {
        let mut found = BTreeMap::new();
        let mesh_preference = mesh.spec.service_discovery.and_then(|discovery| discovery.ip_preference);
        for (node, map) in mesh.cloud_maps() {
            let attributes = map.attributes.iter().map(|attribute| (attribute.key.clone(), attribute.value.clone()));
            let request = DiscoverInstancesRequest {
                namespace_name: map.namespace_name.clone(),
                service_name: map.service_name.clone(),
                query_parameters: attributes.collect(),
                max_results: Some(INSTANCES_MAX),
                ..DiscoverInstancesRequest::default()
            };
            match self.state.caller.call::<DiscoverInstances>(scope, request).await {
                Ok(answer) => {
                    let preference = map.ip_preference.or(mesh_preference);
                    let instances = answer.instances.into_iter();
                    let mut addresses: Vec<String> =
                        instances.filter_map(|instance| address(instance.attributes, preference)).collect();
                    addresses.sort();
                    addresses.dedup();
                    found.insert(node.clone(), addresses);
                }
                Err(error) => debug!(node, %error, "Cloud Map does not know the service."),
            }
        }
        found
    }

    /// Puts the plan of a mesh into the cache, and takes out the endpoints that are no more.
    fn hand_out(&self, key: &Key, read: &Read) -> Handed {
        let mut endpoints = BTreeMap::new();
        for (endpoint, plan) in plan::plan(&read.mesh) {
            let name = identity::node_name(&key.scope, &key.name, &endpoint);
            let revision = self.state.cache.set(&name, plan.snapshot);
            endpoints.insert(endpoint, HandedEndpoint { revision, routes: plan.routes, faults: plan.faults });
        }
        self.clear(key, |endpoint| !endpoints.contains_key(endpoint));
        Handed { routes: read.routes.clone(), endpoints }
    }

    /// Takes those endpoints of the mesh at `key` out of the cache that `gone` says are gone.
    fn clear(&self, key: &Key, gone: impl Fn(&MeshEndpoint) -> bool) {
        for name in self.state.cache.names() {
            let parsed = identity::parse_node_name(&name);
            if parsed.is_some_and(|(scope, mesh, endpoint)| scope == key.scope && mesh == key.name && gone(&endpoint)) {
                info!(endpoint = name, "A mesh endpoint is no more.");
                self.state.cache.clear(&name);
            }
        }
    }
}

impl Controller for Mesher {
    type Error = Error;

    const NAME: &'static str = "appmesh/mesh";

    fn watches(&self) -> &'static [&'static str] {
        &KINDS
    }

    fn keys_of(&self, change: &Change) -> Vec<Key> {
        if change.kind.starts_with(OWN) {
            return vec![mesh_of(&change.key)];
        }
        // Any mesh of the scope may need that instance or certificate; the resync heals what a failed read missed.
        let meshes = self.state.store.list::<Resource<MeshSpec>>(&change.key.scope).unwrap_or_default();
        meshes.into_iter().map(|(key, _)| key).collect()
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        let meshes = self.state.store.list_all::<Resource<MeshSpec>>()?;
        Ok(meshes.into_iter().map(|(key, _)| key).chain(self.board.keys()).collect())
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        let Some(mut read) = self.read(key)? else {
            self.clear(key, |_| true);
            self.board.set(key, None);
            return Ok(Next::Settled);
        };
        read.mesh.instances = self.instances(&key.scope, &read.mesh).await;
        secrets::fetch(&self.state, &key.scope, &mut read.mesh).await;
        let handed = self.hand_out(key, &read);
        if self.board.get(key).as_ref() != Some(&handed) {
            self.board.set(key, Some(handed));
        }
        let now = self.state.clock.now();
        Ok(read.turns.map_or(Next::Settled, |turns| Next::After(turns.since(now))))
    }
}

/// The address of an instance of the family that is used: IPv4 if nothing else is asked for, and the other one only where
/// that is allowed.
fn address(mut attributes: BTreeMap<String, String>, preference: Option<IpPreference>) -> Option<String> {
    let (ipv4, ipv6) = (attributes.remove(IPV4), attributes.remove(IPV6));
    match preference {
        Some(IpPreference::Ipv4Only) => ipv4,
        Some(IpPreference::Ipv6Only) => ipv6,
        Some(IpPreference::Ipv6Preferred) => ipv6.or(ipv4),
        Some(IpPreference::Ipv4Preferred) | None => ipv4.or(ipv6),
    }
}

/// The faults that are made on purpose at `now` in the mesh at `key`, and when that changes.
fn injections(
    tx: &Transaction<'_>,
    key: &Key,
    now: Timestamp,
) -> Result<(BTreeMap<String, Injection>, Option<Timestamp>), Error> {
    let all = tx.list_under::<Injection>(&key.scope, &format!("{}/", key.name))?;
    let times = all.iter().flat_map(|(_, injection)| [injection.begins_at, injection.ends_at]);
    let turns = times.filter(|time| *time > now).min();
    let now_on = all.into_iter().filter(|(_, injection)| injection.begins_at <= now && now < injection.ends_at);
    Ok((now_on.map(|(key, injection)| (own_name(&key).to_owned(), injection)).collect(), turns))
}

/// What is tried on the `routes` of the mesh at `key`.
fn trials(
    tx: &Transaction<'_>,
    key: &Key,
    routes: &[(Key, Resource<RouteSpec>)],
) -> Result<BTreeMap<RouteName, Trial>, Error> {
    let all = tx.list_under::<OnTrial>(&key.scope, &format!("{}/", key.name))?;
    let stands = |(key, row): &(Key, OnTrial)| routes.iter().any(|(route, of)| route == key && of.uid == row.uid);
    let standing = all.into_iter().filter(stands);
    Ok(standing.map(|(key, row)| (route_name(&key), row.trial)).collect())
}

/// The rows of a kind in the mesh at `key`.
fn under<S: Spec>(tx: &Transaction<'_>, key: &Key) -> Result<Vec<(Key, Resource<S>)>, Error> {
    Ok(tx.list_under::<Resource<S>>(&key.scope, &format!("{}/", key.name))?)
}

fn by_name<S>(rows: Vec<(Key, Resource<S>)>) -> BTreeMap<String, S> {
    rows.into_iter().map(|(key, row)| (own_name(&key).to_owned(), row.spec)).collect()
}

/// The route of a row's key.
pub(crate) fn route_name(key: &Key) -> RouteName {
    let router = key.name.split('/').nth(1).unwrap_or_default();
    RouteName { router: router.to_owned(), route: own_name(key).to_owned() }
}

fn gateway_route_name(key: &Key) -> GatewayRouteName {
    let gateway = key.name.split('/').nth(1).unwrap_or_default();
    GatewayRouteName { gateway: gateway.to_owned(), route: own_name(key).to_owned() }
}

fn handed(row: &Resource<RouteSpec>) -> HandedRoute {
    HandedRoute {
        uid: row.uid.clone(),
        version: row.version,
        targets: targets(&row.spec).to_vec(),
        in_listeners: row.spec.tcp_route.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_found_by_the_address_that_is_liked_or_by_the_other_where_that_will_do() {
        let of = |which: &[(&str, &str)], preference| {
            let attributes = which.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            address(attributes, preference)
        };
        let (both, old) = ([(IPV4, "4"), (IPV6, "6")], [(IPV4, "4")]);
        for (preference, of_both, of_old) in [
            (None, Some("4"), Some("4")),
            (Some(IpPreference::Ipv4Only), Some("4"), Some("4")),
            (Some(IpPreference::Ipv4Preferred), Some("4"), Some("4")),
            (Some(IpPreference::Ipv6Preferred), Some("6"), Some("4")),
            (Some(IpPreference::Ipv6Only), Some("6"), None),
        ] {
            assert_eq!(of(&both, preference).as_deref(), of_both, "{preference:?}");
            assert_eq!(of(&old, preference).as_deref(), of_old, "{preference:?}");
        }
        assert_eq!(of(&[(IPV6, "6")], None).as_deref(), Some("6"));
    }
}
