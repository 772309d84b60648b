//! Route configurations.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use envoy_types::pb::{
    envoy::config::{
        core::v3::data_source::Specifier,
        route::v3::{
            RedirectAction, Route as RouteProto, RouteAction, RouteConfiguration, VirtualHost as HostProto,
            WeightedCluster as WeightedProto,
            redirect_action::{PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier},
            route,
            route_action::{ClusterSpecifier, HostRewriteSpecifier},
            weighted_cluster::ClusterWeight,
        },
    },
    google::protobuf::Any,
};

use super::{
    Refusal, decode,
    faults::fault,
    header_edits::edits,
    limit,
    matching::{route_match, substitute},
    refuse,
    retry::retry,
    sticky::sticky_key,
    strict::nothing_else,
    time, translated,
};
use crate::model::{
    Action, Forward, GrpcTimeout, HostRewrite, PathRedirect, PathRewrite, REQUEST_TIMEOUT, Redirect, Respond, Route,
    RouteTable, VirtualHost, WeightedCluster,
};

/// The route configurations of a response.
pub(super) fn tables(resources: &[Any]) -> Result<BTreeMap<String, RouteTable>, Refusal> {
    let configurations = decode::<RouteConfiguration>("route configuration", resources)?;
    translated("route configuration", configurations, |configuration| &configuration.name, table)
}

/// What a route configuration says.
pub(crate) fn table(proto: &RouteConfiguration) -> Result<RouteTable, String> {
    nothing_else(&RouteConfiguration {
        name: String::new(),
        virtual_hosts: Vec::new(),
        request_headers_to_add: Vec::new(),
        request_headers_to_remove: Vec::new(),
        response_headers_to_add: Vec::new(),
        response_headers_to_remove: Vec::new(),
        most_specific_header_mutations_wins: false,
        ignore_port_in_host_matching: false,
        // A route may name a cluster that is yet to come; until then it answers 503.
        validate_clusters: None,
        // Bodies of our own are in memory anyhow.
        max_direct_response_body_size_bytes: None,
        metadata: None,
        ..proto.clone()
    })?;
    Ok(RouteTable {
        virtual_hosts: proto.virtual_hosts.iter().map(host).collect::<Result<_, _>>()?,
        edits: edits(
            (&proto.request_headers_to_add, &proto.request_headers_to_remove),
            (&proto.response_headers_to_add, &proto.response_headers_to_remove),
        )?,
        most_specific_edits_last: proto.most_specific_header_mutations_wins,
        ignore_port: proto.ignore_port_in_host_matching,
    })
}

fn host(proto: &HostProto) -> Result<VirtualHost, String> {
    let named = |reason: String| format!("virtual host {}: {reason}", proto.name);
    let rest = HostProto {
        name: String::new(),
        domains: Vec::new(),
        routes: Vec::new(),
        request_headers_to_add: Vec::new(),
        request_headers_to_remove: Vec::new(),
        response_headers_to_add: Vec::new(),
        response_headers_to_remove: Vec::new(),
        include_request_attempt_count: false,
        include_attempt_count_in_response: false,
        retry_policy: None,
        metadata: None,
        ..proto.clone()
    };
    nothing_else(&rest).map_err(named)?;
    let edits = edits(
        (&proto.request_headers_to_add, &proto.request_headers_to_remove),
        (&proto.response_headers_to_add, &proto.response_headers_to_remove),
    );
    Ok(VirtualHost {
        name: proto.name.clone(),
        domains: proto.domains.clone(),
        routes: proto.routes.iter().map(|route| self::route(route).map_err(named)).collect::<Result<_, _>>()?,
        edits: edits.map_err(named)?,
        retry: proto.retry_policy.as_ref().map(retry).transpose().map_err(named)?,
        tell_server_attempts: proto.include_request_attempt_count,
        tell_client_attempts: proto.include_attempt_count_in_response,
    })
}

fn route(proto: &RouteProto) -> Result<Route, String> {
    let translate = || {
        nothing_else(&RouteProto {
            name: String::new(),
            r#match: None,
            action: None,
            request_headers_to_add: Vec::new(),
            request_headers_to_remove: Vec::new(),
            response_headers_to_add: Vec::new(),
            response_headers_to_remove: Vec::new(),
            metadata: None,
            typed_per_filter_config: HashMap::new(),
            ..proto.clone()
        })?;
        Ok(Route {
            name: proto.name.clone(),
            matches: route_match(proto.r#match.as_ref().ok_or("it matches nothing")?)?,
            action: action(proto)?,
            edits: edits(
                (&proto.request_headers_to_add, &proto.request_headers_to_remove),
                (&proto.response_headers_to_add, &proto.response_headers_to_remove),
            )?,
            fault: fault(&proto.typed_per_filter_config, proto.metadata.as_ref())?,
        })
    };
    translate().map_err(|reason: String| format!("route {}: {reason}", proto.name))
}

fn action(proto: &RouteProto) -> Result<Action, String> {
    match &proto.action {
        Some(route::Action::Route(action)) => Ok(Action::Forward(forward(action)?)),
        Some(route::Action::Redirect(action)) => Ok(Action::Redirect(redirect(action)?)),
        Some(route::Action::DirectResponse(response)) => {
            refuse(response.body_format.is_none(), "a body format")?;
            let body = match response.body.as_ref().and_then(|body| body.specifier.as_ref()) {
                None => String::new(),
                Some(Specifier::InlineString(text)) => text.clone(),
                Some(_) => return Err("a response body that is not inline is not supported by this proxy".to_owned()),
            };
            let status = u16::try_from(response.status).ok().filter(|status| (200..600).contains(status));
            let status = status.ok_or_else(|| format!("status {} is none", response.status))?;
            Ok(Action::Respond(Respond { status, body }))
        }
        _ => Err("an action that neither forwards nor answers is not supported by this proxy".to_owned()),
    }
}

fn redirect(proto: &RedirectAction) -> Result<Redirect, String> {
    let status = match RedirectResponseCode::try_from(proto.response_code) {
        Ok(RedirectResponseCode::MovedPermanently) => 301,
        Ok(RedirectResponseCode::Found) => 302,
        Ok(RedirectResponseCode::SeeOther) => 303,
        Ok(RedirectResponseCode::TemporaryRedirect) => 307,
        Ok(RedirectResponseCode::PermanentRedirect) => 308,
        Err(_) => return Err(format!("the response code {} of a redirection is not known", proto.response_code)),
    };
    let scheme = match &proto.scheme_rewrite_specifier {
        Some(SchemeRewriteSpecifier::HttpsRedirect(true)) => Some("https".to_owned()),
        Some(SchemeRewriteSpecifier::SchemeRedirect(scheme)) => Some(scheme.to_ascii_lowercase()),
        _ => None,
    };
    let path = match &proto.path_rewrite_specifier {
        None => None,
        Some(PathRewriteSpecifier::PathRedirect(path)) => Some(PathRedirect::Literal(path.clone())),
        Some(PathRewriteSpecifier::PrefixRewrite(prefix)) => {
            Some(PathRedirect::Rewrite(PathRewrite::Prefix(prefix.clone())))
        }
        Some(PathRewriteSpecifier::RegexRewrite(rewrite)) => {
            let (pattern, substitution) = substitute(rewrite)?;
            Some(PathRedirect::Rewrite(PathRewrite::Regex(pattern, substitution)))
        }
        Some(PathRewriteSpecifier::PathRewrite(_)) => {
            return Err("a path_rewrite by a format is not supported by this proxy".to_owned());
        }
    };
    Ok(Redirect {
        status,
        scheme,
        host: Some(proto.host_redirect.clone()).filter(|host| !host.is_empty()),
        port: port(proto.port_redirect)?,
        path,
        strip_query: proto.strip_query,
    })
}

fn port(port: u32) -> Result<Option<u16>, String> {
    let port = u16::try_from(port).map_err(|_| format!("port {port} is none"))?;
    Ok(Some(port).filter(|port| *port > 0))
}

fn forward(action: &RouteAction) -> Result<Forward, String> {
    refuse(action.request_mirror_policies.is_empty(), "mirroring")?;
    nothing_else(&RouteAction {
        hash_policy: Vec::new(),
        cluster_specifier: None,
        timeout: None,
        idle_timeout: None,
        retry_policy: None,
        prefix_rewrite: String::new(),
        regex_rewrite: None,
        host_rewrite_specifier: None,
        append_x_forwarded_host: false,
        max_stream_duration: None,
        ..action.clone()
    })?;
    let longest = action.max_stream_duration.unwrap_or_default();
    let path = match (action.prefix_rewrite.as_str(), &action.regex_rewrite) {
        ("", None) => None,
        (prefix, None) => Some(PathRewrite::Prefix(prefix.to_owned())),
        ("", Some(rewrite)) => {
            let (pattern, substitution) = substitute(rewrite)?;
            Some(PathRewrite::Regex(pattern, substitution))
        }
        _ => return Err("both prefix_rewrite and regex_rewrite: only one can be".to_owned()),
    };
    Ok(Forward {
        clusters: clusters(action)?,
        sticky: sticky_key(action)?,
        timeout: action.timeout.map_or(Some(REQUEST_TIMEOUT), limit),
        idle_timeout: action.idle_timeout.and_then(limit),
        retry: action.retry_policy.as_ref().map(retry).transpose()?,
        path,
        host: host_rewrite(action)?,
        duration: longest.max_stream_duration.and_then(limit),
        grpc_timeout: longest.grpc_timeout_header_max.map(|max| GrpcTimeout {
            max: limit(max),
            offset: longest.grpc_timeout_header_offset.map_or(Duration::ZERO, time),
        }),
        append_forwarded_host: action.append_x_forwarded_host,
    })
}

fn host_rewrite(action: &RouteAction) -> Result<Option<HostRewrite>, String> {
    Ok(match &action.host_rewrite_specifier {
        None => None,
        Some(HostRewriteSpecifier::HostRewriteLiteral(host)) => Some(HostRewrite::Literal(host.clone())),
        Some(HostRewriteSpecifier::AutoHostRewrite(auto)) => auto.value.then_some(HostRewrite::Endpoint),
        Some(HostRewriteSpecifier::HostRewriteHeader(name)) => Some(HostRewrite::Header(name.to_ascii_lowercase())),
        Some(HostRewriteSpecifier::HostRewritePathRegex(rewrite)) => {
            let (pattern, substitution) = substitute(rewrite)?;
            Some(HostRewrite::Path(pattern, substitution))
        }
        Some(HostRewriteSpecifier::HostRewrite(_)) => {
            return Err("a host_rewrite by a format is not supported by this proxy".to_owned());
        }
    })
}

fn clusters(action: &RouteAction) -> Result<Vec<WeightedCluster>, String> {
    let clusters: Vec<WeightedCluster> = match &action.cluster_specifier {
        Some(ClusterSpecifier::Cluster(name)) => vec![WeightedCluster::of(name, 1)],
        Some(ClusterSpecifier::WeightedClusters(weighted)) => {
            // Weights count by their sum, whatever it is said to be; there is no runtime to overlay them. By what it
            // is chosen is looked at with the hash policies.
            #[expect(deprecated, reason = "all fields are named, so that a new one does not pass unseen")]
            let WeightedProto { clusters, total_weight: _, runtime_key_prefix: _, random_value_specifier: _ } =
                weighted;
            clusters.iter().map(share).collect::<Result<_, _>>()?
        }
        Some(ClusterSpecifier::ClusterHeader(name)) => {
            return Err(format!(
                "cluster_header {name}: a cluster named by the request is not supported by this proxy"
            ));
        }
        _ => return Err("a cluster specifier of an extension is not supported by this proxy".to_owned()),
    };
    if clusters.iter().all(|cluster| cluster.weight == 0) {
        return Err("the sum of weights must be greater than 0".to_owned());
    }
    Ok(clusters)
}

fn share(proto: &ClusterWeight) -> Result<WeightedCluster, String> {
    nothing_else(&ClusterWeight {
        name: String::new(),
        weight: None,
        request_headers_to_add: Vec::new(),
        request_headers_to_remove: Vec::new(),
        response_headers_to_add: Vec::new(),
        response_headers_to_remove: Vec::new(),
        ..proto.clone()
    })?;
    let edits = edits(
        (&proto.request_headers_to_add, &proto.request_headers_to_remove),
        (&proto.response_headers_to_add, &proto.response_headers_to_remove),
    )?;
    Ok(WeightedCluster { name: proto.name.clone(), weight: proto.weight.map_or(0, |weight| weight.value), edits })
}
