//! The constraints of a route's spec.

use api::appmesh::{
    Duration, GrpcRetryPolicy, GrpcRoute, HttpRetryPolicy, HttpRoute, RouteSpec, TcpRoute, WeightedTarget,
};

use super::{Checks, matching, node::duration};

/// The targets a route can have.
const TARGETS_MAX: usize = 10;
/// What the weights of a route's targets can add up to.
const WEIGHTS_MAX: u64 = 100;
/// Answers that can be tried again.
const HTTP_RETRY_EVENTS: [&str; 4] = ["server-error", "gateway-error", "client-error", "stream-error"];

/// The spec of a route.
pub(crate) fn route(checks: &mut Checks, spec: &RouteSpec) {
    let kinds = [
        ("grpcRoute", spec.grpc_route.is_some()),
        ("http2Route", spec.http2_route.is_some()),
        ("httpRoute", spec.http_route.is_some()),
        ("tcpRoute", spec.tcp_route.is_some()),
    ];
    checks.one_of("spec", &kinds);
    if let Some(priority) = spec.priority {
        checks.range("spec.priority", priority.into(), 0, 1000);
    }
    for (path, route) in [("spec.httpRoute", &spec.http_route), ("spec.http2Route", &spec.http2_route)] {
        if let Some(route) = route {
            http(checks, path, route);
        }
    }
    if let Some(route) = &spec.grpc_route {
        grpc(checks, route);
    }
    if let Some(route) = &spec.tcp_route {
        tcp(checks, route);
    }
}

fn http(checks: &mut Checks, path: &str, route: &HttpRoute) {
    targets(checks, path, &route.action.weighted_targets);
    let (matched, at) = (&route.r#match, format!("{path}.match"));
    checks.port(&format!("{at}.port"), matched.port);
    matching::path(checks, &at, matched.prefix.as_ref(), matched.path.as_ref());
    matching::headers(checks, &format!("{at}.headers"), matched.headers.as_deref());
    matching::query(checks, &format!("{at}.queryParameters"), matched.query_parameters.as_deref());
    if let Some(timeout) = route.timeout {
        timeouts(checks, &format!("{path}.timeout"), timeout.per_request, timeout.idle);
    }
    if let Some(policy) = &route.retry_policy {
        http_retry(checks, &format!("{path}.retryPolicy"), policy);
    }
}

fn grpc(checks: &mut Checks, route: &GrpcRoute) {
    let path = "spec.grpcRoute";
    targets(checks, path, &route.action.weighted_targets);
    let matched = &route.r#match;
    checks.port(&format!("{path}.match.port"), matched.port);
    if let Some(method) = &matched.method_name {
        checks.length(&format!("{path}.match.methodName"), method, 1, 50);
        let named = matched.service_name.is_some();
        checks.demand(named, &format!("{path}.match.serviceName"), "must be specified if a methodName is specified");
    }
    matching::headers(checks, &format!("{path}.match.metadata"), matched.metadata.as_deref());
    if let Some(timeout) = route.timeout {
        timeouts(checks, &format!("{path}.timeout"), timeout.per_request, timeout.idle);
    }
    if let Some(policy) = &route.retry_policy {
        grpc_retry(checks, &format!("{path}.retryPolicy"), policy);
    }
}

fn tcp(checks: &mut Checks, route: &TcpRoute) {
    let path = "spec.tcpRoute";
    targets(checks, path, &route.action.weighted_targets);
    checks.port(&format!("{path}.match.port"), route.r#match.and_then(|matched| matched.port));
    if let Some(timeout) = route.timeout {
        timeouts(checks, &format!("{path}.timeout"), None, timeout.idle);
    }
}

fn targets(checks: &mut Checks, path: &str, targets: &[WeightedTarget]) {
    let path = format!("{path}.action.weightedTargets");
    checks.count(&path, targets.len(), 1, TARGETS_MAX);
    for (index, target) in targets.iter().enumerate() {
        let path = format!("{path}.{}.member", index + 1);
        checks.name(&format!("{path}.virtualNode"), &target.virtual_node);
        checks.range(&format!("{path}.weight"), target.weight.into(), 0, WEIGHTS_MAX);
        checks.port(&format!("{path}.port"), target.port);
    }
    let sum: u64 = targets.iter().map(|target| u64::from(target.weight)).sum();
    let what = "has weights whose total must be less than or equal to 100";
    checks.demand(sum <= WEIGHTS_MAX, &path, what);
}

/// Timeouts, where they are given: each with value and unit.
pub(super) fn timeouts(checks: &mut Checks, path: &str, per_request: Option<Duration>, idle: Option<Duration>) {
    for (member, given) in [("perRequest", per_request), ("idle", idle)] {
        if let Some(given) = given {
            duration(checks, &format!("{path}.{member}"), given);
        }
    }
}

fn http_retry(checks: &mut Checks, path: &str, policy: &HttpRetryPolicy) {
    http_retry_events(checks, path, policy.http_retry_events.as_deref());
    let tcp = policy.tcp_retry_events.as_ref().map(Vec::len);
    retries(checks, path, policy.max_retries, policy.per_retry_timeout, tcp);
    let some = policy.http_retry_events.is_some() || tcp.is_some();
    checks.demand(some, path, "must have at least one retry event");
}

fn grpc_retry(checks: &mut Checks, path: &str, policy: &GrpcRetryPolicy) {
    http_retry_events(checks, path, policy.http_retry_events.as_deref());
    let tcp = policy.tcp_retry_events.as_ref().map(Vec::len);
    retries(checks, path, policy.max_retries, policy.per_retry_timeout, tcp);
    if let Some(events) = &policy.grpc_retry_events {
        checks.count(&format!("{path}.grpcRetryEvents"), events.len(), 1, 5);
    }
    let some = policy.http_retry_events.is_some() || policy.grpc_retry_events.is_some() || tcp.is_some();
    checks.demand(some, path, "must have at least one retry event");
}

fn retries(checks: &mut Checks, path: &str, max: u64, per_try: Duration, tcp_events: Option<usize>) {
    checks.range(&format!("{path}.maxRetries"), max, 0, u32::MAX.into());
    duration(checks, &format!("{path}.perRetryTimeout"), per_try);
    if let Some(count) = tcp_events {
        checks.count(&format!("{path}.tcpRetryEvents"), count, 1, 1);
    }
}

fn http_retry_events(checks: &mut Checks, path: &str, events: Option<&[String]>) {
    let Some(events) = events else { return };
    let path = format!("{path}.httpRetryEvents");
    checks.count(&path, events.len(), 1, 25);
    for (index, event) in events.iter().enumerate() {
        let path = format!("{path}.{}.member", index + 1);
        checks.length(&path, event, 1, 25);
        if !HTTP_RETRY_EVENTS.contains(&event.as_str()) {
            let set = HTTP_RETRY_EVENTS.join(", ");
            checks.fault(&path, event, format_args!("Member must satisfy enum value set: [{set}]"));
        }
    }
}
