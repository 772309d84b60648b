//! From what is asked to what the edge is to do: pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    time::Duration,
};

use api::{
    acm::inside::GetKeyPairResponse,
    elbv2::{Action, TargetGroup},
};
use edge::balancers as desired;
use ipnet::Ipv4Net;
use names::{Scope, Timestamp};
use store::Key;

use crate::{
    operations::{attributes, condition},
    rows::{Group, Listener, LoadBalancer, LoadBalancerObserved, Rule, Target, Tls, Uses, target_groups},
    security_policy,
};

/// All rows, of every account and region: the machine has one edge.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) balancers: Vec<(Key, LoadBalancer)>,
    pub(crate) observed: BTreeMap<Key, LoadBalancerObserved>,
    pub(crate) listeners: Vec<(Key, Listener)>,
    pub(crate) rules: Vec<(Key, Rule)>,
    pub(crate) groups: Vec<(Key, Group)>,
    pub(crate) targets: Vec<(Key, Target)>,
    /// Who may connect, by security group.
    pub(crate) access: BTreeMap<String, Vec<desired::Access>>,
    /// The certificates that listeners show, by ARN, as far as they are to be had.
    pub(crate) certificates: BTreeMap<String, desired::Certificate>,
}

/// What the edge is to do.
pub(crate) fn desired(world: &World) -> desired::Desired {
    let standing = world.balancers.iter().filter(|(_, row)| !row.deleted);
    let balancers = standing.filter_map(|(key, row)| balancer(world, key, row)).collect();
    let groups = world.groups.iter().map(|(key, group)| self::group(world, key, group)).collect();
    desired::Desired { balancers, groups }
}

/// Targets whose time to leave is over, and the moment the next one's is.
pub(crate) fn gone(world: &World, now: Timestamp) -> (Vec<Key>, Option<Timestamp>) {
    let mut gone = Vec::new();
    let mut next = None;
    for (key, target) in &world.targets {
        let Some(leaving) = target.leaving else { continue };
        let ends = leaving.plus(delay(world, key));
        if ends <= now {
            gone.push(key.clone());
        } else {
            next = Some(next.map_or(ends, |next: Timestamp| next.min(ends)));
        }
    }
    (gone, next)
}

/// How long targets of the group at `target` may take to leave. A group nobody forwards to has nothing to wait for.
fn delay(world: &World, target: &Key) -> Duration {
    let group = world.groups.iter().find(|(group, _)| owns(group, target));
    let Some((_, group)) = group else { return Duration::ZERO };
    let used = Uses::of(&world.listeners, &world.rules).has(&group.settings.target_group_arn);
    let seconds = attributes::value(&group.attributes, "deregistration_delay.timeout_seconds").parse().unwrap_or(0);
    if used { Duration::from_secs(seconds) } else { Duration::ZERO }
}

/// Whether the row at `group` is the group of the row at `target`.
pub(crate) fn owns(group: &Key, target: &Key) -> bool {
    group.scope == target.scope && target.name.strip_prefix(&group.name).is_some_and(|rest| rest.starts_with('/'))
}

/// A balancer as the edge knows it; none while it has no address.
fn balancer(world: &World, key: &Key, row: &LoadBalancer) -> Option<desired::BalancerConfig> {
    let observed = world.observed.get(key)?;
    let addresses: Vec<Ipv4Addr> = observed.interfaces.values().filter_map(|i| i.address.parse().ok()).collect();
    if addresses.len() < row.subnets.len() {
        return None;
    }
    let listeners = world.listeners.iter().filter(|(listener, _)| owns(key, listener));
    let allowed = row.security_groups.iter().filter_map(|group| world.access.get(group)).flatten();
    Some(desired::BalancerConfig {
        id: id(key),
        host: row.dns_name.clone(),
        vpc: row.vpc_id.clone(),
        addresses,
        allowed: allowed.cloned().collect(),
        idle_timeout_seconds: attributes::value(&row.attributes, "idle_timeout.timeout_seconds").parse().unwrap_or(60),
        listeners: listeners.filter_map(|(key, row)| listener(world, key, row)).collect(),
    })
}

/// A listener as the edge knows it; none while its default certificate is not to be had, since without one it would
/// take in the clear what was meant to be secret.
fn listener(world: &World, key: &Key, row: &Listener) -> Option<desired::Listener> {
    let (certificates, versions) = match &row.tls {
        None => (Vec::new(), desired::Versions::default()),
        Some(Tls { policy, certificates }) => {
            world.certificates.get(certificates.first()?)?;
            let known = certificates.iter().filter_map(|arn| world.certificates.get(arn)).cloned();
            (known.collect(), security_policy::versions(policy)?)
        }
    };
    let mut rules: Vec<&Rule> = world.rules.iter().filter(|(rule, _)| owns(key, rule)).map(|(_, row)| row).collect();
    rules.sort_by_key(|rule| rule.priority);
    let rules = rules.into_iter().map(|rule| desired::Rule {
        conditions: rule.conditions.iter().filter_map(condition::desired).collect(),
        action: last_action(&rule.actions),
    });
    Some(desired::Listener {
        port: row.port,
        action: last_action(&row.actions),
        rules: rules.collect(),
        certificates,
        versions,
    })
}

fn last_action(actions: &[Action]) -> desired::Action {
    actions.last().map_or_else(|| desired::Action::Forward(Vec::new()), action)
}

fn action(action: &Action) -> desired::Action {
    if let Some(fixed) = &action.fixed_response_config {
        return desired::Action::Answer {
            status: fixed.status_code.parse().unwrap_or(503),
            content_type: fixed.content_type.clone().unwrap_or_else(|| "text/plain".to_owned()),
            body: fixed.message_body.clone().unwrap_or_default(),
        };
    }
    if let Some(redirect) = &action.redirect_config {
        let part = |value: &Option<String>, default: &str| value.clone().unwrap_or_else(|| default.to_owned());
        let location = format!(
            "{}://{}:{}{}?{}",
            part(&redirect.protocol, "#{protocol}").to_lowercase(),
            part(&redirect.host, "#{host}"),
            part(&redirect.port, "#{port}"),
            part(&redirect.path, "/#{path}"),
            part(&redirect.query, "#{query}"),
        );
        return desired::Action::Redirect {
            status: if redirect.status_code == "HTTP_301" { 301 } else { 302 },
            location,
        };
    }
    desired::Action::Forward(target_groups(action).into_iter().map(|(arn, weight)| (arn.to_owned(), weight)).collect())
}

fn group(world: &World, key: &Key, row: &Group) -> desired::Group {
    let targets = world.targets.iter().filter(|(target, _)| owns(key, target));
    let target = |t: &Target| {
        Some(desired::Target { address: t.address.parse().ok()?, port: t.port, draining: t.leaving.is_some() })
    };
    desired::Group {
        id: row.settings.target_group_arn.clone(),
        check: check(&row.settings),
        targets: targets.filter_map(|(_, t)| target(t)).collect(),
    }
}

fn check(settings: &TargetGroup) -> desired::Check {
    desired::Check {
        path: settings.health_check_path.clone(),
        port: settings.health_check_port.parse().ok(),
        interval_seconds: settings.health_check_interval_seconds,
        timeout_seconds: settings.health_check_timeout_seconds,
        healthy_threshold: settings.healthy_threshold_count,
        unhealthy_threshold: settings.unhealthy_threshold_count,
        matcher: settings.matcher.http_code.clone().unwrap_or_else(|| "200".to_owned()),
    }
}

/// A certificate of ACM as the edge knows it.
pub(crate) fn certificate(pair: GetKeyPairResponse) -> desired::Certificate {
    desired::Certificate { chain: pair.certificate_chain, key: pair.private_key }
}

/// The edge's name for the balancer at `key`.
pub(crate) fn id(key: &Key) -> String {
    key.to_string()
}

/// The rule of a security group as access to a balancer: TCP, or all there is, from somewhere.
///
/// What comes from this machine comes from 127.0.0.1, which only a rule for all the world holds. A rule that names a
/// security group lets in its members' addresses; those in the VPC are held to it by the VPC's own filter.
pub(crate) fn access(
    protocol: &str,
    from_port: Option<i32>,
    to_port: Option<i32>,
    cidrs: &[String],
) -> Vec<desired::Access> {
    let ports = match protocol {
        "-1" => (0, u16::MAX),
        "tcp" | "6" => {
            let port = |port: Option<i32>, default| port.and_then(|port| u16::try_from(port).ok()).unwrap_or(default);
            (port(from_port, 0), port(to_port, u16::MAX))
        }
        _ => return Vec::new(),
    };
    let cidrs: BTreeSet<Ipv4Net> = cidrs.iter().filter_map(|cidr| cidr.parse().ok()).collect();
    cidrs.into_iter().map(|from| desired::Access { from, ports }).collect()
}

/// The names of the load balancers, by the VPC whose tasks can reach them.
pub(crate) fn zones(desired: &desired::Desired) -> BTreeMap<String, dns::Zones> {
    /// How many seconds a task may remember a load balancer's address; AWS's own answer.
    const TTL: u32 = 60;
    let mut zones: BTreeMap<String, dns::Zones> = BTreeMap::new();
    for balancer in &desired.balancers {
        let data: Vec<dns::Data> = balancer.addresses.iter().copied().map(dns::Data::Address).collect();
        let record = dns::RecordSet { name: balancer.host.clone(), ttl: TTL, answers_max: data.len(), data };
        let zone = dns::Zone { apex: "elb.localhost".to_owned(), negative_ttl: TTL, records: vec![record] };
        zones.entry(balancer.vpc.clone()).or_default().zones.push(zone);
    }
    zones
}

/// The URL of a listener on this machine: its own port, or the API's where that could not be had.
pub(crate) fn url(host: &str, port: u16, secured: bool, unbound: bool, api_port: u16) -> String {
    match (unbound, secured, port) {
        (true, ..) => format!("http://{host}:{api_port}"),
        (false, false, 80) => format!("http://{host}"),
        (false, true, 443) => format!("https://{host}"),
        (false, false, port) => format!("http://{host}:{port}"),
        (false, true, port) => format!("https://{host}:{port}"),
    }
}

/// A scope's key for what concerns the whole machine.
pub(crate) fn machine() -> Key {
    Key::new(&Scope::default(), "machine")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_become_access() {
        let all = access("-1", None, None, &["0.0.0.0/0".to_owned()]);
        assert_eq!(all[0].ports, (0, u16::MAX));
        let web = access("tcp", Some(80), Some(80), &["10.0.0.0/8".to_owned(), "nonsense".to_owned()]);
        assert_eq!((web.len(), web[0].ports), (1, (80, 80)));
        assert!(access("udp", Some(53), Some(53), &["0.0.0.0/0".to_owned()]).is_empty());
    }

    #[test]
    fn a_target_leaves_after_its_groups_delay() {
        let scope = Scope::default();
        let target =
            Target { address: "10.0.0.5".into(), port: 80, zone: "a".into(), leaving: Some(Timestamp::from_millis(0)) };
        let arn = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/g/1";
        let group = Group {
            settings: TargetGroup { target_group_arn: arn.into(), ..TargetGroup::default() },
            attributes: BTreeMap::from([("deregistration_delay.timeout_seconds".to_owned(), "5".to_owned())]),
            tags: names::Tags::default(),
        };
        let forward = Action { kind: "forward".into(), target_group_arn: Some(arn.into()), ..Action::default() };
        let listener = Listener {
            load_balancer: "b/1".into(),
            id: "2".into(),
            port: 80,
            tls: None,
            actions: vec![forward],
            tags: names::Tags::default(),
        };
        let mut world = World {
            groups: vec![(Key::new(&scope, "g/1"), group)],
            targets: vec![(Key::new(&scope, "g/1/10.0.0.5:80"), target)],
            listeners: vec![(Key::new(&scope, "b/1/2"), listener)],
            ..World::default()
        };
        let at = Timestamp::from_millis;
        assert_eq!(gone(&world, at(4_999)), (vec![], Some(at(5_000))));
        assert_eq!(gone(&world, at(5_000)).0.len(), 1);
        world.listeners.clear();
        assert_eq!(gone(&world, at(1)).0.len(), 1, "nobody forwards to it, so it has nothing to finish");
    }
}
