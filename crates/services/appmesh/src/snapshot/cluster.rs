//! Clusters: who requests go to, and how one finds out where they are and whether they are well.

use api::appmesh::{
    AwsCloudMapServiceDiscovery, DnsResponseType, DnsServiceDiscovery, HealthCheckPolicy, IpPreference, Listener,
    OutlierDetection, PortProtocol, ServiceDiscovery, VirtualNodeConnectionPool,
};
use xds::{
    extension,
    pb::envoy::{
        config::{
            cluster::v3::{
                CircuitBreakers, Cluster, OutlierDetection as Outliers,
                circuit_breakers::Thresholds,
                cluster::{ClusterDiscoveryType, DiscoveryType, DnsLookupFamily, EdsClusterConfig, LbPolicy},
            },
            core::v3::{
                HealthCheck, Http2ProtocolOptions,
                health_check::{GrpcHealthCheck, HealthChecker, HttpHealthCheck, TcpHealthCheck},
            },
            endpoint::v3::{
                ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint::HostIdentifier,
            },
        },
        extensions::upstreams::http::v3::{
            HttpProtocolOptions,
            http_protocol_options::{
                ExplicitHttpConfig, UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
            },
        },
        r#type::v3::CodecClientType,
    },
};

use super::{
    Client, Scene,
    names::{self, Direction},
    proto::{ads, boolean, duration, millis, socket, uint},
    tls,
};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT_MILLIS: u64 = 1000;
/// "Without limit", as App Mesh wrote it where nothing else is asked for.
const UNLIMITED: u32 = i32::MAX.cast_unsigned();
/// The key of a cluster's HTTP options.
const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// What every cluster has: a name, a time to connect, no limits.
fn base(name: &str, kind: DiscoveryType) -> Cluster {
    Cluster {
        name: name.to_owned(),
        connect_timeout: Some(millis(CONNECT_TIMEOUT_MILLIS)),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(kind as i32)),
        circuit_breakers: Some(breakers(None)),
        ..Cluster::default()
    }
}

/// The cluster of the application beside the proxy, behind `listener`; answers its name.
pub(super) fn application(scene: &mut Scene<'_>, listener: &Listener) -> String {
    let mapping = listener.port_mapping;
    let name = names::cluster(Direction::Ingress, &scene.mesh.name, scene.name, mapping.protocol, mapping.port);
    let mut cluster = base(&name, DiscoveryType::Static);
    cluster.load_assignment = Some(hosts(&name, &[scene.application()], mapping.port));
    cluster.circuit_breakers = Some(breakers(listener.connection_pool));
    speak(&mut cluster, mapping.protocol);
    scene.builder.cluster(&cluster);
    name
}

/// The cluster of the virtual node `node` behind its `listener`; answers its name, or none if nobody can find the node.
pub(super) fn node(scene: &mut Scene<'_>, client: Client<'_>, node: &str, listener: &Listener) -> Option<String> {
    let (mesh, mapping) = (scene.mesh, listener.port_mapping);
    let mut name = names::cluster(Direction::Egress, &mesh.name, node, mapping.protocol, mapping.port);
    if let Some(variant) = client.variant {
        name = format!("{name}_{variant}");
    }
    if let Some(apart) = client.apart {
        // No name of App Mesh's has a slash: who reads what a cluster and its variants have counted tells it by that.
        name = format!("{name}/{apart}");
    }
    let discovery = mesh.nodes.get(node).and_then(|spec| spec.service_discovery.as_ref());
    let (dns, map) = discovery.map(|found| (found.dns.as_ref(), found.aws_cloud_map.as_ref())).unwrap_or_default();
    let Some(host) = host_of(dns, map) else {
        scene.fault(None, format!("virtual node {node} has no service discovery, so nobody can find it"));
        return None;
    };
    let socket = match tls::upstream(scene, client.policy, listener, &host) {
        Ok(socket) => socket,
        Err(missing) => {
            scene.fault(None, format!("nothing is sent to {node} on port {}: {missing}", mapping.port));
            scene.builder.cluster(&nobody(&name));
            return Some(name);
        }
    };
    let mut cluster = match dns {
        Some(dns) => by_dns(scene, &name, dns, mapping.port),
        None => by_cloud_map(scene, &name, node, mapping.port),
    };
    cluster.transport_socket = socket;
    cluster.circuit_breakers = Some(breakers(client.pool));
    speak(&mut cluster, mapping.protocol);
    let check = listener.health_check.as_ref();
    cluster.health_checks = check.map(|check| health_check(check, &host, mapping.port)).into_iter().collect();
    cluster.outlier_detection = listener.outlier_detection.map(outliers);
    scene.builder.cluster(&cluster);
    Some(name)
}

/// A cluster without a host: what goes there is answered with 503 instead of being said where it must not be heard.
fn nobody(name: &str) -> Cluster {
    let mut cluster = base(name, DiscoveryType::Static);
    cluster.load_assignment = Some(hosts(name, &[], 0));
    cluster
}

/// The cluster of wherever the connection was going to anyway.
pub(super) fn original_destination(scene: &mut Scene<'_>, name: &str) {
    let mut cluster = base(name, DiscoveryType::OriginalDst);
    cluster.lb_policy = LbPolicy::ClusterProvided as i32;
    scene.builder.cluster(&cluster);
}

fn by_dns(scene: &Scene<'_>, name: &str, dns: &DnsServiceDiscovery, port: u32) -> Cluster {
    let kind = match dns.response_type {
        Some(DnsResponseType::Endpoints) => DiscoveryType::StrictDns,
        Some(DnsResponseType::LoadBalancer) | None => DiscoveryType::LogicalDns,
    };
    // The dot at the end keeps the resolver's search list out of it.
    let host = format!("{}.", dns.hostname.trim_end_matches('.'));
    let mut cluster = base(name, kind);
    cluster.load_assignment = Some(hosts(name, &[&host], port));
    cluster.dns_lookup_family = lookup_family(dns.ip_preference.or(mesh_preference(scene))) as i32;
    cluster
}

fn by_cloud_map(scene: &mut Scene<'_>, name: &str, node: &str, port: u32) -> Cluster {
    let instances = scene.mesh.instances.get(node).map(Vec::as_slice).unwrap_or_default();
    let instances: Vec<&str> = instances.iter().map(String::as_str).collect();
    scene.builder.endpoints(&hosts(name, &instances, port));
    let mut cluster = base(name, DiscoveryType::Eds);
    cluster.eds_cluster_config = Some(EdsClusterConfig { eds_config: Some(ads()), ..EdsClusterConfig::default() });
    // An instance that is no longer registered gets no more requests, whatever its health checks say.
    cluster.ignore_health_on_host_removal = true;
    cluster
}

/// The name that a virtual node is known by to those who find it.
fn host_of(dns: Option<&DnsServiceDiscovery>, map: Option<&AwsCloudMapServiceDiscovery>) -> Option<String> {
    let map = map.map(|map| format!("{}.{}", map.service_name, map.namespace_name));
    dns.map(|dns| dns.hostname.trim_end_matches('.').to_owned()).or(map)
}

fn mesh_preference(scene: &Scene<'_>) -> Option<IpPreference> {
    scene.mesh.spec.service_discovery.and_then(|discovery| discovery.ip_preference)
}

/// The family of addresses that a virtual node is found by, if it says so.
pub(super) fn preference(discovery: &ServiceDiscovery) -> Option<IpPreference> {
    let ServiceDiscovery { aws_cloud_map, dns } = discovery;
    let dns = dns.as_ref().and_then(|dns| dns.ip_preference);
    dns.or(aws_cloud_map.as_ref().and_then(|map| map.ip_preference))
}

/// Which addresses to ask for. App Mesh liked IPv6 better where nothing was said; where both are to be had they lead to
/// the same hosts, and IPv4 is the one that is always there.
fn lookup_family(preference: Option<IpPreference>) -> DnsLookupFamily {
    match preference {
        Some(IpPreference::Ipv6Only) => DnsLookupFamily::V6Only,
        Some(IpPreference::Ipv6Preferred) => DnsLookupFamily::Auto,
        Some(IpPreference::Ipv4Preferred) | None => DnsLookupFamily::V4Preferred,
        Some(IpPreference::Ipv4Only) => DnsLookupFamily::V4Only,
    }
}

fn hosts(cluster: &str, addresses: &[&str], port: u32) -> ClusterLoadAssignment {
    let hosts = addresses.iter().map(|address| {
        let endpoint = Endpoint { address: Some(socket(address, port)), ..Endpoint::default() };
        LbEndpoint { host_identifier: Some(HostIdentifier::Endpoint(endpoint)), ..LbEndpoint::default() }
    });
    let locality = LocalityLbEndpoints { lb_endpoints: hosts.collect(), ..LocalityLbEndpoints::default() };
    ClusterLoadAssignment {
        cluster_name: cluster.to_owned(),
        endpoints: vec![locality],
        ..ClusterLoadAssignment::default()
    }
}

/// Makes a cluster speak what its hosts do.
fn speak(cluster: &mut Cluster, protocol: PortProtocol) {
    if !matches!(protocol, PortProtocol::Http2 | PortProtocol::Grpc) {
        return;
    }
    let explicit = ExplicitHttpConfig {
        protocol_config: Some(ProtocolConfig::Http2ProtocolOptions(Http2ProtocolOptions::default())),
    };
    let options = HttpProtocolOptions {
        upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(explicit)),
        ..HttpProtocolOptions::default()
    };
    let options = extension::http_protocol_options(&options);
    cluster.typed_extension_protocol_options.insert(HTTP_OPTIONS.to_owned(), options);
}

/// How much may be under way at once.
fn breakers(pool: Option<VirtualNodeConnectionPool>) -> CircuitBreakers {
    let pool = pool.unwrap_or_default();
    let http2 = pool.http2.or(pool.grpc).map(|pool| pool.max_requests);
    let http = pool.http.map(|pool| pool.max_connections);
    let tcp = pool.tcp.map(|pool| pool.max_connections);
    let pending = pool.http.and_then(|pool| pool.max_pending_requests);
    let thresholds = Thresholds {
        max_connections: Some(uint(http.or(tcp).unwrap_or(UNLIMITED))),
        max_pending_requests: Some(uint(pending.unwrap_or(UNLIMITED))),
        max_requests: Some(uint(http2.unwrap_or(UNLIMITED))),
        max_retries: Some(uint(UNLIMITED)),
        ..Thresholds::default()
    };
    CircuitBreakers { thresholds: vec![thresholds], ..CircuitBreakers::default() }
}

/// The health check that clients run against the hosts of a listener on `port` of `host`.
fn health_check(check: &HealthCheckPolicy, host: &str, port: u32) -> HealthCheck {
    let checker = match check.protocol {
        PortProtocol::Http => HealthChecker::HttpHealthCheck(http_check(check, host, port, CodecClientType::Http1)),
        PortProtocol::Http2 => HealthChecker::HttpHealthCheck(http_check(check, host, port, CodecClientType::Http2)),
        PortProtocol::Grpc => HealthChecker::GrpcHealthCheck(GrpcHealthCheck::default()),
        PortProtocol::Tcp => HealthChecker::TcpHealthCheck(TcpHealthCheck::default()),
    };
    HealthCheck {
        timeout: Some(millis(check.timeout_millis)),
        interval: Some(millis(check.interval_millis)),
        unhealthy_threshold: Some(uint(check.unhealthy_threshold)),
        healthy_threshold: Some(uint(check.healthy_threshold)),
        alt_port: Some(uint(check.port.unwrap_or(port))),
        health_checker: Some(checker),
        ..HealthCheck::default()
    }
}

fn http_check(check: &HealthCheckPolicy, host: &str, port: u32, codec: CodecClientType) -> HttpHealthCheck {
    let path = check.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/");
    HttpHealthCheck {
        host: format!("{host}:{port}"),
        path: path.to_owned(),
        codec_client_type: codec as i32,
        ..HttpHealthCheck::default()
    }
}

/// When clients leave out a host: after server errors in a row, and for nothing else that Envoy would do by itself.
fn outliers(detection: OutlierDetection) -> Outliers {
    Outliers {
        consecutive_5xx: Some(uint(u32::try_from(detection.max_server_errors).unwrap_or(u32::MAX))),
        interval: Some(duration(detection.interval)),
        base_ejection_time: Some(duration(detection.base_ejection_duration)),
        max_ejection_percent: Some(uint(detection.max_ejection_percent)),
        enforcing_success_rate: Some(uint(0)),
        always_eject_one_host: Some(boolean(true)),
        ..Outliers::default()
    }
}
