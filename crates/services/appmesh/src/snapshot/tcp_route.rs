//! TCP routes: the shares of a port's connections.

use api::appmesh::{PortMapping, RouteSpec};
use xds::pb::envoy::extensions::filters::network::tcp_proxy::v3::{
    TcpProxy,
    tcp_proxy::{ClusterSpecifier, WeightedCluster, weighted_cluster::ClusterWeight},
};

use super::{
    Client, Scene,
    http_route::{self, Share},
    names::Direction,
    proto::duration,
};
use crate::plan::RouteName;

/// What becomes of connections to the port of `mapping`: the first route that is for it takes all. None if there is no such
/// route, or if nobody has a share in it: then the connection is closed.
pub(super) fn proxy(
    scene: &mut Scene<'_>,
    client: Client<'_>,
    mapping: PortMapping,
    all: &[(RouteName, RouteSpec)],
) -> Option<TcpProxy> {
    let mut fitting: Vec<_> = all.iter().filter(|(_, spec)| is_for(spec, mapping.port)).collect();
    fitting.sort_by_key(|(name, spec)| (spec.priority.unwrap_or(u32::MAX), name.route.clone()));
    let mut fitting = fitting.into_iter();
    let (name, spec) = fitting.next()?;
    for (other, _) in fitting {
        let text = format!("route {} takes every connection to port {}", name.route, mapping.port);
        scene.fault(Some(other), text);
    }
    scene.routes.insert(name.clone());
    let route = spec.tcp_route.as_ref()?;
    let clusters = http_route::weights(scene, client, name, mapping.protocol, &route.action.weighted_targets);
    // Envoy takes no weight of zero here.
    let clusters = clusters.into_iter().filter(|share| share.weight > 0);
    let clusters: Vec<_> = clusters
        .map(|Share { cluster: name, weight, .. }| ClusterWeight { name, weight, ..ClusterWeight::default() })
        .collect();
    (!clusters.is_empty()).then(|| TcpProxy {
        stat_prefix: Direction::Egress.as_str().to_owned(),
        cluster_specifier: Some(ClusterSpecifier::WeightedClusters(WeightedCluster { clusters })),
        idle_timeout: route.timeout.and_then(|timeout| timeout.idle).map(duration),
        ..TcpProxy::default()
    })
}

fn is_for(spec: &RouteSpec, port: u32) -> bool {
    let route = spec.tcp_route.as_ref();
    let asked = route.map(|route| route.r#match.and_then(|matched| matched.port));
    asked.is_some_and(|asked| asked.is_none_or(|asked| asked == port))
}
