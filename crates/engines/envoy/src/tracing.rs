//! Tracers: none or one. X-Ray, Jaeger (which is Zipkin's protocol) and Datadog by App Mesh's variables,
//! OpenTelemetry by its own.

use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};

use crate::{
    bootstrap::{cluster, http2_cluster, socket},
    variables::{Error, Identity, Variables},
};

/// The share of requests that X-Ray looks at when nothing is said.
const SAMPLING_RATE: f64 = 0.05;

/// What a tracer needs of a bootstrap.
pub(crate) struct Tracer {
    /// The provider.
    pub(crate) provider: Value,
    /// The cluster that it sends to, if it goes through one.
    pub(crate) cluster: Option<Value>,
}

type Make = fn(&Variables<'_>, &Identity) -> Result<Tracer, Error>;

/// The switches, and what each turns on.
const TRACERS: [(&str, Make); 4] = [
    ("ENABLE_ENVOY_XRAY_TRACING", x_ray),
    ("ENABLE_ENVOY_JAEGER_TRACING", jaeger),
    ("ENABLE_ENVOY_DATADOG_TRACING", datadog),
    ("ENABLE_ENVOY_OTEL_TRACING", open_telemetry),
];

/// The tracer that is turned on, if one is.
pub(crate) fn tracer(variables: &Variables<'_>, identity: &Identity) -> Result<Option<Tracer>, Error> {
    let mut on = Vec::new();
    for (name, make) in TRACERS {
        if variables.truth(name)? {
            on.push((name, make));
        }
    }
    match on[..] {
        [] => Ok(None),
        [(_, make)] => make(variables, identity).map(Some),
        [(one, _), (two, _), ..] => Err(Error::TwoTracers(one, two)),
    }
}

fn provider(name: &str, kind: &str, mut config: Value) -> Value {
    config["@type"] = json!(format!("type.googleapis.com/envoy.config.trace.v3.{kind}"));
    json!({ "name": format!("envoy.tracers.{name}"), "typed_config": config })
}

fn x_ray(variables: &Variables<'_>, identity: &Identity) -> Result<Tracer, Error> {
    let daemon = daemon(variables)?;
    let kind = if identity.is_gateway { "virtual_gateway_name" } else { "virtual_node_name" };
    let mut config = json!({
        "daemon_endpoint": {
            "protocol": "UDP", "address": daemon.ip().to_string(), "port_value": daemon.port(),
        },
        "segment_name": variables.get("XRAY_SEGMENT_NAME").unwrap_or_else(|| identity.segment()),
        "segment_fields": {
            "origin": "AWS::AppMesh::Proxy",
            "aws": { "app_mesh": { "mesh_name": identity.mesh, kind: identity.name } },
        },
    });
    if let Some(file) = variables.get("XRAY_SAMPLING_RULE_MANIFEST") {
        config["sampling_rule_manifest"] = json!({ "filename": file });
    } else {
        let rate = variables.number("XRAY_SAMPLING_RATE", 0.0..=1.0, "a share between 0 and 1")?;
        let rate = rate.unwrap_or(SAMPLING_RATE);
        let rules = json!({ "version": 2, "default": { "fixed_target": 1, "rate": rate } });
        config["sampling_rule_manifest"] = json!({ "inline_string": rules.to_string() });
    }
    Ok(Tracer { provider: provider("xray", "XRayConfig", config), cluster: None })
}

fn daemon(variables: &Variables<'_>) -> Result<SocketAddr, Error> {
    const NAME: &str = "AWS_XRAY_DAEMON_ADDRESS";
    let port = variables.port("XRAY_DAEMON_PORT", 2000)?;
    let Some(value) = variables.get(NAME) else { return Ok(([127, 0, 0, 1], port).into()) };
    let whole = value.parse::<SocketAddr>().ok();
    let address = whole.or_else(|| value.parse::<IpAddr>().ok().map(|ip| (ip, port).into()));
    address.ok_or(Error::Value { name: NAME, value, wanted: "an IP address, with a port or not" })
}

fn jaeger(variables: &Variables<'_>, _: &Identity) -> Result<Tracer, Error> {
    const CLUSTER: &str = "jaeger";
    let version = match variables.or("JAEGER_TRACER_VERSION", "PROTO").as_str() {
        "PROTO" => "HTTP_PROTO",
        "JSON" => "HTTP_JSON",
        other => {
            let value = other.to_owned();
            return Err(Error::Value { name: "JAEGER_TRACER_VERSION", value, wanted: "PROTO or JSON" });
        }
    };
    let config = json!({
        "collector_cluster": CLUSTER,
        "collector_endpoint": "/api/v2/spans",
        "collector_endpoint_version": version,
        "shared_span_context": false,
    });
    let host = variables.or("JAEGER_TRACER_ADDRESS", "127.0.0.1");
    let port = variables.port("JAEGER_TRACER_PORT", 9411)?;
    let cluster = cluster(CLUSTER, socket(&host, port), is_name(&host));
    Ok(Tracer { provider: provider("zipkin", "ZipkinConfig", config), cluster: Some(cluster) })
}

fn datadog(variables: &Variables<'_>, identity: &Identity) -> Result<Tracer, Error> {
    const CLUSTER: &str = "datadog_agent";
    let service = variables.get("DD_SERVICE").unwrap_or_else(|| format!("envoy-{}", identity.segment()));
    let config = json!({ "collector_cluster": CLUSTER, "service_name": service });
    let host = variables.or("DATADOG_TRACER_ADDRESS", "127.0.0.1");
    let port = variables.port("DATADOG_TRACER_PORT", 8126)?;
    let cluster = cluster(CLUSTER, socket(&host, port), is_name(&host));
    Ok(Tracer { provider: provider("datadog", "DatadogConfig", config), cluster: Some(cluster) })
}

/// OpenTelemetry over gRPC. App Mesh had no switch for it; the other two variables are OpenTelemetry's own.
fn open_telemetry(variables: &Variables<'_>, identity: &Identity) -> Result<Tracer, Error> {
    const CLUSTER: &str = "opentelemetry_collector";
    const NAME: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let endpoint = variables.or(NAME, "http://127.0.0.1:4317");
    let rest = endpoint.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    let target = rest.and_then(|rest| {
        let (host, port) = rest.rsplit_once(':')?;
        Some((host, port.parse::<u16>().ok()?))
    });
    let Some((host, port)) = target else {
        return Err(Error::Value { name: NAME, value: endpoint, wanted: "http://host:port of a gRPC receiver" });
    };
    let config = json!({
        "grpc_service": { "envoy_grpc": { "cluster_name": CLUSTER }, "timeout": "0.250s" },
        "service_name": variables.get("OTEL_SERVICE_NAME").unwrap_or_else(|| identity.segment()),
    });
    let cluster = http2_cluster(CLUSTER, socket(host, port), is_name(host));
    Ok(Tracer { provider: provider("opentelemetry", "OpenTelemetryConfig", config), cluster: Some(cluster) })
}

fn is_name(host: &str) -> bool {
    host.parse::<IpAddr>().is_err()
}
