//! Security groups, enforced where a VPC forwards.
//!
//! Each interface (a task's, a load balancer's) is in some groups. A new connection must be allowed twice: by a rule
//! for what leaves its sender, and by a rule for what reaches its receiver; what belongs to a connection that was
//! allowed passes, in both directions. What no rule allows is dropped without a word, as on AWS. An address that is
//! nobody's interface is reached by nobody.
//!
//! ```text
//!  forward ┐              ┌ established: pass; invalid: drop
//!  input   ├─▶ check ──▶ ─┤ to or from routers, resolver, control plane: pass
//!  output  ┘              ├ by source      ─▶ out-n: a rule matches: go on; else drop
//!                         └ by destination ─▶ in-n:  a rule matches: pass;  else drop
//! ```
//!
//! What goes beyond the VPC is checked before it is routed, by [`crate::egress`].
//!
//! A VPC's load balancers speak and listen in the VPC's own namespace, so its input and output are checked like what
//! it forwards. `in-n` and `out-n` exist once for each distinct set of groups, not for each interface; the members of
//! a group are a set that rules refer to. The whole policy is written as one transaction that replaces the one before.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;

use crate::{
    egress::{self, Outside},
    nft::{Base, Hook, Kind, Rule as Packets, Transaction},
};

/// The table in the VPC's namespace.
pub(crate) const TABLE: &str = "security";

/// The set of addresses that no group covers.
pub(crate) const INFRASTRUCTURE: &str = "infrastructure";

/// The loopback network; it never leaves the VPC's namespace.
pub(crate) const LOOPBACK: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);

/// ICMP's type for a place that is not to be reached.
const ICMP_UNREACHABLE: u8 = 3;

/// All security groups of one VPC and who is in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The groups' rules by the groups' ids.
    pub groups: BTreeMap<String, Group>,
    /// The interfaces by address, each with the ids of its groups.
    pub interfaces: BTreeMap<Ipv4Addr, BTreeSet<String>>,
    /// Addresses that everybody may reach and that may reach everybody; see [`crate::vpc::Spec::infrastructure`].
    pub infrastructure: BTreeSet<Ipv4Addr>,
    /// What may leave the VPC. None: nothing is said of it, and the VPC's routing knows no way.
    pub outside: Option<Outside>,
}

/// What a group's members may receive and send. Nothing else is allowed: that a new group lets everything out is a
/// rule like another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Who may reach its members.
    pub ingress: Vec<Rule>,
    /// Whom its members may reach.
    pub egress: Vec<Rule>,
}

/// One allowance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What kind of traffic.
    pub protocol: Protocol,
    /// From or to whom.
    pub peer: Peer,
}

/// A kind of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Everything: EC2's `-1`.
    All,
    /// TCP to ports from the first to the second, both included.
    Tcp(u16, u16),
    /// UDP to ports from the first to the second, both included.
    Udp(u16, u16),
    /// ICMP of a type and a code; none means all.
    Icmp(Option<u8>, Option<u8>),
    /// Any other protocol by its number.
    Number(u8),
}

/// The other side of an allowed connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Any address of a network.
    Net(Ipv4Net),
    /// Any member of a group, by the group's id.
    Group(String),
}

#[derive(Clone, Copy)]
enum Direction {
    In,
    Out,
}

/// The rules of `policy` as one transaction.
pub(crate) fn transaction(policy: &Policy) -> Transaction {
    let mut transaction = Transaction::replacing(TABLE);
    transaction.set(INFRASTRUCTURE, policy.infrastructure.iter().copied());
    for (group, members) in members(policy) {
        transaction.set(&group, members);
    }
    let kinds: BTreeSet<&BTreeSet<String>> = policy.interfaces.values().collect();
    let kinds: Vec<_> = kinds.into_iter().collect();
    for (number, groups) in kinds.iter().enumerate() {
        chain(&mut transaction, policy, groups, &format!("in-{number}"), Direction::In);
        chain(&mut transaction, policy, groups, &format!("out-{number}"), Direction::Out);
    }
    let chain_of = |prefix: &'static str| {
        let number = |groups| kinds.binary_search(&groups).expect("every interface's set of groups is a kind");
        policy.interfaces.iter().map(move |(address, groups)| (*address, format!("{prefix}-{}", number(groups))))
    };
    transaction.jumps("ingress", chain_of("in"));
    transaction.jumps("egress", chain_of("out"));
    check(&mut transaction);
    if let Some(outside) = &policy.outside {
        egress::rules(&mut transaction, policy, outside);
    }
    transaction
}

/// The members of every group that is there or is spoken of in a rule. One without members lets nobody in.
fn members(policy: &Policy) -> BTreeMap<String, BTreeSet<Ipv4Addr>> {
    let rules = policy.groups.values().flat_map(|group| group.ingress.iter().chain(&group.egress));
    let spoken_of = rules.filter_map(|rule| match &rule.peer {
        Peer::Group(group) => Some(group),
        Peer::Net(_) => None,
    });
    let mut members: BTreeMap<_, BTreeSet<_>> =
        spoken_of.chain(policy.groups.keys()).map(|group| (group.clone(), BTreeSet::new())).collect();
    for (address, groups) in &policy.interfaces {
        for group in groups {
            members.entry(group.clone()).or_default().insert(*address);
        }
    }
    members
}

/// What the members of all of `groups` may receive or send, and a drop at the end.
fn chain(transaction: &mut Transaction, policy: &Policy, groups: &BTreeSet<String>, name: &str, direction: Direction) {
    transaction.chain(name);
    for group in groups.iter().filter_map(|group| policy.groups.get(group)) {
        let rules = match direction {
            Direction::In => &group.ingress,
            Direction::Out => &group.egress,
        };
        for rule in rules {
            transaction.rule(name, &allowance(rule, direction));
        }
    }
    transaction.rule(name, &Packets::new().drop());
}

/// What leaves is not yet allowed to arrive, so an egress rule only goes back to the check.
fn allowance(rule: &Rule, direction: Direction) -> Packets {
    let packets = match (&rule.peer, direction) {
        (Peer::Net(net), Direction::In) => Packets::new().source(*net),
        (Peer::Net(net), Direction::Out) => Packets::new().destination(*net),
        (Peer::Group(group), Direction::In) => Packets::new().source_in(group),
        (Peer::Group(group), Direction::Out) => Packets::new().destination_in(group),
    };
    let packets = match rule.protocol {
        Protocol::All => packets,
        Protocol::Tcp(from, to) => packets.tcp(from, to),
        Protocol::Udp(from, to) => packets.udp(from, to),
        Protocol::Icmp(kind, code) => packets.icmp(kind, code),
        Protocol::Number(number) => packets.protocol(number),
    };
    match direction {
        Direction::In => packets.accept(),
        Direction::Out => packets.back(),
    }
}

/// The chain that all traffic of the VPC's namespace takes, and its three ways in.
fn check(transaction: &mut Transaction) {
    transaction.chain("check");
    let rules = [
        Packets::new().known_connection().accept(),
        Packets::new().invalid().drop(),
        Packets::new().source(LOOPBACK).accept(),
        Packets::new().destination_in(INFRASTRUCTURE).accept(),
        Packets::new().source_in(INFRASTRUCTURE).accept(),
        Packets::new().jump_by_source("egress"),
        Packets::new().jump_by_destination("ingress"),
        Packets::new().drop(),
    ];
    for rule in rules {
        transaction.rule("check", &rule);
    }
    for (name, hook) in [("forward", Hook::Forward), ("input", Hook::Input), ("output", Hook::Output)] {
        transaction.base_chain(name, Base { kind: Kind::Filter, hook, priority: 0 });
        if matches!(hook, Hook::Output) {
            // The VPC's own word that a place is not to be reached. The packet it is about was given up before its
            // connection was known, so it belongs to none.
            transaction.rule(name, &Packets::new().icmp(Some(ICMP_UNREACHABLE), None).accept());
        }
        transaction.rule(name, &Packets::new().jump("check"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_without_members_is_an_empty_set() {
        let rule = Rule { protocol: Protocol::All, peer: Peer::Group("sg-2".to_owned()) };
        let group = Group { ingress: vec![rule], egress: Vec::new() };
        let address = Ipv4Addr::new(10, 0, 0, 5);
        let policy = Policy {
            groups: [("sg-1".to_owned(), group)].into(),
            interfaces: [(address, ["sg-1".to_owned()].into())].into(),
            ..Policy::default()
        };
        let expected = [("sg-1".to_owned(), [address].into()), ("sg-2".to_owned(), BTreeSet::new())];
        assert_eq!(members(&policy), expected.into());
    }
}
