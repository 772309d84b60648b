//! The constraints of the specs of a virtual gateway and of its routes.

use api::appmesh::{
    GatewayRouteHostnameMatch, GatewayRouteSpec, GatewayRouteTarget, GrpcGatewayRoute, HealthCheckPolicy,
    HttpGatewayRoute, HttpGatewayRouteMatch, HttpGatewayRouteRewrite, PortMapping, VirtualGatewayConnectionPool,
    VirtualGatewayListener, VirtualGatewaySpec,
};

use super::{
    Checks,
    listener::{self, Pools},
    matching, tls,
};

/// The spec of a virtual gateway.
pub(crate) fn gateway(checks: &mut Checks, spec: &VirtualGatewaySpec) {
    checks.demand(!spec.listeners.is_empty(), "spec.listeners", "must have at least one listener");
    for (index, own) in spec.listeners.iter().enumerate() {
        let path = format!("spec.listeners.{}.member", index + 1);
        let earlier = spec.listeners[..index].iter().map(|earlier| earlier.port_mapping.port);
        listener::mapping(checks, &path, own.port_mapping.into(), earlier);
        gateway_listener(checks, &path, own);
    }
    if let Some(defaults) = &spec.backend_defaults {
        tls::policy(checks, "spec.backendDefaults.clientPolicy", defaults.client_policy.as_ref());
    }
    if let Some(logging) = &spec.logging {
        listener::logging(checks, logging);
    }
}

fn gateway_listener(checks: &mut Checks, path: &str, own: &VirtualGatewayListener) {
    let mapping = PortMapping::from(own.port_mapping);
    if let Some(check) = &own.health_check {
        let check = HealthCheckPolicy::from(check.clone());
        listener::health_check(checks, &format!("{path}.healthCheck"), &check, mapping);
    }
    if let Some(VirtualGatewayConnectionPool { grpc, http, http2 }) = own.connection_pool {
        let pools = Pools { grpc, http, http2, tcp: None };
        listener::connection_pool(checks, &format!("{path}.connectionPool"), &pools, mapping.protocol);
    }
    if let Some(tls) = &own.tls {
        tls::listener(checks, &format!("{path}.tls"), tls);
    }
}

/// The spec of a gateway route.
pub(crate) fn gateway_route(checks: &mut Checks, spec: &GatewayRouteSpec) {
    let kinds = [
        ("grpcRoute", spec.grpc_route.is_some()),
        ("http2Route", spec.http2_route.is_some()),
        ("httpRoute", spec.http_route.is_some()),
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
}

fn target(checks: &mut Checks, path: &str, target: &GatewayRouteTarget) {
    let path = format!("{path}.action.target");
    checks.name(&format!("{path}.virtualService.virtualServiceName"), &target.virtual_service.virtual_service_name);
    checks.port(&format!("{path}.port"), target.port);
}

fn http(checks: &mut Checks, path: &str, route: &HttpGatewayRoute) {
    target(checks, path, &route.action.target);
    let matched = &route.r#match;
    let at = format!("{path}.match");
    checks.port(&format!("{at}.port"), matched.port);
    matching::path(checks, &at, matched.prefix.as_ref(), matched.path.as_ref());
    matching::headers(checks, &format!("{at}.headers"), matched.headers.as_deref());
    matching::query(checks, &format!("{at}.queryParameters"), matched.query_parameters.as_deref());
    hostname(checks, &at, matched.hostname.as_ref());
    if let Some(wanted) = &route.action.rewrite {
        rewrite(checks, &format!("{path}.action.rewrite"), wanted, matched);
    }
}

/// What an HTTP gateway route changes: at most one of prefix and path, and a prefix only where one is matched.
fn rewrite(checks: &mut Checks, path: &str, rewrite: &HttpGatewayRouteRewrite, matched: &HttpGatewayRouteMatch) {
    let both = rewrite.prefix.is_some() && rewrite.path.is_some();
    checks.demand(!both, path, "must not have both a prefix and a path");
    if let Some(prefix) = &rewrite.prefix {
        let at = format!("{path}.prefix");
        checks.demand(matched.path.is_none(), &at, "must not be specified if the match has a path");
        let given = [("defaultPrefix", prefix.default_prefix.is_some()), ("value", prefix.value.is_some())];
        checks.one_of(&at, &given);
        if let Some(value) = &prefix.value {
            let at = format!("{at}.value");
            checks.length(&at, value, 1, 255);
            let whole = value.starts_with('/') && value.ends_with('/');
            checks.demand(whole, &at, "must start and end with /");
            let ends = matched.prefix.as_ref().is_none_or(|prefix| prefix.ends_with('/'));
            checks.demand(ends, &at, "needs a match whose prefix ends with /");
        }
    }
    if let Some(whole) = &rewrite.path {
        let at = format!("{path}.path.exact");
        checks.demand(whole.exact.is_some(), &at, "must not be null");
        if let Some(exact) = &whole.exact {
            checks.length(&at, exact, 1, 255);
            checks.demand(exact.starts_with('/'), &at, "must start with /");
        }
    }
}

fn grpc(checks: &mut Checks, route: &GrpcGatewayRoute) {
    let path = "spec.grpcRoute";
    target(checks, path, &route.action.target);
    let (matched, at) = (&route.r#match, format!("{path}.match"));
    checks.port(&format!("{at}.port"), matched.port);
    matching::headers(checks, &format!("{at}.metadata"), matched.metadata.as_deref());
    hostname(checks, &at, matched.hostname.as_ref());
}

fn hostname(checks: &mut Checks, path: &str, hostname: Option<&GatewayRouteHostnameMatch>) {
    let Some(GatewayRouteHostnameMatch { exact, suffix }) = hostname else { return };
    let path = format!("{path}.hostname");
    checks.one_of(&path, &[("exact", exact.is_some()), ("suffix", suffix.is_some())]);
    for (member, text) in [("exact", exact), ("suffix", suffix)] {
        if let Some(text) = text {
            checks.length(&format!("{path}.{member}"), text, 1, 253);
        }
    }
}
