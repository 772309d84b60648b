//! Regular expressions of users, compiled within limits: no mesh may exhaust a thread's stack or the machine's memory,
//! here or in a proxy.

use regex::bytes::{Regex, RegexBuilder};

/// The memory that one compiled expression may take, in bytes; our proxy allows twice as much.
const SIZE_MAX: usize = 256 * 1024;
/// Groups in groups; our proxy allows some more, for what the translation puts around an expression.
const DEPTH_MAX: u32 = 32;

/// Compiles an expression. RE2's classes are of ASCII; only an expression that speaks of more is compiled for more.
pub(crate) fn compile(text: &str) -> Result<Regex, regex::Error> {
    let build =
        |unicode: bool| RegexBuilder::new(text).unicode(unicode).size_limit(SIZE_MAX).nest_limit(DEPTH_MAX).build();
    build(false).or_else(|_| build(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_deep_or_too_large_for_a_proxy_is_refused() {
        let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
        assert!(compile(&nested(16)).is_ok());
        for wrong in [nested(100), "((a{100}){100}){100}".to_owned(), r"\p{L}{900}".to_owned(), "(".to_owned()] {
            assert!(compile(&wrong).is_err(), "{wrong}");
        }
        for right in ["/v[0-9]+/.*", "[a-z0-9-]{1,255}", r"(\w+\.){3}\w{1,63}", r"\p{Greek}+", "/[a-z]{900}/[a-z]{900}"]
        {
            assert!(compile(right).is_ok(), "{right}");
        }
    }
}
