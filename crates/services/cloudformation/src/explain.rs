//! What is accepted and kept, but has no effect here, each with the reason.

use api::{Explanation, explanation};

/// All of them; shown by `serin explain` and in the docs.
pub const EXPLAINED: &[Explanation] = &[
    explanation(
        "ChangeSet",
        "includeNestedStacks",
        "accepted; nested stacks are refused, so there are none to look into",
    ),
    explanation("Stack", "capabilities.CAPABILITY_AUTO_EXPAND", "accepted; macros are refused, so nothing expands"),
    explanation("Stack", "roleARN", "kept and shown; nobody's rights are checked, so every role may do everything"),
];

#[cfg(test)]
mod tests {
    use super::EXPLAINED;

    #[test]
    fn the_table_is_in_order_and_says_nothing_twice() {
        assert!(EXPLAINED.is_sorted_by(|a, b| (a.resource, a.member) < (b.resource, b.member)));
    }
}
