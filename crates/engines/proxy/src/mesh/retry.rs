//! When a request is worth another attempt, by Envoy's rules.

use std::time::Duration;

use crate::{http::Failure, model::RetryPolicy};

/// Whether `failure` is one that `policy` tries again.
pub(crate) fn applies(policy: &RetryPolicy, failure: &Failure) -> bool {
    match failure {
        Failure::Connect(_) | Failure::ConnectTimeout => policy.connect_failure || policy.reset || policy.server_error,
        Failure::Refused => policy.refused || policy.reset || policy.server_error,
        Failure::Reset | Failure::AttemptTimeout => policy.reset || policy.server_error,
        Failure::Status(status, _) => {
            policy.statuses.contains(status)
                || (policy.server_error && (500..600).contains(status))
                || (policy.conflict && *status == 409)
        }
        // The time is up, the client is at fault, or there is nobody to ask.
        _ => false,
    }
}

/// The wait before attempt number `attempt` (2 is the first retry): a random part of a span that doubles and doubles.
pub(crate) fn backoff(policy: &RetryPolicy, attempt: u32, random: u64) -> Duration {
    let doubled = 1_u32 << attempt.saturating_sub(1).min(16);
    let span = policy.backoff_base.saturating_mul(doubled - 1).min(policy.backoff_max);
    let nanoseconds = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX).max(1);
    Duration::from_nanos(random % nanoseconds)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn the_policy_that_app_mesh_gives_to_all_retries_503_and_failed_connections_only() {
        let policy = RetryPolicy { connect_failure: true, statuses: vec![503], retries: 2, ..RetryPolicy::default() };
        let refused = || Failure::Connect(io::ErrorKind::ConnectionRefused.into());
        for (failure, wanted) in [
            (refused(), true),
            (Failure::ConnectTimeout, true),
            (Failure::Status(503, Duration::ZERO), true),
            (Failure::Status(500, Duration::ZERO), false),
            (Failure::Status(409, Duration::ZERO), false),
            (Failure::Reset, false),
            (Failure::AttemptTimeout, false),
            (Failure::Timeout, false),
            (Failure::Overflow, false),
        ] {
            assert_eq!(applies(&policy, &failure), wanted, "{failure:?}");
        }
        let any = RetryPolicy { server_error: true, conflict: true, ..RetryPolicy::default() };
        assert!(applies(&any, &Failure::Status(599, Duration::ZERO)));
        assert!(applies(&any, &Failure::Status(409, Duration::ZERO)));
        assert!(applies(&any, &Failure::Reset));
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
