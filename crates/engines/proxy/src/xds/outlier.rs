//! When endpoints that fail requests are left out.

use envoy_types::pb::{envoy::config::cluster::v3::OutlierDetection as Proto, google::protobuf::UInt32Value};

use super::{strict::nothing_else, time};
use crate::model::{FailurePercentage, OutlierDetection, Streak, SuccessRate};

pub(super) fn outliers(proto: &Proto) -> Result<OutlierDetection, String> {
    nothing_else(&Proto {
        consecutive_5xx: None,
        interval: None,
        base_ejection_time: None,
        max_ejection_time: None,
        max_ejection_percent: None,
        always_eject_one_host: None,
        enforcing_consecutive_5xx: None,
        consecutive_gateway_failure: None,
        enforcing_consecutive_gateway_failure: None,
        split_external_local_origin_errors: false,
        consecutive_local_origin_failure: None,
        enforcing_consecutive_local_origin_failure: None,
        enforcing_success_rate: None,
        success_rate_minimum_hosts: None,
        success_rate_request_volume: None,
        success_rate_stdev_factor: None,
        failure_percentage_threshold: None,
        enforcing_failure_percentage: None,
        failure_percentage_minimum_hosts: None,
        failure_percentage_request_volume: None,
        ..proto.clone()
    })?;
    let number = |value: Option<UInt32Value>, default: u32| value.map_or(default, |value| value.value);
    let default = OutlierDetection::default();
    let base_ejection_time = proto.base_ejection_time.map_or(default.base_ejection_time, time);
    let streak = |limit, enforcing, default: Streak| Streak {
        limit: number(limit, default.limit),
        enforcing: number(enforcing, default.enforcing),
    };
    let (rate, failures) = (default.success_rate, default.failure_percentage);
    Ok(OutlierDetection {
        interval: proto.interval.map_or(default.interval, time),
        base_ejection_time,
        max_ejection_time: proto.max_ejection_time.map_or(default.max_ejection_time, time),
        max_ejection_percent: number(proto.max_ejection_percent, default.max_ejection_percent).min(100),
        always_eject_one: proto.always_eject_one_host.is_some_and(|always| always.value),
        split_local_origin: proto.split_external_local_origin_errors,
        server_errors: streak(proto.consecutive_5xx, proto.enforcing_consecutive_5xx, default.server_errors),
        gateway_failures: streak(
            proto.consecutive_gateway_failure,
            proto.enforcing_consecutive_gateway_failure,
            default.gateway_failures,
        ),
        local_failures: streak(
            proto.consecutive_local_origin_failure,
            proto.enforcing_consecutive_local_origin_failure,
            default.local_failures,
        ),
        success_rate: SuccessRate {
            enforcing: number(proto.enforcing_success_rate, rate.enforcing),
            minimum_hosts: number(proto.success_rate_minimum_hosts, rate.minimum_hosts),
            request_volume: number(proto.success_rate_request_volume, rate.request_volume),
            deviation_factor: number(proto.success_rate_stdev_factor, rate.deviation_factor),
        },
        failure_percentage: FailurePercentage {
            enforcing: number(proto.enforcing_failure_percentage, failures.enforcing),
            threshold: number(proto.failure_percentage_threshold, failures.threshold),
            minimum_hosts: number(proto.failure_percentage_minimum_hosts, failures.minimum_hosts),
            request_volume: number(proto.failure_percentage_request_volume, failures.request_volume),
        },
    })
}
