//! Hands to proxies what is asked of a mesh.

use std::{collections::BTreeMap, sync::Arc};

use api::{
    appmesh::{MeshSpec, RouteSpec, VirtualNodeSpec, VirtualRouterSpec, VirtualServiceSpec},
    servicediscovery::{DiscoverInstances, DiscoverInstancesRequest},
};
use names::Scope;
use reconcile::{Controller, Next};
use store::{Change, Key, Transaction};
use tracing::{debug, info};

use crate::{
    State,
    board::{Board, Handed, HandedNode, HandedRoute},
    error::Error,
    identity,
    plan::{self, Mesh, RouteName},
    rows::{Resource, Spec, mesh_of, own_name, targets},
};

/// The rows of a mesh, and the instances that its virtual nodes may be found by.
const KINDS: [&str; 6] = [
    MeshSpec::KIND,
    VirtualNodeSpec::KIND,
    VirtualRouterSpec::KIND,
    RouteSpec::KIND,
    VirtualServiceSpec::KIND,
    INSTANCES,
];
/// Cloud Map's instances.
const INSTANCES: &str = "servicediscovery/instance";
/// Where an instance says its address.
const ADDRESS: &str = "AWS_INSTANCE_IPV4";

/// The controller that translates a mesh and puts the result into the xDS cache. Its keys are meshes.
pub struct Mesher {
    state: Arc<State>,
    board: Arc<Board>,
}

/// A mesh as it is read, with what the plan does not need.
struct Read {
    mesh: Mesh,
    routes: BTreeMap<RouteName, HandedRoute>,
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
            let mesh = Mesh {
                name: key.name.clone(),
                spec: row.spec,
                nodes: by_name(under::<VirtualNodeSpec>(tx, key)?),
                routers: by_name(under::<VirtualRouterSpec>(tx, key)?),
                routes: routes.into_iter().map(|(key, row)| (route_name(&key), row.spec)).collect(),
                services: by_name(under::<VirtualServiceSpec>(tx, key)?),
                instances: BTreeMap::new(),
            };
            Ok(Some(Read { mesh, routes: handed }))
        })
    }

    /// The addresses of the instances of every virtual node that Cloud Map finds. What cannot be asked for has none: its
    /// namespace or service may come later, and the change that brings it wakes us.
    async fn instances(&self, scope: &Scope, mesh: &Mesh) -> BTreeMap<String, Vec<String>> {
        let mut found = BTreeMap::new();
        for (node, map) in mesh.cloud_maps() {
            let attributes = map.attributes.iter().map(|attribute| (attribute.key.clone(), attribute.value.clone()));
            let request = DiscoverInstancesRequest {
                namespace_name: map.namespace_name.clone(),
                service_name: map.service_name.clone(),
                query_parameters: attributes.collect(),
                ..DiscoverInstancesRequest::default()
            };
            match self.state.caller.call::<DiscoverInstances>(scope, request).await {
                Ok(answer) => {
                    let addresses = answer.instances.into_iter();
                    let mut addresses: Vec<String> =
                        addresses.filter_map(|mut instance| instance.attributes.remove(ADDRESS)).collect();
                    addresses.sort();
                    found.insert(node.clone(), addresses);
                }
                Err(error) => debug!(node, %error, "Cloud Map does not know the service."),
            }
        }
        found
    }

    /// Puts the plan of a mesh into the cache, and takes out the nodes that are no more.
    fn hand_out(&self, key: &Key, read: &Read) -> Handed {
        let mut nodes = BTreeMap::new();
        for (name, plan) in plan::plan(&read.mesh) {
            let revision = self.state.cache.set(&identity::node_name(&key.scope, &key.name, &name), plan.snapshot);
            nodes.insert(name, HandedNode { revision, routes: plan.routes, faults: plan.faults });
        }
        self.clear(key, |node| !nodes.contains_key(node));
        Handed { routes: read.routes.clone(), nodes }
    }

    /// Takes those nodes of the mesh at `key` out of the cache that `gone` says are gone.
    fn clear(&self, key: &Key, gone: impl Fn(&str) -> bool) {
        for name in self.state.cache.names() {
            let parsed = identity::parse_node_name(&name);
            if parsed.is_some_and(|(scope, mesh, node)| scope == key.scope && mesh == key.name && gone(&node)) {
                info!(node = name, "A virtual node is no more.");
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
        if change.kind != INSTANCES {
            return vec![mesh_of(&change.key)];
        }
        // Any mesh of the scope may find its nodes by that instance; the resync heals what a failed read missed.
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
        let handed = self.hand_out(key, &read);
        if self.board.get(key).as_ref() != Some(&handed) {
            self.board.set(key, Some(handed));
        }
        Ok(Next::Settled)
    }
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

fn handed(row: &Resource<RouteSpec>) -> HandedRoute {
    HandedRoute {
        uid: row.uid.clone(),
        version: row.version,
        targets: targets(&row.spec).to_vec(),
        in_listeners: row.spec.tcp_route.is_some(),
    }
}
