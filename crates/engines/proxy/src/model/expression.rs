//! Regular expressions of others, compiled within limits: no configuration and no query of an admin page may exhaust a
//! thread's stack or the machine's memory.

use regex::{Regex, RegexBuilder, bytes};

/// The memory that one compiled expression may take, in bytes. Envoy allows a thousand instructions, which is less.
pub(crate) const SIZE_MAX: usize = 512 * 1024;
/// Groups in groups. The compiler calls itself for each, and the stack of a thread is small. The API allows 32, and puts
/// some of its own around them.
pub(crate) const DEPTH_MAX: u32 = 40;

/// Compiles an expression about text.
pub(crate) fn text(expression: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(expression).size_limit(SIZE_MAX).nest_limit(DEPTH_MAX).build()
}

/// Compiles an expression about bytes. RE2's classes are of ASCII; only an expression that speaks of more is compiled for
/// more.
pub(crate) fn bytes(expression: &str) -> Result<bytes::Regex, regex::Error> {
    let build = |unicode: bool| {
        let mut builder = bytes::RegexBuilder::new(expression);
        builder.unicode(unicode).size_limit(SIZE_MAX).nest_limit(DEPTH_MAX).build()
    };
    build(false).or_else(|_| build(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}a{}", "(".repeat(depth), ")".repeat(depth))
    }

    #[test]
    fn what_would_exhaust_a_stack_or_the_memory_is_refused() {
        assert!(text(&nested(20)).is_ok() && bytes(&nested(20)).is_ok());
        for wrong in [nested(100), nested(100_000), "(((a{100}){100}){100})".to_owned(), r"\p{L}{900}".to_owned()] {
            let start: String = wrong.chars().take(20).collect();
            assert!(text(&wrong).is_err() && bytes(&wrong).is_err(), "{start}");
        }
    }

    #[test]
    fn what_routes_ask_for_is_taken() {
        for right in ["/v[0-9]+/.*", "[a-z0-9-]{1,255}", r"(\w+\.){3}\w{1,63}", r"\p{Greek}+", "a{1000}"] {
            assert!(bytes(right).is_ok(), "{right}");
        }
    }
}
