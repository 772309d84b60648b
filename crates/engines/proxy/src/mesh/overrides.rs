//! What a request from inside asks for by `x-envoy-` fields, instead of what its route says.

use std::time::Duration;

use super::retry;
use crate::{http::Request, model::RetryPolicy};

/// What is different for one request.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    /// Nothing (zero) means no limit.
    pub(super) timeout: Option<Duration>,
    /// Nothing (zero) means no limit.
    pub(super) attempt: Option<Duration>,
    pub(super) retry: Option<RetryPolicy>,
}

impl Overrides {
    /// What `request` asks for on a route with the retry policy `route`; the fields are taken away, and none is left if
    /// they ask for nothing.
    pub(super) fn take(request: &mut Request, route: Option<&RetryPolicy>) -> Option<Box<Self>> {
        let timeout = milliseconds(taken(request, "x-envoy-upstream-rq-timeout-ms"));
        let attempt = milliseconds(taken(request, "x-envoy-upstream-rq-per-try-timeout-ms"));
        let on = taken(request, "x-envoy-retry-on");
        let grpc_on = taken(request, "x-envoy-retry-grpc-on");
        let most: Option<u32> = taken(request, "x-envoy-max-retries").and_then(|number| number.parse().ok());
        let statuses = taken(request, "x-envoy-retriable-status-codes");
        let named = taken(request, "x-envoy-retriable-header-names");
        let mut policy = route.cloned();
        let conditions = [on, grpc_on].into_iter().flatten();
        for condition in conditions.flat_map(|list| list.split(',').map(str::to_owned).collect::<Vec<_>>()) {
            // What is not known is overlooked, as Envoy does.
            retry::add_condition(policy.get_or_insert_default(), condition.trim());
        }
        if let Some(policy) = &mut policy {
            let statuses = statuses.iter().flat_map(|list| list.split(','));
            policy.statuses.extend(statuses.filter_map(|one| one.trim().parse::<u16>().ok()));
            policy.retries = most.unwrap_or(policy.retries);
            policy
                .headers
                .extend(named.iter().flat_map(|list| list.split(',')).map(|name| retry::present(name.trim())));
        }
        let overrides = Self { timeout, attempt, retry: policy };
        (overrides.timeout.is_some() || overrides.attempt.is_some() || overrides.retry.as_ref() != route)
            .then(|| Box::new(overrides))
    }
}

/// The field called `name`, which goes no further.
fn taken(request: &mut Request, name: &'static str) -> Option<String> {
    let value = request.values(name).next().map(|value| String::from_utf8_lossy(value).into_owned())?;
    request.remove(name);
    Some(value)
}

/// A time in milliseconds; none where that is no number.
fn milliseconds(text: Option<String>) -> Option<Duration> {
    text?.parse().ok().map(Duration::from_millis)
}
