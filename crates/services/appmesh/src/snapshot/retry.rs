//! What is tried again: what a route says, or what App Mesh did where it said nothing.

use api::appmesh::{GrpcRetryPolicy, HttpRetryPolicy};
use xds::{
    extension,
    pb::envoy::{
        config::route::v3::{
            RetryPolicy,
            retry_policy::{RetryHostPredicate, retry_host_predicate},
        },
        extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate,
    },
};

use super::proto::{duration, uint};

/// How often another host is looked for that was not tried yet.
const HOST_SELECTION_ATTEMPTS: i64 = 5;

/// The policy of routes that say nothing: App Mesh's for accounts since 2020-07-29.
pub(super) fn default() -> RetryPolicy {
    let conditions = ["unavailable", "connect-failure", "refused-stream", "reset"];
    policy(conditions.map(str::to_owned).to_vec(), vec![503], 2)
}

/// The policy of an HTTP route.
pub(super) fn http(asked: &HttpRetryPolicy) -> RetryPolicy {
    let (mut conditions, codes) = http_events(asked.http_retry_events.as_deref());
    conditions.extend(asked.tcp_retry_events.iter().flatten().map(|_| "connect-failure".to_owned()));
    let per_try_timeout = Some(duration(asked.per_retry_timeout));
    RetryPolicy { per_try_timeout, ..policy(conditions, codes, asked.max_retries) }
}

/// The policy of a gRPC route.
pub(super) fn grpc(asked: &GrpcRetryPolicy) -> RetryPolicy {
    let (mut conditions, codes) = http_events(asked.http_retry_events.as_deref());
    conditions.extend(asked.grpc_retry_events.iter().flatten().map(|event| event.as_str().to_owned()));
    conditions.extend(asked.tcp_retry_events.iter().flatten().map(|_| "connect-failure".to_owned()));
    let per_try_timeout = Some(duration(asked.per_retry_timeout));
    RetryPolicy { per_try_timeout, ..policy(conditions, codes, asked.max_retries) }
}

/// What App Mesh's words for answers mean to Envoy: conditions, and status codes.
fn http_events(events: Option<&[String]>) -> (Vec<String>, Vec<u32>) {
    let (mut conditions, mut codes) = (Vec::new(), Vec::new());
    for event in events.unwrap_or_default() {
        let more: &[u32] = match event.as_str() {
            "server-error" => &[500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511],
            "gateway-error" => &[502, 503, 504],
            "client-error" => &[409],
            _ => &[],
        };
        codes.extend(more);
        match event.as_str() {
            "server-error" | "gateway-error" => conditions.push("reset".to_owned()),
            "stream-error" => conditions.push("refused-stream".to_owned()),
            _ => {}
        }
    }
    codes.sort_unstable();
    codes.dedup();
    (conditions, codes)
}

fn policy(mut conditions: Vec<String>, codes: Vec<u32>, retries: u64) -> RetryPolicy {
    if !codes.is_empty() {
        conditions.push("retriable-status-codes".to_owned());
    }
    let mut seen = Vec::new();
    conditions.retain(|condition| {
        let new = !seen.contains(condition);
        seen.push(condition.clone());
        new
    });
    let predicate = extension::previous_hosts(&PreviousHostsPredicate::default());
    RetryPolicy {
        retry_on: conditions.join(","),
        num_retries: Some(uint(u32::try_from(retries).unwrap_or(u32::MAX))),
        retriable_status_codes: codes,
        retry_host_predicate: vec![RetryHostPredicate {
            name: "envoy.retry_host_predicates.previous_hosts".to_owned(),
            config_type: Some(retry_host_predicate::ConfigType::TypedConfig(predicate)),
        }],
        host_selection_retry_max_attempts: HOST_SELECTION_ATTEMPTS,
        ..RetryPolicy::default()
    }
}
