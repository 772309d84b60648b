//! What is asked (load balancers, listeners, target groups, targets) and what is seen of them.

use std::collections::BTreeMap;

use api::elbv2::{Action, RuleCondition, TargetGroup, TargetHealth};
use names::{Arn, Scope, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row};

/// The service's name in ARNs.
pub(crate) const SERVICE: &str = "elasticloadbalancing";

/// A load balancer, as asked. Its key is `<name>/<id>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LoadBalancer {
    pub(crate) name: String,
    /// Sixteen hexadecimal digits that tell it from others of its name.
    pub(crate) id: String,
    pub(crate) dns_name: String,
    pub(crate) created: Timestamp,
    pub(crate) scheme: String,
    pub(crate) vpc_id: String,
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) security_groups: Vec<String>,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) tags: Tags,
    /// Deleted by its user; gone once nothing of it is left.
    pub(crate) deleted: bool,
}

/// A subnet of a load balancer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Subnet {
    pub(crate) id: String,
    pub(crate) zone: String,
}

impl Row for LoadBalancer {
    const KIND: &'static str = "elbv2/load-balancer";
}

impl LoadBalancer {
    pub(crate) fn key(&self, scope: &Scope) -> Key {
        Key::new(scope, format!("{}/{}", self.name, self.id))
    }

    pub(crate) fn arn(&self, scope: &Scope) -> String {
        Arn::new(SERVICE, scope, format!("loadbalancer/app/{}/{}", self.name, self.id)).to_string()
    }
}

/// A load balancer, as seen, at the key of the asked one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LoadBalancerObserved {
    /// `provisioning`, `active`, `active_impaired` or `failed`.
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
    /// Network interfaces by subnet: id and address.
    pub(crate) interfaces: BTreeMap<String, Interface>,
}

/// Listeners whose port this machine could not give them, by the edge's name of the balancer. One row for the machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Unbound(pub(crate) Vec<(String, u16)>);

impl Row for Unbound {
    const KIND: &'static str = "elbv2/unbound.observed";
}

/// A network interface of a load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Interface {
    pub(crate) id: String,
    pub(crate) address: String,
}

impl Row for LoadBalancerObserved {
    const KIND: &'static str = "elbv2/load-balancer.observed";
}

/// A listener, as asked. Its key is its load balancer's key and its own id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Listener {
    pub(crate) load_balancer: String,
    pub(crate) id: String,
    pub(crate) port: u16,
    /// How it secures connections; none if it is asked for HTTP.
    #[serde(default)]
    pub(crate) tls: Option<Tls>,
    pub(crate) actions: Vec<Action>,
    pub(crate) tags: Tags,
}

/// How a listener secures connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tls {
    /// The name of its security policy.
    pub(crate) policy: String,
    /// The ARNs of its certificates, the default one first.
    pub(crate) certificates: Vec<String>,
}

impl Row for Listener {
    const KIND: &'static str = "elbv2/listener";
}

impl Listener {
    pub(crate) fn key(&self, scope: &Scope) -> Key {
        Key::new(scope, format!("{}/{}", self.load_balancer, self.id))
    }

    pub(crate) fn arn(&self, scope: &Scope) -> String {
        Arn::new(SERVICE, scope, format!("listener/app/{}/{}", self.load_balancer, self.id)).to_string()
    }
}

/// A rule of a listener, as asked. Its key is its listener's key and its own id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rule {
    /// The name of its listener's key.
    pub(crate) listener: String,
    pub(crate) id: String,
    /// The lowest that holds decides; no two of a listener's are the same.
    pub(crate) priority: u32,
    pub(crate) conditions: Vec<RuleCondition>,
    pub(crate) actions: Vec<Action>,
    pub(crate) tags: Tags,
}

impl Row for Rule {
    const KIND: &'static str = "elbv2/rule";
}

impl Rule {
    pub(crate) fn key(&self, scope: &Scope) -> Key {
        Key::new(scope, format!("{}/{}", self.listener, self.id))
    }

    pub(crate) fn arn(&self, scope: &Scope) -> String {
        Arn::new(SERVICE, scope, format!("{RULE}{}/{}", self.listener, self.id)).to_string()
    }

    /// The name of its load balancer's key.
    pub(crate) fn load_balancer(&self) -> &str {
        self.listener.rsplit_once('/').map_or("", |(balancer, _)| balancer)
    }
}

/// What requests of a rule go through, at the rule's key; at its listener's key and id for a default rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RuleObserved {
    pub(crate) actions: Vec<Action>,
}

impl Row for RuleObserved {
    const KIND: &'static str = "elbv2/rule.observed";
}

/// Who forwards to which target group.
pub(crate) struct Uses(Vec<(String, String)>);

impl Uses {
    /// Those of `listeners` and of `rules`.
    pub(crate) fn of(listeners: &[(Key, Listener)], rules: &[(Key, Rule)]) -> Self {
        let listeners = listeners.iter().map(|(_, row)| (row.load_balancer.as_str(), &row.actions));
        let rules = rules.iter().map(|(_, row)| (row.load_balancer(), &row.actions));
        let pairs = listeners.chain(rules).flat_map(|(balancer, actions)| {
            let groups = actions.iter().flat_map(target_groups);
            groups.map(move |(group, _)| (balancer.to_owned(), group.to_owned()))
        });
        Self(pairs.collect())
    }

    /// The load balancers, by the names of their keys, that forward to `group`.
    pub(crate) fn balancers<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(_, used)| used == group).map(|(balancer, _)| balancer.as_str())
    }

    /// Whether anybody forwards to `group`.
    pub(crate) fn has(&self, group: &str) -> bool {
        self.balancers(group).next().is_some()
    }
}

/// The target groups an action forwards to, with their weights.
pub(crate) fn target_groups(action: &Action) -> Vec<(&str, u32)> {
    match (&action.forward_config, &action.target_group_arn) {
        (Some(forward), _) => {
            forward.target_groups.iter().map(|g| (g.target_group_arn.as_str(), g.weight.unwrap_or(1))).collect()
        }
        (None, Some(arn)) => vec![(arn, 1)],
        (None, None) => Vec::new(),
    }
}

/// A target group, as asked. Its key is `<name>/<id>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// All that is described of it; `load_balancer_arns` is left empty and found anew each time.
    pub(crate) settings: TargetGroup,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) tags: Tags,
}

impl Row for Group {
    const KIND: &'static str = "elbv2/target-group";
}

/// A target, as asked. Its key is its group's key and `<address>:<port>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) address: String,
    pub(crate) port: u16,
    pub(crate) zone: String,
    /// Since when it is to leave; it drains until its group's delay has passed.
    pub(crate) leaving: Option<Timestamp>,
}

impl Row for Target {
    const KIND: &'static str = "elbv2/target";
}

/// A target, as seen, at the key of the asked one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TargetObserved {
    pub(crate) health: TargetHealth,
}

impl Row for TargetObserved {
    const KIND: &'static str = "elbv2/target.observed";
}

/// The part of an ARN that is a row's key: what follows `kind` in its resource, if it is an ARN of `scope`.
pub(crate) fn key_of(arn: &str, kind: &str, scope: &Scope) -> Option<Key> {
    let arn: Arn = arn.parse().ok()?;
    let same = arn.service == SERVICE && arn.scope().as_ref() == Some(scope);
    let name = arn.resource.strip_prefix(kind)?;
    same.then(|| Key::new(scope, name))
}

/// What stands before the key in the ARNs of load balancers.
pub(crate) const LOAD_BALANCER: &str = "loadbalancer/app/";
/// What stands before the key in the ARNs of listeners.
pub(crate) const LISTENER: &str = "listener/app/";
/// What stands before the key in the ARNs of rules.
pub(crate) const RULE: &str = "listener-rule/app/";
/// What stands before the key in the ARNs of target groups.
pub(crate) const GROUP: &str = "targetgroup/";
