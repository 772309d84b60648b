//! Availability zones: every region has three, and all of them are this machine.

use serde::{Deserialize, Serialize};

use super::Filter;
use crate::operation;

operation!(DescribeAvailabilityZones, "ec2", DescribeAvailabilityZonesRequest, DescribeAvailabilityZonesResponse);

/// Asks for the region's zones.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeAvailabilityZonesRequest {
    /// Names; one that is not there is an error.
    #[serde(default, rename = "ZoneName")]
    pub zone_names: Vec<String>,
    /// Ids; one that is not there is an error.
    #[serde(default, rename = "ZoneId")]
    pub zone_ids: Vec<String>,
    /// Whether zones count that the account has not opted in to; there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_availability_zones: Option<bool>,
    /// Filters, all of which must hold: `region-name`, `state`, `zone-name`, `zone-id`, `zone-type`.
    #[serde(default, rename = "Filter")]
    pub filters: Vec<Filter>,
}

/// Zones.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeAvailabilityZonesResponse {
    /// The zones.
    #[serde(default, rename = "availabilityZoneInfo")]
    pub availability_zones: Vec<AvailabilityZone>,
}

/// A zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AvailabilityZone {
    /// Its name, `ap-southeast-2a`.
    pub zone_name: String,
    /// Its id, `apse2-az1`.
    pub zone_id: String,
    /// Its region.
    pub region_name: String,
    /// `available`.
    pub zone_state: String,
    /// `availability-zone`.
    pub zone_type: String,
    /// `opt-in-not-required`.
    pub opt_in_status: String,
    /// The region again.
    pub group_name: String,
    /// The region again.
    pub network_border_group: String,
}
