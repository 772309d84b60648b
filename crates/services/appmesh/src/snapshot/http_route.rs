//! HTTP, HTTP/2 and gRPC routes: what they look at, where they lead, in which shares.

use std::cmp::Reverse;

use api::appmesh::{
    GrpcRoute, HeaderMatchMethod, HttpMethod, HttpQueryParameter, HttpRoute, HttpRouteHeader, HttpRouteMatch,
    HttpScheme, HttpTimeout, PortMapping, PortProtocol, RouteSpec, WeightedTarget,
};
use xds::pb::envoy::{
    config::core::v3::HeaderValueOption,
    config::route::v3::{
        DirectResponseAction, HeaderMatcher, QueryParameterMatcher, RetryPolicy, Route, RouteAction, RouteMatch,
        WeightedCluster,
        header_matcher::HeaderMatchSpecifier,
        query_parameter_matcher::QueryParameterMatchSpecifier,
        route,
        route_action::ClusterSpecifier,
        route_match::{GrpcRouteMatchOptions, PathSpecifier},
        weighted_cluster::ClusterWeight,
    },
    r#type::{matcher::v3::string_matcher::MatchPattern, v3::Int64Range},
};

use super::{
    Client, Scene, cluster, fault,
    proto::{duration, matcher, millis, regex, uint},
    retry, trial,
};
use crate::plan::RouteName;

/// How long an answer may take if nothing else is said.
pub(super) const REQUEST_TIMEOUT_MILLIS: u64 = 15_000;
/// The answer to a request that no target has a share in.
const NOBODY: u32 = 503;

/// The one route of a service that is a virtual node.
pub(super) fn to_cluster(cluster: String, marks: Vec<HeaderValueOption>) -> Route {
    let action = RouteAction {
        cluster_specifier: Some(ClusterSpecifier::Cluster(cluster)),
        timeout: Some(millis(REQUEST_TIMEOUT_MILLIS)),
        retry_policy: Some(retry::default()),
        ..RouteAction::default()
    };
    let (matched, action) = (Some(prefix("/")), Some(route::Action::Route(action)));
    Route { r#match: matched, action, request_headers_to_add: marks, ..Route::default() }
}

/// The routes of `all` that are for the port of `mapping`, in the order in which a request is held against them.
pub(super) fn of_port(
    scene: &mut Scene<'_>,
    client: Client<'_>,
    mapping: PortMapping,
    all: &[(RouteName, RouteSpec)],
) -> Vec<Route> {
    let mut found: Vec<(Order, Route)> = Vec::new();
    for (name, spec) in all {
        if let Some(part) = Part::of(spec, mapping.protocol).filter(|part| part.is_for(mapping.port)) {
            scene.routes.insert(name.clone());
            let route = part.route(scene, client, name, mapping);
            let matched = route.r#match.clone().unwrap_or_default();
            let order = || Order::new(spec.priority, &name.route, &matched);
            let first = trial::of_testers(scene, client, name, mapping.protocol, part.targets(), &route);
            // Both have the same place, and keep the order in which they came.
            found.extend(first.map(|first| (order(), first)));
            let last = trial::sticking(scene.mesh, name, route).into_iter();
            found.extend(last.map(|route| (order(), route)));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.into_iter().map(|(_, route)| route).collect()
}

/// The place of a route: its priority, then how much it says of the path, then its name. One without priority comes last.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order {
    priority: u32,
    /// Exact before expressions before prefixes, and long before short.
    path: (u8, Reverse<usize>),
    conditions: Reverse<usize>,
    name: String,
}

impl Order {
    /// The place of the route `name` that asks for `matched`.
    pub(super) fn new(priority: Option<u32>, name: &str, matched: &RouteMatch) -> Self {
        let path = match &matched.path_specifier {
            Some(PathSpecifier::Path(path)) => (0, Reverse(path.len())),
            Some(PathSpecifier::SafeRegex(regex)) => (1, Reverse(regex.regex.len())),
            Some(PathSpecifier::Prefix(prefix)) => (2, Reverse(prefix.len())),
            _ => (3, Reverse(0)),
        };
        let conditions = Reverse(matched.headers.len() + matched.query_parameters.len());
        Self { priority: priority.unwrap_or(u32::MAX), path, conditions, name: name.to_owned() }
    }
}

/// The part of a route's spec that is for one protocol.
enum Part<'a> {
    Http(&'a HttpRoute),
    Grpc(&'a GrpcRoute),
}

impl<'a> Part<'a> {
    fn of(spec: &'a RouteSpec, protocol: PortProtocol) -> Option<Self> {
        match protocol {
            PortProtocol::Http => spec.http_route.as_ref().map(Self::Http),
            PortProtocol::Http2 => spec.http2_route.as_ref().map(Self::Http),
            PortProtocol::Grpc => spec.grpc_route.as_ref().map(Self::Grpc),
            PortProtocol::Tcp => None,
        }
    }

    fn is_for(&self, port: u32) -> bool {
        let asked = match self {
            Self::Http(route) => route.r#match.port,
            Self::Grpc(route) => route.r#match.port,
        };
        asked.is_none_or(|asked| asked == port)
    }

    fn targets(&self) -> &'a [WeightedTarget] {
        match self {
            Self::Http(route) => &route.action.weighted_targets,
            Self::Grpc(route) => &route.action.weighted_targets,
        }
    }

    fn timeout(&self) -> HttpTimeout {
        match self {
            Self::Http(route) => route.timeout.unwrap_or_default(),
            Self::Grpc(route) => route.timeout.unwrap_or_default(),
        }
    }

    fn retry(&self) -> RetryPolicy {
        let own = match self {
            Self::Http(route) => route.retry_policy.as_ref().map(retry::http),
            Self::Grpc(route) => route.retry_policy.as_ref().map(retry::grpc),
        };
        own.unwrap_or_else(retry::default)
    }

    fn matched(&self) -> RouteMatch {
        match self {
            Self::Http(route) => http_match(&route.r#match),
            Self::Grpc(route) => grpc_match(route),
        }
    }

    fn route(&self, scene: &mut Scene<'_>, client: Client<'_>, name: &RouteName, mapping: PortMapping) -> Route {
        let clusters = shares(scene, client, name, mapping.protocol, self.targets());
        let shared = clusters.iter().any(|cluster| cluster.weight.is_some_and(|weight| weight.value > 0));
        let timeout = self.timeout();
        let action = if shared {
            let weighted = WeightedCluster { clusters, ..WeightedCluster::default() };
            route::Action::Route(RouteAction {
                cluster_specifier: Some(ClusterSpecifier::WeightedClusters(weighted)),
                timeout: Some(timeout.per_request.map_or_else(|| millis(REQUEST_TIMEOUT_MILLIS), duration)),
                idle_timeout: timeout.idle.map(duration),
                retry_policy: Some(self.retry()),
                ..RouteAction::default()
            })
        } else {
            // Envoy takes no weights that add up to nothing.
            route::Action::DirectResponse(DirectResponseAction { status: NOBODY, ..DirectResponseAction::default() })
        };
        Route { name: name.route.clone(), r#match: Some(self.matched()), action: Some(action), ..Route::default() }
    }
}

/// What each of `targets` gets, as Envoy has it.
pub(super) fn shares(
    scene: &mut Scene<'_>,
    client: Client<'_>,
    name: &RouteName,
    protocol: PortProtocol,
    targets: &[WeightedTarget],
) -> Vec<ClusterWeight> {
    let clusters = weights(scene, client, name, protocol, targets);
    let share = |Share { cluster, weight, node }| ClusterWeight {
        name: cluster,
        weight: Some(uint(weight)),
        request_headers_to_add: fault::marks(scene.mesh, node, Some(name)),
        ..ClusterWeight::default()
    };
    clusters.into_iter().map(share).collect()
}

/// What a target gets.
pub(super) struct Share<'a> {
    pub(super) cluster: String,
    pub(super) weight: u32,
    /// Its virtual node.
    node: &'a str,
}

/// The clusters of `targets` with their weights. A target that cannot be reached is left out, and its share with it.
pub(super) fn weights<'t>(
    scene: &mut Scene<'_>,
    client: Client<'_>,
    name: &RouteName,
    protocol: PortProtocol,
    targets: &'t [WeightedTarget],
) -> Vec<Share<'t>> {
    let mut clusters = Vec::new();
    for target in targets {
        let node = &target.virtual_node;
        let mesh = scene.mesh;
        let Some(listeners) = mesh.nodes.get(node).map(|spec| &spec.listeners) else {
            scene.fault(Some(name), format!("target {node} is no virtual node of the mesh"));
            continue;
        };
        let asked = |port: u32| target.port.is_none_or(|asked| asked == port);
        let mut fitting = listeners.iter().filter(|listener| asked(listener.port_mapping.port));
        // A router's protocol that a node does not speak was never refused; the node's own is what its cluster speaks.
        let of_protocol = fitting.clone().find(|listener| listener.port_mapping.protocol == protocol);
        match of_protocol.or_else(|| fitting.next()) {
            Some(listener) => match cluster::node(scene, client, node, listener) {
                Some(cluster) => clusters.push(Share { cluster, weight: target.weight, node }),
                None => scene.fault(Some(name), format!("target {node} has no service discovery")),
            },
            None => scene.fault(Some(name), format!("target {node} has no listener to send to")),
        }
    }
    clusters
}

fn prefix(prefix: &str) -> RouteMatch {
    RouteMatch { path_specifier: Some(PathSpecifier::Prefix(prefix.to_owned())), ..RouteMatch::default() }
}

fn http_match(asked: &HttpRouteMatch) -> RouteMatch {
    let path = asked.path.as_ref();
    let exact = path.and_then(|path| path.exact.clone()).map(PathSpecifier::Path);
    let by_regex = path.and_then(|path| path.regex.as_deref()).map(|text| PathSpecifier::SafeRegex(regex(text)));
    let start = || PathSpecifier::Prefix(asked.prefix.clone().unwrap_or_else(|| "/".to_owned()));
    let parameters = asked.query_parameters.as_deref();
    RouteMatch {
        path_specifier: Some(exact.or(by_regex).unwrap_or_else(start)),
        ..conditions(asked.headers.as_deref(), asked.method, asked.scheme, parameters)
    }
}

/// What is asked of a request besides its path.
pub(super) fn conditions(
    headers: Option<&[HttpRouteHeader]>,
    method: Option<HttpMethod>,
    scheme: Option<HttpScheme>,
    parameters: Option<&[HttpQueryParameter]>,
) -> RouteMatch {
    let mut headers: Vec<HeaderMatcher> = headers.unwrap_or_default().iter().map(header).collect();
    headers.extend(method.map(|method| pseudo_header(":method", method.as_str())));
    headers.extend(scheme.map(|scheme| pseudo_header(":scheme", scheme.as_str())));
    let parameters = parameters.unwrap_or_default().iter().map(|parameter| {
        let exact = parameter.r#match.as_ref().and_then(|matched| matched.exact.clone());
        let specifier = exact.map_or(QueryParameterMatchSpecifier::PresentMatch(true), |exact| {
            QueryParameterMatchSpecifier::StringMatch(matcher(MatchPattern::Exact(exact)))
        });
        QueryParameterMatcher { name: parameter.name.clone(), query_parameter_match_specifier: Some(specifier) }
    });
    RouteMatch { headers, query_parameters: parameters.collect(), ..RouteMatch::default() }
}

fn grpc_match(route: &GrpcRoute) -> RouteMatch {
    let asked = &route.r#match;
    let path = match (&asked.service_name, &asked.method_name) {
        (Some(service), Some(method)) => PathSpecifier::Path(format!("/{service}/{method}")),
        (Some(service), None) => PathSpecifier::Prefix(format!("/{service}/")),
        (None, _) => PathSpecifier::Prefix("/".to_owned()),
    };
    RouteMatch {
        path_specifier: Some(path),
        headers: asked.metadata.iter().flatten().map(header).collect(),
        grpc: Some(GrpcRouteMatchOptions::default()),
        ..RouteMatch::default()
    }
}

fn pseudo_header(name: &str, value: &str) -> HeaderMatcher {
    let exact = matcher(MatchPattern::Exact(value.to_owned()));
    HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(exact)),
        ..HeaderMatcher::default()
    }
}

/// A header that is asked for.
pub(super) fn header(asked: &HttpRouteHeader) -> HeaderMatcher {
    let specifier = asked.r#match.as_ref().map_or(HeaderMatchSpecifier::PresentMatch(true), header_specifier);
    HeaderMatcher {
        name: asked.name.clone(),
        invert_match: asked.invert.unwrap_or(false),
        header_match_specifier: Some(specifier),
        ..HeaderMatcher::default()
    }
}

fn header_specifier(method: &HeaderMatchMethod) -> HeaderMatchSpecifier {
    let HeaderMatchMethod { exact, prefix, range, regex: expression, suffix } = method;
    let pattern = if let Some(range) = range {
        return HeaderMatchSpecifier::RangeMatch(Int64Range { start: range.start, end: range.end });
    } else if let Some(exact) = exact {
        MatchPattern::Exact(exact.clone())
    } else if let Some(prefix) = prefix {
        MatchPattern::Prefix(prefix.clone())
    } else if let Some(suffix) = suffix {
        MatchPattern::Suffix(suffix.clone())
    } else if let Some(expression) = expression {
        MatchPattern::SafeRegex(regex(expression))
    } else {
        return HeaderMatchSpecifier::PresentMatch(true);
    };
    HeaderMatchSpecifier::StringMatch(matcher(pattern))
}
