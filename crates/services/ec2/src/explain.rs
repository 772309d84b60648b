//! What is accepted and kept, but has no effect here, each with the reason.

use api::{Explanation, explanation};

/// All of them; shown by `serin explain`.
pub const EXPLAINED: &[Explanation] = &[
    explanation(
        "InternetGateway",
        "vpcId",
        "kept and shown; a task that connects to the internet has \"network is unreachable\" at once, since nothing of \
         the machine's own network is touched",
    ),
    explanation(
        "Route",
        "gatewayId",
        "kept and shown; within a VPC everything is reached without it, and nothing beyond with it",
    ),
    explanation("SecurityGroup", "ipPermissions.ipv6Ranges", "kept and shown; VPCs here are IPv4"),
    explanation("Subnet", "mapPublicIpOnLaunch", "kept and shown; no task has a public address"),
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
