//! The constraints of a virtual node's spec.

use api::appmesh::{
    AwsCloudMapServiceDiscovery, ClientPolicy, Duration, HealthCheckPolicy, Listener, ListenerTimeout, ListenerTls,
    ListenerTlsMode, Logging, LoggingFormat, OutlierDetection, PortProtocol, ServiceDiscovery,
    VirtualNodeConnectionPool, VirtualNodeSpec,
};

use super::Checks;

/// The backends a virtual node can have.
const BACKENDS_MAX: usize = 50;

/// The spec of a virtual node.
pub(crate) fn node(checks: &mut Checks, spec: &VirtualNodeSpec) {
    for (index, own) in spec.listeners.iter().enumerate() {
        let path = format!("spec.listeners.{}.member", index + 1);
        listener(checks, &path, own);
        let mut earlier = spec.listeners[..index].iter().map(|earlier| earlier.port_mapping.port);
        checks.demand(earlier.all(|port| port != own.port_mapping.port), &path, "has the port of another listener");
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
            policy(checks, &format!("{path}.virtualService.clientPolicy"), service.client_policy.as_ref());
        }
    }
    if let Some(defaults) = &spec.backend_defaults {
        policy(checks, "spec.backendDefaults.clientPolicy", defaults.client_policy.as_ref());
    }
    if let Some(given) = &spec.logging {
        logging(checks, given);
    }
}

fn listener(checks: &mut Checks, path: &str, listener: &Listener) {
    let protocol = listener.port_mapping.protocol;
    checks.range(&format!("{path}.portMapping.port"), listener.port_mapping.port.into(), 1, 65535);
    if let Some(check) = &listener.health_check {
        health_check(checks, &format!("{path}.healthCheck"), check);
    }
    if let Some(detection) = &listener.outlier_detection {
        outlier_detection(checks, &format!("{path}.outlierDetection"), detection);
    }
    if let Some(pool) = &listener.connection_pool {
        connection_pool(checks, &format!("{path}.connectionPool"), pool, protocol);
    }
    if let Some(given) = &listener.timeout {
        timeout(checks, &format!("{path}.timeout"), given, protocol);
    }
    if let Some(given) = &listener.tls {
        tls(checks, &format!("{path}.tls"), given);
    }
}

fn health_check(checks: &mut Checks, path: &str, check: &HealthCheckPolicy) {
    checks.range(&format!("{path}.healthyThreshold"), check.healthy_threshold.into(), 2, 10);
    checks.range(&format!("{path}.unhealthyThreshold"), check.unhealthy_threshold.into(), 2, 10);
    checks.range(&format!("{path}.intervalMillis"), check.interval_millis, 5000, 300_000);
    checks.range(&format!("{path}.timeoutMillis"), check.timeout_millis, 2000, 60_000);
    if let Some(port) = check.port {
        checks.range(&format!("{path}.port"), port.into(), 1, 65535);
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

fn connection_pool(checks: &mut Checks, path: &str, pool: &VirtualNodeConnectionPool, protocol: PortProtocol) {
    let VirtualNodeConnectionPool { grpc, http, http2, tcp } = pool;
    let given =
        [("grpc", grpc.is_some()), ("http", http.is_some()), ("http2", http2.is_some()), ("tcp", tcp.is_some())];
    of_protocol(checks, path, &given, protocol);
    let counts = [
        ("grpc.maxRequests", grpc.map(|pool| pool.max_requests)),
        ("http.maxConnections", http.map(|pool| pool.max_connections)),
        ("http.maxPendingRequests", http.and_then(|pool| pool.max_pending_requests)),
        ("http2.maxRequests", http2.map(|pool| pool.max_requests)),
        ("tcp.maxConnections", tcp.map(|pool| pool.max_connections)),
    ];
    for (member, count) in counts {
        if let Some(count) = count {
            checks.range(&format!("{path}.{member}"), count.into(), 1, i32::MAX.cast_unsigned().into());
        }
    }
}

fn timeout(checks: &mut Checks, path: &str, timeout: &ListenerTimeout, protocol: PortProtocol) {
    let ListenerTimeout { grpc, http, http2, tcp } = timeout;
    let given =
        [("grpc", grpc.is_some()), ("http", http.is_some()), ("http2", http2.is_some()), ("tcp", tcp.is_some())];
    of_protocol(checks, path, &given, protocol);
    for (member, timeout) in [("grpc", grpc), ("http", http), ("http2", http2)] {
        if let Some(timeout) = timeout {
            super::route::timeouts(checks, &format!("{path}.{member}"), timeout.per_request, timeout.idle);
        }
    }
    if let Some(timeout) = tcp {
        super::route::timeouts(checks, &format!("{path}.tcp"), None, timeout.idle);
    }
}

/// A union of which the member of the listener's protocol must be given.
fn of_protocol(checks: &mut Checks, path: &str, members: &[(&str, bool)], protocol: PortProtocol) {
    checks.one_of(path, members);
    let other = members.iter().any(|(name, given)| *given && *name != protocol.as_str());
    checks.demand(!other, path, "must be of the protocol of the listener's port mapping");
}

fn tls(checks: &mut Checks, path: &str, tls: &ListenerTls) {
    let certificate = &tls.certificate;
    let members =
        [("acm", certificate.acm.is_some()), ("file", certificate.file.is_some()), ("sds", certificate.sds.is_some())];
    checks.one_of(&format!("{path}.certificate"), &members);
    checks.unsupported(tls.mode != ListenerTlsMode::Disabled, path);
}

fn policy(checks: &mut Checks, path: &str, policy: Option<&ClientPolicy>) {
    checks.unsupported(policy.is_some_and(|policy| policy.tls.is_some()), &format!("{path}.tls"));
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

fn logging(checks: &mut Checks, logging: &Logging) {
    let Some(log) = &logging.access_log else { return };
    let path = "spec.logging.accessLog";
    checks.one_of(path, &[("file", log.file.is_some())]);
    let Some(file) = &log.file else { return };
    checks.length(&format!("{path}.file.path"), &file.path, 1, 255);
    let Some(LoggingFormat { json, text }) = &file.format else { return };
    let path = format!("{path}.file.format");
    checks.one_of(&path, &[("json", json.is_some()), ("text", text.is_some())]);
    if let Some(text) = text {
        checks.length(&format!("{path}.text"), text, 1, 1000);
    }
    for (index, member) in json.iter().flatten().enumerate() {
        let path = format!("{path}.json.{}.member", index + 1);
        checks.length(&format!("{path}.key"), &member.key, 1, 100);
        checks.length(&format!("{path}.value"), &member.value, 1, 100);
    }
}
