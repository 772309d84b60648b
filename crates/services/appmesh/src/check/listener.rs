//! The constraints of what listeners of virtual nodes and of virtual gateways have in common.

use api::appmesh::{
    HealthCheckPolicy, Logging, LoggingFormat, PortMapping, PortProtocol, VirtualNodeGrpcConnectionPool,
    VirtualNodeHttp2ConnectionPool, VirtualNodeHttpConnectionPool, VirtualNodeTcpConnectionPool,
};

use super::Checks;

/// A listener's port, which no other of `earlier` may have.
pub(super) fn mapping(checks: &mut Checks, path: &str, own: PortMapping, earlier: impl IntoIterator<Item = u32>) {
    checks.port(&format!("{path}.portMapping.port"), Some(own.port));
    let free = earlier.into_iter().all(|port| port != own.port);
    checks.demand(free, path, "has the port of another listener");
}

/// A health check of the listener at `listener`.
pub(super) fn health_check(checks: &mut Checks, path: &str, check: &HealthCheckPolicy, listener: PortMapping) {
    checks.range(&format!("{path}.healthyThreshold"), check.healthy_threshold.into(), 2, 10);
    checks.range(&format!("{path}.unhealthyThreshold"), check.unhealthy_threshold.into(), 2, 10);
    checks.range(&format!("{path}.intervalMillis"), check.interval_millis, 5000, 300_000);
    checks.range(&format!("{path}.timeoutMillis"), check.timeout_millis, 2000, 60_000);
    checks.port(&format!("{path}.port"), check.port);
    let same = check.port.is_none_or(|port| port == listener.port);
    checks.demand(same, &format!("{path}.port"), "must be the port of the listener's port mapping");
}

/// The members of a union of connection pools.
#[derive(Default)]
pub(super) struct Pools {
    pub(super) grpc: Option<VirtualNodeGrpcConnectionPool>,
    pub(super) http: Option<VirtualNodeHttpConnectionPool>,
    pub(super) http2: Option<VirtualNodeHttp2ConnectionPool>,
    pub(super) tcp: Option<VirtualNodeTcpConnectionPool>,
}

/// A connection pool of a listener of `protocol`.
pub(super) fn connection_pool(checks: &mut Checks, path: &str, pools: &Pools, protocol: PortProtocol) {
    let Pools { grpc, http, http2, tcp } = pools;
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

/// A union of which the member of the listener's protocol must be given.
pub(super) fn of_protocol(checks: &mut Checks, path: &str, members: &[(&str, bool)], protocol: PortProtocol) {
    checks.one_of(path, members);
    let other = members.iter().any(|(name, given)| *given && *name != protocol.as_str());
    checks.demand(!other, path, "must be of the protocol of the listener's port mapping");
}

/// What a virtual node or a virtual gateway logs.
pub(super) fn logging(checks: &mut Checks, logging: &Logging) {
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
