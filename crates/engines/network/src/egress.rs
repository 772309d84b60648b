//! The way out of a VPC: which of a task's connections may leave, and where they are handed over.
//!
//! A VPC's namespace has no link to the outside. A connection that may leave is turned, before it is routed, to
//! [`LISTENER`] in the VPC, where whoever holds the VPC takes it, asks the kernel where it was meant to go
//! (`SO_ORIGINAL_DST`) and dials that from the machine's own namespace. Everything else that would leave is refused at
//! once: TCP by a reset, the rest by "prohibited" (`EHOSTUNREACH`). Nobody waits for a timeout.
//!
//! ```text
//!  prerouting ─▶ leaving ┌ known, or to an address of the VPC: pass
//!                        ├ to where nobody may go (`Reach`): refuse
//!                        ├ by source ─▶ leave-n: by route ─▶ pass-n: a rule of its groups matches: pass
//!                        └ refuse
//!             ─▶ outside: what passed and is TCP is turned to the listener
//! ```
//!
//! TCP alone is carried. Names are resolved by the VPC's resolver, so no task needs to send datagrams out.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddrV4},
};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::{
    CONTROL_PLANE,
    nft::{Base, Hook, Kind, Rule as Packets, Transaction},
    security::{INFRASTRUCTURE, LOOPBACK, Peer, Policy, Protocol, Rule},
};

/// Where connections that leave are turned to, in every VPC.
pub const LISTENER: SocketAddrV4 = SocketAddrV4::new(CONTROL_PLANE, 4567);

/// Before the kernel changes destinations, so that the check sees where a packet was meant to go.
const CHECK_PRIORITY: i32 = -150;
/// Where the kernel changes destinations: `NF_IP_PRI_NAT_DST`.
const TURN_PRIORITY: i32 = -100;

const fn net(a: u8, b: u8, c: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), prefix)
}

/// Networks that mean something to each machine alone, or nothing: nobody is dialled there, whatever is asked.
const NEVER: [Ipv4Net; 5] =
    [net(0, 0, 0, 8), net(127, 0, 0, 8), net(169, 254, 0, 16), net(224, 0, 0, 4), net(240, 0, 0, 4)];

/// Networks that are not of the internet (RFC 1918, 6598, 6890, 2544). From AWS nothing is reached there without a
/// peering or a tunnel; here it would be what stands around the machine.
const PRIVATE: [Ipv4Net; 6] = [
    net(10, 0, 0, 8),
    net(100, 64, 0, 10),
    net(172, 16, 0, 12),
    net(192, 0, 0, 24),
    net(192, 168, 0, 16),
    net(198, 18, 0, 15),
];

/// How far tasks get that have a way out of their VPC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Nowhere.
    #[default]
    None,
    /// To addresses of the internet.
    Public,
    /// There, and to private networks that the machine reaches.
    All,
}

impl Reach {
    /// Networks where nobody is dialled.
    fn refused(self) -> impl Iterator<Item = Ipv4Net> {
        let private = if self == Self::All { &[][..] } else { &PRIVATE };
        NEVER.into_iter().chain(private.iter().copied())
    }

    /// Whether `address` may be dialled. The machine's own addresses are not known here.
    pub fn allows(self, address: Ipv4Addr) -> bool {
        self != Self::None && !self.refused().any(|net| net.contains(&address))
    }
}

/// What lies beyond a VPC, and who gets there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// The VPC's own block: what goes there never leaves.
    pub cidr: Ipv4Net,
    /// How far anybody gets.
    pub reach: Reach,
    /// Interfaces that have a way out, with the destinations it leads to. Their groups' egress rules hold as well.
    pub ways: BTreeMap<Ipv4Addr, BTreeSet<Ipv4Net>>,
}

/// Adds to `transaction` what checks and turns the packets that leave. The policy's sets are there already.
pub(crate) fn rules(transaction: &mut Transaction, policy: &Policy, outside: &Outside) {
    refuse(transaction);
    let ways = || outside.ways.iter().filter(|_| outside.reach != Reach::None);
    let kind = |address: &Ipv4Addr, nets| policy.interfaces.get(address).map(|groups| (groups, nets));
    let kinds: BTreeSet<_> = ways().filter_map(|(address, nets)| kind(address, nets)).collect();
    let kinds: Vec<_> = kinds.into_iter().collect();
    for (number, (groups, nets)) in kinds.iter().enumerate() {
        way(transaction, policy, number, groups, nets);
    }
    let chain_of = |(address, nets)| {
        let number = kinds.binary_search(&kind(address, nets)?).ok()?;
        Some((*address, format!("leave-{number}")))
    };
    transaction.jumps("ways", ways().filter_map(chain_of));
    leaving(transaction, outside);
    if outside.reach != Reach::None {
        turn(transaction, outside);
    }
}

/// The chain that ends what may not leave, and says so.
fn refuse(transaction: &mut Transaction) {
    transaction.chain("refuse");
    transaction.rule("refuse", &Packets::new().any_tcp().reset());
    transaction.rule("refuse", &Packets::new().prohibited());
}

/// The chains of interfaces that are in `groups` and are led to `nets`.
fn way(
    transaction: &mut Transaction,
    policy: &Policy,
    number: usize,
    groups: &BTreeSet<String>,
    nets: &BTreeSet<Ipv4Net>,
) {
    let (leave, pass) = (format!("leave-{number}"), format!("pass-{number}"));
    transaction.chain(&pass);
    let rules = groups.iter().filter_map(|group| policy.groups.get(group)).flat_map(|group| &group.egress);
    for rule in rules {
        if let Some(packets) = carried(rule) {
            transaction.rule(&pass, &packets.accept());
        }
    }
    transaction.rule(&pass, &Packets::new().jump("refuse"));
    transaction.chain(&leave);
    for net in nets {
        transaction.rule(&leave, &Packets::new().destination(*net).jump(&pass));
    }
}

/// What an egress rule lets out of the VPC of what is carried; none if that is nothing. A group's members are inside.
fn carried(rule: &Rule) -> Option<Packets> {
    let Peer::Net(net) = rule.peer else { return None };
    let packets = Packets::new().destination(net);
    match rule.protocol {
        Protocol::All => Some(packets.any_tcp()),
        Protocol::Tcp(from, to) => Some(packets.tcp(from, to)),
        Protocol::Udp(..) | Protocol::Icmp(..) | Protocol::Number(_) => None,
    }
}

/// The chain that all packets meet that come from a task.
fn leaving(transaction: &mut Transaction, outside: &Outside) {
    transaction.base_chain("leaving", Base { kind: Kind::Filter, hook: Hook::Prerouting, priority: CHECK_PRIORITY });
    transaction.rule("leaving", &Packets::new().known_connection().accept());
    for inside in inside(outside) {
        transaction.rule("leaving", &inside.accept());
    }
    for net in outside.reach.refused() {
        transaction.rule("leaving", &Packets::new().destination(net).jump("refuse"));
    }
    transaction.rule("leaving", &Packets::new().jump_by_source("ways"));
    transaction.rule("leaving", &Packets::new().jump("refuse"));
}

/// The chain that turns what passed.
fn turn(transaction: &mut Transaction, outside: &Outside) {
    transaction.base_chain("outside", Base { kind: Kind::Nat, hook: Hook::Prerouting, priority: TURN_PRIORITY });
    for inside in inside(outside) {
        transaction.rule("outside", &inside.back());
    }
    transaction.rule("outside", &Packets::new().any_tcp().turn(LISTENER));
}

/// What stays inside the VPC.
fn inside(outside: &Outside) -> [Packets; 3] {
    [
        Packets::new().source(LOOPBACK),
        Packets::new().destination(outside.cidr),
        Packets::new().destination_in(INFRASTRUCTURE),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_internet_is_public_and_what_stands_around_the_machine_is_not() {
        let reached = |reach: Reach, text: &str| reach.allows(text.parse().unwrap());
        for public in ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "198.51.100.7", "223.255.255.255"] {
            assert!(reached(Reach::Public, public) && reached(Reach::All, public), "{public}");
            assert!(!reached(Reach::None, public), "{public}");
        }
        for private in ["10.0.0.1", "100.64.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "198.19.0.1"] {
            assert!(!reached(Reach::Public, private) && reached(Reach::All, private), "{private}");
        }
        for never in ["0.0.0.0", "127.0.0.1", "127.9.9.9", "169.254.169.254", "224.0.0.1", "255.255.255.255"] {
            assert!(!reached(Reach::All, never), "{never}");
        }
    }
}
