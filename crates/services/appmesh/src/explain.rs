//! What is accepted and kept, but has no effect here, or another than on AWS, each with the reason.

use api::{Explanation, explanation};

/// All of them; shown by `serin explain` and in the docs.
pub const EXPLAINED: &[Explanation] = &[explanation(
    "VirtualGateway",
    "spec.listeners.healthCheck",
    "kept; a health check is made by who sends requests to a listener, and nobody in the mesh sends any to a gateway: a \
         load balancer in front of it has health checks of its own",
)];

#[cfg(test)]
mod tests {
    use super::EXPLAINED;

    #[test]
    fn the_table_is_in_order_and_says_nothing_twice() {
        assert!(EXPLAINED.is_sorted_by(|a, b| (a.resource, a.member) < (b.resource, b.member)));
    }
}
