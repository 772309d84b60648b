//! Listeners.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use envoy_types::pb::{
    envoy::{
        config::{
            core::v3::{HttpProtocolOptions, TrafficDirection, address, socket_address::PortSpecifier},
            listener::v3::{FilterChain as ChainProto, FilterChainMatch, Listener as Proto, filter, listener_filter},
        },
        extensions::{
            filters::http::router::v3::Router,
            filters::network::{
                http_connection_manager::v3::{
                    HttpConnectionManager,
                    http_connection_manager::{ForwardClientCertDetails, RouteSpecifier, UpgradeConfig},
                    http_filter,
                },
                tcp_proxy::v3::{TcpProxy as TcpProto, tcp_proxy::ClusterSpecifier},
            },
        },
    },
    google::protobuf::{Any, BoolValue},
};
use prost::Message;

use super::{
    Refusal, access_logs::access_logs, decode, edge::edge, faults, limit, protocol, refuse, routes,
    strict::nothing_else, tls, translated,
};
use crate::model::{
    CONNECTION_IDLE_TIMEOUT, ChainMatch, ClientCertificate, Direction, Filter, FilterChain, ForwardClientCertificate,
    HEAD_TIMEOUT, Http2, HttpManager, Listener, RouteTable, STREAM_IDLE_TIMEOUT, TcpProxy, WeightedCluster,
};

/// The listeners of a response, with the route configurations that are written in them instead of named.
pub(super) fn listeners(
    resources: &[Any],
) -> Result<(BTreeMap<String, Listener>, BTreeMap<String, RouteTable>), Refusal> {
    let both = translated("listener", decode::<Proto>("listener", resources)?, |listener| &listener.name, listener)?;
    let (mut listeners, mut inline) = (BTreeMap::new(), BTreeMap::new());
    for (name, (listener, routes)) in both {
        listeners.insert(name, listener);
        inline.extend(routes);
    }
    Ok((listeners, inline))
}

/// The names of the route configurations that listeners need and do not bring.
pub(super) fn route_names(
    listeners: &BTreeMap<String, Listener>,
    inline: &BTreeMap<String, RouteTable>,
) -> BTreeSet<String> {
    let chains = listeners.values().flat_map(|listener| &listener.chains);
    let names = chains.filter_map(|chain| match &chain.filter {
        Filter::Http(manager) => Some(manager.routes.clone()),
        Filter::Tcp(_) => None,
    });
    names.filter(|name| !inline.contains_key(name)).collect()
}

type Inline = Vec<(String, RouteTable)>;

fn listener(proto: &Proto) -> Result<(Listener, Inline), String> {
    let address = proto.address.as_ref().and_then(|address| address.address.as_ref());
    let Some(address::Address::SocketAddress(socket)) = address else {
        return Err("an address that is no socket address is not supported by this proxy".to_owned());
    };
    let ip: IpAddr = socket.address.parse().map_err(|_| format!("`{}` is no IP address", socket.address))?;
    let port = match socket.port_specifier {
        Some(PortSpecifier::PortValue(port)) => u16::try_from(port).map_err(|_| format!("port {port} is none"))?,
        _ => return Err("a named port is not supported by this proxy".to_owned()),
    };
    only_known(proto)?;
    let mut inline = Inline::new();
    let chains = proto.filter_chains.iter().chain(&proto.default_filter_chain);
    let chains = chains.map(|proto| chain(proto, &mut inline)).collect::<Result<_, _>>()?;
    let direction = match TrafficDirection::try_from(proto.traffic_direction) {
        Ok(TrafficDirection::Inbound) => Direction::Inbound,
        Ok(TrafficDirection::Outbound) => Direction::Outbound,
        _ => Direction::Unspecified,
    };
    let (original_destination, ipv4_too) = (listener_filters(proto)?, socket.ipv4_compat);
    let listener = Listener { address: (ip, port).into(), ipv4_too, direction, original_destination, chains };
    Ok((listener, inline))
}

#[expect(deprecated, reason = "they are cleared to see what else is set")]
fn only_known(proto: &Proto) -> Result<(), String> {
    let bound = proto.bind_to_port.is_none_or(|bind| bind.value);
    refuse(bound, "a listener that is not bound")?;
    nothing_else(&Proto {
        name: String::new(),
        address: None,
        filter_chains: Vec::new(),
        default_filter_chain: None,
        use_original_dst: None,
        listener_filters: Vec::new(),
        traffic_direction: 0,
        bind_to_port: None,
        // Each core has its own socket, and the kernel spreads connections; buffers are small as they are.
        enable_reuse_port: None,
        reuse_port: false,
        per_connection_buffer_limit_bytes: None,
        tcp_backlog_size: None,
        metadata: None,
        ..proto.clone()
    })
}

/// Whether connections come redirected; listener filters that are not known are refused.
fn listener_filters(proto: &Proto) -> Result<bool, String> {
    let mut original = proto.use_original_dst.is_some_and(|original| original.value);
    for filter in &proto.listener_filters {
        let Some(listener_filter::ConfigType::TypedConfig(config)) = &filter.config_type else {
            return Err(format!("the listener filter {} has no configuration", filter.name));
        };
        match type_of(config) {
            "envoy.extensions.filters.listener.original_dst.v3.OriginalDst" => original = true,
            // The name a client asks for is read wherever a chain wants to know it.
            "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector" => {}
            other => return Err(format!("the listener filter {other} is not supported by this proxy")),
        }
    }
    Ok(original)
}

fn chain(proto: &ChainProto, inline: &mut Inline) -> Result<FilterChain, String> {
    nothing_else(&ChainProto {
        name: String::new(),
        filter_chain_match: None,
        filters: Vec::new(),
        transport_socket: None,
        // How long a handshake may take is limited in any case.
        transport_socket_connect_timeout: None,
        metadata: None,
        ..proto.clone()
    })?;
    let matches = proto.filter_chain_match.as_ref().map_or_else(|| Ok(ChainMatch::default()), chain_match)?;
    let [filter] = proto.filters.as_slice() else {
        return Err(format!(
            "a filter chain of {} filters is not supported by this proxy: one is",
            proto.filters.len()
        ));
    };
    let Some(filter::ConfigType::TypedConfig(config)) = &filter.config_type else {
        return Err(format!("the filter {} has no configuration", filter.name));
    };
    let broken = |error: prost::DecodeError| format!("the filter {} cannot be decoded: {error}", filter.name);
    let filter = match type_of(config) {
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager" => {
            let manager = HttpConnectionManager::decode(config.value.as_slice()).map_err(broken)?;
            Filter::Http(http_manager(&manager, inline)?)
        }
        "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy" => {
            Filter::Tcp(tcp_proxy(&TcpProto::decode(config.value.as_slice()).map_err(broken)?)?)
        }
        other => return Err(format!("the filter {other} is not supported by this proxy")),
    };
    Ok(FilterChain { name: proto.name.clone(), matches, tls: tls::server(proto.transport_socket.as_ref())?, filter })
}

fn chain_match(proto: &FilterChainMatch) -> Result<ChainMatch, String> {
    let everywhere = proto.prefix_ranges.iter().all(|range| range.prefix_len.is_none_or(|length| length.value == 0));
    refuse(everywhere, "a filter chain match by address")?;
    refuse(proto.source_prefix_ranges.is_empty() && proto.source_ports.is_empty(), "a filter chain match by source")?;
    let secured = match proto.transport_protocol.as_str() {
        "" => None,
        "tls" => Some(true),
        "raw_buffer" => Some(false),
        other => {
            return Err(format!(
                "a filter chain match by the transport protocol {other} is not supported by this proxy"
            ));
        }
    };
    nothing_else(&FilterChainMatch {
        destination_port: None,
        prefix_ranges: Vec::new(),
        server_names: Vec::new(),
        transport_protocol: String::new(),
        application_protocols: Vec::new(),
        ..proto.clone()
    })?;
    let port = proto.destination_port.map(|port| u16::try_from(port.value));
    let destination_port = port.transpose().map_err(|_| "a destination port that is none".to_owned())?;
    let lower = |names: &[String]| names.iter().map(|name| name.to_ascii_lowercase()).collect();
    Ok(ChainMatch {
        destination_port,
        server_names: lower(&proto.server_names),
        secured,
        protocols: proto.application_protocols.clone(),
    })
}

fn http_manager(proto: &HttpConnectionManager, inline: &mut Inline) -> Result<HttpManager, String> {
    only_known_of_manager(proto)?;
    for filter in &proto.http_filters {
        if filter.name == faults::FILTER {
            faults::only_off(filter)?;
            continue;
        }
        refuse(filter.name == "envoy.filters.http.router", &format!("the HTTP filter {}", filter.name))?;
        if let Some(http_filter::ConfigType::TypedConfig(config)) = &filter.config_type {
            let router = Router::decode(config.value.as_slice()).map_err(|error| error.to_string())?;
            // More or fewer statistics are no other routing.
            nothing_else(&Router { dynamic_stats: None, ..router })?;
        }
    }
    let routes = match &proto.route_specifier {
        Some(RouteSpecifier::Rds(rds)) => rds.route_config_name.clone(),
        Some(RouteSpecifier::RouteConfig(config)) => {
            let name = format!("{} ({})", config.name, proto.stat_prefix);
            inline.push((name.clone(), routes::table(config)?));
            name
        }
        _ => return Err("scoped routes are not supported by this proxy".to_owned()),
    };
    let on = |value: Option<BoolValue>| value.is_some_and(|value| value.value);
    let enabled = proto.upgrade_configs.iter().filter(|upgrade| upgrade.enabled.is_none_or(|enabled| enabled.value));
    let idle = proto.common_http_protocol_options.as_ref().and_then(|options| options.idle_timeout);
    Ok(HttpManager {
        stat_prefix: proto.stat_prefix.clone(),
        routes,
        codec: protocol::codec(proto.codec_type)?,
        http2: proto.http2_protocol_options.as_ref().map_or_else(|| Ok(Http2::default()), protocol::http2)?,
        normalize_path: on(proto.normalize_path),
        merge_slashes: proto.merge_slashes,
        upgrades: enabled.map(|upgrade| upgrade.upgrade_type.to_ascii_lowercase()).collect(),
        tracing: proto.tracing.is_some(),
        access_logs: access_logs(&proto.access_log)?,
        idle_timeout: idle.map_or(Some(CONNECTION_IDLE_TIMEOUT), limit),
        edge: edge(proto)?,
        client_certificate: client_certificate(proto)?,
        head_timeout: proto.request_headers_timeout.and_then(limit).unwrap_or(HEAD_TIMEOUT),
        stream_idle_timeout: proto.stream_idle_timeout.map_or(Some(STREAM_IDLE_TIMEOUT), limit),
    })
}

fn client_certificate(proto: &HttpConnectionManager) -> Result<ClientCertificate, String> {
    let details = proto.set_current_client_cert_details.unwrap_or_default();
    let forward = match ForwardClientCertDetails::try_from(proto.forward_client_cert_details) {
        Ok(ForwardClientCertDetails::Sanitize) => ForwardClientCertificate::Sanitize,
        Ok(ForwardClientCertDetails::ForwardOnly) => ForwardClientCertificate::Only,
        Ok(ForwardClientCertDetails::AppendForward) => ForwardClientCertificate::Append,
        Ok(ForwardClientCertDetails::SanitizeSet) => ForwardClientCertificate::Set,
        Ok(ForwardClientCertDetails::AlwaysForwardOnly) => ForwardClientCertificate::Always,
        Err(_) => return Err("forward_client_cert_details that is not known".to_owned()),
    };
    Ok(ClientCertificate {
        forward,
        subject: details.subject.is_some_and(|subject| subject.value),
        certificate: details.cert,
        chain: details.chain,
        dns: details.dns,
        uri: details.uri,
    })
}

fn only_known_of_manager(proto: &HttpConnectionManager) -> Result<(), String> {
    let unescaped = matches!(proto.path_with_escaped_slashes_action, 0 | 1);
    refuse(unescaped, "path_with_escaped_slashes_action other than KEEP_UNCHANGED")?;
    if let Some(options) = proto.common_http_protocol_options {
        nothing_else(&HttpProtocolOptions { idle_timeout: None, ..options })?;
    }
    // Which tracer there is, and how much it keeps, the environment says.
    nothing_else(&proto.tracing.clone().unwrap_or_default())?;
    for upgrade in &proto.upgrade_configs {
        nothing_else(&UpgradeConfig { upgrade_type: String::new(), enabled: None, ..upgrade.clone() })?;
    }
    nothing_else(&HttpConnectionManager {
        codec_type: 0,
        http2_protocol_options: None,
        stat_prefix: String::new(),
        route_specifier: None,
        http_filters: Vec::new(),
        tracing: None,
        common_http_protocol_options: None,
        request_headers_timeout: None,
        stream_idle_timeout: None,
        forward_client_cert_details: 0,
        set_current_client_cert_details: None,
        access_log: Vec::new(),
        use_remote_address: None,
        xff_num_trusted_hops: 0,
        skip_xff_append: false,
        internal_address_config: None,
        always_set_request_id_in_response: false,
        append_x_forwarded_port: false,
        generate_request_id: None,
        upgrade_configs: Vec::new(),
        normalize_path: None,
        merge_slashes: false,
        path_with_escaped_slashes_action: 0,
        preserve_external_request_id: false,
        // How a connection is closed is the proxy's own affair.
        drain_timeout: None,
        delayed_close_timeout: None,
        ..proto.clone()
    })
}

fn tcp_proxy(proto: &TcpProto) -> Result<TcpProxy, String> {
    nothing_else(&TcpProto {
        stat_prefix: String::new(),
        cluster_specifier: None,
        idle_timeout: None,
        max_connect_attempts: None,
        access_log: Vec::new(),
        ..proto.clone()
    })?;
    let clusters = match &proto.cluster_specifier {
        Some(ClusterSpecifier::Cluster(name)) => vec![WeightedCluster::of(name, 1)],
        Some(ClusterSpecifier::WeightedClusters(weighted)) => {
            weighted.clusters.iter().map(|cluster| WeightedCluster::of(&cluster.name, cluster.weight)).collect()
        }
        None => return Err("a TCP proxy without a cluster".to_owned()),
    };
    Ok(TcpProxy {
        stat_prefix: proto.stat_prefix.clone(),
        clusters,
        max_connect_attempts: proto.max_connect_attempts.map_or(1, |attempts| attempts.value),
        idle_timeout: proto.idle_timeout.map_or(Some(CONNECTION_IDLE_TIMEOUT), limit),
        access_logs: access_logs(&proto.access_log)?,
    })
}

/// The message type that a packed configuration is of.
pub(super) fn type_of(config: &Any) -> &str {
    config.type_url.rsplit('/').next().unwrap_or_default()
}
