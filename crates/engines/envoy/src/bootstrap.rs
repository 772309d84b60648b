//! The bootstrap: all that an Envoy is told at its start, as JSON.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use crate::{
    files, stats, tracing,
    variables::{Error, Identity, Variables},
};

/// Where the control plane is when nothing is said: the address it has in every VPC.
const CONTROL_PLANE: &str = "169.254.170.2:4566";
/// The cluster of the control plane.
const ADS: &str = "ads";
/// The cluster of secrets on a socket, by the name that App Mesh's resources refer to.
const SDS: &str = "static_cluster_sds_unix_socket";
/// The certificates that a control plane is held against where it speaks TLS.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Mode 0600, as numbers go in JSON.
const OWNER_ONLY: u32 = 0o600;

/// Variables of the image that mean nothing to a stock Envoy, and why.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("APPMESH_PREVIEW", "there is one control plane, the one of APPMESH_XDS_ENDPOINT"),
    ("APPMESH_DUALSTACK_ENDPOINT", "there is one control plane, the one of APPMESH_XDS_ENDPOINT"),
    ("APPMESH_FIPS_ENDPOINT", "there is one control plane, the one of APPMESH_XDS_ENDPOINT"),
    ("APPMESH_SIGNING_NAME", "a stock Envoy signs nothing"),
    ("APPMESH_METRIC_EXTENSION_VERSION", "it needs a filter that only AWS's build of Envoy has"),
    ("APPMESH_SET_TRACING_DECISION", "Envoy always writes the decision into the request id"),
    ("APPNET_ENABLE_RELAY_MODE_FOR_XDS", "there is no relay: Envoy speaks to the control plane itself"),
    ("ENVOY_NO_EXTENSION_LOOKUP_BY_NAME", "Envoy looks no extension up by its name any more"),
    ("ENVOY_USE_HTTP_CLIENT_TO_FETCH_AWS_CREDENTIALS", "no AWS credentials are fetched"),
];

/// The variables that are set and mean nothing to a stock Envoy, each with the reason.
pub fn without_effect(variable: &dyn Fn(&str) -> Option<String>) -> Vec<(&'static str, &'static str)> {
    let off = |value: &str| matches!(value, "" | "0" | "false" | "False" | "FALSE");
    let set = |(name, _): &&(&str, &str)| variable(name).is_some_and(|value| !off(&value));
    WITHOUT_EFFECT.iter().filter(set).copied().collect()
}

/// The bootstrap of a stock Envoy for the environment that `variable` reads.
pub fn bootstrap(variable: &dyn Fn(&str) -> Option<String>) -> Result<Value, Error> {
    let variables = Variables(variable);
    let identity = Identity::read(&variables)?;
    let mut clusters = vec![control_plane(&variables)?];
    clusters.extend(
        variables
            .get("APPMESH_SDS_SOCKET_PATH")
            .map(|path| http2_cluster(SDS, json!({ "pipe": { "path": path } }), false)),
    );
    let tracer = tracing::tracer(&variables, &identity)?;
    let mut whole = json!({
        "node": node(&variables, &identity),
        "admin": admin(&variables)?,
        "layered_runtime": runtime(&variables)?,
        "dynamic_resources": dynamic_resources(&variables)?,
        "stats_config": stats::config(&variables, &identity)?,
    });
    let log = variables.or("ENVOY_OUTLIER_DETECTION_EVENT_LOG_PATH", "/dev/stdout");
    whole["cluster_manager"] = json!({ "outlier_detection": { "event_log_path": log } });
    if let Some(interval) = variables.duration("ENVOY_STATS_FLUSH_INTERVAL")? {
        whole["stats_flush_interval"] = json!(interval);
    }
    if let Some(sink) = stats::dog_statsd(&variables)? {
        whole["stats_sinks"] = json!([sink]);
    }
    if let Some(tracer) = tracer {
        clusters.extend(tracer.cluster);
        whole["tracing"] = json!({ "http": tracer.provider });
    }
    whole["static_resources"] = json!({ "clusters": clusters });
    files::merge(&variables, &mut whole)?;
    Ok(whole)
}

fn node(variables: &Variables<'_>, identity: &Identity) -> Value {
    let mut node = json!({ "id": identity.id, "cluster": identity.cluster });
    if let Some(arn) = variables.get("SERIN_TASK_ARN") {
        let platform = json!({ "ecsPlatformInfo": { "ecsTaskArn": arn } });
        node["metadata"] = json!({ "aws.appmesh.platformInfo": platform });
    }
    node
}

fn admin(variables: &Variables<'_>) -> Result<Value, Error> {
    let log = json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": variables.or("ENVOY_ADMIN_ACCESS_LOG_FILE", "/tmp/envoy_admin_access.log"),
        },
    });
    let address = match variables.or("ENVOY_ADMIN_MODE", "tcp").as_str() {
        "tcp" => {
            let port = variables.port("ENVOY_ADMIN_ACCESS_PORT", 9901)?;
            let both = variables.truth("ENVOY_ADMIN_ACCESS_ENABLE_IPV6")?;
            let mut socket = json!({ "address": if both { "::" } else { "0.0.0.0" }, "port_value": port });
            if both {
                socket["ipv4_compat"] = json!(true);
            }
            json!({ "socket_address": socket })
        }
        "uds" => json!({ "pipe": { "path": "/tmp/envoy_admin.sock", "mode": OWNER_ONLY } }),
        other => {
            let value = other.to_owned();
            return Err(Error::Value { name: "ENVOY_ADMIN_MODE", value, wanted: "tcp or uds" });
        }
    };
    Ok(json!({ "access_log": [log], "address": address }))
}

/// What App Mesh set at run time, without the switches that Envoy has removed since.
fn runtime(variables: &Variables<'_>) -> Result<Value, Error> {
    let mut layer = Map::new();
    layer.insert("re2.max_program_size.error_level".to_owned(), json!(1000));
    if let Some(requests) = variables.number("MAX_REQUESTS_PER_IO_CYCLE", 1..=u32::MAX, "a number of requests")? {
        layer.insert("http.max_requests_per_io_cycle".to_owned(), json!(requests));
    }
    Ok(json!({ "layers": [
        { "name": "static_layer_0", "static_layer": layer },
        { "name": "admin_layer", "admin_layer": {} },
    ] }))
}

fn dynamic_resources(variables: &Variables<'_>) -> Result<Value, Error> {
    let timeout = variables.duration("ENVOY_INITIAL_FETCH_TIMEOUT")?.unwrap_or_else(|| "0s".to_owned());
    let mut service = json!({ "envoy_grpc": { "cluster_name": ADS } });
    if let Some(token) = token(variables)? {
        service["initial_metadata"] = json!([{ "key": "authorization", "value": format!("Bearer {token}") }]);
    }
    let ads = json!({ "ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": timeout });
    Ok(json!({
        "ads_config": {
            "api_type": "GRPC",
            "transport_api_version": "V3",
            "grpc_services": [service],
        },
        "lds_config": ads,
        "cds_config": ads,
    }))
}

/// The token that is shown to the control plane. Envoy reads none from a file, so that it stands in the bootstrap.
fn token(variables: &Variables<'_>) -> Result<Option<String>, Error> {
    const NAME: &str = "SERIN_XDS_TOKEN_FILE";
    let Some(path) = variables.get(NAME) else { return Ok(None) };
    let text = std::fs::read_to_string(&path);
    let text = text.map_err(|source| Error::File { name: NAME, path: path.clone(), source })?;
    let token = text.trim().to_owned();
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(Error::Value { name: NAME, value: path, wanted: "a file with a token in it" });
    }
    Ok(Some(token))
}

/// The certificate that is shown to the control plane.
fn certificate(variables: &Variables<'_>) -> Result<Option<Value>, Error> {
    const CERTIFICATE: &str = "SERIN_XDS_CERTIFICATE_FILE";
    const KEY: &str = "SERIN_XDS_KEY_FILE";
    match (variables.get(CERTIFICATE), variables.get(KEY)) {
        (None, None) => Ok(None),
        (Some(chain), Some(key)) => {
            Ok(Some(json!({ "certificate_chain": { "filename": chain }, "private_key": { "filename": key } })))
        }
        (Some(value), None) => Err(Error::Value { name: CERTIFICATE, value, wanted: "set SERIN_XDS_KEY_FILE, too" }),
        (None, Some(value)) => Err(Error::Value { name: KEY, value, wanted: "set SERIN_XDS_CERTIFICATE_FILE, too" }),
    }
}

/// The cluster of `APPMESH_XDS_ENDPOINT`: `host:port`, `unix:///path`, or `https://host:port`.
fn control_plane(variables: &Variables<'_>) -> Result<Value, Error> {
    const NAME: &str = "APPMESH_XDS_ENDPOINT";
    let endpoint = variables.or(NAME, CONTROL_PLANE);
    if let Some(path) = endpoint.strip_prefix("unix://") {
        return Ok(http2_cluster(ADS, json!({ "pipe": { "path": path } }), false));
    }
    let (rest, tls) = match (endpoint.strip_prefix("https://"), endpoint.strip_prefix("http://")) {
        (Some(rest), _) => (rest, true),
        (None, Some(rest)) => (rest, false),
        (None, None) => (endpoint.as_str(), false),
    };
    let (host, port) =
        rest.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?))).ok_or(Error::Value {
            name: NAME,
            value: endpoint.clone(),
            wanted: "host:port, https://host:port or unix:///path",
        })?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut cluster = http2_cluster(ADS, socket(host, port), host.parse::<IpAddr>().is_err());
    if tls {
        let file = variables.or("SERIN_XDS_CA_FILE", CERTIFICATES);
        let mut context = json!({
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": host,
            "common_tls_context": { "validation_context": { "trusted_ca": { "filename": file } } },
        });
        if let Some(own) = certificate(variables)? {
            context["common_tls_context"]["tls_certificates"] = json!([own]);
        }
        cluster["transport_socket"] = json!({ "name": "envoy.transport_sockets.tls", "typed_config": context });
        return Ok(cluster);
    }
    let of_tls = ["SERIN_XDS_CA_FILE", "SERIN_XDS_CERTIFICATE_FILE", "SERIN_XDS_KEY_FILE"];
    match of_tls.into_iter().find_map(|name| Some((name, variables.get(name)?))) {
        Some((name, value)) => {
            let wanted = "it is for TLS: let APPMESH_XDS_ENDPOINT begin with https://";
            Err(Error::Value { name, value, wanted })
        }
        None => Ok(cluster),
    }
}

/// A TCP address in Envoy's words.
pub(crate) fn socket(host: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": host, "port_value": port } })
}

/// A cluster of one host. `by_name`: its address is a name to look up.
pub(crate) fn cluster(name: &str, address: Value, by_name: bool) -> Value {
    json!({
        "name": name,
        "type": if by_name { "STRICT_DNS" } else { "STATIC" },
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
        },
    })
}

/// The same, speaking HTTP/2, with pings that notice a host that went away without a word.
pub(crate) fn http2_cluster(name: &str, address: Value, by_name: bool) -> Value {
    let mut cluster = cluster(name, address, by_name);
    let http2 = json!({ "connection_keepalive": { "interval": "10s", "timeout": "20s" } });
    let options = json!({
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": { "http2_protocol_options": http2 },
    });
    let key = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    cluster["typed_extension_protocol_options"] = json!({ key: options });
    cluster
}
