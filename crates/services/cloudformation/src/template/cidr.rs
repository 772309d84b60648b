//! `Fn::Cidr`: a block of addresses cut into pieces of one size.

use ipnet::IpNet;

use super::Error;

/// The most pieces one `Fn::Cidr` gives.
const COUNT_MAX: usize = 256;

/// The first `count` pieces of `block` that leave `bits` for the hosts; empty `bits` leave none.
pub(super) fn split(block: &str, count: &str, bits: &str) -> Result<Vec<String>, Error> {
    let wrong = |what: String| Error::function(format!("Fn::Cidr: {what}"));
    let net: IpNet = block.parse().map_err(|_| wrong(format!("{block} is not a CIDR block")))?;
    let count = count
        .parse::<usize>()
        .ok()
        .filter(|count| (1..=COUNT_MAX).contains(count))
        .ok_or_else(|| wrong(format!("count must be from 1 to {COUNT_MAX}, not {count}")))?;
    let bits = if bits.is_empty() { Ok(0) } else { bits.parse::<u8>() };
    let length = bits
        .ok()
        .and_then(|bits| net.max_prefix_len().checked_sub(bits))
        .filter(|length| *length >= net.prefix_len())
        .ok_or_else(|| wrong(format!("the subnet bits do not fit into {block}")))?;
    let pieces: Vec<_> = match net {
        IpNet::V4(net) => net.subnets(length).map(|nets| nets.take(count).map(|net| net.to_string()).collect()),
        IpNet::V6(net) => net.subnets(length).map(|nets| nets.take(count).map(|net| net.to_string()).collect()),
    }
    .map_err(|_| wrong(format!("the subnet bits do not fit into {block}")))?;
    if pieces.len() < count {
        return Err(wrong(format!("{block} does not hold {count} pieces of that size")));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_cut_into_equal_pieces() {
        assert_eq!(split("10.0.0.0/16", "3", "8").unwrap(), ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]);
        assert_eq!(split("2001:db8::/56", "2", "64").unwrap(), ["2001:db8::/64", "2001:db8:0:1::/64"]);
        assert_eq!(split("10.0.0.0/24", "1", "").unwrap(), ["10.0.0.0/32"]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (block, count, bits) in [
            ("x", "1", "8"),
            ("10.0.0.0/16", "0", "8"),
            ("10.0.0.0/16", "257", "4"),
            ("10.0.0.0/24", "1", "9"),
            ("10.0.0.0/24", "3", "7"),
            ("10.0.0.0/24", "1", "x"),
        ] {
            assert!(split(block, count, bits).is_err(), "{block} {count} {bits}");
        }
    }
}
