//! Clusters and endpoints.

use std::{collections::BTreeMap, net::IpAddr};

use envoy_types::pb::envoy::config::{
    cluster::v3::{
        CircuitBreakers, Cluster as Proto,
        circuit_breakers::Thresholds,
        cluster::{ClusterDiscoveryType, CommonLbConfig, DiscoveryType, DnsLookupFamily, LbPolicy},
    },
    core::v3::{
        HealthCheck as CheckProto, RoutingPriority, address,
        health_check::{GrpcHealthCheck, HealthChecker, HttpHealthCheck},
        socket_address::PortSpecifier,
    },
    endpoint::v3::{
        ClusterLoadAssignment, Endpoint as EndpointProto, LocalityLbEndpoints, lb_endpoint::HostIdentifier,
    },
};
use envoy_types::pb::google::protobuf::Any;

use super::{Refusal, decode, outlier::outliers, protocol, refuse, strict::nothing_else, time, tls, translated};
use crate::model::{
    AddressFamily, CONNECT_TIMEOUT, Cluster, DNS_REFRESH, Discovery, Dns, Endpoint, HealthCheck, Limits,
    PANIC_THRESHOLD, Probe, ServerVersion,
};

/// What a cluster may have going on at once in Envoy where nothing is said: connections, requests that wait for one,
/// requests, and retries.
const CONNECTIONS_MAX: u32 = 1024;
const PENDING_MAX: u32 = 1024;
const REQUESTS_MAX: u32 = 1024;
const RETRIES_MAX: u32 = 3;

/// Where HTTP options of a cluster are.
const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// The clusters of a response.
pub(super) fn clusters(resources: &[Any]) -> Result<BTreeMap<String, Cluster>, Refusal> {
    translated("cluster", decode::<Proto>("cluster", resources)?, |cluster| &cluster.name, cluster)
}

/// The endpoints of a response, by service name.
pub(super) fn endpoints(resources: &[Any]) -> Result<BTreeMap<String, Vec<Endpoint>>, Refusal> {
    let assignments = decode::<ClusterLoadAssignment>("endpoints", resources)?;
    translated(
        "endpoints",
        assignments,
        |assignment| &assignment.cluster_name,
        |assignment| hosts(assignment)?.into_iter().map(Host::endpoint).collect(),
    )
}

#[expect(deprecated, reason = "they are cleared to see what else is set")]
fn only_known(proto: &Proto) -> Result<(), String> {
    let common = proto.common_lb_config.clone().unwrap_or_default();
    nothing_else(&CommonLbConfig { healthy_panic_threshold: None, ..common })?;
    let races = proto.dns_lookup_family == DnsLookupFamily::All as i32
        && proto.cluster_discovery_type == Some(ClusterDiscoveryType::Type(DiscoveryType::LogicalDns as i32));
    refuse(!races, "racing the addresses of both families (dns_lookup_family ALL with LOGICAL_DNS)")?;
    nothing_else(&Proto {
        name: String::new(),
        cluster_discovery_type: None,
        eds_cluster_config: None,
        load_assignment: None,
        connect_timeout: None,
        lb_policy: 0,
        common_lb_config: None,
        health_checks: Vec::new(),
        circuit_breakers: None,
        dns_refresh_rate: None,
        dns_lookup_family: 0,
        respect_dns_ttl: false,
        // Whether it has an effect depends on what it is for, and none of that is done here.
        metadata: None,
        // Buffers are small as they are, and no socket is kept for a host that is gone.
        per_connection_buffer_limit_bytes: None,
        ignore_health_on_host_removal: false,
        cleanup_interval: None,
        // A name that can't be looked up is looked up again as often as any other.
        dns_failure_refresh_rate: None,
        wait_for_warm_on_init: None,
        ..proto.clone()
    })
}

fn cluster(proto: &Proto) -> Result<Cluster, String> {
    let by_turns =
        proto.lb_policy == LbPolicy::RoundRobin as i32 || proto.lb_policy == LbPolicy::ClusterProvided as i32;
    refuse(by_turns, "a load balancing policy other than ROUND_ROBIN")?;
    let mut other_options = proto.typed_extension_protocol_options.clone();
    let options = other_options.remove(HTTP_OPTIONS);
    only_known(&Proto {
        transport_socket: None,
        outlier_detection: None,
        typed_extension_protocol_options: other_options,
        ..proto.clone()
    })?;
    let protocol = options.as_ref().map(protocol::of_cluster).transpose()?.unwrap_or_default();
    let limits = limits(proto, protocol.version != ServerVersion::Http1)?;
    let panic = proto.common_lb_config.as_ref().and_then(|config| config.healthy_panic_threshold);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a percentage")]
    let panic_threshold = panic.map_or(PANIC_THRESHOLD, |percent| percent.value.clamp(0.0, 100.0) as u32);
    Ok(Cluster {
        discovery: discovery(proto)?,
        connect_timeout: proto.connect_timeout.map_or(CONNECT_TIMEOUT, time),
        tls: tls::client(proto.transport_socket.as_ref())?.map(|tls| protocol::offered(tls, protocol.version)),
        protocol,
        health_checks: proto.health_checks.iter().map(health_check).collect::<Result<_, _>>()?,
        outliers: proto.outlier_detection.as_ref().map(outliers).transpose()?,
        limits,
        panic_threshold,
    })
}

fn discovery(proto: &Proto) -> Result<Discovery, String> {
    let Some(ClusterDiscoveryType::Type(kind)) = proto.cluster_discovery_type else {
        return Err("a cluster type of an extension is not supported by this proxy".to_owned());
    };
    let assigned = || proto.load_assignment.as_ref().map_or_else(|| Ok(Vec::new()), hosts);
    let kind = DiscoveryType::try_from(kind).map_err(|_| format!("cluster type {kind} is not known"))?;
    Ok(match kind {
        DiscoveryType::Static => {
            Discovery::Static(assigned()?.into_iter().map(Host::endpoint).collect::<Result<_, _>>()?)
        }
        DiscoveryType::StrictDns => Discovery::StrictDns(dns(proto, &assigned()?)?),
        DiscoveryType::LogicalDns => Discovery::LogicalDns(dns(proto, &assigned()?)?),
        DiscoveryType::OriginalDst => Discovery::OriginalDestination,
        DiscoveryType::Eds => {
            let named = proto.eds_cluster_config.as_ref().map(|config| config.service_name.clone());
            let named = named.filter(|name| !name.is_empty());
            Discovery::Eds { service_name: named.unwrap_or_else(|| proto.name.clone()) }
        }
    })
}

#[expect(deprecated, reason = "what replaced them is an extension that older control planes don't send")]
fn dns(proto: &Proto, hosts: &[Host]) -> Result<Dns, String> {
    let family = proto.dns_lookup_family;
    Ok(Dns {
        hosts: hosts.iter().map(|host| (host.address.clone(), host.port)).collect(),
        refresh: proto.dns_refresh_rate.map_or(DNS_REFRESH, time),
        respect_ttl: proto.respect_dns_ttl,
        family: match DnsLookupFamily::try_from(family) {
            Ok(DnsLookupFamily::Auto) => AddressFamily::V6Preferred,
            Ok(DnsLookupFamily::V4Only) => AddressFamily::V4Only,
            Ok(DnsLookupFamily::V6Only) => AddressFamily::V6Only,
            Ok(DnsLookupFamily::V4Preferred) => AddressFamily::V4Preferred,
            Ok(DnsLookupFamily::All) => AddressFamily::All,
            Err(_) => return Err(format!("dns_lookup_family {family} is not known")),
        },
    })
}

/// A host as it is written: a name or an address.
struct Host {
    address: String,
    port: u16,
    weight: u32,
    healthy: bool,
    hostname: Option<String>,
}

impl Host {
    fn endpoint(self) -> Result<Endpoint, String> {
        let address: IpAddr = self.address.parse().map_err(|_| format!("`{}` is no IP address", self.address))?;
        let address = (address, self.port).into();
        Ok(Endpoint { address, weight: self.weight, healthy: self.healthy, hostname: self.hostname })
    }
}

fn hosts(assignment: &ClusterLoadAssignment) -> Result<Vec<Host>, String> {
    nothing_else(&ClusterLoadAssignment { cluster_name: String::new(), endpoints: Vec::new(), ..assignment.clone() })?;
    for locality in &assignment.endpoints {
        // Where hosts are does not matter, and so neither does what share a place has.
        nothing_else(&LocalityLbEndpoints {
            lb_endpoints: Vec::new(),
            locality: None,
            metadata: None,
            load_balancing_weight: None,
            ..locality.clone()
        })?;
    }
    let mut hosts = Vec::new();
    for endpoint in assignment.endpoints.iter().flat_map(|locality| &locality.lb_endpoints) {
        let Some(HostIdentifier::Endpoint(host)) = &endpoint.host_identifier else {
            return Err("a named endpoint is not supported by this proxy".to_owned());
        };
        let (address, port) = socket(host)?;
        // UNKNOWN (0) and HEALTHY (1) take requests, DEGRADED (5) does when there is nobody better: here, too.
        let healthy = matches!(endpoint.health_status, 0 | 1 | 5);
        let weight = endpoint.load_balancing_weight.map_or(1, |weight| weight.value);
        let hostname = Some(host.hostname.clone()).filter(|name| !name.is_empty());
        hosts.push(Host { address, port, weight, healthy, hostname });
    }
    Ok(hosts)
}

fn socket(endpoint: &EndpointProto) -> Result<(String, u16), String> {
    nothing_else(&EndpointProto { address: None, hostname: String::new(), ..endpoint.clone() })?;
    let address = endpoint.address.as_ref().and_then(|address| address.address.as_ref());
    let Some(address::Address::SocketAddress(socket)) = address else {
        return Err("an address that is no socket address is not supported by this proxy".to_owned());
    };
    match socket.port_specifier {
        Some(PortSpecifier::PortValue(port)) => {
            let port = u16::try_from(port).map_err(|_| format!("port {port} is none"))?;
            Ok((socket.address.clone(), port))
        }
        _ => Err("a named port is not supported by this proxy".to_owned()),
    }
}

fn health_check(proto: &CheckProto) -> Result<HealthCheck, String> {
    nothing_else(&CheckProto {
        timeout: None,
        interval: None,
        unhealthy_threshold: None,
        healthy_threshold: None,
        alt_port: None,
        health_checker: None,
        // Checks are spread by when endpoints came, each has its own connection, and none is made more seldom.
        initial_jitter: None,
        interval_jitter: None,
        interval_jitter_percent: 0,
        reuse_connection: None,
        no_traffic_interval: None,
        no_traffic_healthy_interval: None,
        ..proto.clone()
    })?;
    let probe = match &proto.health_checker {
        Some(HealthChecker::HttpHealthCheck(http)) => {
            refuse(matches!(http.codec_client_type, 0 | 1), "an HTTP/3 health check")?;
            nothing_else(&HttpHealthCheck {
                host: String::new(),
                path: String::new(),
                expected_statuses: Vec::new(),
                codec_client_type: 0,
                ..http.clone()
            })?;
            let range = |range: &envoy_types::pb::envoy::r#type::v3::Int64Range| {
                let bound = |value: i64| u16::try_from(value).unwrap_or(u16::MAX);
                (bound(range.start), bound(range.end - 1))
            };
            let mut expected: Vec<(u16, u16)> = http.expected_statuses.iter().map(range).collect();
            if expected.is_empty() {
                expected.push((200, 200));
            }
            let http2 = http.codec_client_type == 1;
            Probe::Http { path: http.path.clone(), host: http.host.clone(), expected, http2 }
        }
        Some(HealthChecker::GrpcHealthCheck(grpc)) => {
            let rest = GrpcHealthCheck { service_name: String::new(), authority: String::new(), ..grpc.clone() };
            nothing_else(&rest)?;
            Probe::Grpc { service: grpc.service_name.clone(), authority: grpc.authority.clone() }
        }
        Some(HealthChecker::TcpHealthCheck(tcp)) => {
            nothing_else(tcp)?;
            Probe::Tcp
        }
        Some(_) => {
            return Err("a health check that is neither HTTP, gRPC nor TCP is not supported by this proxy".to_owned());
        }
        None => return Err("a health check without a checker".to_owned()),
    };
    let threshold =
        |value: Option<envoy_types::pb::google::protobuf::UInt32Value>| value.map_or(1, |value| value.value.max(1));
    let needed = |value: Option<envoy_types::pb::google::protobuf::Duration>, name: &str| {
        value.map(time).filter(|time| !time.is_zero()).ok_or_else(|| format!("a health check without {name}"))
    };
    let port = proto.alt_port.map(|port| port.value).filter(|port| *port > 0);
    Ok(HealthCheck {
        probe,
        timeout: needed(proto.timeout, "timeout")?,
        interval: needed(proto.interval, "interval")?,
        unhealthy_threshold: threshold(proto.unhealthy_threshold),
        healthy_threshold: threshold(proto.healthy_threshold),
        port: port.and_then(|port| u16::try_from(port).ok()),
    })
}

/// The limits of the default priority; what is as large as a limit can be is none, and what is not given is Envoy's.
///
/// `shared` is whether connections carry many requests at once. Of those there is one for each server and core, and one
/// more only when a server allows no more requests on it: Envoy lets a pool have its first connection whatever the limit
/// says, so that its default changes nothing there, and another limit is refused.
fn limits(proto: &Proto, shared: bool) -> Result<Limits, String> {
    const UNLIMITED: u32 = i32::MAX.cast_unsigned();
    let breakers = proto.circuit_breakers.clone().unwrap_or_default();
    nothing_else(&CircuitBreakers { thresholds: Vec::new(), ..breakers.clone() })?;
    let own = breakers.thresholds.iter().find(|one| one.priority == RoutingPriority::Default as i32).copied();
    let own = own.unwrap_or_default();
    nothing_else(&Thresholds {
        max_connections: None,
        max_pending_requests: None,
        max_requests: None,
        max_retries: None,
        ..own
    })?;
    let limit = |value: Option<envoy_types::pb::google::protobuf::UInt32Value>, default| {
        Some(value.map_or(default, |value| value.value)).filter(|value| *value < UNLIMITED)
    };
    let connections = limit(own.max_connections, CONNECTIONS_MAX);
    refuse(
        !shared || connections.is_none_or(|limit| limit == CONNECTIONS_MAX),
        "a limit of connections that speak HTTP/2",
    )?;
    Ok(Limits {
        connections: connections.filter(|_| !shared),
        pending: limit(own.max_pending_requests, PENDING_MAX),
        requests: limit(own.max_requests, REQUESTS_MAX),
        retries: limit(own.max_retries, RETRIES_MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uint(value: u32) -> envoy_types::pb::google::protobuf::UInt32Value {
        envoy_types::pb::google::protobuf::UInt32Value { value }
    }

    fn named(kind: DiscoveryType, family: DnsLookupFamily) -> Proto {
        Proto {
            cluster_discovery_type: Some(ClusterDiscoveryType::Type(kind as i32)),
            dns_lookup_family: family as i32,
            ..Proto::default()
        }
    }

    fn limited(thresholds: Thresholds) -> Proto {
        Proto {
            circuit_breakers: Some(CircuitBreakers { thresholds: vec![thresholds], ..CircuitBreakers::default() }),
            ..Proto::default()
        }
    }

    #[test]
    fn limits_are_envoys_where_nothing_is_said() {
        let all = Limits { connections: Some(1024), pending: Some(1024), requests: Some(1024), retries: Some(3) };
        assert_eq!(limits(&Proto::default(), false), Ok(all));
        assert_eq!(limits(&Proto::default(), true), Ok(Limits { connections: None, ..all }));
        let some =
            Thresholds { max_requests: Some(uint(7)), max_retries: Some(uint(u32::MAX)), ..Thresholds::default() };
        assert_eq!(limits(&limited(some), false), Ok(Limits { requests: Some(7), retries: None, ..all }));
        let none = i32::MAX.cast_unsigned();
        let unlimited = Thresholds {
            max_connections: Some(uint(none)),
            max_pending_requests: Some(uint(none)),
            max_requests: Some(uint(none)),
            max_retries: Some(uint(none)),
            ..Thresholds::default()
        };
        assert_eq!(limits(&limited(unlimited), true), Ok(Limits::default()));
        let few = Thresholds { max_connections: Some(uint(2)), ..Thresholds::default() };
        assert_eq!(limits(&limited(few), false).unwrap().connections, Some(2));
        assert!(limits(&limited(few), true).unwrap_err().contains("HTTP/2"));
    }

    #[test]
    fn names_are_looked_up_by_the_family_that_envoys_word_means() {
        for (word, wanted) in [
            (DnsLookupFamily::Auto, AddressFamily::V6Preferred),
            (DnsLookupFamily::V4Only, AddressFamily::V4Only),
            (DnsLookupFamily::V6Only, AddressFamily::V6Only),
            (DnsLookupFamily::V4Preferred, AddressFamily::V4Preferred),
            (DnsLookupFamily::All, AddressFamily::All),
        ] {
            let Discovery::StrictDns(dns) = cluster(&named(DiscoveryType::StrictDns, word)).unwrap().discovery else {
                panic!("{word:?}")
            };
            assert_eq!(dns.family, wanted, "{word:?}");
        }
        let races = cluster(&named(DiscoveryType::LogicalDns, DnsLookupFamily::All)).unwrap_err();
        assert!(races.contains("LOGICAL_DNS"), "{races}");
        assert!(
            cluster(&Proto { dns_lookup_family: 9, ..named(DiscoveryType::StrictDns, DnsLookupFamily::Auto) }).is_err()
        );
    }
}
