//! Statistics: tags as App Mesh's dashboards know them, and `DogStatsD`.

use serde_json::{Value, json};

use crate::variables::{Error, Identity, Variables};

/// Tags that are read from names, with the expressions that find them. The outer group leaves the name, the inner one
/// is the tag's value. They are about nodes with several listeners, whose names carry protocol and port.
const FROM_NAMES: [(&str, &str); 3] = [
    ("appmesh.listener_protocol", r"\.ingress\.((\w+)\.)[0-9]+\."),
    ("appmesh.listener_port", r"\.ingress\.\w+\.(([0-9]+)\.)"),
    ("envoy_rds_route_config", r"\.ingress\.\w+\.[0-9]+\.rds\.(([^.]+)\.)"),
];

/// The tags; those of mesh and node only where `ENABLE_ENVOY_STATS_TAGS` asks for them.
pub(crate) fn config(variables: &Variables<'_>, identity: &Identity) -> Result<Value, Error> {
    let mut tags = Vec::new();
    if variables.truth("ENABLE_ENVOY_STATS_TAGS")? {
        let kind = if identity.is_gateway { "appmesh.virtual_gateway" } else { "appmesh.virtual_node" };
        tags.push(json!({ "tag_name": "appmesh.mesh", "fixed_value": identity.mesh }));
        tags.push(json!({ "tag_name": kind, "fixed_value": identity.name }));
    }
    tags.extend(FROM_NAMES.map(|(name, regex)| json!({ "tag_name": name, "regex": regex })));
    Ok(json!({ "stats_tags": tags }))
}

/// Where statistics are sent, if `ENABLE_ENVOY_DOG_STATSD` asks for it.
pub(crate) fn dog_statsd(variables: &Variables<'_>) -> Result<Option<Value>, Error> {
    if !variables.truth("ENABLE_ENVOY_DOG_STATSD")? {
        return Ok(None);
    }
    let address = match variables.get("STATSD_SOCKET_PATH") {
        Some(path) => json!({ "pipe": { "path": path } }),
        None => json!({ "socket_address": {
            "protocol": "UDP",
            "address": variables.or("STATSD_ADDRESS", "127.0.0.1"),
            "port_value": variables.port("STATSD_PORT", 8125)?,
        } }),
    };
    Ok(Some(json!({
        "name": "envoy.stat_sinks.dog_statsd",
        "typed_config": { "@type": "type.googleapis.com/envoy.config.metrics.v3.DogStatsdSink", "address": address },
    })))
}
