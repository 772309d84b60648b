//! What is accepted and kept, but has no effect here, each with the reason.

use api::{Explanation, explanation};

/// All of them; shown by `serin explain`.
pub const EXPLAINED: &[Explanation] = &[
    explanation(
        "NetworkInterface",
        "association.publicIp",
        "not there; an interface with a public address reaches the internet by the machine's own, and nobody comes in by it",
    ),
    explanation(
        "Route",
        "gatewayId",
        "leads out what has a public address, TCP alone, as far as `serin up --egress` lets it; within a VPC everything is \
         reached without it",
    ),
    explanation("SecurityGroup", "ipPermissions.ipv6Ranges", "kept and shown; VPCs here are IPv4"),
    explanation(
        "Subnet",
        "mapPublicIpOnLaunch",
        "kept and shown; it is for instances, and a task asks for its public address itself",
    ),
    explanation("VPC", "enableDnsHostnames", "kept and shown; such names are for instances, of which there are none"),
    explanation(
        "VPC",
        "enableDnsSupport",
        "kept and shown; the resolver answers in every VPC, as names are all that tasks find each other by",
    ),
];

#[cfg(test)]
mod tests {
    use super::EXPLAINED;

    #[test]
    fn the_table_is_in_order_and_says_nothing_twice() {
        assert!(EXPLAINED.is_sorted_by(|a, b| (a.resource, a.member) < (b.resource, b.member)));
    }
}
