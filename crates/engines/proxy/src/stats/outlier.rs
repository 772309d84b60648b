//! How often endpoints were left out for failing requests: `cluster.<name>.outlier_detection.…`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::group::{Metric, Value};

/// The reasons there are.
const REASONS: usize = 5;

/// What those count who watch the endpoints of a cluster.
#[derive(Debug, Default)]
pub(crate) struct OutlierCounters {
    /// How many endpoints are left out.
    pub(crate) active: AtomicU64,
    /// How often there was a reason, whatever came of it, by reason.
    pub(crate) detected: [AtomicU64; REASONS],
    /// How often an endpoint was left out, by reason.
    pub(crate) enforced: [AtomicU64; REASONS],
    pub(crate) enforced_total: AtomicU64,
    /// How often too many were left out already.
    pub(crate) overflow: AtomicU64,
}

impl OutlierCounters {
    pub(super) fn metrics(&self) -> Vec<Metric> {
        const DETECTED: [&str; REASONS] = [
            "outlier_detection.ejections_detected_consecutive_5xx",
            "outlier_detection.ejections_detected_consecutive_gateway_failure",
            "outlier_detection.ejections_detected_consecutive_local_origin_failure",
            "outlier_detection.ejections_detected_success_rate",
            "outlier_detection.ejections_detected_failure_percentage",
        ];
        const ENFORCED: [&str; REASONS] = [
            "outlier_detection.ejections_enforced_consecutive_5xx",
            "outlier_detection.ejections_enforced_consecutive_gateway_failure",
            "outlier_detection.ejections_enforced_consecutive_local_origin_failure",
            "outlier_detection.ejections_enforced_success_rate",
            "outlier_detection.ejections_enforced_failure_percentage",
        ];
        let counter = |counter: &AtomicU64| Value::Counter(counter.load(Relaxed));
        let active = i64::try_from(self.active.load(Relaxed)).unwrap_or(i64::MAX);
        let mut metrics = vec![
            ("outlier_detection.ejections_active", Value::Gauge(active)),
            ("outlier_detection.ejections_enforced_total", counter(&self.enforced_total)),
            ("outlier_detection.ejections_overflow", counter(&self.overflow)),
        ];
        metrics.extend(DETECTED.iter().zip(&self.detected).map(|(name, count)| (*name, counter(count))));
        metrics.extend(ENFORCED.iter().zip(&self.enforced).map(|(name, count)| (*name, counter(count))));
        metrics
    }
}
