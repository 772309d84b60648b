//! What the data plane tells about itself.

use std::{collections::BTreeSet, fmt::Write as _, net::SocketAddr, sync::atomic::Ordering::Relaxed};

use names::Timestamp;
use serde_json::{Value, json};

use super::{Plane, endpoint::Endpoint, state::ClusterState};
use crate::{model::Discovery, stats::Registry, tls::Identity};

impl Plane {
    /// All counters.
    pub(crate) fn registry(&self) -> &Registry {
        &self.0.shared.registry
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.shared.clock.now()
    }

    /// How many threads carry traffic.
    pub(crate) fn concurrency(&self) -> usize {
        self.0.concurrency
    }

    /// The certificates of ours that are in use.
    pub(crate) fn certificates(&self) -> Vec<Identity> {
        self.0.shared.store.in_use().0
    }

    /// What could not be read again when it changed: what there was before is kept.
    pub fn troubles(&self) -> Vec<String> {
        self.0.shared.store.in_use().1
    }

    /// The clusters that are not warm yet, and the listeners that wait for what they need.
    pub(crate) async fn unready(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let state = self.0.state.lock().await;
        let cold = state.clusters.iter().filter(|(_, cluster)| !cluster.warmth.is_warm());
        let waiting = state.listeners.iter().filter(|(_, listener)| !listener.is_running());
        (cold.map(|(name, _)| name.clone()).collect(), waiting.map(|(name, _)| name.clone()).collect())
    }

    /// Counts the endpoints anew, and looks which limits are reached.
    pub(crate) async fn count_members(&self) {
        let state = self.0.state.lock().await;
        for (name, cluster) in &state.clusters {
            let counters = self.0.shared.registry.health(name);
            let endpoints = &cluster.endpoints;
            counters.membership_total.store(endpoints.endpoints.len() as u64, Relaxed);
            counters.membership_healthy.store(endpoints.healthy() as u64, Relaxed);
            let reached = cluster.reached();
            counters.cx_open.store(u64::from(reached.connections), Relaxed);
            counters.rq_open.store(u64::from(reached.requests), Relaxed);
            counters.rq_pending_open.store(u64::from(reached.pending), Relaxed);
            counters.rq_retry_open.store(u64::from(reached.retries), Relaxed);
        }
    }

    /// The healthy endpoints of the clusters whose name `is_wanted`, of the one that has the fewest; none if there is no
    /// such cluster.
    pub(crate) async fn healthy(&self, is_wanted: impl Fn(&str) -> bool) -> Option<usize> {
        let state = self.0.state.lock().await;
        let wanted = state.clusters.iter().filter(|(name, _)| is_wanted(name));
        wanted.map(|(_, cluster)| cluster.endpoints.healthy()).min()
    }

    /// Clusters and their endpoints, in the words of Envoy's `/clusters`.
    pub(crate) async fn clusters_as_text(&self) -> String {
        let state = self.0.state.lock().await;
        let mut text = String::new();
        for (name, cluster) in &state.clusters {
            describe(&mut text, name, cluster);
        }
        text
    }

    /// Listeners and where they are bound, in the words of Envoy's `/listeners`.
    pub(crate) async fn listeners_as_text(&self) -> String {
        let state = self.0.state.lock().await;
        let running = state.listeners.iter().filter(|(_, listener)| listener.running.is_some());
        running.fold(String::new(), |mut text, (name, listener)| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{name}::{}", listener.wanted.sockets.address);
            text
        })
    }
}

impl Plane {
    /// Clusters and their endpoints, as Envoy's `/clusters?format=json` has them.
    pub(crate) async fn clusters_as_json(&self) -> Value {
        let state = self.0.state.lock().await;
        let cluster = |(name, cluster): (&String, &ClusterState)| {
            let hosts: Vec<Value> = cluster.endpoints.endpoints.iter().map(|endpoint| host(endpoint)).collect();
            let mut thresholds = json!({ "priority": "DEFAULT" });
            for (limit, value) in limits(cluster) {
                thresholds[limit] = json!(value);
            }
            let mut status = json!({
                "name": name,
                "added_via_api": true,
                "host_statuses": hosts,
                "circuit_breakers": { "thresholds": [thresholds] },
                "observability_name": name,
            });
            if let Discovery::Eds { service_name } = &cluster.settings.discovery {
                status["eds_service_name"] = json!(service_name);
            }
            status
        };
        json!({ "cluster_statuses": state.clusters.iter().map(cluster).collect::<Vec<_>>() })
    }

    /// Listeners and where they are bound, as Envoy's `/listeners?format=json` has them.
    pub(crate) async fn listeners_as_json(&self) -> Value {
        let state = self.0.state.lock().await;
        let running = state.listeners.iter().filter(|(_, listener)| listener.running.is_some());
        let one = running
            .map(|(name, listener)| json!({ "name": name, "local_address": socket(listener.wanted.sockets.address) }));
        json!({ "listener_statuses": one.collect::<Vec<_>>() })
    }
}

fn socket(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

fn host(endpoint: &Endpoint) -> Value {
    let counters = &endpoint.counters;
    let counter = |name: &str, value: u64| json!({ "name": name, "type": "COUNTER", "value": value.to_string() });
    let active = counters.level(|counters| &counters.rq_active);
    let mut health = json!({ "eds_health_status": if endpoint.settings.healthy { "HEALTHY" } else { "UNHEALTHY" } });
    if endpoint.is_failing() {
        health["failed_active_health_check"] = json!(true);
    }
    if endpoint.conduct.is_out() {
        health["failed_outlier_check"] = json!(true);
    }
    json!({
        "address": socket(endpoint.settings.address),
        "stats": [
            counter("rq_error", counters.sum(|counters| &counters.rq_error)),
            counter("rq_success", counters.sum(|counters| &counters.rq_success)),
            counter("rq_total", counters.sum(|counters| &counters.rq_total)),
            { "name": "rq_active", "type": "GAUGE", "value": active.to_string() },
        ],
        "health_status": health,
        "weight": endpoint.settings.weight,
        "hostname": endpoint.settings.hostname.as_deref().unwrap_or_default(),
        "locality": {},
    })
}

/// The limits of a cluster by Envoy's names; what is unlimited is as App Mesh writes that.
fn limits(cluster: &ClusterState) -> [(&'static str, u32); 4] {
    const UNLIMITED: u32 = i32::MAX.cast_unsigned();
    let limits = cluster.settings.limits;
    [
        ("max_connections", limits.connections),
        ("max_pending_requests", limits.pending),
        ("max_requests", limits.requests),
        ("max_retries", limits.retries),
    ]
    .map(|(name, limit)| (name, limit.unwrap_or(UNLIMITED)))
}

fn describe(text: &mut String, name: &str, cluster: &ClusterState) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{name}::observability_name::{name}");
    for (what, limit) in limits(cluster) {
        let _ = writeln!(text, "{name}::default_priority::{what}::{limit}");
    }
    let _ = writeln!(text, "{name}::added_via_api::true");
    if let Discovery::Eds { service_name } = &cluster.settings.discovery {
        let _ = writeln!(text, "{name}::eds_service_name::{service_name}");
    }
    for endpoint in &cluster.endpoints.endpoints {
        describe_endpoint(text, name, endpoint);
    }
}

fn describe_endpoint(text: &mut String, cluster: &str, endpoint: &Endpoint) {
    let address = endpoint.settings.address;
    let flags = [
        (endpoint.is_failing(), "/failed_active_hc"),
        (endpoint.conduct.is_out(), "/failed_outlier_check"),
        (!endpoint.settings.healthy, "/failed_eds_health"),
    ];
    let health: String = flags.iter().filter(|(is_so, _)| *is_so).map(|(_, flag)| *flag).collect();
    let health = if health.is_empty() { "healthy".to_owned() } else { health };
    let counters = &endpoint.counters;
    for (what, value) in [
        ("rq_active", counters.level(|counters| &counters.rq_active).to_string()),
        ("rq_error", counters.sum(|counters| &counters.rq_error).to_string()),
        ("rq_success", counters.sum(|counters| &counters.rq_success).to_string()),
        ("rq_total", counters.sum(|counters| &counters.rq_total).to_string()),
        ("hostname", endpoint.settings.hostname.clone().unwrap_or_default()),
        ("health_flags", health),
        ("weight", endpoint.settings.weight.to_string()),
        ("region", String::new()),
        ("zone", String::new()),
        ("sub_zone", String::new()),
        ("canary", "false".to_owned()),
        ("priority", "0".to_owned()),
        ("success_rate", "-1".to_owned()),
        ("local_origin_success_rate", "-1".to_owned()),
    ] {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{cluster}::{address}::{what}::{value}");
    }
}
