//! Load balancers.

use std::collections::BTreeSet;

use api::elbv2 as shape;
use names::{Scope, Timestamp};
use store::{Key, Store};
use wire::{Context, page};

use super::{attributes, check_name, page_size, rule, tags, waiting};
use crate::{
    LoadBalancing,
    error::Error,
    plan,
    rows::{self, Listener, LoadBalancer, LoadBalancerObserved, Subnet, Unbound},
};

/// The zone id answers name; Route 53 is not part of this house, so one stands for all.
const HOSTED_ZONE: &str = "Z0SERINLOCALHOST";

pub(crate) async fn create_load_balancer(
    cx: Context<LoadBalancing>,
    request: shape::CreateLoadBalancerRequest,
) -> Result<shape::LoadBalancersResponse, Error> {
    check_name("load balancer", &request.name)?;
    check_kind(&request)?;
    let scope = cx.scope().clone();
    let (vpc_id, subnets) = resolve_subnets(&cx, &request).await?;
    let security_groups = resolve_groups(&cx, &request.security_groups, &vpc_id).await?;
    let scheme = request.scheme.clone().unwrap_or_else(|| "internet-facing".to_owned());
    let row = new_row(&cx, &request, scheme, vpc_id, subnets, security_groups);
    let row = cx.store.write(|tx| {
        let twin =
            tx.list_under::<LoadBalancer>(&scope, &format!("{}/", row.name))?.into_iter().find(|(_, r)| !r.deleted);
        if let Some((_, twin)) = twin {
            // Creating the same thing again answers what is there, as AWS does.
            let same =
                twin.subnets == row.subnets && twin.security_groups == row.security_groups && twin.scheme == row.scheme;
            return if same { Ok(twin) } else { Err(Error::DuplicateLoadBalancerName(row.name.clone())) };
        }
        tx.put(&row.key(&scope), &row)?;
        Ok(row)
    })?;
    Ok(shape::LoadBalancersResponse { load_balancers: vec![describe(&cx.store, &scope, &row)?], next_marker: None })
}

fn check_kind(request: &shape::CreateLoadBalancerRequest) -> Result<(), Error> {
    let one_of = |name: &str, value: &Option<String>, wanted: &[&str]| match value.as_deref() {
        Some(value) if !wanted.contains(&value) => Err(Error::InvalidConfigurationRequest(format!(
            "{name} '{value}' is not supported by Serin: {} is",
            wanted.join(" or ")
        ))),
        _ => Ok(()),
    };
    one_of("Type", &request.kind, &["application"])?;
    one_of("IpAddressType", &request.ip_address_type, &["ipv4"])?;
    one_of("Scheme", &request.scheme, &["internet-facing", "internal"])
}

fn new_row(
    cx: &Context<LoadBalancing>,
    request: &shape::CreateLoadBalancerRequest,
    scheme: String,
    vpc_id: String,
    subnets: Vec<Subnet>,
    security_groups: Vec<String>,
) -> LoadBalancer {
    let (id, name, region) = (cx.ids.hex(16), request.name.clone(), &cx.scope().region);
    let number = u64::from_str_radix(&id, 16).unwrap_or_default() % 10_000_000_000;
    let prefix = if scheme == "internal" { "internal-" } else { "" };
    // Names under `.localhost` are the machine's own by RFC 6761: clients find them without any set-up.
    let dns_name = format!("{prefix}{name}-{number:010}.{region}.elb.localhost");
    LoadBalancer {
        name,
        id,
        dns_name,
        created: cx.clock.now(),
        scheme,
        vpc_id,
        subnets,
        security_groups,
        attributes: std::collections::BTreeMap::default(),
        tags: tags(&request.tags),
        deleted: false,
    }
}

async fn resolve_subnets(
    cx: &Context<LoadBalancing>,
    request: &shape::CreateLoadBalancerRequest,
) -> Result<(String, Vec<Subnet>), Error> {
    let mapped = request.subnet_mappings.iter().map(|mapping| mapping.subnet_id.clone());
    let ids: BTreeSet<String> = request.subnets.iter().cloned().chain(mapped).collect();
    if ids.len() < 2 {
        return Err(Error::InvalidSubnet(
            "At least two subnets in two different Availability Zones must be specified".to_owned(),
        ));
    }
    let asked = api::ec2::DescribeSubnetsRequest { subnet_ids: ids.iter().cloned().collect(), ..Default::default() };
    let found = cx.caller.call::<api::ec2::DescribeSubnets>(cx.scope(), asked).await;
    let found = found.map_err(|fault| match fault.code.as_str() {
        "InvalidSubnetID.NotFound" => Error::SubnetNotFound(ids.iter().cloned().collect::<Vec<_>>().join(", ")),
        _ => fault.into(),
    })?;
    let vpcs: BTreeSet<_> = found.subnets.iter().map(|subnet| subnet.vpc_id.clone()).collect();
    let zones: BTreeSet<_> = found.subnets.iter().map(|subnet| subnet.availability_zone.clone()).collect();
    if zones.len() < found.subnets.len() {
        return Err(Error::InvalidSubnet(
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone".to_owned(),
        ));
    }
    let vpc = vpcs.iter().next().filter(|_| vpcs.len() == 1).cloned();
    let vpc = vpc.ok_or_else(|| Error::InvalidSubnet("All subnets must belong to the same VPC".to_owned()))?;
    let subnet = |s: api::ec2::Subnet| Subnet { id: s.subnet_id, zone: s.availability_zone };
    let mut subnets: Vec<Subnet> = found.subnets.into_iter().map(subnet).collect();
    subnets.sort();
    Ok((vpc, subnets))
}

/// Checks that the groups are of the VPC; without any, the VPC's default group is meant.
async fn resolve_groups(cx: &Context<LoadBalancing>, asked: &[String], vpc_id: &str) -> Result<Vec<String>, Error> {
    let filter = |name: &str, value: &str| api::ec2::Filter { name: name.to_owned(), values: vec![value.to_owned()] };
    let mut request = api::ec2::DescribeSecurityGroupsRequest { group_ids: asked.to_vec(), ..Default::default() };
    if asked.is_empty() {
        request.filters = vec![filter("vpc-id", vpc_id), filter("group-name", "default")];
    }
    let found = cx.caller.call::<api::ec2::DescribeSecurityGroups>(cx.scope(), request).await;
    let found = found.map_err(|fault| match fault.code.as_str() {
        "InvalidGroup.NotFound" | "InvalidGroupId.Malformed" => Error::InvalidSecurityGroup(asked.join(", ")),
        _ => fault.into(),
    })?;
    if let Some(stranger) = found.security_groups.iter().find(|group| group.vpc_id != vpc_id) {
        return Err(Error::InvalidSecurityGroup(stranger.group_id.clone()));
    }
    Ok(found.security_groups.into_iter().map(|group| group.group_id).collect())
}

pub(crate) async fn describe_load_balancers(
    cx: Context<LoadBalancing>,
    request: shape::DescribeLoadBalancersRequest,
) -> Result<shape::LoadBalancersResponse, Error> {
    let on_its_way = |response: &shape::LoadBalancersResponse| {
        response.load_balancers.iter().any(|balancer| balancer.state.code == "provisioning")
    };
    waiting::hold(&cx, || described(&cx, &request), on_its_way).await
}

fn described(
    cx: &Context<LoadBalancing>,
    request: &shape::DescribeLoadBalancersRequest,
) -> Result<shape::LoadBalancersResponse, Error> {
    let scope = cx.scope();
    let all = || -> Result<Vec<LoadBalancer>, Error> {
        Ok(cx.store.list::<LoadBalancer>(scope)?.into_iter().map(|(_, row)| row).filter(|row| !row.deleted).collect())
    };
    let rows: Vec<LoadBalancer> = if !request.load_balancer_arns.is_empty() {
        let found = request.load_balancer_arns.iter().map(|arn| find(&cx.store, scope, arn).map(|(_, row)| row));
        found.collect::<Result<_, _>>()?
    } else if !request.names.is_empty() {
        let all = all()?;
        let named = |name: &String| all.iter().find(|row| row.name == *name).cloned();
        let found =
            request.names.iter().map(|name| named(name).ok_or_else(|| Error::LoadBalancerNotFound(name.clone())));
        found.collect::<Result<_, _>>()?
    } else {
        all()?
    };
    let (rows, next_marker) =
        page(rows, |row| row.id.clone(), page_size(request.page_size)?, request.marker.as_deref())?;
    let load_balancers = rows.iter().map(|row| describe(&cx.store, scope, row)).collect::<Result<_, _>>()?;
    Ok(shape::LoadBalancersResponse { load_balancers, next_marker })
}

pub(crate) async fn delete_load_balancer(
    cx: Context<LoadBalancing>,
    request: shape::LoadBalancerArnRequest,
) -> Result<shape::Empty, Error> {
    let scope = cx.scope();
    // What is gone already is deleted: AWS answers so.
    let Some(key) = rows::key_of(&request.load_balancer_arn, rows::LOAD_BALANCER, scope) else {
        return Err(Error::Validation(format!("'{}' is not a valid load balancer ARN", request.load_balancer_arn)));
    };
    cx.store.write(|tx| {
        let Some(mut row) = tx.get::<LoadBalancer>(&key)? else { return Ok(shape::Empty {}) };
        if attributes::value(&row.attributes, "deletion_protection.enabled") == "true" {
            return Err(Error::OperationNotPermitted(request.load_balancer_arn.clone()));
        }
        for (listener, _) in tx.list_under::<Listener>(scope, &format!("{}/", key.name))? {
            rule::forget(tx, scope, &listener)?;
            tx.delete::<Listener>(&listener)?;
        }
        row.deleted = true;
        tx.put(&key, &row)?;
        Ok(shape::Empty {})
    })
}

pub(crate) async fn set_security_groups(
    cx: Context<LoadBalancing>,
    request: shape::SetSecurityGroupsRequest,
) -> Result<shape::SetSecurityGroupsResponse, Error> {
    let (key, row) = find(&cx.store, cx.scope(), &request.load_balancer_arn)?;
    let groups = resolve_groups(&cx, &request.security_groups, &row.vpc_id).await?;
    cx.store.write(|tx| {
        let row: Option<LoadBalancer> = tx.get(&key)?;
        let mut row = row.ok_or_else(|| Error::LoadBalancerNotFound(request.load_balancer_arn.clone()))?;
        row.security_groups.clone_from(&groups);
        tx.put(&key, &row)?;
        Ok::<_, Error>(())
    })?;
    Ok(shape::SetSecurityGroupsResponse { security_group_ids: groups })
}

pub(crate) async fn describe_load_balancer_urls(
    cx: Context<LoadBalancing>,
    _: shape::DescribeLoadBalancerUrlsRequest,
) -> Result<shape::DescribeLoadBalancerUrlsResponse, Error> {
    let scope = cx.scope();
    let Unbound(unbound) = cx.store.get(&plan::machine())?.unwrap_or_default();
    let mut urls = Vec::new();
    for (key, row) in cx.store.list::<LoadBalancer>(scope)?.into_iter().filter(|(_, row)| !row.deleted) {
        for (_, listener) in cx.store.list_under::<Listener>(scope, &format!("{}/", key.name))? {
            let port = listener.port;
            let unbound = unbound.contains(&(plan::id(&key), port));
            let url = plan::url(&row.dns_name, port, listener.tls.is_some(), unbound, cx.api_port);
            urls.push(shape::ListenerUrl { load_balancer_arn: row.arn(scope), port, url });
        }
    }
    Ok(shape::DescribeLoadBalancerUrlsResponse { urls })
}

/// The load balancer that `arn` names.
pub(crate) fn find(store: &Store, scope: &Scope, arn: &str) -> Result<(Key, LoadBalancer), Error> {
    let key = rows::key_of(arn, rows::LOAD_BALANCER, scope);
    let key = key.ok_or_else(|| Error::Validation(format!("'{arn}' is not a valid load balancer ARN")))?;
    let row = store.get::<LoadBalancer>(&key)?.filter(|row| !row.deleted);
    Ok((key, row.ok_or_else(|| Error::LoadBalancerNotFound(arn.to_owned()))?))
}

fn describe(store: &Store, scope: &Scope, row: &LoadBalancer) -> Result<shape::LoadBalancer, Error> {
    let seen: Option<LoadBalancerObserved> = store.get(&row.key(scope))?;
    let state = seen.map_or_else(
        || shape::LoadBalancerState { code: "provisioning".to_owned(), reason: None },
        |seen| shape::LoadBalancerState { code: seen.state, reason: seen.reason },
    );
    let zone = |s: &Subnet| shape::AvailabilityZone { zone_name: s.zone.clone(), subnet_id: s.id.clone() };
    Ok(shape::LoadBalancer {
        load_balancer_arn: row.arn(scope),
        dns_name: row.dns_name.clone(),
        canonical_hosted_zone_id: HOSTED_ZONE.to_owned(),
        created_time: Timestamp::from_millis(row.created.as_millis()),
        load_balancer_name: row.name.clone(),
        scheme: row.scheme.clone(),
        vpc_id: row.vpc_id.clone(),
        state,
        kind: "application".to_owned(),
        availability_zones: row.subnets.iter().map(zone).collect(),
        security_groups: row.security_groups.clone(),
        ip_address_type: "ipv4".to_owned(),
    })
}
