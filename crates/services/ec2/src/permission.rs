//! Rules of security groups, between requests, rows and answers.

use api::ec2::{
    IpPermission, IpPermissionItem, IpRange, IpRangeItem, Ipv6RangeItem, ReferencedSecurityGroup,
    RevokedSecurityGroupRule, SecurityGroupRule, UserIdGroupPair, UserIdGroupPairItem,
};
use names::{Arn, Scope};

use crate::{
    addresses,
    error::Error,
    rows::{Peer, Rule, Traffic},
    tags,
};

/// A rule as a request tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) traffic: Traffic,
    pub(crate) peer: Peer,
    pub(crate) description: Option<String>,
}

impl Told {
    /// Whether `rule` is this one. What it is for does not tell rules apart.
    pub(crate) fn is(&self, rule: &Rule) -> bool {
        self.traffic == rule.traffic && self.peer == rule.peer
    }

    /// As AWS names it when it is there already.
    pub(crate) fn words(&self) -> String {
        let peer = match &self.peer {
            Peer::Ipv4(net) => net.to_string(),
            Peer::Ipv6(net) => net.to_string(),
            Peer::Group(group) => group.clone(),
        };
        let (from, to) = ports(self.traffic).unwrap_or((-1, -1));
        let protocol = protocol(self.traffic).to_uppercase();
        match self.traffic {
            Traffic::All => format!("peer: {peer}, ALL, ALLOW"),
            _ => format!("peer: {peer}, {protocol}, from port: {from}, to port: {to}, ALLOW"),
        }
    }
}

/// The one rule that may be told by members of the request itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Single<'a> {
    pub(crate) protocol: Option<&'a str>,
    pub(crate) from_port: Option<i32>,
    pub(crate) to_port: Option<i32>,
    pub(crate) cidr: Option<&'a str>,
}

impl Single<'_> {
    /// The same as a permission, if it is told at all.
    fn permission(self) -> Result<Option<IpPermission>, Error> {
        let Self { protocol, from_port, to_port, cidr } = self;
        match (protocol, cidr) {
            (None, None) if from_port.is_none() && to_port.is_none() => Ok(None),
            (Some(protocol), Some(cidr)) => Ok(Some(IpPermission {
                ip_protocol: protocol.to_owned(),
                from_port,
                to_port,
                ip_ranges: vec![IpRange { cidr_ip: cidr.to_owned(), description: None }],
                ..IpPermission::default()
            })),
            (None, _) => Err(Error::Missing("ipProtocol")),
            (_, None) => Err(Error::Missing("cidrIp")),
        }
    }
}

/// The rules that a request tells, one for each peer. `group` finds the id of a group that is told.
pub(crate) fn read(
    permissions: &[IpPermission],
    single: Single<'_>,
    group: impl Fn(&UserIdGroupPair) -> Result<String, Error>,
) -> Result<Vec<Told>, Error> {
    let single = single.permission()?;
    if single.is_some() && !permissions.is_empty() {
        return Err(Error::Combination(
            "The parameter 'ipPermissions' may not be used in combination with 'ipProtocol'".to_owned(),
        ));
    }
    let mut all = Vec::new();
    for permission in permissions.iter().chain(&single) {
        let traffic = traffic(permission)?;
        let before = all.len();
        let mut tell = |peer, description: &Option<String>| {
            all.push(Told { traffic, peer, description: description.clone() });
        };
        for range in &permission.ip_ranges {
            tell(Peer::Ipv4(addresses::block("cidrIp", &range.cidr_ip)?), &range.description);
        }
        for range in &permission.ipv6_ranges {
            let wrong = || Error::Value(format!("CIDR block {} is malformed", range.cidr_ipv6));
            let net = range.cidr_ipv6.parse::<ipnet::Ipv6Net>().map_err(|_| wrong())?;
            tell(Peer::Ipv6(net.trunc()), &range.description);
        }
        for pair in &permission.groups {
            tell(Peer::Group(group(pair)?), &pair.description);
        }
        if all.len() == before {
            return Err(Error::Missing("ipRanges, ipv6Ranges or groups"));
        }
    }
    Ok(all)
}

fn traffic(permission: &IpPermission) -> Result<Traffic, Error> {
    let IpPermission { ip_protocol, from_port, to_port, .. } = permission;
    match ip_protocol.to_lowercase().as_str() {
        "-1" | "all" => Ok(Traffic::All),
        "tcp" | "6" => range(*from_port, *to_port).map(|(from, to)| Traffic::Tcp(from, to)),
        "udp" | "17" => range(*from_port, *to_port).map(|(from, to)| Traffic::Udp(from, to)),
        "icmp" | "1" => Ok(Traffic::Icmp(icmp("type", *from_port)?, icmp("code", *to_port)?)),
        "icmpv6" => Ok(Traffic::Number(58)),
        other => other
            .parse()
            .map(Traffic::Number)
            .map_err(|_| Error::Value(format!("Invalid value '{ip_protocol}' for IP protocol. Unknown protocol."))),
    }
}

fn range(from: Option<i32>, to: Option<i32>) -> Result<(u16, u16), Error> {
    let (Some(from), Some(to)) = (from, to) else {
        return Err(Error::Value(
            "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.".to_owned(),
        ));
    };
    match (u16::try_from(from), u16::try_from(to)) {
        (Ok(from), Ok(to)) if from <= to => Ok((from, to)),
        // The older spelling of "all ports".
        _ if (from, to) == (-1, -1) => Ok((0, u16::MAX)),
        _ => Err(Error::Value(format!("Invalid TCP/UDP port range ({from}:{to})"))),
    }
}

fn icmp(what: &str, number: Option<i32>) -> Result<Option<u8>, Error> {
    match number.unwrap_or(-1) {
        -1 => Ok(None),
        number => u8::try_from(number).map(Some).map_err(|_| Error::Value(format!("Invalid ICMP {what} ({number})"))),
    }
}

fn protocol(traffic: Traffic) -> String {
    match traffic {
        Traffic::All => "-1".to_owned(),
        Traffic::Tcp(..) => "tcp".to_owned(),
        Traffic::Udp(..) => "udp".to_owned(),
        Traffic::Icmp(..) => "icmp".to_owned(),
        Traffic::Number(58) => "icmpv6".to_owned(),
        Traffic::Number(number) => number.to_string(),
    }
}

/// The numbers that AWS calls ports, for protocols that have them.
fn ports(traffic: Traffic) -> Option<(i32, i32)> {
    match traffic {
        Traffic::Tcp(from, to) | Traffic::Udp(from, to) => Some((from.into(), to.into())),
        Traffic::Icmp(kind, code) => Some((kind.map_or(-1, i32::from), code.map_or(-1, i32::from))),
        Traffic::All | Traffic::Number(_) => None,
    }
}

/// Rules as `DescribeSecurityGroups` shows them: those of one kind of traffic together.
pub(crate) fn items<'a>(scope: &Scope, rules: impl Iterator<Item = &'a Rule>) -> Vec<IpPermissionItem> {
    let mut items: Vec<(Traffic, IpPermissionItem)> = Vec::new();
    for rule in rules {
        let at = items.iter().position(|(traffic, _)| *traffic == rule.traffic).unwrap_or_else(|| {
            items.push((rule.traffic, new_item(rule.traffic)));
            items.len() - 1
        });
        let (item, description) = (&mut items[at].1, rule.description.clone());
        match &rule.peer {
            Peer::Ipv4(net) => item.ip_ranges.push(IpRangeItem { cidr_ip: net.to_string(), description }),
            Peer::Ipv6(net) => item.ipv6_ranges.push(Ipv6RangeItem { cidr_ipv6: net.to_string(), description }),
            Peer::Group(group) => {
                let user_id = scope.account.to_string();
                item.groups.push(UserIdGroupPairItem { group_id: group.clone(), user_id, description });
            }
        }
    }
    items.into_iter().map(|(_, item)| item).collect()
}

fn new_item(traffic: Traffic) -> IpPermissionItem {
    let (from_port, to_port) = ports(traffic).unzip();
    IpPermissionItem { ip_protocol: protocol(traffic), from_port, to_port, ..IpPermissionItem::default() }
}

/// A rule as `DescribeSecurityGroupRules` shows it.
pub(crate) fn rule(scope: &Scope, group_id: &str, rule: &Rule) -> SecurityGroupRule {
    let (from_port, to_port) = ports(rule.traffic).unwrap_or((-1, -1));
    let account = scope.account.to_string();
    let (cidr_ipv4, cidr_ipv6, group) = peer(&rule.peer);
    SecurityGroupRule {
        security_group_rule_id: rule.id.clone(),
        security_group_rule_arn: Arn::new("ec2", scope, format!("security-group-rule/{}", rule.id)).to_string(),
        group_id: group_id.to_owned(),
        group_owner_id: account.clone(),
        is_egress: rule.egress,
        ip_protocol: protocol(rule.traffic),
        from_port,
        to_port,
        cidr_ipv4,
        cidr_ipv6,
        referenced_group_info: group.map(|group_id| ReferencedSecurityGroup { group_id, user_id: account }),
        description: rule.description.clone(),
        tags: tags::items(&rule.tags),
    }
}

/// A rule that was taken away.
pub(crate) fn revoked(group_id: &str, rule: &Rule) -> RevokedSecurityGroupRule {
    let (from_port, to_port) = ports(rule.traffic).unwrap_or((-1, -1));
    let (cidr_ipv4, cidr_ipv6, referenced_group_id) = peer(&rule.peer);
    RevokedSecurityGroupRule {
        security_group_rule_id: rule.id.clone(),
        group_id: group_id.to_owned(),
        is_egress: rule.egress,
        ip_protocol: protocol(rule.traffic),
        from_port,
        to_port,
        cidr_ipv4,
        cidr_ipv6,
        referenced_group_id,
        description: rule.description.clone(),
    }
}

/// The three members of which one names the peer.
fn peer(peer: &Peer) -> (Option<String>, Option<String>, Option<String>) {
    match peer {
        Peer::Ipv4(net) => (Some(net.to_string()), None, None),
        Peer::Ipv6(net) => (None, Some(net.to_string()), None),
        Peer::Group(group) => (None, None, Some(group.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(protocol: &str, from: Option<i32>, to: Option<i32>) -> Result<Traffic, Error> {
        let single = Single { protocol: Some(protocol), from_port: from, to_port: to, cidr: Some("0.0.0.0/0") };
        read(&[], single, |_| Err(Error::RuleNotFound)).map(|told| told[0].traffic)
    }

    #[test]
    fn protocols_and_ports_are_read_as_aws_does() {
        assert_eq!(tell("tcp", Some(80), Some(80)).unwrap(), Traffic::Tcp(80, 80));
        assert_eq!(tell("6", Some(1), Some(2)).unwrap(), Traffic::Tcp(1, 2));
        assert_eq!(tell("UDP", Some(-1), Some(-1)).unwrap(), Traffic::Udp(0, u16::MAX));
        assert_eq!(tell("-1", Some(80), Some(80)).unwrap(), Traffic::All);
        assert_eq!(tell("icmp", Some(8), Some(-1)).unwrap(), Traffic::Icmp(Some(8), None));
        assert_eq!(tell("47", None, None).unwrap(), Traffic::Number(47));
        for (protocol, from, to) in
            [("tcp", None, Some(80)), ("tcp", Some(2), Some(1)), ("tcp", Some(0), Some(65536)), ("carrier", None, None)]
        {
            assert!(matches!(tell(protocol, from, to), Err(Error::Value(_))), "{protocol} {from:?} {to:?}");
        }
    }

    #[test]
    fn a_rule_is_told_once_and_has_a_peer() {
        let permission = IpPermission { ip_protocol: "-1".to_owned(), ..IpPermission::default() };
        let none = |_: &UserIdGroupPair| Err(Error::RuleNotFound);
        assert!(matches!(read(std::slice::from_ref(&permission), Single::default(), none), Err(Error::Missing(_))));
        let single = Single { protocol: Some("-1"), cidr: Some("10.0.0.0/8"), ..Single::default() };
        assert!(matches!(read(&[permission], single, none), Err(Error::Combination(_))));
    }

    #[test]
    fn a_duplicate_is_named_in_the_words_of_aws() {
        let peer = Peer::Ipv4("0.0.0.0/0".parse().unwrap());
        let told = Told { traffic: Traffic::Tcp(80, 80), peer, description: None };
        assert_eq!(told.words(), "peer: 0.0.0.0/0, TCP, from port: 80, to port: 80, ALLOW");
    }
}
