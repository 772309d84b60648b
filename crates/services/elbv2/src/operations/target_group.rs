//! Target groups.

use std::collections::BTreeMap;

use api::elbv2 as shape;
use names::{Arn, Scope};
use store::{Key, Store, Transaction};
use wire::{Context, page};

use super::{check_name, load_balancer, page_size, tags};
use crate::{
    LoadBalancing,
    error::Error,
    rows::{self, Group, Target, TargetObserved, Uses},
};

pub(crate) async fn create_target_group(
    cx: Context<LoadBalancing>,
    request: shape::CreateTargetGroupRequest,
) -> Result<shape::TargetGroupsResponse, Error> {
    check_name("target group", &request.name)?;
    let scope = cx.scope();
    let mut settings = new_settings(&cx, &request)?;
    let vpcs = api::ec2::DescribeVpcsRequest { vpc_ids: vec![settings.vpc_id.clone()], ..Default::default() };
    let known = cx.caller.call::<api::ec2::DescribeVpcs>(scope, vpcs).await;
    known.map_err(|_| Error::Validation(format!("The VPC ID '{}' is not found", settings.vpc_id)))?;
    let group = cx.store.write(|tx| {
        let twin = tx.list_under::<Group>(scope, &format!("{}/", request.name))?.into_iter().next();
        if let Some((_, twin)) = twin {
            settings.target_group_arn.clone_from(&twin.settings.target_group_arn);
            let name = request.name.clone();
            return if twin.settings == settings { Ok(twin) } else { Err(Error::DuplicateTargetGroupName(name)) };
        }
        let key = rows::key_of(&settings.target_group_arn, rows::GROUP, scope);
        let key = key.ok_or_else(|| Error::Validation("the target group has no ARN".to_owned()))?;
        let row = Group { settings, attributes: BTreeMap::new(), tags: tags(&request.tags) };
        tx.put(&key, &row)?;
        Ok(row)
    })?;
    Ok(shape::TargetGroupsResponse { target_groups: vec![describe(&cx.store, scope, group)?], next_marker: None })
}

fn new_settings(
    cx: &Context<LoadBalancing>,
    request: &shape::CreateTargetGroupRequest,
) -> Result<shape::TargetGroup, Error> {
    let only = |name: &str, value: &Option<String>, wanted: &str| match value.as_deref() {
        Some(value) if value != wanted => {
            Err(Error::InvalidConfigurationRequest(format!("{name} '{value}' is not supported by Serin: {wanted} is")))
        }
        _ => Ok(wanted.to_owned()),
    };
    if request.target_type.is_none() {
        // AWS's default is `instance`, and there are no instances here.
        only("TargetType", &Some("instance".to_owned()), "ip")?;
    }
    let port = request.port.filter(|port| *port > 0);
    let vpc_id = request.vpc_id.clone();
    let arn = Arn::new(rows::SERVICE, cx.scope(), format!("{}{}/{}", rows::GROUP, request.name, cx.ids.hex(16)));
    let mut settings = shape::TargetGroup {
        target_group_arn: arn.to_string(),
        target_group_name: request.name.clone(),
        protocol: only("Protocol", &request.protocol, "HTTP")?,
        port: port.ok_or_else(|| Error::Validation("A port must be specified, 1 to 65535".to_owned()))?,
        vpc_id: vpc_id.ok_or_else(|| Error::Validation("A VPC ID must be specified".to_owned()))?,
        health_check_protocol: "HTTP".to_owned(),
        health_check_port: "traffic-port".to_owned(),
        health_check_enabled: true,
        health_check_interval_seconds: 30,
        health_check_timeout_seconds: 5,
        healthy_threshold_count: 5,
        unhealthy_threshold_count: 2,
        health_check_path: "/".to_owned(),
        matcher: shape::Matcher { http_code: Some("200".to_owned()) },
        load_balancer_arns: Vec::new(),
        target_type: only("TargetType", &request.target_type, "ip")?,
        protocol_version: only("ProtocolVersion", &request.protocol_version, "HTTP1")?,
        ip_address_type: only("IpAddressType", &request.ip_address_type, "ipv4")?,
    };
    let r = request.clone();
    let checks = shape::ModifyTargetGroupRequest {
        target_group_arn: String::new(),
        health_check_protocol: r.health_check_protocol,
        health_check_port: r.health_check_port,
        health_check_path: r.health_check_path,
        health_check_enabled: r.health_check_enabled,
        health_check_interval_seconds: r.health_check_interval_seconds,
        health_check_timeout_seconds: r.health_check_timeout_seconds,
        healthy_threshold_count: r.healthy_threshold_count,
        unhealthy_threshold_count: r.unhealthy_threshold_count,
        matcher: r.matcher,
    };
    set_checks(&mut settings, checks)?;
    Ok(settings)
}

/// Takes the health check settings of `asked` over, each within its limits.
fn set_checks(settings: &mut shape::TargetGroup, asked: shape::ModifyTargetGroupRequest) -> Result<(), Error> {
    let invalid = |message: String| Err(Error::Validation(message));
    let mut number =
        |name: &str, slot: fn(&mut shape::TargetGroup) -> &mut u32, value: Option<u32>, min, max| match value {
            Some(value) if !(min..=max).contains(&value) => {
                invalid(format!("{name} must be {min} to {max}, not {value}"))
            }
            Some(value) => {
                *slot(settings) = value;
                Ok(())
            }
            None => Ok(()),
        };
    number(
        "HealthCheckIntervalSeconds",
        |s| &mut s.health_check_interval_seconds,
        asked.health_check_interval_seconds,
        5,
        300,
    )?;
    number(
        "HealthCheckTimeoutSeconds",
        |s| &mut s.health_check_timeout_seconds,
        asked.health_check_timeout_seconds,
        2,
        120,
    )?;
    number("HealthyThresholdCount", |s| &mut s.healthy_threshold_count, asked.healthy_threshold_count, 2, 10)?;
    number("UnhealthyThresholdCount", |s| &mut s.unhealthy_threshold_count, asked.unhealthy_threshold_count, 2, 10)?;
    if settings.health_check_timeout_seconds >= settings.health_check_interval_seconds {
        return invalid("Health check timeout must be smaller than the health check interval".to_owned());
    }
    if let Some(protocol) = asked.health_check_protocol.filter(|protocol| protocol != "HTTP") {
        return Err(Error::UnsupportedProtocol(protocol));
    }
    if asked.health_check_enabled == Some(false) {
        return invalid("Health check enabled must be true for target groups with target type 'ip'".to_owned());
    }
    if let Some(port) = asked.health_check_port {
        if port != "traffic-port" && !port.parse::<u16>().is_ok_and(|port| port > 0) {
            return invalid(format!("Health check port '{port}' is not valid: a port or traffic-port is"));
        }
        settings.health_check_port = port;
    }
    if let Some(path) = asked.health_check_path {
        if !path.starts_with('/') || path.len() > 1024 || path.chars().any(char::is_whitespace) {
            return invalid(format!("Health check path '{path}' is not valid: it begins with a slash"));
        }
        settings.health_check_path = path;
    }
    if let Some(codes) = asked.matcher.and_then(|matcher| matcher.http_code) {
        if !matcher_is_sound(&codes) {
            return invalid(format!(
                "Health check matcher '{codes}' is not valid: 200, 200,202 or 200-299 are, from 200 to 499"
            ));
        }
        settings.matcher.http_code = Some(codes);
    }
    Ok(())
}

fn matcher_is_sound(codes: &str) -> bool {
    let code = |text: &str| text.parse::<u16>().ok().filter(|code| (200..=499).contains(code));
    codes.split(',').all(|part| match part.split_once('-') {
        Some((low, high)) => matches!((code(low), code(high)), (Some(low), Some(high)) if low <= high),
        None => code(part).is_some(),
    })
}

pub(crate) async fn describe_target_groups(
    cx: Context<LoadBalancing>,
    request: shape::DescribeTargetGroupsRequest,
) -> Result<shape::TargetGroupsResponse, Error> {
    let scope = cx.scope();
    let all = || -> Result<Vec<Group>, Error> {
        Ok(cx.store.list::<Group>(scope)?.into_iter().map(|(_, row)| row).collect())
    };
    let rows: Vec<Group> = if let Some(arn) = &request.load_balancer_arn {
        let (key, _) = load_balancer::find(&cx.store, scope, arn)?;
        let under = format!("{}/", key.name);
        let uses = Uses::of(&cx.store.list_under(scope, &under)?, &cx.store.list_under(scope, &under)?);
        all()?.into_iter().filter(|row| uses.has(&row.settings.target_group_arn)).collect()
    } else if !request.target_group_arns.is_empty() {
        let found = request.target_group_arns.iter().map(|arn| find(&cx.store, scope, arn).map(|(_, row)| row));
        found.collect::<Result<_, _>>()?
    } else if !request.names.is_empty() {
        let all = all()?;
        let named = |name: &String| all.iter().find(|row| row.settings.target_group_name == *name).cloned();
        let found =
            request.names.iter().map(|name| named(name).ok_or_else(|| Error::TargetGroupNotFound(name.clone())));
        found.collect::<Result<_, _>>()?
    } else {
        all()?
    };
    let key = |row: &Group| row.settings.target_group_arn.clone();
    let (rows, next_marker) = page(rows, key, page_size(request.page_size)?, request.marker.as_deref())?;
    let target_groups = rows.into_iter().map(|row| describe(&cx.store, scope, row)).collect::<Result<_, _>>()?;
    Ok(shape::TargetGroupsResponse { target_groups, next_marker })
}

pub(crate) async fn modify_target_group(
    cx: Context<LoadBalancing>,
    request: shape::ModifyTargetGroupRequest,
) -> Result<shape::TargetGroupsResponse, Error> {
    let scope = cx.scope();
    let (key, _) = find(&cx.store, scope, &request.target_group_arn)?;
    let group = cx.store.write(|tx| {
        let row: Option<Group> = tx.get(&key)?;
        let mut row = row.ok_or_else(|| Error::TargetGroupNotFound(request.target_group_arn.clone()))?;
        set_checks(&mut row.settings, request)?;
        tx.put(&key, &row)?;
        Ok::<_, Error>(row)
    })?;
    Ok(shape::TargetGroupsResponse { target_groups: vec![describe(&cx.store, scope, group)?], next_marker: None })
}

pub(crate) async fn delete_target_group(
    cx: Context<LoadBalancing>,
    request: shape::TargetGroupArnRequest,
) -> Result<shape::Empty, Error> {
    let (scope, arn) = (cx.scope(), &request.target_group_arn);
    let key = rows::key_of(arn, rows::GROUP, scope);
    let key = key.ok_or_else(|| Error::Validation(format!("'{arn}' is not a valid target group ARN")))?;
    cx.store.write(|tx| {
        if Uses::of(&tx.list(scope)?, &tx.list(scope)?).has(arn) {
            return Err(Error::ResourceInUse(arn.clone()));
        }
        forget_targets(tx, scope, &key)?;
        tx.delete::<Group>(&key)?;
        Ok(shape::Empty {})
    })
}

fn forget_targets(tx: &mut Transaction<'_>, scope: &Scope, group: &Key) -> Result<(), Error> {
    for (target, _) in tx.list_under::<Target>(scope, &format!("{}/", group.name))? {
        tx.delete::<Target>(&target)?;
        tx.delete::<TargetObserved>(&target)?;
    }
    Ok(())
}

/// The target group that `arn` names.
pub(crate) fn find(store: &Store, scope: &Scope, arn: &str) -> Result<(Key, Group), Error> {
    let key = rows::key_of(arn, rows::GROUP, scope);
    let key = key.ok_or_else(|| Error::Validation(format!("'{arn}' is not a valid target group ARN")))?;
    let row = store.get::<Group>(&key)?;
    Ok((key, row.ok_or_else(|| Error::TargetGroupNotFound(arn.to_owned()))?))
}

fn describe(store: &Store, scope: &Scope, row: Group) -> Result<shape::TargetGroup, Error> {
    let uses = Uses::of(&store.list(scope)?, &store.list(scope)?);
    let arn = |key: &str| Arn::new(rows::SERVICE, scope, format!("{}{key}", rows::LOAD_BALANCER)).to_string();
    let users: std::collections::BTreeSet<String> = uses.balancers(&row.settings.target_group_arn).map(arn).collect();
    Ok(shape::TargetGroup { load_balancer_arns: users.into_iter().collect(), ..row.settings })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_are_codes_lists_and_ranges() {
        for sound in ["200", "200,202", "200-299", "200-299,404"] {
            assert!(matcher_is_sound(sound), "{sound}");
        }
        for wrong in ["", "abc", "100", "500", "299-200", "200,"] {
            assert!(!matcher_is_sound(wrong), "{wrong}");
        }
    }
}
