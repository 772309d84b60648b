//! What our proxy and Envoy are told: the same resources, by the same xDS server.
//!
//! They are what the App Mesh service writes for a virtual gateway: paths are made normal, limits are none, ids and
//! forwarded headers are added, statistics are kept as always.

use std::{net::SocketAddr, path::Path};

use anyhow::{Context as _, Result};
use hyper::server::conn::http2;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use xds::{
    Cache, Node, NodeName, Snapshot, extension,
    pb::{
        envoy::{
            config::{
                cluster::v3::{
                    CircuitBreakers, Cluster,
                    circuit_breakers::Thresholds,
                    cluster::{ClusterDiscoveryType, DiscoveryType},
                },
                core::v3::{
                    Address, DataSource, Http2ProtocolOptions, SocketAddress, TransportSocket, address,
                    data_source::Specifier, socket_address::PortSpecifier, transport_socket,
                },
                endpoint::v3::{
                    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint::HostIdentifier,
                },
                listener::v3::{Filter, FilterChain, Listener, filter},
                route::v3::{
                    Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, WeightedCluster, route,
                    route_action::ClusterSpecifier, route_match::PathSpecifier, weighted_cluster::ClusterWeight,
                },
            },
            extensions::{
                filters::{
                    http::router::v3::Router,
                    network::http_connection_manager::v3::{
                        HttpConnectionManager, HttpFilter, http_connection_manager::RouteSpecifier, http_filter,
                    },
                },
                transport_sockets::tls::v3::{CommonTlsContext, DownstreamTlsContext, TlsCertificate},
                upstreams::http::v3::{
                    HttpProtocolOptions,
                    http_protocol_options::{
                        ExplicitHttpConfig, UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
                    },
                },
            },
        },
        google::protobuf::{BoolValue, Duration, UInt32Value},
    },
};

use crate::ports::{self, Door};

/// The key of a cluster's HTTP options.
const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
/// "Without limit".
const UNLIMITED: u32 = i32::MAX.cast_unsigned();

/// Hands each of `proxies`, by name and first port, what it is to do; `folder` has the certificate.
pub(crate) async fn serve(proxies: &[(&str, u16)], folder: &Path) -> Result<SocketAddr> {
    let cache = Cache::new(|node: &Node| vec![node.id.clone()]);
    for (name, base) in proxies {
        let node = NodeName { name: id(name), alias: None };
        cache.set(&node, snapshot(*base, folder));
    }
    let listener = TcpListener::bind(("127.0.0.1", ports::CONTROL_PLANE)).await.context("the control plane's port")?;
    let address = listener.local_addr()?;
    let service = TowerToHyperService::new(xds::routes(cache));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection =
                http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service.clone());
            tokio::spawn(connection);
        }
    });
    Ok(address)
}

/// How a proxy introduces itself.
pub(crate) fn id(name: &str) -> String {
    format!("mesh/contest/virtualGateway/{name}")
}

fn snapshot(base: u16, folder: &Path) -> Snapshot {
    let mut builder = Snapshot::builder();
    for (door, http2, secured) in [
        (Door::Http1, false, false),
        (Door::Http2, true, false),
        (Door::Http1Tls, false, true),
        (Door::Http2Tls, true, true),
    ] {
        builder.listener(&listener(base, door, http2, secured.then_some(folder)));
    }
    for http2 in [false, true] {
        for (server, port) in ports::servers(http2).into_iter().enumerate() {
            builder.cluster(&cluster(&cluster_name(server, http2), port, http2));
        }
    }
    builder.build()
}

fn cluster_name(server: usize, http2: bool) -> String {
    format!("{}{}", ["a", "b"][server], if http2 { "-http2" } else { "" })
}

fn listener(base: u16, door: Door, http2: bool, folder: Option<&Path>) -> Listener {
    let last = http_filter::ConfigType::TypedConfig(extension::router(&Router::default()));
    let manager = HttpConnectionManager {
        stat_prefix: format!("{door:?}").to_lowercase(),
        route_specifier: Some(RouteSpecifier::RouteConfig(routes(http2))),
        http_filters: vec![HttpFilter {
            name: "envoy.filters.http.router".to_owned(),
            config_type: Some(last),
            ..HttpFilter::default()
        }],
        normalize_path: Some(boolean(true)),
        merge_slashes: true,
        use_remote_address: Some(boolean(true)),
        ..HttpConnectionManager::default()
    };
    let config = extension::http_connection_manager(&manager);
    let filter = Filter {
        name: "envoy.filters.network.http_connection_manager".to_owned(),
        config_type: Some(filter::ConfigType::TypedConfig(config)),
    };
    let chain = FilterChain {
        filters: vec![filter],
        transport_socket: folder.map(|folder| tls(folder, http2)),
        ..FilterChain::default()
    };
    Listener {
        name: format!("{door:?}"),
        address: Some(socket(ports::of(base, door))),
        filter_chains: vec![chain],
        ..Listener::default()
    }
}

fn tls(folder: &Path, http2: bool) -> TransportSocket {
    let file = |name: &str| {
        let specifier = Specifier::Filename(folder.join(name).display().to_string());
        Some(DataSource { specifier: Some(specifier), ..DataSource::default() })
    };
    let certificate = TlsCertificate {
        certificate_chain: file("certificate.pem"),
        private_key: file("key.pem"),
        ..TlsCertificate::default()
    };
    let common = CommonTlsContext {
        tls_certificates: vec![certificate],
        alpn_protocols: vec![if http2 { "h2" } else { "http/1.1" }.to_owned()],
        ..CommonTlsContext::default()
    };
    let context = DownstreamTlsContext { common_tls_context: Some(common), ..DownstreamTlsContext::default() };
    TransportSocket {
        name: "envoy.transport_sockets.tls".to_owned(),
        config_type: Some(transport_socket::ConfigType::TypedConfig(extension::downstream_tls(&context))),
    }
}

fn routes(http2: bool) -> RouteConfiguration {
    let weight = |(server, weight): (usize, u32)| ClusterWeight {
        name: cluster_name(server, http2),
        weight: Some(UInt32Value { value: weight }),
        ..ClusterWeight::default()
    };
    let weighted = WeightedCluster { clusters: [(0, 2), (1, 1)].map(weight).into(), ..WeightedCluster::default() };
    let action =
        RouteAction { cluster_specifier: Some(ClusterSpecifier::WeightedClusters(weighted)), ..RouteAction::default() };
    let prefix = RouteMatch { path_specifier: Some(PathSpecifier::Prefix("/".to_owned())), ..RouteMatch::default() };
    let route = Route { r#match: Some(prefix), action: Some(route::Action::Route(action)), ..Route::default() };
    let host = VirtualHost {
        name: "todo".to_owned(),
        domains: vec!["*".to_owned()],
        routes: vec![route],
        ..VirtualHost::default()
    };
    RouteConfiguration { name: "routes".to_owned(), virtual_hosts: vec![host], ..RouteConfiguration::default() }
}

fn cluster(name: &str, port: u16, http2: bool) -> Cluster {
    let endpoint = Endpoint { address: Some(socket(port)), ..Endpoint::default() };
    let host = LbEndpoint { host_identifier: Some(HostIdentifier::Endpoint(endpoint)), ..LbEndpoint::default() };
    let locality = LocalityLbEndpoints { lb_endpoints: vec![host], ..LocalityLbEndpoints::default() };
    let none = Some(UInt32Value { value: UNLIMITED });
    let limits = Thresholds {
        max_connections: none,
        max_pending_requests: none,
        max_requests: none,
        max_retries: none,
        ..Thresholds::default()
    };
    let mut cluster = Cluster {
        name: name.to_owned(),
        connect_timeout: Some(Duration { seconds: 1, nanos: 0 }),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Static as i32)),
        load_assignment: Some(ClusterLoadAssignment {
            cluster_name: name.to_owned(),
            endpoints: vec![locality],
            ..ClusterLoadAssignment::default()
        }),
        circuit_breakers: Some(CircuitBreakers { thresholds: vec![limits], ..CircuitBreakers::default() }),
        ..Cluster::default()
    };
    if http2 {
        let options = ProtocolConfig::Http2ProtocolOptions(Http2ProtocolOptions::default());
        let explicit = ExplicitHttpConfig { protocol_config: Some(options) };
        let options = HttpProtocolOptions {
            upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(explicit)),
            ..HttpProtocolOptions::default()
        };
        let packed = extension::http_protocol_options(&options);
        cluster.typed_extension_protocol_options.insert(HTTP_OPTIONS.to_owned(), packed);
    }
    cluster
}

fn socket(port: u16) -> Address {
    let socket = SocketAddress {
        address: "127.0.0.1".to_owned(),
        port_specifier: Some(PortSpecifier::PortValue(port.into())),
        ..SocketAddress::default()
    };
    Address { address: Some(address::Address::SocketAddress(socket)) }
}

fn boolean(value: bool) -> BoolValue {
    BoolValue { value }
}
