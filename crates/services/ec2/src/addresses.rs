//! Blocks of addresses, and which address comes next.

use std::{collections::BTreeSet, net::Ipv4Addr};

use ipnet::Ipv4Net;

use crate::error::Error;

/// The sizes that VPCs and subnets may have, as prefix lengths.
const PREFIXES: std::ops::RangeInclusive<u8> = 16..=28;

/// Addresses at the beginning of a subnet that are nobody's: the network, the router, the resolver, one for later.
const RESERVED_FIRST: u32 = 4;
/// Addresses of a subnet that nobody can have: those and the last.
const RESERVED: u32 = RESERVED_FIRST + 1;

/// Networks that mean something of their own to every machine, so that no VPC can have them.
const FORBIDDEN: [Ipv4Net; 4] = [
    Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 8),
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// Reads a block of addresses; what stands behind the prefix is dropped, as on AWS.
pub(crate) fn block(parameter: &str, text: &str) -> Result<Ipv4Net, Error> {
    let wrong = || {
        Error::Value(format!("Value ({text}) for parameter {parameter} is invalid. This is not a valid CIDR block."))
    };
    text.parse::<Ipv4Net>().map(|net| net.trunc()).map_err(|_| wrong())
}

/// Checks that a VPC can have this block.
pub(crate) fn check_vpc(cidr: Ipv4Net) -> Result<(), Error> {
    let forbidden = FORBIDDEN.iter().any(|net| overlap(*net, cidr));
    if PREFIXES.contains(&cidr.prefix_len()) && !forbidden { Ok(()) } else { Err(Error::VpcRange(cidr.to_string())) }
}

/// Checks that a subnet of a VPC with the block `vpc` can have the block `cidr` beside `others`.
pub(crate) fn check_subnet(
    vpc: Ipv4Net,
    cidr: Ipv4Net,
    others: impl IntoIterator<Item = Ipv4Net>,
) -> Result<(), Error> {
    if !PREFIXES.contains(&cidr.prefix_len()) || !vpc.contains(&cidr) {
        return Err(Error::SubnetRange(cidr.to_string()));
    }
    let conflict = others.into_iter().any(|other| overlap(other, cidr));
    if conflict { Err(Error::SubnetConflict(cidr.to_string())) } else { Ok(()) }
}

fn overlap(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other) || other.contains(&one)
}

/// The router of a subnet: its first address.
pub(crate) fn router(subnet: Ipv4Net) -> Ipv4Addr {
    offset(subnet, 1)
}

/// The resolver of a VPC: its third address.
pub(crate) fn resolver(vpc: Ipv4Net) -> Ipv4Addr {
    offset(vpc, 2)
}

fn offset(net: Ipv4Net, by: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(net.network()) + by)
}

/// How many addresses of `subnet` can be given out when `taken` are.
pub(crate) fn free(subnet: Ipv4Net, taken: usize) -> u32 {
    let all = 1_u32 << (32 - u32::from(subnet.prefix_len()));
    all.saturating_sub(RESERVED).saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX))
}

/// Whether `address` is one of `subnet`'s that can be given out.
pub(crate) fn usable(subnet: Ipv4Net, address: Ipv4Addr) -> bool {
    subnet.contains(&address) && address >= offset(subnet, RESERVED_FIRST) && address < subnet.broadcast()
}

/// The next address of `subnet` that nobody has, behind `last` and then from the beginning.
pub(crate) fn next(subnet: Ipv4Net, taken: &BTreeSet<Ipv4Addr>, last: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
    let (first, end) = (u32::from(offset(subnet, RESERVED_FIRST)), u32::from(subnet.broadcast()));
    let from = last.map_or(first, |last| u32::from(last) + 1).clamp(first, end);
    (from..end).chain(first..from).map(Ipv4Addr::from).find(|address| !taken.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn net(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_four_and_the_last_are_reserved() {
        let subnet = net("10.0.1.0/28");
        assert_eq!(next(subnet, &BTreeSet::new(), None), Some(Ipv4Addr::new(10, 0, 1, 4)));
        assert_eq!(free(subnet, 0), 11);
        assert!(!usable(subnet, Ipv4Addr::new(10, 0, 1, 3)));
        assert!(usable(subnet, Ipv4Addr::new(10, 0, 1, 14)));
        assert!(!usable(subnet, Ipv4Addr::new(10, 0, 1, 15)));
    }

    #[test]
    fn an_address_rests_before_it_is_given_out_again() {
        let subnet = net("10.0.1.0/28");
        let after = next(subnet, &BTreeSet::new(), Some(Ipv4Addr::new(10, 0, 1, 4)));
        assert_eq!(after, Some(Ipv4Addr::new(10, 0, 1, 5)));
        let around = next(subnet, &BTreeSet::new(), Some(Ipv4Addr::new(10, 0, 1, 14)));
        assert_eq!(around, Some(Ipv4Addr::new(10, 0, 1, 4)));
    }

    proptest! {
        #[test]
        fn every_address_is_given_out_once(prefix in 24_u8..=28, start in 0_u32..300) {
            let subnet = Ipv4Net::new(Ipv4Addr::new(10, 9, 8, 0), prefix).unwrap();
            let (mut taken, mut last) = (BTreeSet::new(), Some(offset(subnet, start)));
            while let Some(address) = next(subnet, &taken, last) {
                prop_assert!(usable(subnet, address));
                prop_assert!(taken.insert(address));
                last = Some(address);
            }
            prop_assert_eq!(free(subnet, taken.len()), 0);
        }
    }

    #[test]
    fn blocks_are_checked_as_aws_does() {
        assert_eq!(block("cidrBlock", "10.0.5.7/16").unwrap(), net("10.0.0.0/16"));
        assert!(matches!(block("cidrBlock", "10.0.0.0"), Err(Error::Value(_))));
        assert!(check_vpc(net("10.0.0.0/16")).is_ok());
        for wrong in ["10.0.0.0/15", "10.0.0.0/29", "127.0.0.0/16", "169.254.0.0/16", "0.0.0.0/16"] {
            assert!(matches!(check_vpc(net(wrong)), Err(Error::VpcRange(_))), "{wrong}");
        }
        let (vpc, other) = (net("10.0.0.0/16"), net("10.0.1.0/24"));
        assert!(check_subnet(vpc, net("10.0.2.0/24"), [other]).is_ok());
        assert!(matches!(check_subnet(vpc, net("10.1.0.0/24"), [other]), Err(Error::SubnetRange(_))));
        assert!(matches!(check_subnet(vpc, net("10.0.1.128/25"), [other]), Err(Error::SubnetConflict(_))));
        assert!(matches!(check_subnet(vpc, net("10.0.0.0/16"), [other]), Err(Error::SubnetConflict(_))));
    }
}
