//! What is accepted and kept, but has no effect here, each with the reason.

/// A member that is accepted and has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The resource: `Stack`, `ChangeSet`.
    pub resource: &'static str,
    /// The member by its path in the API.
    pub member: &'static str,
    /// What it does, and why no more.
    pub reason: &'static str,
}

const fn explanation(resource: &'static str, member: &'static str, reason: &'static str) -> Explanation {
    Explanation { resource, member, reason }
}

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
