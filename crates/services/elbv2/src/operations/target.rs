//! Targets and their health.

use std::net::Ipv4Addr;

use api::elbv2 as shape;
use store::Key;
use wire::Context;

use super::{target_group, waiting};
use crate::{
    LoadBalancing,
    error::Error,
    rows::{Group, Target, TargetObserved, Uses},
};

pub(crate) async fn register_targets(
    cx: Context<LoadBalancing>,
    request: shape::TargetsRequest,
) -> Result<shape::Empty, Error> {
    let (group_key, group) = target_group::find(&cx.store, cx.scope(), &request.target_group_arn)?;
    let mut targets = Vec::new();
    for asked in &request.targets {
        let (address, port) = parse(asked, &group)?;
        let zone = zone_of(&cx, &group.settings.vpc_id, address, asked).await?;
        targets.push(Target { address: address.to_string(), port, zone, leaving: None });
    }
    cx.store.write(|tx| {
        for target in &targets {
            tx.put(&key(&group_key, target), target)?;
        }
        Ok(shape::Empty {})
    })
}

pub(crate) async fn deregister_targets(
    cx: Context<LoadBalancing>,
    request: shape::TargetsRequest,
) -> Result<shape::Empty, Error> {
    let (group_key, group) = target_group::find(&cx.store, cx.scope(), &request.target_group_arn)?;
    let now = cx.clock.now();
    cx.store.write(|tx| {
        let registered = tx.list_under::<Target>(cx.scope(), &format!("{}/", group_key.name))?;
        for asked in &request.targets {
            let (address, _) = parse(asked, &group)?;
            // Without a port every registration of the address leaves.
            let meant = |t: &Target| t.address == address.to_string() && asked.port.is_none_or(|port| port == t.port);
            for (key, target) in registered.iter().filter(|(_, target)| meant(target) && target.leaving.is_none()) {
                tx.put(key, &Target { leaving: Some(now), ..target.clone() })?;
            }
        }
        Ok(shape::Empty {})
    })
}

pub(crate) async fn describe_target_health(
    cx: Context<LoadBalancing>,
    request: shape::DescribeTargetHealthRequest,
) -> Result<shape::DescribeTargetHealthResponse, Error> {
    let on_its_way = |response: &shape::DescribeTargetHealthResponse| {
        let mut states = response.target_health_descriptions.iter().map(|target| target.target_health.state.as_str());
        states.any(|state| matches!(state, "initial" | "draining"))
    };
    waiting::hold(&cx, || health_of(&cx, &request), on_its_way).await
}

fn health_of(
    cx: &Context<LoadBalancing>,
    request: &shape::DescribeTargetHealthRequest,
) -> Result<shape::DescribeTargetHealthResponse, Error> {
    let (group_key, group) = target_group::find(&cx.store, cx.scope(), &request.target_group_arn)?;
    let registered = cx.store.list_under::<Target>(cx.scope(), &format!("{}/", group_key.name))?;
    let uses = Uses::of(&cx.store.list(cx.scope())?, &cx.store.list(cx.scope())?);
    let in_use = uses.has(&request.target_group_arn);
    // A group that nobody forwards to is not checked either, whatever was seen of it before.
    let seen = |key: &Key| -> Result<_, store::Error> {
        if in_use { cx.store.get::<TargetObserved>(key) } else { Ok(Some(TargetObserved { health: not_in_use() })) }
    };
    let mut descriptions = Vec::new();
    if request.targets.is_empty() {
        for (key, target) in &registered {
            descriptions.push(describe(&group, target, seen(key)?));
        }
    }
    for asked in &request.targets {
        let (address, port) = parse(asked, &group)?;
        let wanted = Target { address: address.to_string(), port, zone: String::new(), leaving: None };
        let found = registered.iter().find(|(_, t)| t.address == wanted.address && t.port == wanted.port);
        descriptions.push(match found {
            Some((key, target)) => describe(&group, target, seen(key)?),
            None => describe(&group, &wanted, Some(TargetObserved { health: not_registered() })),
        });
    }
    Ok(shape::DescribeTargetHealthResponse { target_health_descriptions: descriptions })
}

fn key(group: &Key, target: &Target) -> Key {
    Key::new(&group.scope, format!("{}/{}:{}", group.name, target.address, target.port))
}

fn parse(asked: &shape::TargetDescription, group: &Group) -> Result<(Ipv4Addr, u16), Error> {
    let address = asked
        .id
        .parse()
        .map_err(|_| Error::InvalidTarget(format!("The IP address '{}' is not a valid IPv4 address", asked.id)))?;
    let port = asked.port.unwrap_or(group.settings.port);
    if port == 0 { Err(Error::InvalidTarget("A target's port is 1 to 65535".to_owned())) } else { Ok((address, port)) }
}

/// The zone of the subnet that holds `address`; outside the VPC there is nothing to reach.
async fn zone_of(
    cx: &Context<LoadBalancing>,
    vpc_id: &str,
    address: Ipv4Addr,
    asked: &shape::TargetDescription,
) -> Result<String, Error> {
    let filters = vec![api::ec2::Filter { name: "vpc-id".to_owned(), values: vec![vpc_id.to_owned()] }];
    let request = api::ec2::DescribeSubnetsRequest { filters, ..Default::default() };
    let found = cx.caller.call::<api::ec2::DescribeSubnets>(cx.scope(), request).await?;
    let holds = |subnet: &&api::ec2::Subnet| {
        subnet.cidr_block.parse::<ipnet::Ipv4Net>().is_ok_and(|net| net.contains(&address))
    };
    let zone = found.subnets.iter().find(holds).map(|subnet| subnet.availability_zone.clone());
    let zone = zone.ok_or_else(|| {
        Error::InvalidTarget(format!("The IP address '{address}' is not within the subnets of VPC '{vpc_id}'"))
    })?;
    match &asked.availability_zone {
        Some(said) if *said != zone && said != "all" => {
            Err(Error::InvalidTarget(format!("The IP address '{address}' is in zone '{zone}', not in '{said}'")))
        }
        _ => Ok(zone),
    }
}

fn describe(group: &Group, target: &Target, seen: Option<TargetObserved>) -> shape::TargetHealthDescription {
    let settings = &group.settings;
    let health_check_port = match settings.health_check_port.as_str() {
        "traffic-port" => target.port.to_string(),
        port => port.to_owned(),
    };
    let health = match (seen, target.leaving) {
        (_, Some(_)) => health("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress"),
        (Some(seen), None) => seen.health,
        (None, None) => health("initial", "Elb.RegistrationInProgress", "Target registration is in progress"),
    };
    let zone = Some(target.zone.clone()).filter(|zone| !zone.is_empty());
    shape::TargetHealthDescription {
        target: shape::TargetDescription {
            id: target.address.clone(),
            port: Some(target.port),
            availability_zone: zone,
        },
        health_check_port,
        target_health: health,
    }
}

fn health(state: &str, reason: &str, description: &str) -> shape::TargetHealth {
    let (reason, description) = (Some(reason.to_owned()), Some(description.to_owned()));
    shape::TargetHealth { state: state.to_owned(), reason, description }
}

fn not_in_use() -> shape::TargetHealth {
    let why = "Target group is not configured to receive traffic from the load balancer";
    health("unused", "Target.NotInUse", why)
}

fn not_registered() -> shape::TargetHealth {
    health("unused", "Target.NotRegistered", "Target is not registered to the target group")
}
