//! When a request is worth another attempt, by Envoy's rules.

use std::time::Duration;

use super::matching;
use crate::{
    format::Lookup,
    http::Failure,
    model::{
        GRPC_CANCELLED, GRPC_DEADLINE_EXCEEDED, GRPC_INTERNAL, GRPC_RESOURCE_EXHAUSTED, GRPC_UNAVAILABLE, HeaderMatch,
        HeaderTest, Part, RetryPolicy,
    },
};

/// Adds a condition by its name in Envoy; whether there is one of that name.
pub(crate) fn add_condition(policy: &mut RetryPolicy, name: &str) -> bool {
    match name {
        "5xx" => policy.server_error = true,
        "gateway-error" => policy.gateway_error = true,
        "reset" => policy.reset = true,
        "reset-before-request" => policy.reset_before_request = true,
        "connect-failure" => policy.connect_failure = true,
        "refused-stream" => policy.refused = true,
        "retriable-4xx" => policy.conflict = true,
        "retriable-status-codes" => policy.by_status = true,
        "retriable-headers" => policy.by_header = true,
        "envoy-ratelimited" => policy.rate_limited = true,
        "cancelled" => policy.grpc |= 1 << GRPC_CANCELLED,
        "deadline-exceeded" => policy.grpc |= 1 << GRPC_DEADLINE_EXCEEDED,
        "internal" => policy.grpc |= 1 << GRPC_INTERNAL,
        "resource-exhausted" => policy.grpc |= 1 << GRPC_RESOURCE_EXHAUSTED,
        "unavailable" => policy.grpc |= 1 << GRPC_UNAVAILABLE,
        _ => return false,
    }
    true
}

/// The condition that a response has a field called `name`.
pub(super) fn present(name: &str) -> HeaderMatch {
    let part = Part::named(name);
    HeaderMatch { part, test: HeaderTest::Present(true), invert: false, missing_is_empty: false }
}

/// Whether `failure` is one that `policy` tries again.
pub(super) fn applies(policy: &RetryPolicy, failure: &Failure) -> bool {
    let any = policy.reset || policy.server_error || policy.gateway_error;
    match failure {
        Failure::Connect(_) | Failure::ConnectTimeout => any || policy.connect_failure || policy.reset_before_request,
        Failure::Refused => any || policy.refused,
        Failure::Reset | Failure::AttemptTimeout => any,
        // The time is up, the client is at fault, there is nobody to ask, or it is decided by the whole response.
        _ => false,
    }
}

/// Whether a response with `status` and `fields` is one that `policy` tries again.
pub(super) fn applies_to_response(policy: &RetryPolicy, status: u16, fields: &dyn Lookup) -> bool {
    let is_plain = !policy.by_header && policy.grpc == 0;
    if status < 400 && is_plain && !policy.by_status {
        return false;
    }
    if fields.has("x-envoy-ratelimited") {
        return policy.rate_limited;
    }
    (policy.server_error && (500..600).contains(&status))
        || (policy.gateway_error && matches!(status, 502..=504))
        || (policy.conflict && status == 409)
        || (policy.by_status && policy.statuses.contains(&status))
        || (policy.by_header && policy.headers.iter().any(|header| matching::header_holds(header, fields)))
        || (policy.grpc != 0 && grpc_status(fields).is_some_and(|status| policy.grpc & (1 << status) != 0))
}

/// The status of a response of gRPC that has no body, whose trailers are its header.
fn grpc_status(fields: &dyn Lookup) -> Option<u32> {
    let status = fields.first("grpc-status")?;
    std::str::from_utf8(&status).ok()?.parse().ok().filter(|status| *status < u32::BITS)
}

/// The wait before attempt number `attempt` (2 is the first retry): a random part of a span that doubles and doubles.
pub(super) fn backoff(policy: &RetryPolicy, attempt: u32, random: u64) -> Duration {
    let doubled = 1_u32 << attempt.saturating_sub(1).min(16);
    let span = policy.backoff_base.saturating_mul(doubled - 1).min(policy.backoff_max);
    let nanoseconds = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX).max(1);
    Duration::from_nanos(random % nanoseconds)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    struct Fields(&'static [(&'static str, &'static str)]);

    impl Lookup for Fields {
        fn each(&self, name: &str, look: &mut dyn FnMut(&[u8])) {
            self.0.iter().filter(|(found, _)| *found == name).for_each(|(_, value)| look(value.as_bytes()));
        }
    }

    fn policy(conditions: &str, statuses: &[u16]) -> RetryPolicy {
        let mut policy = RetryPolicy { statuses: statuses.to_vec(), ..RetryPolicy::default() };
        assert!(conditions.split(',').all(|name| add_condition(&mut policy, name)), "{conditions}");
        policy
    }

    #[test]
    fn each_condition_is_for_what_envoy_has_it_for() {
        let refused = || Failure::Connect(io::ErrorKind::ConnectionRefused.into());
        // Whether a refused connection, a reset and an attempt that took too long are tried again.
        for (conditions, wanted) in [
            ("connect-failure,retriable-status-codes,unavailable,refused-stream", [true, false, false]),
            ("reset-before-request", [true, false, false]),
            ("reset", [true, true, true]),
            ("5xx", [true, true, true]),
            ("gateway-error", [true, true, true]),
            ("retriable-4xx", [false, false, false]),
        ] {
            let policy = policy(conditions, &[503]);
            let found = [refused(), Failure::Reset, Failure::AttemptTimeout].map(|failure| applies(&policy, &failure));
            assert_eq!(found, wanted, "{conditions}");
            assert_eq!(applies(&policy, &Failure::ConnectTimeout), wanted[0], "{conditions}");
            for never in [Failure::Timeout, Failure::WholeTimeout, Failure::Overflow, Failure::NoUpstream] {
                assert!(!applies(&policy, &never), "{conditions} {never:?}");
            }
        }
    }

    #[test]
    fn responses_are_tried_again_by_status_field_and_grpcs_status() {
        let unavailable = &[("grpc-status", "14")];
        for (conditions, statuses, status, fields, wanted) in [
            ("5xx", &[][..], 599, &[][..], true),
            ("5xx", &[], 499, &[], false),
            ("gateway-error", &[], 502, &[], true),
            ("gateway-error", &[], 500, &[], false),
            ("retriable-4xx", &[], 409, &[], true),
            ("retriable-4xx", &[], 404, &[], false),
            ("retriable-status-codes", &[418], 418, &[], true),
            ("5xx", &[418], 418, &[], false),
            ("unavailable", &[], 200, unavailable, true),
            ("cancelled", &[], 200, unavailable, false),
            ("unavailable", &[], 503, &[], false),
            ("5xx", &[], 503, &[("x-envoy-ratelimited", "true")], false),
            ("envoy-ratelimited", &[], 429, &[("x-envoy-ratelimited", "true")], true),
        ] {
            let policy = policy(conditions, statuses);
            assert_eq!(
                applies_to_response(&policy, status, &Fields(fields)),
                wanted,
                "{conditions} {status} {fields:?}"
            );
        }
        let named = RetryPolicy { headers: vec![present("X-Again")], ..policy("retriable-headers", &[]) };
        assert!(applies_to_response(&named, 200, &Fields(&[("x-again", "")])));
        assert!(!applies_to_response(&named, 200, &Fields(&[])));
        assert!(!add_condition(&mut RetryPolicy::default(), "6xx"));
    }

    #[test]
    fn waits_grow_and_stay_within_their_bound() {
        let policy = RetryPolicy::default();
        for random in [0, 1, u64::MAX / 3, u64::MAX] {
            assert!(backoff(&policy, 2, random) < Duration::from_millis(25));
            assert!(backoff(&policy, 3, random) < Duration::from_millis(75));
            assert!(backoff(&policy, 40, random) < Duration::from_millis(250));
        }
    }
}
