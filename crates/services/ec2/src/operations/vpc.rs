//! VPCs.

use std::collections::BTreeSet;

use api::ec2::{self as shape, BooleanItem, Done, TagItem};
use ipnet::Ipv4Net;
use names::{Ids, Tags};
use store::Transaction;
use wire::Context;

use super::{all, all_in, get, in_process, key};
use crate::{
    Ec2, addresses,
    error::{Error, Kind},
    filter::{Described, Narrowing, describe},
    rows::{Association, InternetGateway, Peer, RouteTable, Rule, SecurityGroup, Subnet, Traffic, Vpc, VpcObserved},
    tags,
};

/// The name of the group that comes with a VPC and goes with it.
pub(super) const DEFAULT_GROUP: &str = "default";

pub(super) async fn create_vpc(
    cx: Context<Ec2>,
    request: shape::CreateVpcRequest,
) -> Result<shape::CreateVpcResponse, Error> {
    if let Some(tenancy) = request.instance_tenancy.as_deref().filter(|tenancy| *tenancy != "default") {
        return Err(Error::Value(format!("Value ({tenancy}) for parameter instanceTenancy is invalid: default is.")));
    }
    let cidr = addresses::block("cidrBlock", &request.cidr_block)?;
    addresses::check_vpc(cidr)?;
    let tags = tags::of(&request.tag_specifications, "vpc", in_process(cx.call()))?;
    let (id, association_id) = (cx.ids.ec2("vpc"), cx.ids.ec2("vpc-cidr-assoc"));
    let row = Vpc { cidr, association_id, dns_support: true, dns_hostnames: false, tags };
    cx.store.write(|tx| {
        tx.put(&key(&cx, &id), &row)?;
        put_companions(tx, &cx, &id)
    })?;
    Ok(shape::CreateVpcResponse { vpc: shown(&cx, id, row, false) })
}

/// What comes with every VPC: its main route table and its default security group.
fn put_companions(tx: &mut Transaction<'_>, cx: &Context<Ec2>, vpc_id: &str) -> Result<(), Error> {
    let main = Association { id: cx.ids.ec2("rtbassoc"), subnet_id: None };
    let table = RouteTable {
        vpc_id: vpc_id.to_owned(),
        associations: vec![main],
        routes: Vec::new(),
        asked: None,
        tags: Tags::new(),
    };
    tx.put(&key(cx, &cx.ids.ec2("rtb")), &table)?;
    let group_id = cx.ids.ec2("sg");
    let mut rules = vec![everything_out(&cx.ids)];
    rules.push(Rule { egress: false, peer: Peer::Group(group_id.clone()), ..everything_out(&cx.ids) });
    let group = SecurityGroup {
        vpc_id: vpc_id.to_owned(),
        name: DEFAULT_GROUP.to_owned(),
        description: "default VPC security group".to_owned(),
        rules,
        tags: Tags::new(),
    };
    Ok(tx.put(&key(cx, &group_id), &group)?)
}

/// The rule that every new group begins with.
pub(super) fn everything_out(ids: &Ids) -> Rule {
    Rule {
        id: ids.ec2("sgr"),
        egress: true,
        traffic: Traffic::All,
        peer: Peer::Ipv4(Ipv4Net::default()),
        description: None,
        tags: Tags::new(),
    }
}

pub(super) async fn describe_vpcs(
    cx: Context<Ec2>,
    request: shape::DescribeVpcsRequest,
) -> Result<shape::DescribeVpcsResponse, Error> {
    let seen: BTreeSet<String> = all::<VpcObserved>(&cx.store, &cx)?.into_iter().map(|(id, _)| id).collect();
    let vpcs = all::<Vpc>(&cx.store, &cx)?;
    let vpcs = vpcs.into_iter().map(|(id, row)| (seen.contains(&id), id, row));
    let vpcs = vpcs.map(|(seen, id, row)| shown(&cx, id, row, seen)).collect();
    let narrowing = Narrowing {
        ids: &request.vpc_ids,
        filters: &request.filters,
        max_results: request.max_results,
        next_token: request.next_token.as_deref(),
    };
    let (vpcs, next_token) = describe(vpcs, &narrowing, |id| Kind::Vpc.not_found(id))?;
    Ok(shape::DescribeVpcsResponse { vpcs, next_token })
}

fn shown(cx: &Context<Ec2>, id: String, row: Vpc, seen: bool) -> shape::Vpc {
    let block = shape::VpcCidrBlockAssociation {
        association_id: row.association_id,
        cidr_block: row.cidr.to_string(),
        cidr_block_state: shape::VpcCidrBlockState { state: "associated".to_owned() },
    };
    shape::Vpc {
        vpc_id: id,
        owner_id: cx.scope().account.to_string(),
        state: if seen { "available" } else { "pending" }.to_owned(),
        cidr_block: row.cidr.to_string(),
        cidr_block_association_set: vec![block],
        dhcp_options_id: "default".to_owned(),
        instance_tenancy: "default".to_owned(),
        is_default: false,
        tags: tags::items(&row.tags),
    }
}

impl Described for shape::Vpc {
    const FILTERS: &'static [&'static str] = &[
        "vpc-id",
        "cidr",
        "cidr-block",
        "cidr-block-association.cidr-block",
        "state",
        "owner-id",
        "is-default",
        "isDefault",
    ];

    fn id(&self) -> &str {
        &self.vpc_id
    }

    fn values(&self, filter: &str) -> Vec<String> {
        vec![match filter {
            "vpc-id" => self.vpc_id.clone(),
            "state" => self.state.clone(),
            "owner-id" => self.owner_id.clone(),
            "is-default" | "isDefault" => self.is_default.to_string(),
            _ => self.cidr_block.clone(),
        }]
    }

    fn tags(&self) -> &[TagItem] {
        &self.tags
    }
}

/// Deletes the VPC with its companions, once all else in it is gone.
pub(super) async fn delete_vpc(cx: Context<Ec2>, request: shape::DeleteVpcRequest) -> Result<Done, Error> {
    let id = request.vpc_id;
    cx.store.write(|tx| {
        get::<Vpc>(tx, &cx, Kind::Vpc, &id)?;
        let subnets = all_in::<Subnet>(tx, &cx)?.iter().any(|(_, row)| row.vpc_id == id);
        let gateways = all_in::<InternetGateway>(tx, &cx)?.iter().any(|(_, row)| row.vpc_id.as_ref() == Some(&id));
        let mut tables = all_in::<RouteTable>(tx, &cx)?;
        tables.retain(|(_, row)| row.vpc_id == id);
        let mut groups = all_in::<SecurityGroup>(tx, &cx)?;
        groups.retain(|(_, row)| row.vpc_id == id);
        let own =
            tables.iter().all(|(_, row)| row.is_main()) && groups.iter().all(|(_, row)| row.name == DEFAULT_GROUP);
        if subnets || gateways || !own {
            return Err(Error::Dependency(format!("The vpc '{id}' has dependencies and cannot be deleted.")));
        }
        for (table, _) in tables {
            tx.delete::<RouteTable>(&key(&cx, &table))?;
        }
        for (group, _) in groups {
            tx.delete::<SecurityGroup>(&key(&cx, &group))?;
        }
        tx.delete::<Vpc>(&key(&cx, &id))?;
        Ok(())
    })?;
    Ok(Done::default())
}

pub(super) async fn modify_vpc_attribute(
    cx: Context<Ec2>,
    request: shape::ModifyVpcAttributeRequest,
) -> Result<Done, Error> {
    let shape::ModifyVpcAttributeRequest { vpc_id, enable_dns_support, enable_dns_hostnames } = request;
    if enable_dns_support.is_some() == enable_dns_hostnames.is_some() {
        return Err(Error::Combination("The request must contain exactly one attribute to modify".to_owned()));
    }
    cx.store.write(|tx| {
        let mut row = get::<Vpc>(tx, &cx, Kind::Vpc, &vpc_id)?;
        row.dns_support = enable_dns_support.map_or(row.dns_support, |attribute| attribute.value);
        row.dns_hostnames = enable_dns_hostnames.map_or(row.dns_hostnames, |attribute| attribute.value);
        Ok::<_, Error>(tx.put(&key(&cx, &vpc_id), &row)?)
    })?;
    Ok(Done::default())
}

pub(super) async fn describe_vpc_attribute(
    cx: Context<Ec2>,
    request: shape::DescribeVpcAttributeRequest,
) -> Result<shape::DescribeVpcAttributeResponse, Error> {
    let vpc_id = request.vpc_id;
    let row = cx.store.get::<Vpc>(&key(&cx, &vpc_id))?.ok_or_else(|| Kind::Vpc.not_found(&vpc_id))?;
    let value = |value| Some(BooleanItem { value });
    let mut answer = shape::DescribeVpcAttributeResponse { vpc_id, ..Default::default() };
    match request.attribute.as_str() {
        "enableDnsSupport" => answer.enable_dns_support = value(row.dns_support),
        "enableDnsHostnames" => answer.enable_dns_hostnames = value(row.dns_hostnames),
        "enableNetworkAddressUsageMetrics" => answer.enable_network_address_usage_metrics = value(false),
        other => return Err(Error::Value(format!("Value ({other}) for parameter attribute is invalid."))),
    }
    Ok(answer)
}
