//! Virtual services: on which ports one is spoken to, and what becomes of what is said there.

use api::appmesh::{Listener, PortMapping, RouteSpec};
use xds::pb::envoy::{
    config::route::v3::Route,
    extensions::filters::network::tcp_proxy::v3::{TcpProxy, tcp_proxy},
};

use super::{Client, Scene, cluster, fault, http_route, names::Direction, tcp_route};
use crate::{plan::RouteName, rows::targets};

/// Who answers for a virtual service.
#[derive(Clone, Copy)]
pub(super) enum Provider<'a> {
    Node(&'a str),
    Router(&'a str),
}

/// Who answers for the virtual service `name`; none if nobody does.
pub(super) fn provider<'a>(scene: &mut Scene<'a>, name: &str) -> Option<Provider<'a>> {
    let mesh = scene.mesh;
    let Some(service) = mesh.services.get(name) else {
        scene.fault(None, format!("backend {name} is no virtual service of the mesh (yet)"));
        return None;
    };
    let provider = service.provider.as_ref()?;
    if let Some(node) = &provider.virtual_node {
        return Some(Provider::Node(&node.virtual_node_name));
    }
    let router = &provider.virtual_router.as_ref()?.virtual_router_name;
    if !mesh.routers.contains_key(router) {
        scene.fault(None, format!("virtual router {router}, provider of {name}, is not there"));
        return None;
    }
    Some(Provider::Router(router))
}

/// The ports it is spoken to on.
pub(super) fn mappings(scene: &Scene<'_>, provider: Provider<'_>) -> Vec<PortMapping> {
    match provider {
        Provider::Node(node) => listeners_of(scene, node).map(|listener| listener.port_mapping).collect(),
        Provider::Router(router) => {
            let own = scene.mesh.routers.get(router).into_iter().flat_map(|spec| &spec.listeners);
            let own: Vec<PortMapping> = own.map(|listener| listener.port_mapping).collect();
            if own.is_empty() { mappings_of_targets(scene, router) } else { own }
        }
    }
}

/// What becomes of requests on the port of `mapping`.
pub(super) fn routes(
    scene: &mut Scene<'_>,
    client: Client<'_>,
    provider: Provider<'_>,
    mapping: PortMapping,
) -> Vec<Route> {
    match provider {
        Provider::Node(node) => {
            let cluster = cluster_of(scene, client, node, mapping);
            let marks = fault::marks(scene.mesh, node, None);
            cluster.map(|cluster| http_route::to_cluster(cluster, marks)).into_iter().collect()
        }
        Provider::Router(router) => {
            let own = routes_of(scene, router);
            http_route::of_port(scene, client, mapping, &own)
        }
    }
}

/// What becomes of connections to the port of `mapping`.
pub(super) fn proxy(
    scene: &mut Scene<'_>,
    client: Client<'_>,
    provider: Provider<'_>,
    mapping: PortMapping,
) -> Option<TcpProxy> {
    match provider {
        Provider::Node(node) => cluster_of(scene, client, node, mapping).map(|cluster| passing(&cluster)),
        Provider::Router(router) => {
            let own = routes_of(scene, router);
            tcp_route::proxy(scene, client, mapping, &own)
        }
    }
}

/// All bytes to one cluster.
pub(super) fn passing(cluster: &str) -> TcpProxy {
    TcpProxy {
        stat_prefix: Direction::Egress.as_str().to_owned(),
        cluster_specifier: Some(tcp_proxy::ClusterSpecifier::Cluster(cluster.to_owned())),
        ..TcpProxy::default()
    }
}

fn cluster_of(scene: &mut Scene<'_>, client: Client<'_>, node: &str, mapping: PortMapping) -> Option<String> {
    let listener = listeners_of(scene, node).find(|listener| listener.port_mapping == mapping)?;
    cluster::node(scene, client, node, listener)
}

fn routes_of(scene: &Scene<'_>, router: &str) -> Vec<(RouteName, RouteSpec)> {
    let own = scene.mesh.routes.iter().filter(|(name, _)| name.router == router);
    own.map(|(name, spec)| (name.clone(), spec.clone())).collect()
}

/// The ports of a router that has none of its own: those of the nodes its routes lead to.
fn mappings_of_targets(scene: &Scene<'_>, router: &str) -> Vec<PortMapping> {
    let routes = scene.mesh.routes.iter().filter(|(name, _)| name.router == router);
    let targets = routes.flat_map(|(_, route)| targets(route));
    let listeners = targets.flat_map(|target| listeners_of(scene, &target.virtual_node));
    let mut mappings: Vec<PortMapping> = listeners.map(|listener| listener.port_mapping).collect();
    mappings.sort_by_key(|mapping| (mapping.port, mapping.protocol));
    mappings.dedup();
    mappings
}

/// The listeners of the virtual node `node`.
pub(super) fn listeners_of<'a>(scene: &Scene<'a>, node: &str) -> impl Iterator<Item = &'a Listener> + use<'a> {
    scene.mesh.nodes.get(node).into_iter().flat_map(|spec| &spec.listeners)
}
