//! The constraints of a virtual node's spec.

use api::appmesh::{
    AwsCloudMapServiceDiscovery, Duration, Listener, ListenerTimeout, OutlierDetection, PortProtocol, ServiceDiscovery,
    VirtualNodeConnectionPool, VirtualNodeSpec,
};

use super::{
    Checks,
    listener::{self, Pools},
    tls,
};

/// The backends a virtual node can have.
const BACKENDS_MAX: usize = 50;

/// The spec of a virtual node.
pub(crate) fn node(checks: &mut Checks, spec: &VirtualNodeSpec) {
    for (index, own) in spec.listeners.iter().enumerate() {
        let path = format!("spec.listeners.{}.member", index + 1);
        let earlier = spec.listeners[..index].iter().map(|earlier| earlier.port_mapping.port);
        listener::mapping(checks, &path, own.port_mapping, earlier);
        node_listener(checks, &path, own);
    }
    let found = spec.listeners.is_empty() || spec.service_discovery.is_some();
    checks.demand(found, "spec.serviceDiscovery", "must be specified if a listener is specified");
    if let Some(found) = &spec.service_discovery {
        discovery(checks, found);
    }
    checks.count("spec.backends", spec.backends.len(), 0, BACKENDS_MAX);
    for (index, backend) in spec.backends.iter().enumerate() {
        let path = format!("spec.backends.{}.member", index + 1);
        checks.one_of(&path, &[("virtualService", backend.virtual_service.is_some())]);
        if let Some(service) = &backend.virtual_service {
            checks.name(&format!("{path}.virtualService.virtualServiceName"), &service.virtual_service_name);
            tls::policy(checks, &format!("{path}.virtualService.clientPolicy"), service.client_policy.as_ref());
        }
    }
    if let Some(defaults) = &spec.backend_defaults {
        tls::policy(checks, "spec.backendDefaults.clientPolicy", defaults.client_policy.as_ref());
    }
    if let Some(given) = &spec.logging {
        listener::logging(checks, given);
    }
}

fn node_listener(checks: &mut Checks, path: &str, own: &Listener) {
    let protocol = own.port_mapping.protocol;
    if let Some(check) = &own.health_check {
        listener::health_check(checks, &format!("{path}.healthCheck"), check, own.port_mapping);
    }
    if let Some(detection) = &own.outlier_detection {
        outlier_detection(checks, &format!("{path}.outlierDetection"), detection);
    }
    if let Some(VirtualNodeConnectionPool { grpc, http, http2, tcp }) = own.connection_pool {
        let pools = Pools { grpc, http, http2, tcp };
        listener::connection_pool(checks, &format!("{path}.connectionPool"), &pools, protocol);
    }
    if let Some(given) = &own.timeout {
        timeout(checks, &format!("{path}.timeout"), given, protocol);
    }
    if let Some(given) = &own.tls {
        tls::listener(checks, &format!("{path}.tls"), given);
    }
}

fn outlier_detection(checks: &mut Checks, path: &str, detection: &OutlierDetection) {
    duration(checks, &format!("{path}.baseEjectionDuration"), detection.base_ejection_duration);
    duration(checks, &format!("{path}.interval"), detection.interval);
    checks.range(&format!("{path}.maxEjectionPercent"), detection.max_ejection_percent.into(), 0, 100);
    checks.range(&format!("{path}.maxServerErrors"), detection.max_server_errors, 1, i64::MAX.cast_unsigned());
}

/// A duration that must say both its value and its unit.
pub(super) fn duration(checks: &mut Checks, path: &str, duration: Duration) {
    checks.demand(duration.unit.is_some() && duration.value.is_some(), path, "must have a unit and a value");
    checks.range(&format!("{path}.value"), duration.value.unwrap_or(0), 0, i64::MAX.cast_unsigned());
}

fn timeout(checks: &mut Checks, path: &str, timeout: &ListenerTimeout, protocol: PortProtocol) {
    let ListenerTimeout { grpc, http, http2, tcp } = timeout;
    let given =
        [("grpc", grpc.is_some()), ("http", http.is_some()), ("http2", http2.is_some()), ("tcp", tcp.is_some())];
    listener::of_protocol(checks, path, &given, protocol);
    for (member, timeout) in [("grpc", grpc), ("http", http), ("http2", http2)] {
        if let Some(timeout) = timeout {
            super::route::timeouts(checks, &format!("{path}.{member}"), timeout.per_request, timeout.idle);
        }
    }
    if let Some(timeout) = tcp {
        super::route::timeouts(checks, &format!("{path}.tcp"), None, timeout.idle);
    }
}

fn discovery(checks: &mut Checks, discovery: &ServiceDiscovery) {
    let ServiceDiscovery { aws_cloud_map, dns } = discovery;
    let path = "spec.serviceDiscovery";
    checks.one_of(path, &[("awsCloudMap", aws_cloud_map.is_some()), ("dns", dns.is_some())]);
    if let Some(map) = aws_cloud_map {
        cloud_map(checks, &format!("{path}.awsCloudMap"), map);
    }
    if let Some(dns) = dns {
        checks.name(&format!("{path}.dns.hostname"), &dns.hostname);
    }
}

fn cloud_map(checks: &mut Checks, path: &str, map: &AwsCloudMapServiceDiscovery) {
    checks.length(&format!("{path}.namespaceName"), &map.namespace_name, 1, 1024);
    checks.length(&format!("{path}.serviceName"), &map.service_name, 1, 1024);
    for (index, attribute) in map.attributes.iter().enumerate() {
        let path = format!("{path}.attributes.{}.member", index + 1);
        checks.length(&format!("{path}.key"), &attribute.key, 1, 255);
        checks.length(&format!("{path}.value"), &attribute.value, 1, 1024);
        // The model's patterns: printable ASCII without a space, and in values spaces that do not stand at the ends.
        let graphic = |text: &str| text.chars().all(|character| ('!'..='~').contains(&character));
        checks.demand(graphic(&attribute.key), &format!("{path}.key"), "must be printable ASCII without spaces");
        let value = attribute.value.as_str();
        let inner = value.chars().all(|character| (' '..='~').contains(&character) || character == '\t');
        let fits = inner && value.trim() == value;
        checks.demand(
            fits,
            &format!("{path}.value"),
            "must be printable ASCII that neither begins nor ends with a space",
        );
    }
}
