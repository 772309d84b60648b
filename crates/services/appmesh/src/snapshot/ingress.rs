//! What comes in: each listener of the node leads to the application beside the proxy.

use api::appmesh::{Duration, Listener, ListenerTimeout, PortMapping, PortProtocol, VirtualNodeSpec};
use xds::pb::envoy::{
    config::{
        listener::v3::FilterChain,
        route::v3::{
            Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, route, route_action::ClusterSpecifier,
            route_match::PathSpecifier,
        },
    },
    extensions::filters::network::tcp_proxy::v3::{TcpProxy, tcp_proxy},
};

use super::{
    Scene, cluster, fault,
    http_route::REQUEST_TIMEOUT_MILLIS,
    listener::{self, Destination},
    names::{self, Direction, INGRESS_PORT},
    proto::{duration, millis},
};

/// Adds the incoming side; a node without listeners has none.
pub(super) fn build(scene: &mut Scene<'_>, spec: &VirtualNodeSpec) {
    let mut chains: Vec<FilterChain> = Vec::new();
    for listener in &spec.listeners {
        let transports = listener::transports(scene, listener.tls.as_ref(), listener.port_mapping);
        if !transports.is_empty() {
            chains.extend(listener::over(&chain(scene, listener), transports));
        }
    }
    if !chains.is_empty() {
        let listener = listener::redirected(scene, Direction::Ingress, INGRESS_PORT, chains);
        scene.builder.listener(&listener);
    }
}

fn chain(scene: &mut Scene<'_>, listener: &Listener) -> FilterChain {
    let PortMapping { protocol, port } = listener.port_mapping;
    let cluster = cluster::application(scene, listener);
    let (per_request, idle) = timeouts(listener.timeout.unwrap_or_default());
    if protocol == PortProtocol::Tcp {
        let proxy = TcpProxy {
            stat_prefix: listener::stat_prefix(scene, Direction::Ingress, protocol, port),
            cluster_specifier: Some(tcp_proxy::ClusterSpecifier::Cluster(cluster)),
            idle_timeout: idle.map(duration),
            ..TcpProxy::default()
        };
        return listener::tcp_chain(scene, Destination::Port(port), proxy);
    }
    let name = names::routes(Direction::Ingress, protocol, port);
    let action = RouteAction {
        cluster_specifier: Some(ClusterSpecifier::Cluster(cluster)),
        timeout: Some(per_request.map_or_else(|| millis(REQUEST_TIMEOUT_MILLIS), duration)),
        idle_timeout: idle.map(duration),
        ..RouteAction::default()
    };
    let routes = everything(scene, &name, &action);
    scene.builder.route(&routes);
    listener::http_chain(scene, Destination::Port(port), Direction::Ingress, protocol, port, name)
}

/// How long a request may take and how long it may be silent, where the listener says so.
fn timeouts(timeout: ListenerTimeout) -> (Option<Duration>, Option<Duration>) {
    let ListenerTimeout { grpc, http, http2, tcp } = timeout;
    let http = http.or(http2).or(grpc).unwrap_or_default();
    (http.per_request, http.idle.or(tcp.and_then(|tcp| tcp.idle)))
}

/// A route configuration that does `action` with every request, and faults on purpose to those that are marked for them.
fn everything(scene: &Scene<'_>, name: &str, action: &RouteAction) -> RouteConfiguration {
    let path = RouteMatch { path_specifier: Some(PathSpecifier::Prefix("/".to_owned())), ..RouteMatch::default() };
    let route = Route { r#match: Some(path), action: Some(route::Action::Route(action.clone())), ..Route::default() };
    let mut routes = fault::routes(scene.mesh, scene.name, &route);
    routes.push(route);
    let host =
        VirtualHost { name: scene.name.to_owned(), domains: vec!["*".to_owned()], routes, ..VirtualHost::default() };
    RouteConfiguration { name: name.to_owned(), virtual_hosts: vec![host], ..RouteConfiguration::default() }
}
