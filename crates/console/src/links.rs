//! Addresses of pages.

use names::Scope;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::browser::PREFIX;

/// What stands in an address as it is.
const SAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The page of `parts` in `scope`: `/console/000000000000/us-east-1/mesh/todo`.
pub(crate) fn to(scope: &Scope, parts: &[&str]) -> String {
    let mut link = format!("{PREFIX}/{}/{}", scope.account, encode(scope.region.as_str()));
    for part in parts {
        link.push('/');
        link.push_str(&encode(part));
    }
    link
}

/// `text` as it may stand between two slashes, or in a query.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, SAFE).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_whole_in_addresses() {
        let link = to(&Scope::default(), &["mesh", "a/b?c#d\"e <script>"]);
        assert_eq!(link, "/console/000000000000/us-east-1/mesh/a%2Fb%3Fc%23d%22e%20%3Cscript%3E");
    }
}
