//! One resource of a snapshot: its bytes, its version, and which clusters it needs.

use std::collections::BTreeSet;

use bytes::Bytes;
use envoy_types::pb::{
    envoy::{
        config::{
            cluster::v3::{
                Cluster,
                cluster::{ClusterDiscoveryType, DiscoveryType},
            },
            endpoint::v3::ClusterLoadAssignment,
            listener::v3::{Filter, Listener, filter},
            route::v3::{RouteConfiguration, route, route_action},
        },
        extensions::{
            filters::network::{
                http_connection_manager::v3::{HttpConnectionManager, http_connection_manager::RouteSpecifier},
                tcp_proxy::v3::{TcpProxy, tcp_proxy},
            },
            transport_sockets::tls::v3::Secret,
        },
    },
    google::protobuf::Any,
};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::extension;

/// The kinds of resources, in the order in which they are made: what comes later may need what comes before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A group of hosts that requests can go to.
    Cluster,
    /// The hosts of a cluster that is told them by xDS.
    Endpoint,
    /// A certificate, a key or a trust bundle.
    Secret,
    /// A socket and what is done with its connections.
    Listener,
    /// Where HTTP requests go.
    Route,
}

impl Kind {
    /// All kinds, in order.
    pub const ALL: [Self; 5] = [Self::Cluster, Self::Endpoint, Self::Secret, Self::Listener, Self::Route];

    /// The type URL on the wire.
    pub const fn url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoint => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Secret => "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Route => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        }
    }

    /// The kind of a type URL.
    pub fn of_url(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.url() == url)
    }

    /// Whether a proxy asks for all of them instead of by name.
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Cluster | Self::Listener)
    }

    /// Its place in [`Kind::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// One resource, encoded once for all who are sent it.
#[derive(Debug)]
pub struct Resource {
    name: String,
    version: String,
    /// The encoded `google.protobuf.Any` around the message.
    packed: Bytes,
    clusters: BTreeSet<String>,
    routes: BTreeSet<String>,
    endpoints: Option<String>,
    remembered: bool,
}

impl Resource {
    pub(crate) fn cluster(cluster: &Cluster) -> Self {
        let by_xds = matches!(
            cluster.cluster_discovery_type,
            Some(ClusterDiscoveryType::Type(kind)) if kind == DiscoveryType::Eds as i32
        );
        let service = cluster.eds_cluster_config.as_ref().map(|config| config.service_name.clone());
        let endpoints = by_xds.then(|| service.filter(|name| !name.is_empty()).unwrap_or_else(|| cluster.name.clone()));
        Self { endpoints, ..Self::new(cluster.name.clone(), Kind::Cluster, cluster.encode_to_vec()) }
    }

    pub(crate) fn endpoints(assignment: &ClusterLoadAssignment) -> Self {
        Self::new(assignment.cluster_name.clone(), Kind::Endpoint, assignment.encode_to_vec())
    }

    pub(crate) fn secret(secret: &Secret) -> Self {
        Self::new(secret.name.clone(), Kind::Secret, secret.encode_to_vec())
    }

    pub(crate) fn listener(listener: &Listener) -> Self {
        let chains = listener.filter_chains.iter().chain(&listener.default_filter_chain);
        let (mut clusters, mut routes) = (BTreeSet::new(), BTreeSet::new());
        for filter in chains.flat_map(|chain| &chain.filters) {
            let needs = Needs::of(filter);
            clusters.extend(needs.clusters);
            routes.extend(needs.routes);
        }
        Self { clusters, routes, ..Self::new(listener.name.clone(), Kind::Listener, listener.encode_to_vec()) }
    }

    pub(crate) fn route(routes: &RouteConfiguration) -> Self {
        let clusters = clusters_of_routes(routes).collect();
        Self { clusters, ..Self::new(routes.name.clone(), Kind::Route, routes.encode_to_vec()) }
    }

    /// A resource of which only name and version are known: what a proxy says it has from before.
    pub(crate) fn remembered(name: String, version: String) -> Self {
        let (clusters, routes) = (BTreeSet::new(), BTreeSet::new());
        Self { name, version, packed: Bytes::new(), clusters, routes, endpoints: None, remembered: true }
    }

    fn new(name: String, kind: Kind, value: Vec<u8>) -> Self {
        let version = fingerprint(&[&value]);
        let packed = Any { type_url: kind.url().to_owned(), value }.encode_to_vec().into();
        let (clusters, routes) = (BTreeSet::new(), BTreeSet::new());
        Self { name, version, packed, clusters, routes, endpoints: None, remembered: false }
    }

    /// The name, unique in its kind.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A fingerprint of its content: equal content has equal versions, in every process.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The message, as it is packed in a response.
    pub fn body(&self) -> Any {
        Any::decode(self.packed.clone()).expect("it was encoded here")
    }

    /// The bytes of [`Resource::body`], shared by all responses that hold it.
    pub(crate) fn packed(&self) -> &Bytes {
        &self.packed
    }

    /// Whether nothing but its name and version is known.
    pub(crate) fn is_remembered(&self) -> bool {
        self.remembered
    }

    /// The clusters that must be there before it.
    pub(crate) fn clusters(&self) -> &BTreeSet<String> {
        &self.clusters
    }

    /// Of a listener: the route configurations it asks for by name.
    pub(crate) fn routes(&self) -> &BTreeSet<String> {
        &self.routes
    }

    /// Of a cluster whose hosts come by xDS: the name they come under.
    pub(crate) fn endpoints_name(&self) -> Option<&str> {
        self.endpoints.as_deref()
    }
}

/// The first 128 bits of SHA-256 over `parts`, each ended so that two lists never run together.
pub(crate) fn fingerprint<P: AsRef<[u8]>>(parts: &[P]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.as_ref().len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..16])
}

/// What a listener's filter refers to.
#[derive(Default)]
struct Needs {
    clusters: Vec<String>,
    routes: Option<String>,
}

impl Needs {
    fn of(filter: &Filter) -> Self {
        let Some(filter::ConfigType::TypedConfig(config)) = &filter.config_type else { return Self::default() };
        if config.type_url == extension::TCP_PROXY {
            let proxy = TcpProxy::decode(config.value.as_slice()).unwrap_or_default();
            return Self { clusters: clusters_of_tcp_proxy(&proxy), routes: None };
        }
        if config.type_url != extension::HTTP_CONNECTION_MANAGER {
            return Self::default();
        }
        let manager = HttpConnectionManager::decode(config.value.as_slice()).unwrap_or_default();
        match manager.route_specifier {
            Some(RouteSpecifier::RouteConfig(routes)) => {
                Self { clusters: clusters_of_routes(&routes).collect(), routes: None }
            }
            Some(RouteSpecifier::Rds(rds)) => Self { clusters: Vec::new(), routes: Some(rds.route_config_name) },
            _ => Self::default(),
        }
    }
}

fn clusters_of_tcp_proxy(proxy: &TcpProxy) -> Vec<String> {
    match &proxy.cluster_specifier {
        Some(tcp_proxy::ClusterSpecifier::Cluster(name)) => vec![name.clone()],
        Some(tcp_proxy::ClusterSpecifier::WeightedClusters(weighted)) => {
            weighted.clusters.iter().map(|cluster| cluster.name.clone()).collect()
        }
        None => Vec::new(),
    }
}

fn clusters_of_routes(routes: &RouteConfiguration) -> impl Iterator<Item = String> {
    let routes = routes.virtual_hosts.iter().flat_map(|host| &host.routes);
    routes.flat_map(|route| match &route.action {
        Some(route::Action::Route(action)) => match &action.cluster_specifier {
            Some(route_action::ClusterSpecifier::Cluster(name)) => vec![name.clone()],
            Some(route_action::ClusterSpecifier::WeightedClusters(weighted)) => {
                weighted.clusters.iter().map(|cluster| cluster.name.clone()).collect()
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_its_url_and_in_its_place() {
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(Kind::of_url(kind.url()), Some(kind));
            assert_eq!(kind.index(), index);
        }
        assert_eq!(Kind::of_url("type.googleapis.com/envoy.api.v2.Cluster"), None);
    }

    #[test]
    fn what_is_packed_is_the_message_with_its_type() {
        let cluster = Cluster { name: "c".to_owned(), ..Cluster::default() };
        let body = Resource::cluster(&cluster).body();
        assert_eq!(body.type_url, Kind::Cluster.url());
        assert_eq!(Cluster::decode(body.value.as_slice()).unwrap(), cluster);
    }

    #[test]
    fn parts_do_not_run_together_in_a_fingerprint() {
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
        assert_eq!(fingerprint(&["ab"]).len(), 32);
    }
}
