//! The server as a real Envoy sees it.
#![allow(clippy::unnecessary_wraps, reason = "as the messages want them")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

mod support;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use support::{bodies, envoy::Envoy, node, serve, until, upstream};
use xds::{
    Cache, Kind, Node, Snapshot, extension,
    pb::{
        envoy::{
            config::{
                cluster::v3::{
                    Cluster,
                    cluster::{ClusterDiscoveryType, DiscoveryType, EdsClusterConfig},
                },
                core::v3::{
                    Address, AggregatedConfigSource, ApiVersion, ConfigSource, HealthCheck, SocketAddress, address,
                    config_source::ConfigSourceSpecifier,
                    health_check::{HealthChecker, HttpHealthCheck},
                    socket_address::PortSpecifier,
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
            extensions::filters::{
                http::router::v3::Router,
                network::http_connection_manager::v3::{
                    HttpConnectionManager, HttpFilter, Rds, http_connection_manager::RouteSpecifier, http_filter,
                },
            },
        },
        google::protobuf::{Duration, UInt32Value},
    },
};

const NODE: &str = "mesh/m/virtualNode/n";

fn by_id(node: &Node) -> Vec<String> {
    vec![node.id.clone()]
}

fn number(value: u32) -> Option<UInt32Value> {
    Some(UInt32Value { value })
}

fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

fn socket(address: &str, port: u16) -> Option<Address> {
    let socket = SocketAddress {
        address: address.to_owned(),
        port_specifier: Some(PortSpecifier::PortValue(port.into())),
        ..SocketAddress::default()
    };
    Some(Address { address: Some(address::Address::SocketAddress(socket)) })
}

fn ads() -> Option<ConfigSource> {
    Some(ConfigSource {
        resource_api_version: ApiVersion::V3 as i32,
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        // For ever: a cluster that is not warmed by us must show as one that never is.
        initial_fetch_timeout: seconds(0),
        ..ConfigSource::default()
    })
}

/// A mesh of one listener and a route over `targets`: name, address, weight. `timeout` changes the clusters.
fn mesh(targets: &[(&str, SocketAddr, u32)], timeout: i64) -> Snapshot {
    let mut builder = Snapshot::builder();
    for (name, address, _) in targets {
        let check = HttpHealthCheck { path: "/".to_owned(), ..HttpHealthCheck::default() };
        builder.cluster(&Cluster {
            name: (*name).to_owned(),
            connect_timeout: seconds(timeout),
            cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds as i32)),
            eds_cluster_config: Some(EdsClusterConfig { eds_config: ads(), ..EdsClusterConfig::default() }),
            health_checks: vec![HealthCheck {
                timeout: seconds(2),
                interval: seconds(5),
                unhealthy_threshold: number(2),
                healthy_threshold: number(2),
                health_checker: Some(HealthChecker::HttpHealthCheck(check)),
                ..HealthCheck::default()
            }],
            ..Cluster::default()
        });
        let endpoint = Endpoint { address: socket("127.0.0.1", address.port()), ..Endpoint::default() };
        let host = LbEndpoint { host_identifier: Some(HostIdentifier::Endpoint(endpoint)), ..LbEndpoint::default() };
        builder.endpoints(&ClusterLoadAssignment {
            cluster_name: (*name).to_owned(),
            endpoints: vec![LocalityLbEndpoints { lb_endpoints: vec![host], ..LocalityLbEndpoints::default() }],
            ..ClusterLoadAssignment::default()
        });
    }
    builder.route(&routes(targets)).listener(&listener()).build()
}

fn routes(targets: &[(&str, SocketAddr, u32)]) -> RouteConfiguration {
    let clusters = targets.iter().map(|(name, _, weight)| ClusterWeight {
        name: (*name).to_owned(),
        weight: number(*weight),
        ..ClusterWeight::default()
    });
    let weighted = WeightedCluster { clusters: clusters.collect(), ..WeightedCluster::default() };
    let action = RouteAction {
        cluster_specifier: Some(ClusterSpecifier::WeightedClusters(weighted)),
        timeout: seconds(15),
        ..RouteAction::default()
    };
    let path = RouteMatch { path_specifier: Some(PathSpecifier::Prefix("/".to_owned())), ..RouteMatch::default() };
    let route = Route { r#match: Some(path), action: Some(route::Action::Route(action)), ..Route::default() };
    let host = VirtualHost {
        name: "api".to_owned(),
        domains: vec!["api.local".to_owned()],
        routes: vec![route],
        ..VirtualHost::default()
    };
    RouteConfiguration { name: "routes".to_owned(), virtual_hosts: vec![host], ..RouteConfiguration::default() }
}

fn listener() -> Listener {
    let router = http_filter::ConfigType::TypedConfig(extension::router(&Router::default()));
    let manager = extension::http_connection_manager(&HttpConnectionManager {
        stat_prefix: "egress".to_owned(),
        route_specifier: Some(RouteSpecifier::Rds(Rds {
            config_source: ads(),
            route_config_name: "routes".to_owned(),
        })),
        http_filters: vec![HttpFilter {
            name: "envoy.filters.http.router".to_owned(),
            config_type: Some(router),
            ..HttpFilter::default()
        }],
        ..HttpConnectionManager::default()
    });
    let filter = Filter {
        name: "envoy.filters.network.http_connection_manager".to_owned(),
        config_type: Some(filter::ConfigType::TypedConfig(manager)),
    };
    Listener {
        name: "egress".to_owned(),
        address: socket("127.0.0.1", 0),
        filter_chains: vec![FilterChain { filters: vec![filter], ..FilterChain::default() }],
        ..Listener::default()
    }
}

/// Whether every connected proxy has acknowledged `revision`.
fn at(revision: u64) -> impl Fn(&[Arc<xds::ProxyState>]) -> bool {
    move |proxies| !proxies.is_empty() && proxies.iter().all(|proxy| proxy.revision() == revision)
}

async fn follows(delta: bool) {
    let (one, two) = (upstream("one").await, upstream("two").await);
    let cache = Cache::new(by_id);
    let first = cache.set(&node(NODE), mesh(&[("v1", one, 1)], 1));
    let envoy = Envoy::start(NODE, serve(&cache).await, delta).await;
    let proxies = until(&cache, NODE, at(first)).await;
    assert_eq!(proxies[0].node.metadata["task"], "arn:task");
    assert!(envoy.is_live().await);
    let egress = envoy.listener("egress").await;
    assert_eq!(bodies(egress, "api.local", 20).await, BTreeMap::from([("200 one".to_owned(), 20)]));

    let set = async |snapshot| {
        let revision = cache.set(&node(NODE), snapshot);
        until(&cache, NODE, at(revision)).await;
    };
    set(mesh(&[("v1", one, 2), ("v2", two, 1)], 1)).await;
    let split = bodies(egress, "api.local", 300).await;
    assert!((60..140).contains(&split["200 two"]) && split.len() == 2, "{split:?}");
    set(mesh(&[("v1", one, 0), ("v2", two, 1)], 1)).await;
    assert_eq!(bodies(egress, "api.local", 20).await, BTreeMap::from([("200 two".to_owned(), 20)]));
    // Changed clusters warm up only if their hosts come behind them; without, this waits for ever.
    set(mesh(&[("v1", one, 1), ("v2", two, 1)], 2)).await;
    set(mesh(&[("v2", two, 1)], 2)).await;
    assert_eq!(bodies(egress, "api.local", 20).await, BTreeMap::from([("200 two".to_owned(), 20)]));
    assert!(!envoy.admin("/clusters").await.contains("v1::"), "the cluster that nobody uses is still there");
}

#[tokio::test]
async fn an_envoy_follows_every_change() {
    follows(false).await;
}

#[tokio::test]
async fn an_envoy_that_speaks_delta_follows_every_change() {
    follows(true).await;
}

#[tokio::test]
async fn what_an_envoy_refuses_leaves_its_traffic_as_it_was() {
    let (one, two) = (upstream("one").await, upstream("two").await);
    let cache = Cache::new(by_id);
    let good = cache.set(&node(NODE), mesh(&[("v1", one, 1), ("v2", two, 0)], 1));
    let envoy = Envoy::start(NODE, serve(&cache).await, false).await;
    until(&cache, NODE, at(good)).await;
    let egress = envoy.listener("egress").await;
    cache.set(&node(NODE), mesh(&[("v1", one, 0), ("v2", two, 0)], 1));
    let refused = |proxies: &[Arc<xds::ProxyState>]| proxies.iter().any(|proxy| proxy.refusals().next().is_some());
    let proxies = until(&cache, NODE, refused).await;
    let (kind, refusal) = proxies[0].refusals().next().unwrap();
    assert_eq!((kind, refusal.resources.as_slice()), (Kind::Route, ["routes".to_owned()].as_slice()));
    assert!(refusal.reason.contains("greater than 0"), "{}", refusal.reason);
    assert_eq!(bodies(egress, "api.local", 20).await, BTreeMap::from([("200 one".to_owned(), 20)]));
    let mended = cache.set(&node(NODE), mesh(&[("v1", one, 0), ("v2", two, 1)], 1));
    until(&cache, NODE, at(mended)).await;
    assert_eq!(bodies(egress, "api.local", 20).await, BTreeMap::from([("200 two".to_owned(), 20)]));
}

#[tokio::test]
async fn no_request_fails_while_clusters_come_and_go() {
    let (one, two) = (upstream("one").await, upstream("two").await);
    let cache = Cache::new(by_id);
    let first = cache.set(&node(NODE), mesh(&[("v1", one, 1)], 1));
    let envoy = Envoy::start(NODE, serve(&cache).await, false).await;
    until(&cache, NODE, at(first)).await;
    let egress = envoy.listener("egress").await;
    let load = tokio::spawn(async move {
        let mut counts = BTreeMap::new();
        for _ in 0..1500 {
            let (status, body) = support::get(egress, "api.local", "/").await.unwrap();
            *counts.entry(format!("{status} {body}")).or_insert(0) += 1;
        }
        counts
    });
    while !load.is_finished() {
        for targets in [&[("v1", one, 1), ("v2", two, 1)][..], &[("v2", two, 1)], &[("v1", one, 1)]] {
            let revision = cache.set(&node(NODE), mesh(targets, 1));
            until(&cache, NODE, at(revision)).await;
        }
    }
    let counts = load.await.unwrap();
    assert_eq!(counts.values().sum::<i32>(), 1500);
    assert!(counts.keys().all(|answer| answer.starts_with("200")), "{counts:?}");
}
