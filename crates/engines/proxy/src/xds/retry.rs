//! When requests are tried again.

use std::time::Duration;

use envoy_types::pb::envoy::config::route::v3::RetryPolicy as Proto;

use super::{limit, matching::header, refuse, strict::nothing_else, time};
use crate::{mesh::retry::add_condition, model::RetryPolicy};

pub(super) fn retry(proto: &Proto) -> Result<RetryPolicy, String> {
    for predicate in &proto.retry_host_predicate {
        let previous = predicate.name == "envoy.retry_host_predicates.previous_hosts";
        refuse(previous, &format!("the retry host predicate {}", predicate.name))?;
    }
    nothing_else(&Proto {
        retry_on: String::new(),
        num_retries: None,
        per_try_timeout: None,
        retry_host_predicate: Vec::new(),
        host_selection_retry_max_attempts: 0,
        retriable_status_codes: Vec::new(),
        retriable_headers: Vec::new(),
        retriable_request_headers: Vec::new(),
        retry_back_off: None,
        ..proto.clone()
    })?;
    let default = RetryPolicy::default();
    let status = |code: &u32| u16::try_from(*code).map_err(|_| format!("the status code {code} is none"));
    let mut policy = RetryPolicy {
        statuses: proto.retriable_status_codes.iter().map(status).collect::<Result<_, _>>()?,
        headers: proto.retriable_headers.iter().map(header).collect::<Result<_, _>>()?,
        request_headers: proto.retriable_request_headers.iter().map(header).collect::<Result<_, _>>()?,
        retries: proto.num_retries.map_or(default.retries, |retries| retries.value),
        per_try_timeout: proto.per_try_timeout.and_then(limit),
        avoid_previous: if proto.retry_host_predicate.is_empty() { 0 } else { attempts(proto) },
        ..default
    };
    for condition in proto.retry_on.split(',').map(str::trim).filter(|condition| !condition.is_empty()) {
        refuse(add_condition(&mut policy, condition), &format!("the retry condition {condition}"))?;
    }
    if let Some(backoff) = &proto.retry_back_off {
        policy.backoff_base = backoff.base_interval.map_or(policy.backoff_base, time);
        policy.backoff_max = backoff.max_interval.map_or(policy.backoff_base * 10, time).max(Duration::from_millis(1));
    }
    Ok(policy)
}

/// How often another host is looked for.
fn attempts(proto: &Proto) -> u32 {
    u32::try_from(proto.host_selection_retry_max_attempts).unwrap_or(0).max(1)
}
