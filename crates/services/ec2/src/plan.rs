//! What was asked, translated: rows to the edge's VPCs and to the rules of each. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    path::PathBuf,
};

use edge::protocol;
use ipnet::Ipv4Net;
use network::{
    egress::{Outside, Reach},
    security::{self, Policy, Protocol},
    vpc,
};
use store::Key;

use crate::{
    addresses,
    rows::{InternetGateway, NetworkInterface, Peer, RouteTable, Rule, SecurityGroup, Subnet, Traffic, Vpc},
};

/// All that was asked, in every account and region. Ids are unique across them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) vpcs: BTreeMap<Key, Vpc>,
    pub(crate) subnets: BTreeMap<Key, Subnet>,
    pub(crate) groups: BTreeMap<Key, SecurityGroup>,
    pub(crate) interfaces: BTreeMap<Key, NetworkInterface>,
    pub(crate) tables: BTreeMap<Key, RouteTable>,
    pub(crate) gateways: BTreeMap<Key, InternetGateway>,
    /// How far those get that have a way out.
    pub(crate) reach: Reach,
}

impl Asked {
    /// The VPCs as the edge is to make them. `kept` has a path to the namespace of each VPC that we know one of.
    pub(crate) fn vpcs(&self, kept: &BTreeMap<String, PathBuf>) -> Vec<protocol::Vpc> {
        let vpc = |key: &Key| {
            let vpc::Spec { routers, resolver, extra } = self.spec(key);
            let (adopt, egress) = (kept.get(&key.name).cloned(), self.reach);
            protocol::Vpc { adopt, egress, id: key.name.clone(), routers, resolver, extra }
        };
        self.vpcs.keys().map(vpc).collect()
    }

    /// The addresses that the VPC at `key` has by itself.
    fn spec(&self, key: &Key) -> vpc::Spec {
        let row = self.vpcs.get(key).filter(|row| row.dns_support);
        let subnets = self.subnets.values().filter(|subnet| subnet.vpc_id == key.name);
        let balancers = self.interfaces_of(key).filter(|(_, interface)| interface.load_balancer);
        vpc::Spec {
            routers: subnets.map(|subnet| addresses::router(subnet.cidr)).collect(),
            resolver: row.map(|row| addresses::resolver(row.cidr)),
            extra: balancers.map(|(_, interface)| interface.address).collect(),
        }
    }

    /// The interfaces in the VPC at `key`, with their ids.
    fn interfaces_of(&self, key: &Key) -> impl Iterator<Item = (&str, &NetworkInterface)> {
        let of_vpc = self.interfaces.iter().filter(|(_, interface)| interface.vpc_id == key.name);
        of_vpc.map(|(key, interface)| (key.name.as_str(), interface))
    }

    /// The ids of the interfaces in the VPC at `key`.
    pub(crate) fn interface_ids(&self, key: &Key) -> BTreeSet<String> {
        self.interfaces_of(key).map(|(id, _)| id.to_owned()).collect()
    }

    /// The security groups of the VPC at `key`.
    pub(crate) fn policy(&self, key: &Key) -> Policy {
        let groups = self.groups.iter().filter(|(_, group)| group.vpc_id == key.name);
        let member = |interface: &NetworkInterface| -> (Ipv4Addr, BTreeSet<String>) {
            (interface.address, interface.groups.iter().cloned().collect())
        };
        Policy {
            groups: groups.map(|(key, group)| (key.name.clone(), translate(group))).collect(),
            interfaces: self.interfaces_of(key).map(|(_, interface)| member(interface)).collect(),
            infrastructure: self.spec(key).infrastructure(),
            outside: self.vpcs.get(key).map(|vpc| Outside { cidr: vpc.cidr, reach: self.reach, ways: self.ways(key) }),
        }
    }

    /// The interfaces in the VPC at `key` that have a way out: by an address of their own, as far as their subnet's
    /// routes to a gateway lead.
    fn ways(&self, key: &Key) -> BTreeMap<Ipv4Addr, BTreeSet<Ipv4Net>> {
        let public = self.interfaces_of(key).filter(|(_, interface)| interface.public_address);
        let way = public.map(|(_, interface)| (interface.address, self.routed_out(&key.name, &interface.subnet_id)));
        way.filter(|(_, nets)| !nets.is_empty()).collect()
    }

    /// Where the routes of a subnet lead by an internet gateway: those of its own table, of the main one without.
    fn routed_out(&self, vpc: &str, subnet: &str) -> BTreeSet<Ipv4Net> {
        let of = |table: &&RouteTable, subnet: Option<&str>| {
            table.vpc_id == vpc && table.associations.iter().any(|one| one.subnet_id.as_deref() == subnet)
        };
        let own = self.tables.values().find(|table| of(table, Some(subnet)));
        let table = own.or_else(|| self.tables.values().find(|table| of(table, None)));
        let attached = |id: &str| {
            let mut gateways = self.gateways.iter();
            gateways.any(|(key, gateway)| key.name == id && gateway.vpc_id.as_deref() == Some(vpc))
        };
        let routes = table.into_iter().flat_map(|table| &table.routes);
        routes.filter(|route| attached(&route.gateway_id)).map(|route| route.destination).collect()
    }
}

fn translate(group: &SecurityGroup) -> security::Group {
    let rules = |egress| group.rules.iter().filter(move |rule| rule.egress == egress).filter_map(allowance).collect();
    security::Group { ingress: rules(false), egress: rules(true) }
}

/// A rule as the kernel is to have it. VPCs are IPv4, so rules about IPv6 allow nothing.
fn allowance(rule: &Rule) -> Option<security::Rule> {
    let peer = match &rule.peer {
        Peer::Ipv4(net) => security::Peer::Net(*net),
        Peer::Group(group) => security::Peer::Group(group.clone()),
        Peer::Ipv6(_) => return None,
    };
    let protocol = match rule.traffic {
        Traffic::All => Protocol::All,
        Traffic::Tcp(from, to) => Protocol::Tcp(from, to),
        Traffic::Udp(from, to) => Protocol::Udp(from, to),
        Traffic::Icmp(kind, code) => Protocol::Icmp(kind, code),
        Traffic::Number(number) => Protocol::Number(number),
    };
    Some(security::Rule { protocol, peer })
}

#[cfg(test)]
mod tests {
    use names::{Scope, Tags};

    use super::*;
    use crate::rows::{Association, Route};

    fn key(id: &str) -> Key {
        Key::new(&Scope::default(), id)
    }

    fn rule(egress: bool, traffic: Traffic, peer: Peer) -> Rule {
        Rule { id: "sgr-1".to_owned(), egress, traffic, peer, description: None, tags: Tags::new() }
    }

    fn interface(address: [u8; 4], load_balancer: bool) -> NetworkInterface {
        NetworkInterface {
            vpc_id: "vpc-1".to_owned(),
            subnet_id: "subnet-1".to_owned(),
            address: address.into(),
            mac: "02:00:00:00:00:01".to_owned(),
            groups: vec!["sg-1".to_owned()],
            load_balancer,
            public_address: false,
            operator: None,
            asked: None,
            description: String::new(),
            tags: Tags::new(),
        }
    }

    fn asked() -> Asked {
        let vpc = Vpc {
            cidr: "10.0.0.0/16".parse().unwrap(),
            association_id: "vpc-cidr-assoc-1".to_owned(),
            dns_support: true,
            dns_hostnames: false,
            tags: Tags::new(),
        };
        let subnet = Subnet {
            vpc_id: "vpc-1".to_owned(),
            cidr: "10.0.1.0/24".parse().unwrap(),
            zone: "us-east-1a".to_owned(),
            map_public_ip_on_launch: false,
            last_address: None,
            tags: Tags::new(),
        };
        let rules = vec![
            rule(false, Traffic::Tcp(80, 80), Peer::Ipv4("0.0.0.0/0".parse().unwrap())),
            rule(false, Traffic::All, Peer::Ipv6("::/0".parse().unwrap())),
            rule(true, Traffic::All, Peer::Group("sg-1".to_owned())),
        ];
        let group = SecurityGroup {
            vpc_id: "vpc-1".to_owned(),
            name: "web".to_owned(),
            description: "web".to_owned(),
            rules,
            tags: Tags::new(),
        };
        let elsewhere = NetworkInterface { vpc_id: "vpc-2".to_owned(), ..interface([10, 0, 1, 7], true) };
        Asked {
            vpcs: [(key("vpc-1"), vpc)].into(),
            subnets: [(key("subnet-1"), subnet)].into(),
            groups: [(key("sg-1"), group)].into(),
            interfaces: [
                (key("eni-1"), interface([10, 0, 1, 5], false)),
                (key("eni-2"), interface([10, 0, 1, 6], true)),
                (key("eni-3"), elsewhere),
            ]
            .into(),
            ..Asked::default()
        }
    }

    /// A subnet of which the first interface has a public address and a table that leads to a gateway.
    fn with_a_way() -> Asked {
        let mut asked = asked();
        asked.reach = Reach::Public;
        asked.interfaces.get_mut(&key("eni-1")).unwrap().public_address = true;
        let gateway = InternetGateway { vpc_id: Some("vpc-1".to_owned()), tags: Tags::new() };
        asked.gateways.insert(key("igw-1"), gateway);
        let route = Route { destination: "0.0.0.0/0".parse().unwrap(), gateway_id: "igw-1".to_owned() };
        asked.tables.insert(key("rtb-1"), table(None, vec![route]));
        asked
    }

    fn table(subnet: Option<&str>, routes: Vec<Route>) -> RouteTable {
        let association = Association { id: "rtbassoc-1".to_owned(), subnet_id: subnet.map(str::to_owned) };
        let (vpc_id, associations) = ("vpc-1".to_owned(), vec![association]);
        RouteTable { vpc_id, associations, routes, asked: None, tags: Tags::new() }
    }

    fn ways(asked: &Asked) -> Vec<Ipv4Addr> {
        asked.policy(&key("vpc-1")).outside.unwrap().ways.into_keys().collect()
    }

    #[test]
    fn a_public_address_and_a_route_to_a_gateway_are_a_way_out() {
        let asked = with_a_way();
        assert_eq!(ways(&asked), [Ipv4Addr::new(10, 0, 1, 5)], "the other has no public address");
        assert_eq!(asked.vpcs(&BTreeMap::new())[0].egress, Reach::Public);
    }

    #[test]
    fn a_subnet_with_a_table_of_its_own_has_the_routes_of_that_one() {
        let mut asked = with_a_way();
        asked.tables.insert(key("rtb-2"), table(Some("subnet-1"), vec![]));
        assert!(ways(&asked).is_empty());
    }

    #[test]
    fn a_gateway_that_is_not_attached_leads_nowhere() {
        let mut asked = with_a_way();
        asked.gateways.get_mut(&key("igw-1")).unwrap().vpc_id = None;
        assert!(ways(&asked).is_empty());
    }

    #[test]
    fn a_vpc_has_its_routers_its_resolver_and_its_load_balancers() {
        let kept = [("vpc-1".to_owned(), PathBuf::from("/proc/1/fd/3"))].into();
        let expected = protocol::Vpc {
            id: "vpc-1".to_owned(),
            routers: [Ipv4Addr::new(10, 0, 1, 1)].into(),
            resolver: Some(Ipv4Addr::new(10, 0, 0, 2)),
            extra: [Ipv4Addr::new(10, 0, 1, 6)].into(),
            egress: Reach::None,
            adopt: Some(PathBuf::from("/proc/1/fd/3")),
        };
        assert_eq!(asked().vpcs(&kept), [expected]);
    }

    #[test]
    fn without_dns_support_there_is_no_resolver() {
        let mut asked = asked();
        asked.vpcs.get_mut(&key("vpc-1")).unwrap().dns_support = false;
        assert_eq!(asked.vpcs(&BTreeMap::new())[0].resolver, None);
    }

    #[test]
    fn the_policy_has_the_groups_and_members_of_its_vpc_alone() {
        let policy = asked().policy(&key("vpc-1"));
        assert_eq!(policy.interfaces.len(), 2);
        let group = &policy.groups["sg-1"];
        let net = security::Peer::Net("0.0.0.0/0".parse().unwrap());
        assert_eq!(group.ingress, [security::Rule { protocol: Protocol::Tcp(80, 80), peer: net }]);
        let own = security::Peer::Group("sg-1".to_owned());
        assert_eq!(group.egress, [security::Rule { protocol: Protocol::All, peer: own }]);
        assert!(policy.infrastructure.contains(&Ipv4Addr::new(10, 0, 0, 2)));
        assert!(!policy.infrastructure.contains(&Ipv4Addr::new(10, 0, 1, 6)));
    }
}
