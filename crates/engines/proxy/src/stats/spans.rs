//! What became of spans: `tracing.opentelemetry.…`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{group::Value, registry::Group};

/// What a tracer counts that sends to a collector.
#[derive(Debug, Default)]
pub(crate) struct SpanCounters {
    pub(crate) sent: AtomicU64,
    /// Those the collector did not take, or that found no room. Envoy does not count them.
    pub(crate) dropped: AtomicU64,
}

impl SpanCounters {
    pub(super) fn group(&self) -> Group {
        let metrics = vec![
            ("spans_dropped", Value::Counter(self.dropped.load(Relaxed))),
            ("spans_sent", Value::Counter(self.sent.load(Relaxed))),
        ];
        Group {
            path: "tracing.opentelemetry".to_owned(),
            family: "envoy_tracing_opentelemetry",
            labels: Vec::new(),
            metrics,
        }
    }
}
