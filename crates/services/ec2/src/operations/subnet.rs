//! Subnets.

use std::collections::BTreeMap;

use api::ec2::{self as shape, Done, TagItem};
use names::Arn;
use store::Transaction;
use wire::Context;

use super::{all, all_in, get, in_process, key};
use crate::{
    Ec2, addresses,
    error::{Error, Kind},
    filter::{Described, Narrowing, describe},
    rows::{NetworkInterface, RouteTable, Subnet, Vpc},
    tags, zones,
};

pub(super) async fn create_subnet(
    cx: Context<Ec2>,
    request: shape::CreateSubnetRequest,
) -> Result<shape::CreateSubnetResponse, Error> {
    let cidr = addresses::block("cidrBlock", &request.cidr_block)?;
    let tags = tags::of(&request.tag_specifications, "subnet", in_process(cx.call()))?;
    let (id, vpc_id) = (cx.ids.ec2("subnet"), request.vpc_id.clone());
    let row = cx.store.write(|tx| {
        let vpc = get::<Vpc>(tx, &cx, Kind::Vpc, &vpc_id)?;
        let mut siblings = all_in::<Subnet>(tx, &cx)?;
        siblings.retain(|(_, row)| row.vpc_id == vpc_id);
        addresses::check_subnet(vpc.cidr, cidr, siblings.iter().map(|(_, row)| row.cidr))?;
        let zone = zone(&cx, &request, siblings.iter().map(|(_, row)| row.zone.as_str()))?;
        let row = Subnet { vpc_id, cidr, zone, map_public_ip_on_launch: false, last_address: None, tags };
        tx.put(&key(&cx, &id), &row)?;
        Ok::<_, Error>(row)
    })?;
    Ok(shape::CreateSubnetResponse { subnet: shown(&cx, id, row, 0) })
}

/// The zone that is asked for; without one, that which `used` names least, so that two subnets are in two zones.
fn zone<'a>(
    cx: &Context<Ec2>,
    request: &shape::CreateSubnetRequest,
    used: impl Iterator<Item = &'a str>,
) -> Result<String, Error> {
    let zones = zones::zones(&cx.scope().region);
    let (name, id) = (&request.availability_zone, &request.availability_zone_id);
    if name.is_none() && id.is_none() {
        let mut count: BTreeMap<&str, usize> = zones.iter().map(|(name, _)| (name.as_str(), 0)).collect();
        used.for_each(|zone| *count.entry(zone).or_default() += 1);
        let least = zones.iter().min_by_key(|(name, _)| count.get(name.as_str()));
        return least.map(|(name, _)| name.clone()).ok_or(Error::Missing("availabilityZone"));
    }
    let fits = |zone: &&(String, String)| {
        name.as_ref().is_none_or(|name| *name == zone.0) && id.as_ref().is_none_or(|id| *id == zone.1)
    };
    zones.iter().find(fits).map(|(name, _)| name.clone()).ok_or_else(|| {
        let told = name.as_ref().or(id.as_ref()).map_or("", String::as_str);
        let names: Vec<_> = zones.iter().map(|(name, _)| name.as_str()).collect();
        Error::Value(format!(
            "Value ({told}) for parameter availabilityZone is invalid. Subnets can currently only be created in the \
             following availability zones: {}.",
            names.join(", ")
        ))
    })
}

pub(super) async fn describe_subnets(
    cx: Context<Ec2>,
    request: shape::DescribeSubnetsRequest,
) -> Result<shape::DescribeSubnetsResponse, Error> {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for (_, interface) in all::<NetworkInterface>(&cx.store, &cx)? {
        *taken.entry(interface.subnet_id).or_default() += 1;
    }
    let subnets = all::<Subnet>(&cx.store, &cx)?.into_iter().map(|(id, row)| {
        let taken = taken.get(&id).copied().unwrap_or_default();
        shown(&cx, id, row, taken)
    });
    let narrowing = Narrowing {
        ids: &request.subnet_ids,
        filters: &request.filters,
        max_results: request.max_results,
        next_token: request.next_token.as_deref(),
    };
    let (subnets, next_token) = describe(subnets.collect(), &narrowing, |id| Kind::Subnet.not_found(id))?;
    Ok(shape::DescribeSubnetsResponse { subnets, next_token })
}

fn shown(cx: &Context<Ec2>, id: String, row: Subnet, taken: usize) -> shape::Subnet {
    shape::Subnet {
        subnet_arn: Arn::new("ec2", cx.scope(), format!("subnet/{id}")).to_string(),
        subnet_id: id,
        vpc_id: row.vpc_id,
        owner_id: cx.scope().account.to_string(),
        state: "available".to_owned(),
        cidr_block: row.cidr.to_string(),
        available_ip_address_count: addresses::free(row.cidr, taken),
        availability_zone_id: zones::id_of(&cx.scope().region, &row.zone),
        availability_zone: row.zone,
        default_for_az: false,
        map_public_ip_on_launch: row.map_public_ip_on_launch,
        assign_ipv6_address_on_creation: false,
        tags: tags::items(&row.tags),
    }
}

impl Described for shape::Subnet {
    const FILTERS: &'static [&'static str] = &[
        "subnet-id",
        "vpc-id",
        "availability-zone",
        "availabilityZone",
        "availability-zone-id",
        "cidr",
        "cidr-block",
        "cidrBlock",
        "available-ip-address-count",
        "default-for-az",
        "defaultForAz",
        "map-public-ip-on-launch",
        "owner-id",
        "state",
        "subnet-arn",
    ];

    fn id(&self) -> &str {
        &self.subnet_id
    }

    fn values(&self, filter: &str) -> Vec<String> {
        vec![match filter {
            "subnet-id" => self.subnet_id.clone(),
            "vpc-id" => self.vpc_id.clone(),
            "availability-zone" | "availabilityZone" => self.availability_zone.clone(),
            "availability-zone-id" => self.availability_zone_id.clone(),
            "available-ip-address-count" => self.available_ip_address_count.to_string(),
            "default-for-az" | "defaultForAz" => self.default_for_az.to_string(),
            "map-public-ip-on-launch" => self.map_public_ip_on_launch.to_string(),
            "owner-id" => self.owner_id.clone(),
            "state" => self.state.clone(),
            "subnet-arn" => self.subnet_arn.clone(),
            _ => self.cidr_block.clone(),
        }]
    }

    fn tags(&self) -> &[TagItem] {
        &self.tags
    }
}

pub(super) async fn modify_subnet_attribute(
    cx: Context<Ec2>,
    request: shape::ModifySubnetAttributeRequest,
) -> Result<Done, Error> {
    let attribute = request.map_public_ip_on_launch.ok_or(Error::Missing("mapPublicIpOnLaunch"))?;
    cx.store.write(|tx| {
        let mut row = get::<Subnet>(tx, &cx, Kind::Subnet, &request.subnet_id)?;
        row.map_public_ip_on_launch = attribute.value;
        Ok::<_, Error>(tx.put(&key(&cx, &request.subnet_id), &row)?)
    })?;
    Ok(Done::default())
}

pub(super) async fn delete_subnet(cx: Context<Ec2>, request: shape::DeleteSubnetRequest) -> Result<Done, Error> {
    let id = request.subnet_id;
    cx.store.write(|tx| {
        get::<Subnet>(tx, &cx, Kind::Subnet, &id)?;
        if all_in::<NetworkInterface>(tx, &cx)?.iter().any(|(_, row)| row.subnet_id == id) {
            return Err(Error::Dependency(format!("The subnet '{id}' has dependencies and cannot be deleted.")));
        }
        forget_route_table(tx, &cx, &id)?;
        tx.delete::<Subnet>(&key(&cx, &id))?;
        Ok(())
    })?;
    Ok(Done::default())
}

/// Takes the subnet off the route table of its own, if it has one.
fn forget_route_table(tx: &mut Transaction<'_>, cx: &Context<Ec2>, subnet_id: &str) -> Result<(), Error> {
    for (id, mut table) in all_in::<RouteTable>(tx, cx)? {
        let before = table.associations.len();
        table.associations.retain(|association| association.subnet_id.as_deref() != Some(subnet_id));
        if table.associations.len() < before {
            tx.put(&key(cx, &id), &table)?;
        }
    }
    Ok(())
}
