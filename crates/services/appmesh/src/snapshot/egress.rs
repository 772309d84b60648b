//! What goes out: to the virtual services the node names as backends, and where the mesh's egress filter lets it.

use std::collections::BTreeMap;

use api::appmesh::{EgressFilterType, Listener, PortMapping, PortProtocol, RouteSpec, VirtualServiceSpec};
use xds::pb::envoy::{
    config::{
        listener::v3::FilterChain,
        route::v3::{RouteConfiguration, VirtualHost},
    },
    extensions::filters::network::tcp_proxy::v3::{TcpProxy, tcp_proxy},
};

use super::{
    Scene, cluster, http_route,
    listener::{self, Destination},
    names::{self, Direction, EGRESS_PORT},
    tcp_route,
};
use crate::plan::RouteName;

/// What AWS's own endpoints answer to.
const AMAZON: &str = "*.amazonaws.com";
/// Where they listen.
const HTTPS: u32 = 443;

/// What connections to one port get.
enum Port {
    /// Routes by host. The protocol is that of the first service on the port, and gives the routes their name.
    Http { protocol: PortProtocol, hosts: Vec<VirtualHost> },
    /// One service's bytes.
    Tcp { service: String, proxy: Box<TcpProxy> },
}

type Ports = BTreeMap<u32, Port>;

/// Adds the outgoing side.
pub(super) fn build(scene: &mut Scene<'_>) {
    let mut ports = Ports::new();
    let backends = scene.spec.backends.iter().filter_map(|backend| backend.virtual_service.as_ref());
    let mut names: Vec<&str> = backends.map(|backend| backend.virtual_service_name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        match scene.mesh.services.get(name) {
            Some(service) => add_service(scene, &mut ports, name, service),
            None => scene.fault(None, format!("backend {name} is no virtual service of the mesh (yet)")),
        }
    }
    let https_is_taken = ports.contains_key(&HTTPS);
    let mut chains = Vec::new();
    for (port, content) in ports {
        chains.push(chain_of(scene, port, content));
    }
    chains.extend(beyond_the_mesh(scene, https_is_taken));
    scene.builder.listener(&listener::redirected(Direction::Egress, EGRESS_PORT, chains));
}

fn chain_of(scene: &mut Scene<'_>, port: u32, content: Port) -> FilterChain {
    match content {
        Port::Http { protocol, hosts } => {
            let name = names::routes(Direction::Egress, protocol, port);
            scene.builder.route(&RouteConfiguration {
                name: name.clone(),
                virtual_hosts: hosts,
                ..RouteConfiguration::default()
            });
            listener::http_chain(scene, Direction::Egress, protocol, port, name)
        }
        Port::Tcp { proxy, .. } => listener::tcp_chain(scene, Destination::Port(port), *proxy),
    }
}

/// What may leave the mesh: AWS's endpoints always, all else if the mesh says so.
fn beyond_the_mesh(scene: &mut Scene<'_>, https_is_taken: bool) -> Vec<FilterChain> {
    let mesh = &scene.mesh.name;
    let (amazon, all) = (names::amazon_cluster(mesh), names::allow_all_cluster(mesh));
    cluster::original_destination(scene, &amazon);
    let mut chains = vec![listener::tcp_chain(scene, Destination::Name(HTTPS, AMAZON), passing(&amazon))];
    let filter = scene.mesh.spec.egress_filter.map(|filter| filter.r#type);
    if filter == Some(EgressFilterType::AllowAll) {
        cluster::original_destination(scene, &all);
        chains.push(listener::tcp_chain(scene, Destination::Any, passing(&all)));
        if !https_is_taken {
            // Without it, what goes to port 443 and is not Amazon's would find only the chain above that asks for the name.
            chains.push(listener::tcp_chain(scene, Destination::Port(HTTPS), passing(&all)));
        }
    }
    chains
}

fn passing(cluster: &str) -> TcpProxy {
    TcpProxy {
        stat_prefix: Direction::Egress.as_str().to_owned(),
        cluster_specifier: Some(tcp_proxy::ClusterSpecifier::Cluster(cluster.to_owned())),
        ..TcpProxy::default()
    }
}

fn add_service(scene: &mut Scene<'_>, ports: &mut Ports, name: &str, service: &VirtualServiceSpec) {
    let Some(provider) = &service.provider else { return };
    if let Some(node) = &provider.virtual_node {
        add_node(scene, ports, name, &node.virtual_node_name);
    }
    if let Some(router) = &provider.virtual_router {
        add_router(scene, ports, name, &router.virtual_router_name);
    }
}

/// A service that is one virtual node: on each of its listeners' ports, everything goes there.
fn add_node(scene: &mut Scene<'_>, ports: &mut Ports, service: &str, node: &str) {
    for listener in listeners_of(scene, node) {
        let mapping = listener.port_mapping;
        let Some(cluster) = cluster::node(scene, node, &listener) else { continue };
        if mapping.protocol == PortProtocol::Tcp {
            add_tcp(scene, ports, mapping.port, service, Some(passing(&cluster)));
        } else {
            add_http(scene, ports, mapping, service, vec![http_route::to_cluster(cluster)]);
        }
    }
}

/// A service that a virtual router chooses the nodes of: on each of its ports, what its routes say.
fn add_router(scene: &mut Scene<'_>, ports: &mut Ports, service: &str, router: &str) {
    let Some(spec) = scene.mesh.routers.get(router) else {
        scene.fault(None, format!("virtual router {router}, provider of {service}, is not there"));
        return;
    };
    let own = scene.mesh.routes.iter().filter(|(name, _)| name.router == router);
    let own: Vec<(RouteName, RouteSpec)> = own.map(|(name, spec)| (name.clone(), spec.clone())).collect();
    let mut mappings: Vec<PortMapping> = spec.listeners.iter().map(|listener| listener.port_mapping).collect();
    if mappings.is_empty() {
        mappings = mappings_of_targets(scene, &own);
    }
    for mapping in mappings {
        if mapping.protocol == PortProtocol::Tcp {
            let proxy = tcp_route::proxy(scene, mapping, &own);
            add_tcp(scene, ports, mapping.port, service, proxy);
        } else {
            let fitting = http_route::of_port(scene, mapping, &own);
            add_http(scene, ports, mapping, service, fitting);
        }
    }
}

/// The ports of a router that has none of its own: those of the nodes its routes lead to.
fn mappings_of_targets(scene: &Scene<'_>, routes: &[(RouteName, RouteSpec)]) -> Vec<PortMapping> {
    let targets = routes.iter().flat_map(|(_, route)| crate::rows::targets(route));
    let listeners = targets.flat_map(|target| listeners_of(scene, &target.virtual_node));
    let mut mappings: Vec<PortMapping> = listeners.map(|listener| listener.port_mapping).collect();
    mappings.sort_by_key(|mapping| (mapping.port, mapping.protocol));
    mappings.dedup();
    mappings
}

fn listeners_of(scene: &Scene<'_>, node: &str) -> Vec<Listener> {
    scene.mesh.nodes.get(node).map(|spec| spec.listeners.clone()).unwrap_or_default()
}

fn add_http(
    scene: &mut Scene<'_>,
    ports: &mut Ports,
    mapping: PortMapping,
    service: &str,
    routes: Vec<xds::pb::envoy::config::route::v3::Route>,
) {
    let PortMapping { port, protocol } = mapping;
    let host = VirtualHost {
        name: service.to_owned(),
        domains: vec![service.to_owned(), format!("{service}:{port}")],
        routes,
        ..VirtualHost::default()
    };
    match ports.entry(port).or_insert_with(|| Port::Http { protocol, hosts: Vec::new() }) {
        Port::Http { hosts, .. } => hosts.push(host),
        Port::Tcp { service: other, .. } => {
            let text = format!("port {port} of {service} belongs to {other}, which speaks TCP and takes all of it");
            scene.fault(None, text);
        }
    }
}

/// Gives a port to a TCP service; nothing in the bytes tells two apart, so one takes all.
fn add_tcp(scene: &mut Scene<'_>, ports: &mut Ports, port: u32, service: &str, proxy: Option<TcpProxy>) {
    let Some(proxy) = proxy else { return };
    let other = match ports.get(&port) {
        None => {
            ports.insert(port, Port::Tcp { service: service.to_owned(), proxy: Box::new(proxy) });
            return;
        }
        Some(Port::Tcp { service, .. }) => service.clone(),
        Some(Port::Http { hosts, .. }) => hosts.first().map(|host| host.name.clone()).unwrap_or_default(),
    };
    scene.fault(None, format!("port {port} of {service} belongs to {other}, and TCP cannot share a port"));
}
