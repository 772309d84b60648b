//! Attributes: the named settings of load balancers and target groups.
//!
//! The tables hold every attribute that has an effect here and the values it may have; others are refused by name.

use std::collections::BTreeMap;

use api::elbv2::{
    Attribute, AttributesResponse, LoadBalancerArnRequest, ModifyLoadBalancerAttributesRequest,
    ModifyTargetGroupAttributesRequest, TargetGroupArnRequest,
};
use wire::Context;

use crate::{
    LoadBalancing,
    error::Error,
    operations::{load_balancer, target_group},
};

/// An attribute: key, default, and what it may be.
type Known = (&'static str, &'static str, Values);

enum Values {
    Number(u32, u32),
    OneOf(&'static [&'static str]),
}

/// Attributes of application load balancers.
const LOAD_BALANCER: &[Known] = &[
    ("deletion_protection.enabled", "false", Values::OneOf(&["true", "false"])),
    ("idle_timeout.timeout_seconds", "60", Values::Number(1, 4000)),
    ("routing.http.preserve_host_header.enabled", "false", Values::OneOf(&["false"])),
    ("routing.http.xff_header_processing.mode", "append", Values::OneOf(&["append"])),
    ("routing.http2.enabled", "true", Values::OneOf(&["true", "false"])),
    ("routing.http.drop_invalid_header_fields.enabled", "false", Values::OneOf(&["true", "false"])),
    ("access_logs.s3.enabled", "false", Values::OneOf(&["false"])),
    ("load_balancing.cross_zone.enabled", "true", Values::OneOf(&["true"])),
];

/// Attributes of target groups.
const TARGET_GROUP: &[Known] = &[
    ("deregistration_delay.timeout_seconds", "300", Values::Number(0, 3600)),
    ("stickiness.enabled", "false", Values::OneOf(&["false"])),
    ("slow_start.duration_seconds", "0", Values::OneOf(&["0"])),
    ("load_balancing.algorithm.type", "round_robin", Values::OneOf(&["round_robin"])),
];

/// The value of `key`: set, or its default.
pub(crate) fn value<'a>(set: &'a BTreeMap<String, String>, key: &str) -> &'a str {
    let default =
        || LOAD_BALANCER.iter().chain(TARGET_GROUP).find(|(known, ..)| *known == key).map_or("", |known| known.1);
    set.get(key).map_or_else(default, String::as_str)
}

pub(crate) async fn describe_load_balancer_attributes(
    cx: Context<LoadBalancing>,
    request: LoadBalancerArnRequest,
) -> Result<AttributesResponse, Error> {
    let (_, row) = load_balancer::find(&cx.store, cx.scope(), &request.load_balancer_arn)?;
    Ok(listed(LOAD_BALANCER, &row.attributes))
}

pub(crate) async fn modify_load_balancer_attributes(
    cx: Context<LoadBalancing>,
    request: ModifyLoadBalancerAttributesRequest,
) -> Result<AttributesResponse, Error> {
    check("load balancer", LOAD_BALANCER, &request.attributes)?;
    let (key, _) = load_balancer::find(&cx.store, cx.scope(), &request.load_balancer_arn)?;
    cx.store.write(|tx| {
        let row: Option<crate::rows::LoadBalancer> = tx.get(&key)?;
        let mut row = row.ok_or_else(|| Error::LoadBalancerNotFound(request.load_balancer_arn.clone()))?;
        row.attributes.extend(request.attributes.into_iter().map(|a| (a.key, a.value)));
        tx.put(&key, &row)?;
        Ok(listed(LOAD_BALANCER, &row.attributes))
    })
}

pub(crate) async fn describe_target_group_attributes(
    cx: Context<LoadBalancing>,
    request: TargetGroupArnRequest,
) -> Result<AttributesResponse, Error> {
    let (_, row) = target_group::find(&cx.store, cx.scope(), &request.target_group_arn)?;
    Ok(listed(TARGET_GROUP, &row.attributes))
}

pub(crate) async fn modify_target_group_attributes(
    cx: Context<LoadBalancing>,
    request: ModifyTargetGroupAttributesRequest,
) -> Result<AttributesResponse, Error> {
    check("target group", TARGET_GROUP, &request.attributes)?;
    let (key, _) = target_group::find(&cx.store, cx.scope(), &request.target_group_arn)?;
    cx.store.write(|tx| {
        let row: Option<crate::rows::Group> = tx.get(&key)?;
        let mut row = row.ok_or_else(|| Error::TargetGroupNotFound(request.target_group_arn.clone()))?;
        row.attributes.extend(request.attributes.into_iter().map(|a| (a.key, a.value)));
        tx.put(&key, &row)?;
        Ok(listed(TARGET_GROUP, &row.attributes))
    })
}

fn listed(known: &[Known], set: &BTreeMap<String, String>) -> AttributesResponse {
    let attribute = |(key, ..): &Known| Attribute { key: (*key).to_owned(), value: value(set, key).to_owned() };
    AttributesResponse { attributes: known.iter().map(attribute).collect() }
}

fn check(what: &str, known: &[Known], asked: &[Attribute]) -> Result<(), Error> {
    for Attribute { key, value } in asked {
        let Some((.., values)) = known.iter().find(|(name, ..)| name == key) else {
            let names: Vec<_> = known.iter().map(|(name, ..)| *name).collect();
            let message =
                format!("{what} attribute key '{key}' is not supported by Serin; it has {}", names.join(", "));
            return Err(Error::InvalidConfigurationRequest(message));
        };
        let (sound, wanted) = match values {
            Values::Number(min, max) => {
                (value.parse::<u32>().is_ok_and(|n| (*min..=*max).contains(&n)), format!("{min} to {max}"))
            }
            Values::OneOf(list) => (list.contains(&value.as_str()), list.join(" or ")),
        };
        if !sound {
            let message = format!("{what} attribute value '{value}' is not valid for '{key}': {wanted} is");
            return Err(Error::InvalidConfigurationRequest(message));
        }
    }
    Ok(())
}
