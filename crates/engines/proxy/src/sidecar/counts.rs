//! What a canary's judge reads ten times a second: requests, failures and latencies of a few clusters, and how many of
//! their endpoints are healthy. Of each there is what went to a random half of the users as well, and where users stay
//! with a version what went to each of their groups. A page of our own beside Envoy's, since Envoy's own pages are made for people.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use serde_json::{Value, json};

use super::admin::Admin;
use crate::stats::{ClusterCounters, Latencies, PerCore};

/// The clusters in one question; more are not looked at.
const NAMES_MAX: usize = 64;

/// `GET /serin/counts?cluster=<name>&cluster=<name>`: a variant of a cluster, `<name>_<variant>`, counts with it.
pub(super) async fn counts(State(admin): State<Admin>, RawQuery(query): RawQuery) -> Json<Value> {
    let query = query.unwrap_or_default();
    let pairs = query.split('&').filter_map(|pair| pair.strip_prefix("cluster="));
    let mut clusters = BTreeMap::new();
    for name in pairs.take(NAMES_MAX) {
        let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy().into_owned();
        let healthy = admin.plane.healthy(|other| is_of(other, &name)).await;
        let found = admin.plane.registry().clusters(|other| is_of(other, &name));
        if let Some(healthy) = healthy {
            clusters.insert(name, of(&found, healthy));
        }
    }
    Json(json!({ "clusters": clusters }))
}

/// Whether `cluster` is `name` or a variant of it. What is behind a slash is of requests that are counted apart.
fn is_of(cluster: &str, name: &str) -> bool {
    cluster.strip_prefix(name).is_some_and(|rest| rest.is_empty() || (rest.starts_with('_') && !rest.contains('/')))
}

fn of(sets: &[std::sync::Arc<PerCore<ClusterCounters>>], healthy: usize) -> Value {
    let (mut statuses, mut latencies) = (BTreeMap::new(), Latencies::default());
    let (mut half, mut half_latencies) = ((0, 0), Latencies::default());
    let mut users = Vec::new();
    for cluster in sets {
        cluster.each(|set| {
            // The part before the whole: it is the smaller one also where requests are counted meanwhile.
            half = (half.0 + set.half.requests.get(), half.1 + set.half.errors.get());
            set.half.rq_time.add_to(&mut half_latencies);
            set.users.add_to(&mut users);
            set.statuses.add_to(&mut statuses);
            set.rq_time.add_to(&mut latencies);
        });
    }
    let requests: u64 = statuses.values().sum();
    let errors: u64 = statuses.range(500..).map(|(_, count)| count).sum();
    let latency = |latencies: &Latencies| latencies.filled().collect::<Vec<_>>();
    let half = json!({ "requests": half.0, "errors": half.1, "latency": latency(&half_latencies) });
    json!({
        "requests": requests, "errors": errors, "latency": latency(&latencies), "healthy": healthy,
        "half": half, "users": users,
    })
}

#[cfg(test)]
mod tests {
    use super::is_of;

    #[test]
    fn a_variant_counts_and_another_cluster_does_not() {
        assert!(is_of("cds_egress_m_api_http_80", "cds_egress_m_api_http_80"));
        assert!(is_of("cds_egress_m_api_http_80_1a2b", "cds_egress_m_api_http_80"));
        assert!(!is_of("cds_egress_m_api_http_8080", "cds_egress_m_api_http_80"));
        assert!(!is_of("cds_egress_m_api_http_80/testers", "cds_egress_m_api_http_80"));
        assert!(!is_of("cds_egress_m_api_http_80_1a2b/testers", "cds_egress_m_api_http_80"));
    }
}
