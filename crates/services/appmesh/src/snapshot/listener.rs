//! Listeners: sockets, chains by original port, and what runs in them.

use api::appmesh::{ListenerTls, ListenerTlsMode, LoggingFormat, PortMapping, PortProtocol};
use xds::{
    extension::{self, LogFormat},
    pb::{
        envoy::{
            config::{
                accesslog::v3::{AccessLog, access_log},
                core::v3::{CidrRange, TrafficDirection, TransportSocket},
                listener::v3::{
                    Filter, FilterChain, FilterChainMatch, Listener, ListenerFilter, filter, listener_filter,
                },
            },
            extensions::filters::{
                http::router::v3::Router,
                listener::{original_dst::v3::OriginalDst, tls_inspector::v3::TlsInspector},
                network::{
                    http_connection_manager::v3::{
                        HttpConnectionManager, HttpFilter, Rds,
                        http_connection_manager::{
                            PathWithEscapedSlashesAction, RouteSpecifier, Tracing, UpgradeConfig,
                        },
                        http_filter,
                    },
                    tcp_proxy::v3::TcpProxy,
                },
            },
        },
        google::protobuf::Any,
    },
};

use super::{
    Scene, fault,
    names::{self, Direction},
    proto::{ads, boolean, socket, uint},
    tls,
};

/// Which connections a chain is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Destination<'a> {
    /// Those that were meant for a port.
    Port(u32),
    /// Those that were meant for a port, and ask for a name by TLS.
    Name(u32, &'a str),
    /// All others.
    Any,
    /// Those that come to a socket of one's own, which nothing redirects to.
    Here,
}

/// A chain that ends in one filter.
///
/// No chain of a port asks for addresses as well: Envoy decides by port, then by address, then by name, and never goes
/// back; a chain that asked for any address would take its port from one that did not ask.
fn chain(scene: &Scene<'_>, destination: Destination<'_>, name: &str, config: Any) -> FilterChain {
    let mut matches = FilterChainMatch::default();
    match destination {
        Destination::Port(port) => matches.destination_port = Some(uint(port)),
        Destination::Name(port, name) => {
            matches.destination_port = Some(uint(port));
            matches.server_names = vec![name.to_owned()];
        }
        Destination::Any => {
            let everywhere =
                |address: &str| CidrRange { address_prefix: address.to_owned(), prefix_len: Some(uint(0)) };
            matches.prefix_ranges.push(everywhere("0.0.0.0"));
            if scene.is_ipv6() {
                matches.prefix_ranges.push(everywhere("::"));
            }
        }
        Destination::Here => {}
    }
    let filter = Filter { name: name.to_owned(), config_type: Some(filter::ConfigType::TypedConfig(config)) };
    FilterChain { filter_chain_match: Some(matches), filters: vec![filter], ..FilterChain::default() }
}

/// A chain that speaks HTTP and asks the route configuration `routes` where to.
pub(super) fn http_chain(
    scene: &Scene<'_>,
    destination: Destination<'_>,
    direction: Direction,
    protocol: PortProtocol,
    port: u32,
    routes: String,
) -> FilterChain {
    let rds = Rds { config_source: Some(ads()), route_config_name: routes };
    let last = HttpFilter {
        name: "envoy.filters.http.router".to_owned(),
        config_type: Some(http_filter::ConfigType::TypedConfig(extension::router(&Router::default()))),
        ..HttpFilter::default()
    };
    let off = fault::filter(direction).filter(|_| !matches!(destination, Destination::Here));
    let websocket = UpgradeConfig {
        upgrade_type: "websocket".to_owned(),
        enabled: Some(boolean(true)),
        ..UpgradeConfig::default()
    };
    let manager = HttpConnectionManager {
        stat_prefix: stat_prefix(scene, direction, protocol, port),
        route_specifier: Some(RouteSpecifier::Rds(rds)),
        http_filters: off.into_iter().chain([last]).collect(),
        upgrade_configs: (protocol == PortProtocol::Http).then_some(websocket).into_iter().collect(),
        normalize_path: Some(boolean(true)),
        merge_slashes: true,
        path_with_escaped_slashes_action: PathWithEscapedSlashesAction::KeepUnchanged as i32,
        // Whether and where to is the proxy's own affair: its task says so, not the mesh.
        tracing: Some(Tracing::default()),
        access_log: access_log(scene),
        ..HttpConnectionManager::default()
    };
    let config = extension::http_connection_manager(&manager);
    chain(scene, destination, "envoy.filters.network.http_connection_manager", config)
}

/// A chain that passes bytes on.
pub(super) fn tcp_chain(scene: &Scene<'_>, destination: Destination<'_>, mut proxy: TcpProxy) -> FilterChain {
    proxy.access_log = access_log(scene);
    chain(scene, destination, "envoy.filters.network.tcp_proxy", extension::tcp_proxy(&proxy))
}

/// `ingress` or `egress`; a node of several listeners tells them apart.
pub(super) fn stat_prefix(scene: &Scene<'_>, direction: Direction, protocol: PortProtocol, port: u32) -> String {
    if direction == Direction::Ingress && scene.listeners > 1 {
        format!("ingress.{}.{port}", protocol.as_str())
    } else {
        direction.as_str().to_owned()
    }
}

/// A way to speak to a listener: its TLS, if it has any, and what Envoy calls it where there is another way too.
pub(super) type Transport = (Option<TransportSocket>, &'static str);

/// The ways to speak to a listener that shows `tls`.
///
/// Where the certificate is not to be had, nobody gets in who asks for TLS: a listener that demands it cannot be spoken to.
pub(super) fn transports(scene: &mut Scene<'_>, tls: Option<&ListenerTls>, mapping: PortMapping) -> Vec<Transport> {
    let Some(tls) = tls::of(tls) else { return vec![(None, "")] };
    let permissive = tls.mode == ListenerTlsMode::Permissive;
    let mut transports = Vec::new();
    match tls::downstream(scene, tls, mapping.protocol) {
        Ok(socket) => transports.push((Some(socket), if permissive { "tls" } else { "" })),
        Err(missing) => {
            scene.fault(None, format!("port {} of {} takes no TLS: {missing}", mapping.port, scene.name));
        }
    }
    transports.extend(permissive.then_some((None, "raw_buffer")));
    transports
}

/// The chain once for each way to speak to its listener.
pub(super) fn over(chain: &FilterChain, transports: Vec<Transport>) -> impl Iterator<Item = FilterChain> {
    transports.into_iter().map(|(socket, name)| {
        let mut chain = chain.clone();
        let matches = chain.filter_chain_match.get_or_insert_default();
        name.clone_into(&mut matches.transport_protocol);
        chain.transport_socket = socket;
        chain
    })
}

/// The socket that redirected connections come to, with its chains.
pub(super) fn redirected(scene: &Scene<'_>, direction: Direction, port: u32, chains: Vec<FilterChain>) -> Listener {
    let original = extension::original_dst(&OriginalDst::default());
    let mut listener = here(scene, direction, port, chains);
    listener.listener_filters.push(listener_filter_of("envoy.filters.listener.original_dst", original));
    listener
}

/// A socket on a port of its own, with its chains.
pub(super) fn here(scene: &Scene<'_>, direction: Direction, port: u32, chains: Vec<FilterChain>) -> Listener {
    let looks_inside = |chain: &FilterChain| {
        let matches = chain.filter_chain_match.as_ref();
        matches.is_some_and(|matches| !matches.transport_protocol.is_empty() || !matches.server_names.is_empty())
    };
    let inspector = || {
        let inspector = extension::tls_inspector(&TlsInspector::default());
        listener_filter_of("envoy.filters.listener.tls_inspector", inspector)
    };
    let traffic = match direction {
        Direction::Ingress => TrafficDirection::Inbound,
        Direction::Egress => TrafficDirection::Outbound,
    };
    Listener {
        name: names::listener(direction, scene.any(), port),
        address: Some(socket(scene.any(), port)),
        listener_filters: chains.iter().any(looks_inside).then(inspector).into_iter().collect(),
        filter_chains: chains,
        traffic_direction: traffic as i32,
        ..Listener::default()
    }
}

fn listener_filter_of(name: &str, config: Any) -> ListenerFilter {
    ListenerFilter {
        name: name.to_owned(),
        config_type: Some(listener_filter::ConfigType::TypedConfig(config)),
        ..ListenerFilter::default()
    }
}

/// The access log that the node asks for, if it does.
fn access_log(scene: &Scene<'_>) -> Vec<AccessLog> {
    let log = scene.logging.and_then(|logging| logging.access_log.as_ref());
    let Some(file) = log.and_then(|log| log.file.as_ref()) else { return Vec::new() };
    let format = match &file.format {
        Some(LoggingFormat { json: Some(members), .. }) => {
            LogFormat::Json(members.iter().map(|member| (member.key.clone(), member.value.clone())).collect())
        }
        // Envoy writes a text as it is, and lines that run together are no log.
        Some(LoggingFormat { text: Some(text), .. }) if text.ends_with('\n') => LogFormat::Text(text.clone()),
        Some(LoggingFormat { text: Some(text), .. }) => LogFormat::Text(format!("{text}\n")),
        _ => LogFormat::Default,
    };
    let config = extension::file_access_log(&file.path, &format);
    vec![AccessLog {
        name: "envoy.access_loggers.file".to_owned(),
        config_type: Some(access_log::ConfigType::TypedConfig(config)),
        ..AccessLog::default()
    }]
}
