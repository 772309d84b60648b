//! Which tracer the environment asks for: X-Ray by the variables of App Mesh's image, OpenTelemetry by a switch of our own
//! and by OpenTelemetry's variables, as for an Envoy that `serin envoy-bootstrap` writes the configuration of.

use std::net::{IpAddr, SocketAddr};

use serde_json::json;

use super::settings::{SettingsError, number, resource, truth};
use crate::{OpenTelemetrySettings, TracerSettings, XRaySettings};

/// The switch of X-Ray's tracer.
const X_RAY: &str = "ENABLE_ENVOY_XRAY_TRACING";
/// The switch of OpenTelemetry's.
const OPEN_TELEMETRY: &str = "ENABLE_ENVOY_OTEL_TRACING";
/// The share of traces that X-Ray's tracer keeps when nothing is said.
const SAMPLING_RATE: f64 = 0.05;

/// The tracer that is switched on, if one is.
pub(super) fn tracer(
    set: &impl Fn(&str) -> Option<String>,
    node_id: &str,
) -> Result<Option<TracerSettings>, SettingsError> {
    Ok(match (truth(set(X_RAY)), truth(set(OPEN_TELEMETRY))) {
        (true, true) => {
            let reason = "ENABLE_ENVOY_XRAY_TRACING is set as well, and there is one tracer";
            return Err(SettingsError::Refused { name: OPEN_TELEMETRY, reason });
        }
        (true, false) => Some(TracerSettings::XRay(x_ray(set, node_id)?)),
        (false, true) => Some(TracerSettings::OpenTelemetry(open_telemetry(set, node_id)?)),
        (false, false) => None,
    })
}

/// `mesh/node`, which is what spans are of when nothing is said.
fn service(node_id: &str) -> String {
    resource(node_id).map_or_else(|| node_id.to_owned(), |(mesh, _, name)| format!("{mesh}/{name}"))
}

fn x_ray(set: &impl Fn(&str) -> Option<String>, node_id: &str) -> Result<XRaySettings, SettingsError> {
    let (mesh, kind, name) = resource(node_id).unwrap_or(("", "virtualNode", node_id));
    let own = if kind == "virtualGateway" { "virtual_gateway_name" } else { "virtual_node_name" };
    let sampling_rate = set("XRAY_SAMPLING_RATE").map_or(Ok(SAMPLING_RATE), |value| {
        let rate = value.parse::<f64>().ok().filter(|rate| (0.0..=1.0).contains(rate));
        rate.ok_or(SettingsError::Value { name: "XRAY_SAMPLING_RATE", value, wanted: "a share between 0 and 1" })
    })?;
    Ok(XRaySettings {
        segment_name: set("XRAY_SEGMENT_NAME").unwrap_or_else(|| service(node_id)),
        app_mesh: json!({ "mesh_name": mesh, own: name }),
        node_id: node_id.to_owned(),
        daemon: daemon(set)?,
        sampling_rate,
    })
}

fn daemon(set: &impl Fn(&str) -> Option<String>) -> Result<SocketAddr, SettingsError> {
    let port = number(set, "XRAY_DAEMON_PORT", 2000, 1..=u16::MAX, "a port")?;
    let Some(value) = set("AWS_XRAY_DAEMON_ADDRESS") else { return Ok(([127, 0, 0, 1], port).into()) };
    let whole = value.parse::<SocketAddr>().ok();
    let address = whole.or_else(|| value.parse::<IpAddr>().ok().map(|ip| (ip, port).into()));
    address.ok_or(SettingsError::Value {
        name: "AWS_XRAY_DAEMON_ADDRESS",
        value,
        wanted: "an address, with a port or not",
    })
}

fn open_telemetry(
    set: &impl Fn(&str) -> Option<String>,
    node_id: &str,
) -> Result<OpenTelemetrySettings, SettingsError> {
    const NAME: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let endpoint = set(NAME).unwrap_or_else(|| "http://127.0.0.1:4317".to_owned());
    let address = endpoint.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    let port = address.and_then(|address| address.rsplit_once(':')).map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(_))) {
        let wanted = "http://host:port of a gRPC receiver";
        return Err(SettingsError::Value { name: NAME, value: endpoint, wanted });
    }
    Ok(OpenTelemetrySettings {
        endpoint,
        service_name: set("OTEL_SERVICE_NAME").unwrap_or_else(|| service(node_id)),
        node_id: node_id.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: &str = "mesh/m/virtualNode/n";

    fn read(variables: &[(&str, &str)], node_id: &str) -> Result<Option<TracerSettings>, SettingsError> {
        let set = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        tracer(&set, node_id)
    }

    #[test]
    fn x_ray_s_segments_say_what_of_app_mesh_they_are_of() {
        let on = [(X_RAY, "1")];
        let Ok(Some(TracerSettings::XRay(node))) = read(&on, NODE) else { panic!("no tracer") };
        assert_eq!((node.segment_name.as_str(), node.daemon), ("m/n", ([127, 0, 0, 1], 2000).into()));
        assert_eq!(node.app_mesh, json!({ "mesh_name": "m", "virtual_node_name": "n" }));
        let Ok(Some(TracerSettings::XRay(gateway))) = read(&on, "mesh/m/virtualGateway/g") else { panic!("no tracer") };
        assert_eq!(gateway.app_mesh, json!({ "mesh_name": "m", "virtual_gateway_name": "g" }));
    }

    #[test]
    fn opentelemetry_has_its_own_variables_and_is_not_beside_another_tracer() {
        let Ok(Some(TracerSettings::OpenTelemetry(usual))) = read(&[(OPEN_TELEMETRY, "true")], NODE) else {
            panic!("no tracer")
        };
        assert_eq!((usual.endpoint.as_str(), usual.service_name.as_str()), ("http://127.0.0.1:4317", "m/n"));
        let both = [(OPEN_TELEMETRY, "1"), (X_RAY, "1")];
        assert!(matches!(read(&both, NODE), Err(SettingsError::Refused { name: OPEN_TELEMETRY, .. })));
        for wrong in ["https://c:4317", "c:4317", "http://c", "http://c:x"] {
            let asked = [(OPEN_TELEMETRY, "1"), ("OTEL_EXPORTER_OTLP_ENDPOINT", wrong)];
            assert!(matches!(read(&asked, NODE), Err(SettingsError::Value { .. })), "{wrong}");
        }
        assert_eq!(read(&[(OPEN_TELEMETRY, "0")], NODE), Ok(None));
    }
}
