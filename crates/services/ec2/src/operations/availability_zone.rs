//! Availability zones.

use api::ec2::{self as shape, TagItem};
use wire::Context;

use crate::{
    Ec2,
    error::Error,
    filter::{Described, select},
    zones,
};

pub(super) async fn describe_availability_zones(
    cx: Context<Ec2>,
    request: shape::DescribeAvailabilityZonesRequest,
) -> Result<shape::DescribeAvailabilityZonesResponse, Error> {
    let region = cx.scope().region.to_string();
    let zone = |(zone_name, zone_id)| shape::AvailabilityZone {
        zone_name,
        zone_id,
        region_name: region.clone(),
        zone_state: "available".to_owned(),
        zone_type: "availability-zone".to_owned(),
        opt_in_status: "opt-in-not-required".to_owned(),
        group_name: region.clone(),
        network_border_group: region.clone(),
    };
    let mut all: Vec<_> = zones::zones(&cx.scope().region).into_iter().map(zone).collect();
    let (names, ids) = (&request.zone_names, &request.zone_ids);
    let unknown_name = names.iter().find(|name| !all.iter().any(|zone| zone.zone_name == **name));
    let unknown_id = ids.iter().find(|id| !all.iter().any(|zone| zone.zone_id == **id));
    if let Some(unknown) = unknown_name.or(unknown_id) {
        return Err(Error::Value(format!("Invalid availability zone: [{unknown}]")));
    }
    all.retain(|zone| names.is_empty() || names.contains(&zone.zone_name));
    all.retain(|zone| ids.is_empty() || ids.contains(&zone.zone_id));
    Ok(shape::DescribeAvailabilityZonesResponse { availability_zones: select(all, &request.filters)? })
}

impl Described for shape::AvailabilityZone {
    const FILTERS: &'static [&'static str] =
        &["group-name", "opt-in-status", "region-name", "state", "zone-id", "zone-name", "zone-type"];

    fn id(&self) -> &str {
        &self.zone_name
    }

    fn values(&self, filter: &str) -> Vec<String> {
        vec![match filter {
            "group-name" | "region-name" => self.region_name.clone(),
            "opt-in-status" => self.opt_in_status.clone(),
            "state" => self.zone_state.clone(),
            "zone-id" => self.zone_id.clone(),
            "zone-type" => self.zone_type.clone(),
            _ => self.zone_name.clone(),
        }]
    }

    fn tags(&self) -> &[TagItem] {
        &[]
    }
}
