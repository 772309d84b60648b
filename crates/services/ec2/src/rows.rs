//! What is asked of a VPC and what is in it, and what was seen of it. Each row is named by its resource's id.

use std::{collections::BTreeSet, net::Ipv4Addr, path::PathBuf};

use ipnet::Ipv4Net;
use names::Tags;
use serde::{Deserialize, Serialize};
use store::Row;

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Vpc {
    pub(crate) cidr: Ipv4Net,
    /// The id of the bond between the VPC and its addresses.
    pub(crate) association_id: String,
    pub(crate) dns_support: bool,
    pub(crate) dns_hostnames: bool,
    pub(crate) tags: Tags,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subnet {
    pub(crate) vpc_id: String,
    pub(crate) cidr: Ipv4Net,
    pub(crate) zone: String,
    pub(crate) map_public_ip_on_launch: bool,
    /// The address that was given out last; the next one is looked for behind it, so that an address rests as long
    /// as can be before somebody else has it.
    pub(crate) last_address: Option<Ipv4Addr>,
    pub(crate) tags: Tags,
}

/// An internet gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InternetGateway {
    /// The VPC it is attached to.
    pub(crate) vpc_id: Option<String>,
    pub(crate) tags: Tags,
}

/// A route table. The route to the VPC itself is not in it: every table has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RouteTable {
    pub(crate) vpc_id: String,
    pub(crate) associations: Vec<Association>,
    pub(crate) routes: Vec<Route>,
    /// What it was asked with, if it was asked with a token.
    pub(crate) asked: Option<api::ec2::CreateRouteTableRequest>,
    pub(crate) tags: Tags,
}

impl RouteTable {
    /// Whether it is its VPC's main table.
    pub(crate) fn is_main(&self) -> bool {
        self.associations.iter().any(|association| association.subnet_id.is_none())
    }
}

/// Whom a route table routes for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Association {
    pub(crate) id: String,
    /// None: every subnet without a table of its own.
    pub(crate) subnet_id: Option<String>,
}

/// A route to a gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Route {
    pub(crate) destination: Ipv4Net,
    pub(crate) gateway_id: String,
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SecurityGroup {
    pub(crate) vpc_id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) rules: Vec<Rule>,
    pub(crate) tags: Tags,
}

/// A rule of a security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) egress: bool,
    pub(crate) traffic: Traffic,
    pub(crate) peer: Peer,
    pub(crate) description: Option<String>,
    pub(crate) tags: Tags,
}

/// What kind of traffic a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Traffic {
    All,
    /// Ports from the first to the second.
    Tcp(u16, u16),
    Udp(u16, u16),
    /// Type and code; none means all.
    Icmp(Option<u8>, Option<u8>),
    Number(u8),
}

/// The other side of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Peer {
    Ipv4(Ipv4Net),
    Ipv6(ipnet::Ipv6Net),
    Group(String),
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NetworkInterface {
    pub(crate) vpc_id: String,
    pub(crate) subnet_id: String,
    pub(crate) address: Ipv4Addr,
    /// Six bytes as text, `02:…`.
    pub(crate) mac: String,
    pub(crate) groups: Vec<String>,
    /// Whether its address is one of the VPC itself.
    pub(crate) load_balancer: bool,
    /// Whether it has a public address, which is what a way to the internet takes.
    #[serde(default)]
    pub(crate) public_address: bool,
    /// The service that manages it.
    pub(crate) operator: Option<String>,
    /// What it was asked with, if it was asked with a token.
    pub(crate) asked: Option<Box<api::ec2::CreateNetworkInterfaceRequest>>,
    pub(crate) description: String,
    pub(crate) tags: Tags,
}

/// What the edge made of a VPC, under the VPC's id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VpcObserved {
    /// A path that opens its namespace.
    pub(crate) namespace: PathBuf,
    /// The namespace's inode.
    pub(crate) inode: u64,
    /// The interfaces whose addresses and groups are in force.
    pub(crate) interfaces: BTreeSet<String>,
}

macro_rules! kinds {
    ($($row:ty => $kind:literal),* $(,)?) => {$(
        impl Row for $row {
            const KIND: &'static str = $kind;
        }
    )*};
}

kinds! {
    Vpc => "ec2/vpc",
    Subnet => "ec2/subnet",
    InternetGateway => "ec2/internet-gateway",
    RouteTable => "ec2/route-table",
    SecurityGroup => "ec2/security-group",
    NetworkInterface => "ec2/network-interface",
    VpcObserved => "ec2/vpc.observed",
}
