//! A snapshot as text that one can read: every setting that App Mesh makes, and nothing that is Envoy's default.
#![allow(
    unreachable_pub,
    clippy::similar_names,
    clippy::match_wildcard_for_single_variants,
    reason = "each test file uses its part"
)]

use std::fmt::Write;

use prost::Message;
use xds::{
    Kind, Snapshot, extension,
    pb::{
        envoy::{
            config::{
                accesslog::v3::{AccessLog, access_log},
                cluster::v3::{
                    Cluster,
                    cluster::{ClusterDiscoveryType, DiscoveryType, DnsLookupFamily},
                },
                core::v3::{
                    Address, DataSource, HealthCheck, SubstitutionFormatString, TrafficDirection, TransportSocket,
                    address, config_source::ConfigSourceSpecifier, data_source, grpc_service::TargetSpecifier,
                    health_check::HealthChecker, socket_address::PortSpecifier, substitution_format_string,
                    transport_socket,
                },
                endpoint::v3::{ClusterLoadAssignment, lb_endpoint::HostIdentifier},
                listener::v3::{FilterChain, Listener, filter, listener_filter},
                route::v3::{
                    HeaderMatcher, RetryPolicy, Route, RouteAction, RouteConfiguration, RouteMatch,
                    header_matcher::HeaderMatchSpecifier,
                    query_parameter_matcher::QueryParameterMatchSpecifier,
                    route,
                    route_action::{ClusterSpecifier, HostRewriteSpecifier},
                    route_match::PathSpecifier,
                },
            },
            extensions::{
                access_loggers::file::v3::{FileAccessLog, file_access_log},
                filters::network::{
                    http_connection_manager::v3::{HttpConnectionManager, http_connection_manager::RouteSpecifier},
                    tcp_proxy::v3::{TcpProxy, tcp_proxy},
                },
                transport_sockets::tls::v3::{
                    DownstreamTlsContext, SdsSecretConfig, Secret, UpstreamTlsContext,
                    common_tls_context::ValidationContextType, secret,
                },
            },
            r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern},
        },
        google::protobuf::{Any, Duration, UInt32Value, value},
    },
};

/// All of `snapshot`.
pub fn of(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    each(snapshot, Kind::Listener, |body| listener(&mut text, &Listener::decode(body).unwrap()));
    each(snapshot, Kind::Route, |body| routes(&mut text, &RouteConfiguration::decode(body).unwrap()));
    each(snapshot, Kind::Cluster, |body| cluster(&mut text, &Cluster::decode(body).unwrap()));
    each(snapshot, Kind::Endpoint, |body| {
        let hosts = ClusterLoadAssignment::decode(body).unwrap();
        line(&mut text, 0, &format!("endpoints {} {}", hosts.cluster_name, hosts_of(Some(&hosts))));
    });
    each(snapshot, Kind::Secret, |body| secret(&mut text, &Secret::decode(body).unwrap()));
    text
}

fn each(snapshot: &Snapshot, kind: Kind, mut show: impl FnMut(&[u8])) {
    snapshot.resources(kind).values().for_each(|resource| show(&resource.body().value));
}

fn line(text: &mut String, depth: usize, what: &str) {
    writeln!(text, "{}{}", "  ".repeat(depth), what.trim_end()).unwrap();
}

fn time(duration: Option<&Duration>) -> String {
    duration.map_or_else(|| "-".to_owned(), |time| format!("{}s", time.seconds as f64 + f64::from(time.nanos) / 1e9))
}

fn count(value: Option<UInt32Value>) -> String {
    value.map_or_else(
        || "-".to_owned(),
        |value| if value.value == i32::MAX as u32 { "max".to_owned() } else { value.value.to_string() },
    )
}

fn address(address: Option<&Address>) -> String {
    let Some(address::Address::SocketAddress(socket)) = address.and_then(|address| address.address.as_ref()) else {
        return "?".to_owned();
    };
    match socket.port_specifier {
        Some(PortSpecifier::PortValue(port)) => format!("{}:{port}", socket.address),
        _ => socket.address.clone(),
    }
}

fn hosts_of(hosts: Option<&ClusterLoadAssignment>) -> String {
    let hosts = hosts.into_iter().flat_map(|hosts| &hosts.endpoints).flat_map(|locality| &locality.lb_endpoints);
    let hosts = hosts.map(|host| match &host.host_identifier {
        Some(HostIdentifier::Endpoint(endpoint)) => address(endpoint.address.as_ref()),
        _ => "?".to_owned(),
    });
    format!("[{}]", hosts.collect::<Vec<_>>().join(", "))
}

fn listener(text: &mut String, listener: &Listener) {
    let direction = TrafficDirection::try_from(listener.traffic_direction).unwrap().as_str_name().to_lowercase();
    line(text, 0, &format!("listener {} {} {direction}", listener.name, address(listener.address.as_ref())));
    for filter in &listener.listener_filters {
        let Some(listener_filter::ConfigType::TypedConfig(_)) = &filter.config_type else { panic!("no config") };
        line(text, 1, &format!("listener filter {}", filter.name));
    }
    listener.filter_chains.iter().for_each(|chain| self::chain(text, chain));
}

fn chain(text: &mut String, chain: &FilterChain) {
    let matched = chain.filter_chain_match.as_ref().unwrap();
    let ranges = matched.prefix_ranges.iter();
    let ranges = ranges.map(|range| format!("{}/{}", range.address_prefix, count(range.prefix_len)));
    let mut what = vec![format!("port={}", count(matched.destination_port))];
    what.extend((!matched.transport_protocol.is_empty()).then(|| format!("speaks={}", matched.transport_protocol)));
    what.extend(matched.server_names.iter().map(|name| format!("name={name}")));
    what.extend(ranges);
    line(text, 1, &format!("chain {}", what.join(" ")));
    chain.transport_socket.iter().for_each(|socket| tls(text, 2, socket));
    for filter in &chain.filters {
        let Some(filter::ConfigType::TypedConfig(config)) = &filter.config_type else { panic!("no config") };
        if config.type_url == extension::HTTP_CONNECTION_MANAGER {
            manager(text, &HttpConnectionManager::decode(config.value.as_slice()).unwrap());
        } else {
            proxy(text, &TcpProxy::decode(config.value.as_slice()).unwrap());
        }
    }
}

/// A socket that speaks TLS, toward clients if it has no name to ask for.
fn tls(text: &mut String, depth: usize, socket: &TransportSocket) {
    let Some(transport_socket::ConfigType::TypedConfig(config)) = &socket.config_type else { panic!("no config") };
    let (common, own) = if config.type_url.ends_with("DownstreamTlsContext") {
        let context = DownstreamTlsContext::decode(config.value.as_slice()).unwrap();
        let demanded = context.require_client_certificate.is_some_and(|demanded| demanded.value);
        (context.common_tls_context, format!("clients show theirs={demanded}"))
    } else {
        let context = UpstreamTlsContext::decode(config.value.as_slice()).unwrap();
        (context.common_tls_context, format!("sni={}", context.sni))
    };
    let common = common.unwrap();
    line(text, depth, &format!("tls {own} alpn={:?}", common.alpn_protocols));
    for certificate in &common.tls_certificates {
        let (chain, key) = (source(certificate.certificate_chain.as_ref()), source(certificate.private_key.as_ref()));
        line(text, depth + 1, &format!("shows {chain} key {key}"));
    }
    let secrets = common.tls_certificate_sds_secret_configs.iter();
    secrets.for_each(|config| line(text, depth + 1, &format!("shows {}", secret_config(config))));
    let (context, config) = match &common.validation_context_type {
        Some(ValidationContextType::ValidationContext(context)) => (context, None),
        Some(ValidationContextType::CombinedValidationContext(both)) => {
            let config = both.validation_context_sds_secret_config.as_ref();
            (both.default_validation_context.as_ref().unwrap(), config)
        }
        None => return line(text, depth + 1, "trusts anyone"),
        _ => return line(text, depth + 1, "trusts ?"),
    };
    let trust = config.map_or_else(|| source(context.trusted_ca.as_ref()), secret_config);
    let names = context.match_typed_subject_alt_names.iter();
    let names = names.map(|name| format!("{:?} {}", name.san_type(), string(name.matcher.as_ref().unwrap())));
    line(text, depth + 1, &format!("trusts {trust} names {:?}", names.collect::<Vec<_>>()));
}

fn secret_config(config: &SdsSecretConfig) -> String {
    let from = match &config.sds_config.as_ref().unwrap().config_source_specifier {
        Some(ConfigSourceSpecifier::Ads(_)) => "ads".to_owned(),
        Some(ConfigSourceSpecifier::ApiConfigSource(api)) => match &api.grpc_services[0].target_specifier {
            Some(TargetSpecifier::EnvoyGrpc(grpc)) => grpc.cluster_name.clone(),
            _ => "?".to_owned(),
        },
        _ => "?".to_owned(),
    };
    format!("secret {} of {from}", config.name)
}

fn source(source: Option<&DataSource>) -> String {
    match source.and_then(|source| source.specifier.as_ref()) {
        Some(data_source::Specifier::Filename(path)) => format!("file {path}"),
        Some(data_source::Specifier::InlineString(text)) => format!("{text:?}"),
        _ => "?".to_owned(),
    }
}

fn secret(text: &mut String, secret: &Secret) {
    let what = match secret.r#type.as_ref().unwrap() {
        secret::Type::TlsCertificate(certificate) => {
            let (chain, key) = (certificate.certificate_chain.as_ref(), certificate.private_key.as_ref());
            format!("certificate {} key {}", source(chain), source(key))
        }
        secret::Type::ValidationContext(context) => format!("trust {}", source(context.trusted_ca.as_ref())),
        _ => "?".to_owned(),
    };
    line(text, 0, &format!("secret {} {what}", secret.name));
}

fn manager(text: &mut String, manager: &HttpConnectionManager) {
    let Some(RouteSpecifier::Rds(rds)) = &manager.route_specifier else { panic!("routes must come by xDS") };
    let filters: Vec<&str> = manager.http_filters.iter().map(|filter| filter.name.as_str()).collect();
    let upgrades: Vec<&str> = manager.upgrade_configs.iter().map(|upgrade| upgrade.upgrade_type.as_str()).collect();
    line(
        text,
        2,
        &format!("http stats={} routes={} upgrades={upgrades:?}", manager.stat_prefix, rds.route_config_name),
    );
    line(
        text,
        3,
        &format!(
            "filters={filters:?} tracing={} normalize={} merge_slashes={}",
            manager.tracing.is_some(),
            manager.normalize_path.is_some_and(|on| on.value),
            manager.merge_slashes
        ),
    );
    manager.access_log.iter().for_each(|log| access_log_of(text, log));
}

fn proxy(text: &mut String, proxy: &TcpProxy) {
    let clusters = match &proxy.cluster_specifier {
        Some(tcp_proxy::ClusterSpecifier::Cluster(name)) => name.clone(),
        Some(tcp_proxy::ClusterSpecifier::WeightedClusters(weighted)) => {
            let clusters = weighted.clusters.iter().map(|cluster| format!("{}={}", cluster.name, cluster.weight));
            clusters.collect::<Vec<_>>().join(" ")
        }
        None => "nowhere".to_owned(),
    };
    line(text, 2, &format!("tcp stats={} idle={} -> {clusters}", proxy.stat_prefix, time(proxy.idle_timeout.as_ref())));
    proxy.access_log.iter().for_each(|log| access_log_of(text, log));
}

fn access_log_of(text: &mut String, log: &AccessLog) {
    let Some(access_log::ConfigType::TypedConfig(Any { value, .. })) = &log.config_type else { panic!("no config") };
    let log = FileAccessLog::decode(value.as_slice()).unwrap();
    let format = match log.access_log_format {
        Some(file_access_log::AccessLogFormat::LogFormat(SubstitutionFormatString { format, .. })) => match format {
            Some(substitution_format_string::Format::TextFormatSource(source)) => match source.specifier {
                Some(data_source::Specifier::InlineString(text)) => format!("{text:?}"),
                _ => "?".to_owned(),
            },
            Some(substitution_format_string::Format::JsonFormat(object)) => {
                let mut members: Vec<String> = object
                    .fields
                    .into_iter()
                    .map(|(key, value)| match value.kind {
                        Some(value::Kind::StringValue(text)) => format!("{key}: {text}"),
                        _ => key,
                    })
                    .collect();
                members.sort();
                format!("{{{}}}", members.join(", "))
            }
            _ => "?".to_owned(),
        },
        _ => "default".to_owned(),
    };
    line(text, 3, &format!("access log {} {format}", log.path));
}

fn routes(text: &mut String, routes: &RouteConfiguration) {
    let ports = if routes.ignore_port_in_host_matching { " on any port" } else { "" };
    line(text, 0, &format!("routes {}{ports}", routes.name));
    for host in &routes.virtual_hosts {
        line(text, 1, &format!("host {} {:?}", host.name, host.domains));
        host.routes.iter().for_each(|route| self::route(text, route));
    }
}

fn route(text: &mut String, route: &Route) {
    line(text, 2, &format!("{} {}", matched(route.r#match.as_ref().unwrap()), route.name));
    match route.action.as_ref().unwrap() {
        route::Action::Route(action) => self::action(text, action),
        route::Action::DirectResponse(answer) => line(text, 3, &format!("answer {}", answer.status)),
        _ => line(text, 3, "?"),
    }
}

fn matched(matched: &RouteMatch) -> String {
    let path = match matched.path_specifier.as_ref().unwrap() {
        PathSpecifier::Prefix(prefix) => format!("prefix {prefix}"),
        PathSpecifier::Path(path) => format!("path {path}"),
        PathSpecifier::SafeRegex(regex) => format!("regex {}", regex.regex),
        _ => "?".to_owned(),
    };
    let grpc = matched.grpc.map(|_| "grpc".to_owned());
    let headers = matched.headers.iter().map(header);
    let parameters = matched.query_parameters.iter().map(|parameter| {
        let value = match &parameter.query_parameter_match_specifier {
            Some(QueryParameterMatchSpecifier::StringMatch(matcher)) => string(matcher),
            _ => "present".to_owned(),
        };
        format!("?{} {value}", parameter.name)
    });
    let all: Vec<String> = [path].into_iter().chain(grpc).chain(headers).chain(parameters).collect();
    all.join(" & ")
}

fn header(header: &HeaderMatcher) -> String {
    let value = match &header.header_match_specifier {
        Some(HeaderMatchSpecifier::StringMatch(matcher)) => string(matcher),
        Some(HeaderMatchSpecifier::RangeMatch(range)) => format!("in {}..{}", range.start, range.end),
        Some(HeaderMatchSpecifier::PresentMatch(true)) => "present".to_owned(),
        _ => "?".to_owned(),
    };
    format!("{}{} {value}", if header.invert_match { "not " } else { "" }, header.name)
}

fn string(matcher: &StringMatcher) -> String {
    match matcher.match_pattern.as_ref().unwrap() {
        MatchPattern::Exact(text) => format!("= {text}"),
        MatchPattern::Prefix(text) => format!("= {text}*"),
        MatchPattern::Suffix(text) => format!("= *{text}"),
        MatchPattern::SafeRegex(regex) => format!("~ {}", regex.regex),
        _ => "?".to_owned(),
    }
}

fn action(text: &mut String, action: &RouteAction) {
    let clusters = match action.cluster_specifier.as_ref().unwrap() {
        ClusterSpecifier::Cluster(name) => name.clone(),
        ClusterSpecifier::WeightedClusters(weighted) => {
            let clusters = weighted.clusters.iter();
            clusters.map(|cluster| format!("{}={}", cluster.name, count(cluster.weight))).collect::<Vec<_>>().join(" ")
        }
        _ => "?".to_owned(),
    };
    line(text, 3, &format!("-> {clusters}"));
    if !action.prefix_rewrite.is_empty() {
        line(text, 3, &format!("what matched of the path becomes {}", action.prefix_rewrite));
    }
    if let Some(found) = &action.regex_rewrite {
        let pattern = &found.pattern.as_ref().unwrap().regex;
        line(text, 3, &format!("path {pattern} becomes {}", found.substitution));
    }
    match &action.host_rewrite_specifier {
        None => {}
        Some(HostRewriteSpecifier::HostRewriteLiteral(host)) => line(text, 3, &format!("host becomes {host}")),
        Some(_) => line(text, 3, "host becomes ?"),
    }
    let (timeout, idle) = (time(action.timeout.as_ref()), time(action.idle_timeout.as_ref()));
    line(text, 3, &format!("timeout={timeout} idle={idle}"));
    if let Some(policy) = &action.retry_policy {
        retry(text, policy);
    }
}

fn retry(text: &mut String, policy: &RetryPolicy) {
    let predicates: Vec<&str> = policy.retry_host_predicate.iter().map(|predicate| predicate.name.as_str()).collect();
    line(
        text,
        3,
        &format!(
            "retry {} times on {} {:?} per try {}",
            count(policy.num_retries),
            policy.retry_on,
            policy.retriable_status_codes,
            time(policy.per_try_timeout.as_ref())
        ),
    );
    line(text, 4, &format!("another host: {predicates:?} up to {} times", policy.host_selection_retry_max_attempts));
}

fn cluster(text: &mut String, cluster: &Cluster) {
    let Some(ClusterDiscoveryType::Type(kind)) = cluster.cluster_discovery_type else { panic!("no type") };
    let kind = DiscoveryType::try_from(kind).unwrap();
    let family = DnsLookupFamily::try_from(cluster.dns_lookup_family).unwrap();
    let dns = matches!(kind, DiscoveryType::LogicalDns | DiscoveryType::StrictDns);
    let family = if dns { format!(" {}", family.as_str_name()) } else { String::new() };
    let hosts = hosts_of(cluster.load_assignment.as_ref());
    line(text, 0, &format!("cluster {} {}{family} {hosts}", cluster.name, kind.as_str_name()));
    let http2 = cluster.typed_extension_protocol_options.len();
    let breakers = &cluster.circuit_breakers.as_ref().unwrap().thresholds[0];
    line(
        text,
        1,
        &format!(
            "connect={} http2={} connections={} pending={} requests={} retries={}",
            time(cluster.connect_timeout.as_ref()),
            http2 == 1,
            count(breakers.max_connections),
            count(breakers.max_pending_requests),
            count(breakers.max_requests),
            count(breakers.max_retries)
        ),
    );
    cluster.transport_socket.iter().for_each(|socket| tls(text, 1, socket));
    cluster.health_checks.iter().for_each(|check| health(text, check));
    if let Some(outliers) = &cluster.outlier_detection {
        line(
            text,
            1,
            &format!(
                "leave out after {} errors for {} every {} at most {}% but one always {} success rate {}",
                count(outliers.consecutive_5xx),
                time(outliers.base_ejection_time.as_ref()),
                time(outliers.interval.as_ref()),
                count(outliers.max_ejection_percent),
                outliers.always_eject_one_host.is_some_and(|always| always.value),
                count(outliers.enforcing_success_rate)
            ),
        );
    }
    if cluster.ignore_health_on_host_removal {
        line(text, 1, "removed hosts go at once");
    }
}

fn health(text: &mut String, check: &HealthCheck) {
    let how = match check.health_checker.as_ref().unwrap() {
        HealthChecker::HttpHealthCheck(http) => {
            format!("http host={} path={} codec={}", http.host, http.path, http.codec_client_type)
        }
        HealthChecker::GrpcHealthCheck(_) => "grpc".to_owned(),
        HealthChecker::TcpHealthCheck(_) => "tcp".to_owned(),
        _ => "?".to_owned(),
    };
    line(
        text,
        1,
        &format!(
            "health {how} port={} every {} within {} well after {} ill after {}",
            count(check.alt_port),
            time(check.interval.as_ref()),
            time(check.timeout.as_ref()),
            count(check.healthy_threshold),
            count(check.unhealthy_threshold)
        ),
    );
}
