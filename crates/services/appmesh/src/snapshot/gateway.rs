//! Virtual gateways: sockets of their own, through which requests come in from outside the mesh.
//!
//! A gateway's proxy stands alone, so nothing is redirected to it. Each of its routes leads to a virtual service, whose own
//! routes decide further; the two are made one ([`compose`](super::compose)).

use std::collections::BTreeMap;

use api::appmesh::{
    DefaultGatewayRouteRewrite, GatewayRouteHostnameMatch, GatewayRouteHostnameRewrite, GatewayRouteSpec,
    GatewayRouteTarget, GrpcGatewayRoute, HttpGatewayRoute, HttpGatewayRouteMatch, PortMapping, PortProtocol,
    VirtualGatewayConnectionPool, VirtualGatewayListener, VirtualGatewaySpec, VirtualNodeConnectionPool,
};
use xds::pb::envoy::config::route::v3::{
    DirectResponseAction, Route, RouteConfiguration, RouteMatch, VirtualHost, route,
};

use super::{
    Client, Scene,
    compose::{self, Front, Path},
    default_tls, http_route,
    listener::{self, Destination},
    names::{self, Direction},
    service,
};

/// The answer to a request that the gateway routes and the virtual service does not.
const NO_ROUTE: u32 = 404;
/// The host that stands for all.
const ANY_HOST: &str = "*";

/// A gateway route on one of the gateway's ports.
struct Entrance {
    order: http_route::Order,
    hosts: Hosts,
    routes: Vec<Route>,
}

/// The host names that a gateway route is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    All,
    One(String),
    /// Those that end so.
    Ending(String),
}

/// Adds the gateway's listeners.
pub(super) fn build(scene: &mut Scene<'_>, spec: &VirtualGatewaySpec) {
    for listener in &spec.listeners {
        let mapping = PortMapping::from(listener.port_mapping);
        let transports = listener::transports(scene, listener.tls.as_ref(), mapping);
        if transports.is_empty() {
            continue;
        }
        let routes = routes_of(scene, spec, listener);
        let PortMapping { port, protocol } = mapping;
        let plain =
            listener::http_chain(scene, Destination::Here, Direction::Ingress, protocol, port, routes.name.clone());
        let chains = listener::over(&plain, transports).collect();
        let socket = listener::here(scene, Direction::Ingress, port, chains);
        scene.builder.route(&routes).listener(&socket);
    }
}

fn routes_of(
    scene: &mut Scene<'_>,
    spec: &VirtualGatewaySpec,
    listener: &VirtualGatewayListener,
) -> RouteConfiguration {
    let mapping = PortMapping::from(listener.port_mapping);
    let port = mapping.port.to_string();
    let pool = listener.connection_pool.map(pool);
    let client = Client {
        policy: default_tls(spec.backend_defaults.as_ref()),
        pool,
        // Each listener has a pool of its own toward the same hosts.
        variant: (pool.is_some() && scene.listeners > 1).then_some(port.as_str()),
        apart: None,
    };
    let mesh = scene.mesh;
    let own = mesh.gateway_routes.iter().filter(|(name, _)| name.gateway == scene.name);
    let own: Vec<_> = own.collect();
    let mut entrances = Vec::new();
    for (name, spec) in own {
        entrances.extend(entrance(scene, client, mapping, &name.route, spec));
    }
    entrances.sort_by(|a, b| a.order.cmp(&b.order));
    let hosts = hosts_of(&entrances);
    RouteConfiguration {
        name: names::routes(Direction::Ingress, mapping.protocol, mapping.port),
        // A client names the port it knows, which may be that of a load balancer.
        ignore_port_in_host_matching: hosts.iter().any(|host| host.domains != [ANY_HOST]),
        virtual_hosts: hosts,
        ..RouteConfiguration::default()
    }
}

fn pool(pool: VirtualGatewayConnectionPool) -> VirtualNodeConnectionPool {
    let VirtualGatewayConnectionPool { grpc, http, http2 } = pool;
    VirtualNodeConnectionPool { grpc, http, http2, tcp: None }
}

/// What the gateway route `name` does on the port of `mapping`, if it is for it.
fn entrance(
    scene: &mut Scene<'_>,
    client: Client<'_>,
    mapping: PortMapping,
    name: &str,
    spec: &GatewayRouteSpec,
) -> Option<Entrance> {
    let http = match mapping.protocol {
        PortProtocol::Http => spec.http_route.as_ref(),
        PortProtocol::Http2 => spec.http2_route.as_ref(),
        PortProtocol::Grpc | PortProtocol::Tcp => None,
    };
    let grpc = spec.grpc_route.as_ref().filter(|_| mapping.protocol == PortProtocol::Grpc);
    let (port, hosts, target, fronts) = match (http, grpc) {
        (Some(route), _) => (route.r#match.port, &route.r#match.hostname, &route.action.target, fronts_of_http(route)),
        (None, Some(route)) => {
            (route.r#match.port, &route.r#match.hostname, &route.action.target, vec![front_of_grpc(route)])
        }
        (None, None) => return None,
    };
    if port.is_some_and(|port| port != mapping.port) {
        return None;
    }
    let behind = behind(scene, client, mapping.protocol, name, target);
    let order = http_route::Order::new(spec.priority, name, &fronts.first()?.matched());
    let routes = fronts.iter().flat_map(|front| through(scene, name, front, &behind)).collect();
    Some(Entrance { order, hosts: hosts_asked(hosts.as_ref()), routes })
}

/// The routes of the virtual service that a gateway route leads to.
fn behind(
    scene: &mut Scene<'_>,
    client: Client<'_>,
    protocol: PortProtocol,
    name: &str,
    target: &GatewayRouteTarget,
) -> Vec<Route> {
    let service = &target.virtual_service.virtual_service_name;
    let Some(provider) = service::provider(scene, service) else { return Vec::new() };
    let mappings = service::mappings(scene, provider).into_iter();
    let mappings: Vec<PortMapping> = mappings.filter(|mapping| mapping.protocol != PortProtocol::Tcp).collect();
    let asked = mappings.iter().filter(|mapping| target.port.is_none_or(|port| port == mapping.port));
    let found = asked.clone().find(|mapping| mapping.protocol == protocol).or_else(|| asked.clone().next());
    let Some(mapping) = found else {
        let port = target.port.map(|port| format!(" {port}")).unwrap_or_default();
        scene.fault(None, format!("gateway route {name} leads to {service}, which has no port{port} for it"));
        return Vec::new();
    };
    service::routes(scene, client, provider, *mapping)
}

/// The routes for requests that are for `front`: one for each route behind it, and an answer for those that none is for.
fn through(scene: &mut Scene<'_>, name: &str, front: &Front, behind: &[Route]) -> Vec<Route> {
    let own = front.matched();
    let mut routes = Vec::new();
    for route in behind {
        match front.compose(route) {
            Ok(Some(mut both)) => {
                let all = both.r#match.as_ref() == Some(&own);
                both.name = if route.name.is_empty() { name.to_owned() } else { format!("{name}/{}", route.name) };
                routes.push(both);
                if all {
                    return routes;
                }
            }
            Ok(None) => {}
            Err(compose::Inseparable) => {
                let text = format!(
                    "route {} behind gateway route {name} looks at the path by an expression that cannot be told apart \
                     from the prefix that is rewritten",
                    route.name
                );
                scene.fault(None, text);
            }
        }
    }
    let answer = DirectResponseAction { status: NO_ROUTE, ..DirectResponseAction::default() };
    let action = Some(route::Action::DirectResponse(answer));
    routes.push(Route { name: name.to_owned(), r#match: Some(own), action, ..Route::default() });
    routes
}

fn fronts_of_http(route: &HttpGatewayRoute) -> Vec<Front> {
    let HttpGatewayRouteMatch { headers, hostname: _, method, path, port: _, prefix, query_parameters } =
        &route.r#match;
    let conditions = http_route::conditions(headers.as_deref(), *method, None, query_parameters.as_deref());
    let rewrite = route.action.rewrite.clone().unwrap_or_default();
    let host = host(rewrite.hostname, &route.action.target);
    let whole = rewrite.path.and_then(|path| path.exact);
    let exact = path.as_ref().and_then(|path| path.exact.clone());
    let expression = path.as_ref().and_then(|path| path.regex.clone());
    let paths = match (exact, expression) {
        (Some(exact), _) => vec![Path::Exact(exact, whole)],
        (None, Some(expression)) => vec![Path::Regex(expression, whole)],
        (None, None) => {
            let prefix = prefix.as_deref().unwrap_or("/");
            let by = rewrite.prefix.unwrap_or_default();
            match (by.value, by.default_prefix) {
                (Some(value), _) => prefixes(prefix, &value),
                (None, Some(DefaultGatewayRouteRewrite::Disabled)) => vec![Path::Prefix(prefix.to_owned(), None)],
                (None, _) => prefixes(prefix, "/"),
            }
        }
    };
    paths.into_iter().map(|path| Front { path, conditions: conditions.clone(), host: host.clone() }).collect()
}

/// A prefix that becomes another. One that ends within a step is two, so that no slash is doubled or lost: `/a/b` is `/b`
/// behind `/a`, and so is `/a` itself `/`.
fn prefixes(prefix: &str, becomes: &str) -> Vec<Path> {
    let open = becomes.trim_end_matches('/');
    let closed = format!("{open}/");
    if prefix == closed {
        return vec![Path::Prefix(prefix.to_owned(), None)];
    }
    if prefix.ends_with('/') {
        return vec![Path::Prefix(prefix.to_owned(), Some(closed))];
    }
    let within = if open.is_empty() { closed.clone() } else { open.to_owned() };
    vec![Path::Prefix(format!("{prefix}/"), Some(closed)), Path::Prefix(prefix.to_owned(), Some(within))]
}

fn front_of_grpc(route: &GrpcGatewayRoute) -> Front {
    let matched = &route.r#match;
    let headers = http_route::conditions(matched.metadata.as_deref(), None, None, None).headers;
    let rewrite = route.action.rewrite.unwrap_or_default();
    let prefix = matched.service_name.as_ref().map_or_else(|| "/".to_owned(), |service| format!("/{service}/"));
    Front {
        path: Path::Prefix(prefix, None),
        conditions: RouteMatch { headers, ..compose::grpc() },
        host: host(rewrite.hostname, &route.action.target),
    }
}

/// The host name that requests get: the virtual service's, if it is not said otherwise.
fn host(rewrite: Option<GatewayRouteHostnameRewrite>, target: &GatewayRouteTarget) -> Option<String> {
    let default = rewrite.and_then(|rewrite| rewrite.default_target_hostname);
    let stays = default == Some(DefaultGatewayRouteRewrite::Disabled);
    (!stays).then(|| target.virtual_service.virtual_service_name.clone())
}

fn hosts_asked(asked: Option<&GatewayRouteHostnameMatch>) -> Hosts {
    let exact = asked.and_then(|asked| asked.exact.as_deref());
    let suffix = asked.and_then(|asked| asked.suffix.as_deref());
    match (exact, suffix.map(|suffix| suffix.trim_start_matches('*'))) {
        (Some(exact), _) => Hosts::One(exact.to_ascii_lowercase()),
        (None, Some(suffix)) if !suffix.is_empty() => Hosts::Ending(suffix.to_ascii_lowercase()),
        _ => Hosts::All,
    }
}

impl Hosts {
    /// The domains that Envoy needs to tell these from others.
    fn domains(&self) -> Vec<String> {
        match self {
            Self::All => vec![ANY_HOST.to_owned()],
            Self::One(host) => vec![host.clone()],
            // A star stands for one character at least.
            Self::Ending(end) if end.starts_with('.') => vec![format!("*{end}")],
            Self::Ending(end) => vec![format!("*{end}"), end.clone()],
        }
    }

    /// Whether all hosts of `domain` are of these.
    fn have(&self, domain: &str) -> bool {
        match self {
            Self::All => true,
            Self::One(host) => host == domain,
            Self::Ending(end) => domain.ends_with(end.as_str()),
        }
    }
}

/// The virtual hosts for gateway routes in their order. Envoy takes the host that fits best and looks no further, so each
/// has the routes of every wider one as well.
fn hosts_of(entrances: &[Entrance]) -> Vec<VirtualHost> {
    let mut hosts: BTreeMap<String, Vec<Route>> = BTreeMap::new();
    for domain in entrances.iter().flat_map(|entrance| entrance.hosts.domains()) {
        let fitting = entrances.iter().filter(|entrance| entrance.hosts.have(&domain));
        let routes = fitting.flat_map(|entrance| entrance.routes.clone()).collect();
        hosts.insert(domain, routes);
    }
    let host = |(domain, routes): (String, Vec<Route>)| VirtualHost {
        name: domain.clone(),
        domains: vec![domain],
        routes,
        ..VirtualHost::default()
    };
    hosts.into_iter().map(host).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_slash_is_doubled_or_lost_where_a_prefix_is_rewritten() {
        let path = |prefix: &str, becomes: &str| Path::Prefix(prefix.to_owned(), Some(becomes.to_owned()));
        assert_eq!(prefixes("/a/", "/"), [path("/a/", "/")]);
        assert_eq!(prefixes("/a", "/"), [path("/a/", "/"), path("/a", "/")]);
        assert_eq!(prefixes("/a", "/v1/"), [path("/a/", "/v1/"), path("/a", "/v1")]);
        assert_eq!(prefixes("/", "/"), [Path::Prefix("/".to_owned(), None)]);
        assert_eq!(prefixes("/", "/v1/"), [path("/", "/v1/")]);
    }

    #[test]
    fn an_ending_is_of_the_host_that_is_nothing_else() {
        let ending =
            |text: &str| hosts_asked(Some(&GatewayRouteHostnameMatch { exact: None, suffix: Some(text.to_owned()) }));
        assert_eq!(ending(".example.com").domains(), ["*.example.com"]);
        assert_eq!(ending("*.Example.com").domains(), ["*.example.com"]);
        assert_eq!(ending("example.com").domains(), ["*example.com", "example.com"]);
        assert!(ending(".example.com").have("a.example.com") && !ending(".example.com").have("example.com"));
    }
}
