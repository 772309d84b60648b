//! `/config_dump`: what the data plane goes by.
//!
//! The outer shape is Envoy's, so that what finds clusters, listeners, routes and secrets in it by name goes on to find
//! them. Each resource is in this proxy's own words: what it understood, not what it was sent.

use serde_json::{Value, json};

use crate::{mesh::Plane, model::Config, stats::Applied};

/// The dump; `wanted` is the kind asked for (`?resource=`), none for all.
pub(super) async fn dump(plane: &Plane, wanted: Option<&str>) -> Value {
    let config = plane.config().await;
    let versions = plane.registry().config.applied();
    let [clusters, endpoints, secrets, listeners, routes] = &versions;
    let dumps = [
        dump_clusters(&config, clusters),
        dump_listeners(&config, listeners),
        dump_routes(&config, routes),
        dump_endpoints(&config, endpoints),
        dump_secrets(&config, secrets),
    ];
    let kept = |(kinds, _): &(&str, Value)| wanted.is_none_or(|wanted| *kinds == wanted);
    let configs: Vec<Value> = dumps.into_iter().filter(kept).map(|(_, dump)| dump).collect();
    json!({ "configs": configs })
}

/// A resource with its name, in an envelope that says what it is.
fn resource(kind: &str, name: &str, content: &impl serde::Serialize) -> Value {
    let mut resource = json!({ "@type": format!("type.googleapis.com/{kind}"), "name": name });
    // A model of plain words is always JSON.
    if let (Value::Object(all), Ok(Value::Object(own))) = (&mut resource, serde_json::to_value(content)) {
        all.extend(own);
    }
    resource
}

fn versioned(applied: &Applied, member: &str, resource: Value) -> Value {
    json!({ "version_info": applied.version, "last_updated": applied.at, member: resource })
}

fn outer(kind: &str, applied: &Applied, members: Value) -> Value {
    let mut dump =
        json!({ "@type": format!("type.googleapis.com/envoy.admin.v3.{kind}"), "version_info": applied.version });
    if let (Value::Object(all), Value::Object(own)) = (&mut dump, members) {
        all.extend(own);
    }
    if let Some(refusal) = &applied.refusal {
        dump["error_state"] = json!({ "details": refusal });
    }
    dump
}

fn dump_clusters(config: &Config, applied: &Applied) -> (&'static str, Value) {
    let one = |(name, cluster): (&String, _)| {
        versioned(applied, "cluster", resource("envoy.config.cluster.v3.Cluster", name, cluster))
    };
    let clusters: Vec<Value> = config.clusters.iter().map(one).collect();
    let members = json!({ "static_clusters": [], "dynamic_active_clusters": clusters });
    ("dynamic_active_clusters", outer("ClustersConfigDump", applied, members))
}

fn dump_listeners(config: &Config, applied: &Applied) -> (&'static str, Value) {
    let one = |(name, listener): (&String, _)| {
        let listener = resource("envoy.config.listener.v3.Listener", name, listener);
        json!({ "name": name, "active_state": versioned(applied, "listener", listener) })
    };
    let listeners: Vec<Value> = config.listeners.iter().map(one).collect();
    let members = json!({ "static_listeners": [], "dynamic_listeners": listeners });
    ("dynamic_listeners", outer("ListenersConfigDump", applied, members))
}

fn dump_routes(config: &Config, applied: &Applied) -> (&'static str, Value) {
    let one = |(name, table): (&String, _)| {
        versioned(applied, "route_config", resource("envoy.config.route.v3.RouteConfiguration", name, table))
    };
    let routes: Vec<Value> = config.routes.iter().map(one).collect();
    let members = json!({ "static_route_configs": [], "dynamic_route_configs": routes });
    ("dynamic_route_configs", outer("RoutesConfigDump", applied, members))
}

fn dump_endpoints(config: &Config, applied: &Applied) -> (&'static str, Value) {
    let one = |(name, endpoints): (&String, _)| {
        let content = json!({ "cluster_name": name, "endpoints": endpoints });
        versioned(
            applied,
            "endpoint_config",
            resource("envoy.config.endpoint.v3.ClusterLoadAssignment", name, &content),
        )
    };
    let endpoints: Vec<Value> = config.endpoints.iter().map(one).collect();
    let members = json!({ "static_endpoint_configs": [], "dynamic_endpoint_configs": endpoints });
    ("dynamic_endpoint_configs", outer("EndpointsConfigDump", applied, members))
}

fn dump_secrets(config: &Config, applied: &Applied) -> (&'static str, Value) {
    const SECRET: &str = "envoy.extensions.transport_sockets.tls.v3.Secret";
    let one = |(name, secret): (&String, _)| {
        let mut dumped = versioned(applied, "secret", resource(SECRET, name, secret));
        dumped["name"] = json!(name);
        dumped
    };
    let secrets: Vec<Value> = config.secrets.iter().map(one).collect();
    let members = json!({ "static_secrets": [], "dynamic_active_secrets": secrets });
    ("dynamic_active_secrets", outer("SecretsConfigDump", applied, members))
}
