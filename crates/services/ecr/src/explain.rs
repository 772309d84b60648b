//! What is accepted and kept, but has no effect here, each with the reason.

use api::{Explanation, explanation};

/// All of them; shown by `serin explain` and in the docs.
pub const EXPLAINED: &[Explanation] = &[
    explanation(
        "Repository",
        "encryptionConfiguration",
        "kept and shown; content lies in the data directory as it was pushed, under the protection of its file system",
    ),
    explanation("Repository", "imageScanningConfiguration", "kept and shown; nothing here knows vulnerabilities"),
    explanation(
        "Repository",
        "lifecyclePolicyText",
        "applied within the hour instead of within a day; no image younger than an hour goes",
    ),
    explanation("Repository", "policyText", "kept and shown; nobody's rights are checked"),
];

#[cfg(test)]
mod tests {
    use super::EXPLAINED;

    #[test]
    fn the_table_is_in_order_and_says_nothing_twice() {
        assert!(EXPLAINED.is_sorted_by(|a, b| (a.resource, a.member) < (b.resource, b.member)));
    }
}
