//! When an endpoint that fails requests is left out for a while.

use std::time::Duration;

use serde::Serialize;

/// What is held against endpoints, with Envoy's defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutlierDetection {
    /// How often it is looked who may come back, and how endpoints compare.
    pub interval: Duration,
    /// How long an endpoint is left out the first time; each further time it is as much longer.
    pub base_ejection_time: Duration,
    /// No endpoint is left out for longer.
    pub max_ejection_time: Duration,
    /// No more endpoints than this share are left out, in percent.
    pub max_ejection_percent: u32,
    /// One endpoint is left out whatever its share.
    pub always_eject_one: bool,
    /// What happens on the way to a server counts apart from what it answers.
    pub split_local_origin: bool,
    /// Answers of 500 and above in a row.
    pub server_errors: Streak,
    /// Answers of 502, 503 and 504 in a row.
    pub gateway_failures: Streak,
    /// Failures on the way to it in a row, if they count apart.
    pub local_failures: Streak,
    /// Endpoints that are worse than most.
    pub success_rate: SuccessRate,
    /// Endpoints that are bad.
    pub failure_percentage: FailurePercentage,
}

/// Failures in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Streak {
    /// So many are too many. 0: any number is fine.
    pub limit: u32,
    /// An endpoint is left out for it so often, in percent.
    pub enforcing: u32,
}

/// How endpoints compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SuccessRate {
    /// An endpoint is left out for it so often, in percent.
    pub enforcing: u32,
    /// So many endpoints must have had enough requests.
    pub minimum_hosts: u32,
    /// So many requests in an interval are enough.
    pub request_volume: u32,
    /// So many thousandths of a standard deviation below the mean are too few successes.
    pub deviation_factor: u32,
}

/// How bad an endpoint may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FailurePercentage {
    /// An endpoint is left out for it so often, in percent.
    pub enforcing: u32,
    /// This share of failures, in percent, is too much.
    pub threshold: u32,
    /// So many endpoints must have had enough requests.
    pub minimum_hosts: u32,
    /// So many requests in an interval are enough.
    pub request_volume: u32,
}

impl Default for OutlierDetection {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            base_ejection_time: Duration::from_secs(30),
            max_ejection_time: Duration::from_mins(5),
            max_ejection_percent: 10,
            always_eject_one: false,
            split_local_origin: false,
            server_errors: Streak { limit: 5, enforcing: 100 },
            gateway_failures: Streak { limit: 5, enforcing: 0 },
            local_failures: Streak { limit: 5, enforcing: 100 },
            success_rate: SuccessRate { enforcing: 100, minimum_hosts: 5, request_volume: 100, deviation_factor: 1900 },
            failure_percentage: FailurePercentage { enforcing: 0, threshold: 85, minimum_hosts: 5, request_volume: 50 },
        }
    }
}
