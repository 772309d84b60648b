//! What of a client's word about itself is believed, by Envoy's rules.

use crate::http::{Name, Request};

/// Fields by which only those inside may tell the proxy what to do.
const INSIDE: [&str; 14] = [
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-ip-tags",
    "x-envoy-max-retries",
    "x-envoy-original-url",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
];

/// Takes away what the client may not say.
pub(super) fn clean(request: &mut Request) {
    if request.has_seen(Name::XEnvoy) {
        let is_inside = |text: &[u8]| INSIDE.iter().any(|name| text.eq_ignore_ascii_case(name.as_bytes()));
        request.remove_those(|name, text| name == Name::XEnvoy && is_inside(text));
    }
}
