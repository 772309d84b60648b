//! Resources that the tests of sessions are about.

use envoy_types::pb::{
    envoy::config::{
        cluster::v3::{
            Cluster,
            cluster::{ClusterDiscoveryType, DiscoveryType},
        },
        endpoint::v3::ClusterLoadAssignment,
        listener::v3::{Filter, FilterChain, Listener, filter},
        route::v3::{
            Route, RouteAction, RouteConfiguration, VirtualHost, WeightedCluster, route, route_action,
            weighted_cluster::ClusterWeight,
        },
    },
    envoy::extensions::filters::network::{
        http_connection_manager::v3::{HttpConnectionManager, Rds, http_connection_manager},
        tcp_proxy::v3::{TcpProxy, tcp_proxy},
    },
    google::protobuf::{Any, Duration, UInt32Value},
};

use crate::{Builder, extension};

/// A cluster whose hosts come by xDS, and its hosts; `seconds` is what changes.
pub(super) fn cluster(builder: &mut Builder, name: &str, seconds: i64) {
    builder.cluster(&Cluster {
        name: name.to_owned(),
        connect_timeout: Some(Duration { seconds, nanos: 0 }),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds as i32)),
        ..Cluster::default()
    });
    builder.endpoints(&ClusterLoadAssignment { cluster_name: name.to_owned(), ..ClusterLoadAssignment::default() });
}

/// Routes that spread over clusters by weight.
pub(super) fn routes(builder: &mut Builder, name: &str, weights: &[(&str, u32)]) {
    let clusters = weights.iter().map(|(name, weight)| ClusterWeight {
        name: (*name).to_owned(),
        weight: Some(UInt32Value { value: *weight }),
        ..ClusterWeight::default()
    });
    let weighted = WeightedCluster { clusters: clusters.collect(), ..WeightedCluster::default() };
    let action = RouteAction {
        cluster_specifier: Some(route_action::ClusterSpecifier::WeightedClusters(weighted)),
        ..RouteAction::default()
    };
    let route = Route { action: Some(route::Action::Route(action)), ..Route::default() };
    let host = VirtualHost { name: name.to_owned(), routes: vec![route], ..VirtualHost::default() };
    builder.route(&RouteConfiguration {
        name: name.to_owned(),
        virtual_hosts: vec![host],
        ..RouteConfiguration::default()
    });
}

/// A listener that asks for routes by name.
pub(super) fn http_listener(builder: &mut Builder, name: &str, routes: &str) {
    let rds = Rds { route_config_name: routes.to_owned(), ..Rds::default() };
    let config = extension::http_connection_manager(&HttpConnectionManager {
        route_specifier: Some(http_connection_manager::RouteSpecifier::Rds(rds)),
        ..HttpConnectionManager::default()
    });
    listener_of(builder, name, config);
}

/// A listener that sends its bytes to a cluster.
pub(super) fn listener(builder: &mut Builder, name: &str, cluster: &str) {
    let config = extension::tcp_proxy(&TcpProxy {
        cluster_specifier: Some(tcp_proxy::ClusterSpecifier::Cluster(cluster.to_owned())),
        ..TcpProxy::default()
    });
    listener_of(builder, name, config);
}

fn listener_of(builder: &mut Builder, name: &str, config: Any) {
    let filter = Filter { config_type: Some(filter::ConfigType::TypedConfig(config)), ..Filter::default() };
    let chain = FilterChain { filters: vec![filter], ..FilterChain::default() };
    builder.listener(&Listener { name: name.to_owned(), filter_chains: vec![chain], ..Listener::default() });
}
