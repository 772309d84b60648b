//! Route configurations.

use std::{collections::BTreeMap, time::Duration};

use envoy_types::pb::{
    envoy::config::core::v3::data_source::Specifier,
    envoy::config::route::v3::{
        RetryPolicy as RetryProto, Route as RouteProto, RouteAction, RouteConfiguration, RouteMatch,
        VirtualHost as HostProto, WeightedCluster as WeightedProto, route, route_action::ClusterSpecifier,
        route_match::PathSpecifier, weighted_cluster::ClusterWeight,
    },
    google::protobuf::Any,
};

use super::{Refusal, decode, limit, refuse, strict::nothing_else, time, translated};
use crate::model::{
    Action, Forward, PathMatch, REQUEST_TIMEOUT, Respond, RetryPolicy, Route, RouteTable, VirtualHost, WeightedCluster,
};

/// The route configurations of a response.
pub(super) fn tables(resources: &[Any]) -> Result<BTreeMap<String, RouteTable>, Refusal> {
    let configurations = decode::<RouteConfiguration>("route configuration", resources)?;
    translated("route configuration", configurations, |configuration| &configuration.name, table)
}

/// What a route configuration says.
pub(super) fn table(proto: &RouteConfiguration) -> Result<RouteTable, String> {
    nothing_else(&RouteConfiguration {
        name: String::new(),
        virtual_hosts: Vec::new(),
        // A route may name a cluster that is yet to come; until then it answers 503.
        validate_clusters: None,
        metadata: None,
        ..proto.clone()
    })?;
    let hosts = proto.virtual_hosts.iter().map(host).collect::<Result<_, _>>()?;
    Ok(RouteTable { virtual_hosts: hosts })
}

fn host(proto: &HostProto) -> Result<VirtualHost, String> {
    let named = |reason: String| format!("virtual host {}: {reason}", proto.name);
    let rest =
        HostProto { name: String::new(), domains: Vec::new(), routes: Vec::new(), metadata: None, ..proto.clone() };
    nothing_else(&rest).map_err(named)?;
    let routes = proto.routes.iter().map(|route| self::route(route).map_err(named)).collect::<Result<_, _>>()?;
    Ok(VirtualHost { name: proto.name.clone(), domains: proto.domains.clone(), routes })
}

fn route(proto: &RouteProto) -> Result<Route, String> {
    let named = |reason: String| format!("route {}: {reason}", proto.name);
    let rest = RouteProto { name: String::new(), r#match: None, action: None, metadata: None, ..proto.clone() };
    nothing_else(&rest).map_err(named)?;
    let matched = proto.r#match.as_ref().ok_or_else(|| named("it matches nothing".to_owned()))?;
    let path = path(matched).map_err(named)?;
    let action = match &proto.action {
        Some(route::Action::Route(action)) => Action::Forward(forward(action).map_err(named)?),
        Some(route::Action::DirectResponse(response)) => {
            let body = response.body.as_ref().and_then(|body| body.specifier.as_ref());
            let body = match body {
                None => String::new(),
                Some(Specifier::InlineString(text)) => text.clone(),
                Some(_) => {
                    return Err(named("a response body that is not inline is not supported by this proxy".to_owned()));
                }
            };
            let status =
                u16::try_from(response.status).map_err(|_| named(format!("status {} is none", response.status)))?;
            Action::Respond(Respond { status, body })
        }
        _ => {
            return Err(named("an action that neither forwards nor answers is not supported by this proxy".to_owned()));
        }
    };
    Ok(Route { path, action })
}

fn path(matched: &RouteMatch) -> Result<PathMatch, String> {
    refuse(matched.headers.is_empty(), "a match by headers, method or scheme")?;
    refuse(matched.query_parameters.is_empty(), "a match by query parameters")?;
    refuse(matched.grpc.is_none(), "a gRPC route")?;
    refuse(matched.runtime_fraction.is_none(), "a match by chance")?;
    refuse(matched.case_sensitive.is_none_or(|sensitive| sensitive.value), "a match without case")?;
    nothing_else(&RouteMatch { path_specifier: None, case_sensitive: None, ..matched.clone() })?;
    match &matched.path_specifier {
        Some(PathSpecifier::Prefix(prefix)) => Ok(PathMatch::Prefix(prefix.clone())),
        Some(PathSpecifier::Path(path)) => Ok(PathMatch::Exact(path.clone())),
        _ => Err("a match of the path by an expression is not supported by this proxy".to_owned()),
    }
}

fn forward(action: &RouteAction) -> Result<Forward, String> {
    refuse(action.prefix_rewrite.is_empty() && action.regex_rewrite.is_none(), "a rewrite of the path")?;
    refuse(action.host_rewrite_specifier.is_none(), "a rewrite of the host")?;
    refuse(action.request_mirror_policies.is_empty(), "mirroring")?;
    refuse(action.hash_policy.is_empty(), "a hash policy")?;
    nothing_else(&RouteAction {
        cluster_specifier: None,
        timeout: None,
        idle_timeout: None,
        retry_policy: None,
        ..action.clone()
    })?;
    let clusters = match &action.cluster_specifier {
        Some(ClusterSpecifier::Cluster(name)) => vec![WeightedCluster { name: name.clone(), weight: 1 }],
        Some(ClusterSpecifier::WeightedClusters(weighted)) => {
            let share = |cluster: &ClusterWeight| WeightedCluster {
                name: cluster.name.clone(),
                weight: cluster.weight.map_or(0, |weight| weight.value),
            };
            only_known_of_weighted(weighted)?;
            weighted.clusters.iter().map(share).collect()
        }
        _ => return Err("a cluster that is named by the request is not supported by this proxy".to_owned()),
    };
    if clusters.iter().all(|cluster| cluster.weight == 0) {
        return Err("the sum of weights must be greater than 0".to_owned());
    }
    Ok(Forward {
        clusters,
        timeout: action.timeout.map_or(Some(REQUEST_TIMEOUT), limit),
        idle_timeout: action.idle_timeout.and_then(limit),
        retry: action.retry_policy.as_ref().map(retry).transpose()?,
    })
}

#[expect(deprecated, reason = "it is cleared to see what else is set")]
fn only_known_of_weighted(weighted: &WeightedProto) -> Result<(), String> {
    nothing_else(&WeightedProto {
        clusters: Vec::new(),
        // Weights count by their sum, whatever it is said to be; there is no runtime to overlay them.
        total_weight: None,
        runtime_key_prefix: String::new(),
        ..weighted.clone()
    })?;
    for cluster in &weighted.clusters {
        nothing_else(&ClusterWeight { name: String::new(), weight: None, ..cluster.clone() })?;
    }
    Ok(())
}

fn retry(proto: &RetryProto) -> Result<RetryPolicy, String> {
    for predicate in &proto.retry_host_predicate {
        let previous = predicate.name == "envoy.retry_host_predicates.previous_hosts";
        refuse(previous, &format!("the retry host predicate {}", predicate.name))?;
    }
    nothing_else(&RetryProto {
        retry_on: String::new(),
        num_retries: None,
        per_try_timeout: None,
        retry_host_predicate: Vec::new(),
        host_selection_retry_max_attempts: 0,
        retriable_status_codes: Vec::new(),
        retry_back_off: None,
        ..proto.clone()
    })?;
    let default = RetryPolicy::default();
    let mut policy = RetryPolicy {
        retries: proto.num_retries.map_or(default.retries, |retries| retries.value),
        per_try_timeout: proto.per_try_timeout.and_then(limit),
        avoid_previous: if proto.retry_host_predicate.is_empty() { 0 } else { attempts(proto) },
        ..default
    };
    let statuses = || proto.retriable_status_codes.iter().filter_map(|code| u16::try_from(*code).ok());
    for condition in proto.retry_on.split(',').map(str::trim).filter(|condition| !condition.is_empty()) {
        match condition {
            "5xx" => policy.server_error = true,
            "gateway-error" => policy.statuses.extend([502, 503, 504]),
            "reset" | "reset-before-request" => policy.reset = true,
            "connect-failure" => policy.connect_failure = true,
            "retriable-4xx" => policy.conflict = true,
            "retriable-status-codes" => policy.statuses.extend(statuses()),
            // Refused streams and gRPC statuses are things of HTTP/2: over HTTP/1.1 they never happen.
            "refused-stream" | "unavailable" | "cancelled" | "deadline-exceeded" | "internal"
            | "resource-exhausted" => {}
            other => return Err(format!("the retry condition {other} is not supported by this proxy")),
        }
    }
    policy.statuses.sort_unstable();
    policy.statuses.dedup();
    if let Some(backoff) = &proto.retry_back_off {
        policy.backoff_base = backoff.base_interval.map_or(policy.backoff_base, time);
        policy.backoff_max = backoff.max_interval.map_or(policy.backoff_base * 10, time).max(Duration::from_millis(1));
    }
    Ok(policy)
}

/// How often another host is looked for.
fn attempts(proto: &RetryProto) -> u32 {
    u32::try_from(proto.host_selection_retry_max_attempts).unwrap_or(0).max(1)
}
