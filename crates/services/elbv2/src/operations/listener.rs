//! Listeners.

use api::elbv2 as shape;
use names::Scope;
use store::{Key, Transaction};
use wire::{Context, page};

use super::{certificate, load_balancer, page_size, rule, tags};
use crate::{
    LoadBalancing,
    error::Error,
    rows::{self, Group, Listener, target_groups},
};

/// Target groups in one forward action.
const GROUPS_MAX: usize = 5;
/// The largest weight of a target group.
const WEIGHT_MAX: u32 = 999;

pub(crate) async fn create_listener(
    cx: Context<LoadBalancing>,
    request: shape::CreateListenerRequest,
) -> Result<shape::ListenersResponse, Error> {
    let secured = is_secured(request.protocol.as_deref())?.unwrap_or(false);
    let port = request.port.filter(|port| *port > 0);
    let port = port.ok_or_else(|| Error::Validation("A listener port must be specified, 1 to 65535".to_owned()))?;
    let scope = cx.scope();
    let (load_balancer, balancer) = load_balancer::find(&cx.store, scope, &request.load_balancer_arn)?;
    let tls = certificate::tls(&cx, secured, None, &request.certificates, request.ssl_policy.as_deref()).await?;
    let listener = Listener {
        load_balancer: load_balancer.name.clone(),
        id: cx.ids.hex(16),
        port,
        tls,
        actions: request.default_actions,
        tags: tags(&request.tags),
    };
    cx.store.write(|tx| {
        check_actions(tx, scope, &balancer.vpc_id, &listener.actions)?;
        let siblings = tx.list_under::<Listener>(scope, &format!("{}/", load_balancer.name))?;
        if siblings.iter().any(|(_, sibling)| sibling.port == port) {
            return Err(Error::DuplicateListener(request.load_balancer_arn.clone()));
        }
        tx.put(&listener.key(scope), &listener)?;
        Ok(())
    })?;
    Ok(shape::ListenersResponse { listeners: vec![describe(scope, &listener)], next_marker: None })
}

pub(crate) async fn describe_listeners(
    cx: Context<LoadBalancing>,
    request: shape::DescribeListenersRequest,
) -> Result<shape::ListenersResponse, Error> {
    let scope = cx.scope();
    let rows: Vec<Listener> = match &request.load_balancer_arn {
        Some(arn) => {
            let (key, _) = load_balancer::find(&cx.store, scope, arn)?;
            let rows = cx.store.list_under::<Listener>(scope, &format!("{}/", key.name))?;
            rows.into_iter().map(|(_, row)| row).collect()
        }
        None if request.listener_arns.is_empty() => {
            return Err(Error::Validation("You must specify either listener ARNs or a load balancer ARN".to_owned()));
        }
        None => {
            let found =
                request.listener_arns.iter().map(|arn| cx.store.write(|tx| find(tx, scope, arn)).map(|(_, row)| row));
            found.collect::<Result<_, _>>()?
        }
    };
    let (rows, next_marker) =
        page(rows, |row| row.id.clone(), page_size(request.page_size)?, request.marker.as_deref())?;
    Ok(shape::ListenersResponse { listeners: rows.iter().map(|row| describe(scope, row)).collect(), next_marker })
}

pub(crate) async fn modify_listener(
    cx: Context<LoadBalancing>,
    request: shape::ModifyListenerRequest,
) -> Result<shape::ListenersResponse, Error> {
    let scope = cx.scope();
    let (_, present) = cx.store.write(|tx| find(tx, scope, &request.listener_arn))?;
    let secured = is_secured(request.protocol.as_deref())?.unwrap_or(present.tls.is_some());
    let (asked, policy) = (&request.certificates, request.ssl_policy.as_deref());
    let tls = certificate::tls(&cx, secured, present.tls.clone(), asked, policy).await?;
    let listener = cx.store.write(|tx| {
        let (key, mut row) = find(tx, scope, &request.listener_arn)?;
        if row.tls != present.tls {
            return Err(Error::Changed(request.listener_arn.clone()));
        }
        row.tls.clone_from(&tls);
        if let Some(port) = request.port.filter(|port| *port != row.port) {
            let siblings = tx.list_under::<Listener>(scope, &format!("{}/", row.load_balancer))?;
            if port == 0 || siblings.iter().any(|(_, sibling)| sibling.port == port) {
                return Err(Error::DuplicateListener(request.listener_arn.clone()));
            }
            row.port = port;
        }
        if !request.default_actions.is_empty() {
            let vpc_id = vpc_of(tx, scope, &row)?;
            check_actions(tx, scope, &vpc_id, &request.default_actions)?;
            row.actions.clone_from(&request.default_actions);
        }
        tx.put(&key, &row)?;
        Ok(row)
    })?;
    Ok(shape::ListenersResponse { listeners: vec![describe(scope, &listener)], next_marker: None })
}

pub(crate) async fn delete_listener(
    cx: Context<LoadBalancing>,
    request: shape::DeleteListenerRequest,
) -> Result<shape::Empty, Error> {
    let scope = cx.scope();
    cx.store.write(|tx| {
        let (key, _) = find(tx, scope, &request.listener_arn)?;
        rule::forget(tx, scope, &key)?;
        tx.delete::<Listener>(&key)?;
        Ok(shape::Empty {})
    })
}

pub(super) fn find(tx: &Transaction<'_>, scope: &Scope, arn: &str) -> Result<(Key, Listener), Error> {
    let key = rows::key_of(arn, rows::LISTENER, scope);
    let key = key.ok_or_else(|| Error::Validation(format!("'{arn}' is not a valid listener ARN")))?;
    let row = tx.get::<Listener>(&key)?;
    Ok((key, row.ok_or_else(|| Error::ListenerNotFound(arn.to_owned()))?))
}

/// The VPC of a listener's load balancer.
pub(super) fn vpc_of(tx: &Transaction<'_>, scope: &Scope, row: &Listener) -> Result<String, Error> {
    let balancer = tx.get::<rows::LoadBalancer>(&Key::new(scope, row.load_balancer.clone()))?;
    Ok(balancer.map(|balancer| balancer.vpc_id).unwrap_or_default())
}

/// Whether a listener of `protocol` secures connections; none if it is not said.
fn is_secured(protocol: Option<&str>) -> Result<Option<bool>, Error> {
    match protocol {
        None => Ok(None),
        Some("HTTP") => Ok(Some(false)),
        Some("HTTPS") => Ok(Some(true)),
        Some(other) => Err(Error::UnsupportedProtocol(other.to_owned())),
    }
}

/// Refuses actions that cannot be done by a load balancer in this VPC.
pub(super) fn check_actions(
    tx: &Transaction<'_>,
    scope: &Scope,
    vpc_id: &str,
    actions: &[shape::Action],
) -> Result<(), Error> {
    let [action] = actions else {
        return Err(Error::InvalidLoadBalancerAction(
            "A listener or a rule has exactly one action here: forward, fixed-response or redirect".to_owned(),
        ));
    };
    let invalid = |message: String| Err(Error::InvalidLoadBalancerAction(message));
    match action.kind.as_str() {
        "forward" => {
            let groups = target_groups(action);
            if groups.is_empty() || groups.len() > GROUPS_MAX || groups.iter().any(|(_, weight)| *weight > WEIGHT_MAX) {
                return invalid(format!(
                    "A forward action has 1 to {GROUPS_MAX} target groups with weights of 0 to {WEIGHT_MAX}"
                ));
            }
            let stickiness = action.forward_config.as_ref().and_then(|f| f.target_group_stickiness_config.as_ref());
            if stickiness.is_some_and(|stickiness| stickiness.enabled) {
                return invalid("TargetGroupStickinessConfig is not supported by Serin yet".to_owned());
            }
            for (arn, _) in groups {
                let key =
                    rows::key_of(arn, rows::GROUP, scope).ok_or_else(|| Error::TargetGroupNotFound(arn.to_owned()))?;
                let group = tx.get::<Group>(&key)?.ok_or_else(|| Error::TargetGroupNotFound(arn.to_owned()))?;
                if group.settings.vpc_id != vpc_id {
                    return invalid(format!("Target group '{arn}' is not in the load balancer's VPC"));
                }
            }
            Ok(())
        }
        "fixed-response" => match &action.fixed_response_config {
            Some(fixed) if matches!(fixed.status_code.parse::<u16>(), Ok(200..=299 | 400..=599)) => Ok(()),
            _ => invalid(
                "A fixed-response action needs FixedResponseConfig with a StatusCode of 2XX, 4XX or 5XX".to_owned(),
            ),
        },
        "redirect" => match &action.redirect_config {
            Some(redirect) if matches!(redirect.status_code.as_str(), "HTTP_301" | "HTTP_302") => Ok(()),
            _ => invalid("A redirect action needs RedirectConfig with StatusCode HTTP_301 or HTTP_302".to_owned()),
        },
        other => invalid(format!(
            "Action type '{other}' is not supported by Serin: forward, fixed-response and redirect are"
        )),
    }
}

fn describe(scope: &Scope, row: &Listener) -> shape::Listener {
    let balancer = names::Arn::new(rows::SERVICE, scope, format!("{}{}", rows::LOAD_BALANCER, row.load_balancer));
    shape::Listener {
        listener_arn: row.arn(scope),
        load_balancer_arn: balancer.to_string(),
        port: row.port,
        protocol: if row.tls.is_some() { "HTTPS" } else { "HTTP" }.to_owned(),
        certificates: row
            .tls
            .iter()
            .filter_map(|tls| tls.certificates.first())
            .map(|arn| certificate::plain(arn))
            .collect(),
        ssl_policy: row.tls.as_ref().map(|tls| tls.policy.clone()),
        default_actions: row.actions.clone(),
    }
}
