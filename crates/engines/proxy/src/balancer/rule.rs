//! Rules of a listener: which requests are treated otherwise than all others, and how.
//!
//! A rule holds if all of its conditions hold; a condition holds if any of its values does. The first rule that holds
//! decides. What is compared how is as Elastic Load Balancing has it: paths and methods to the letter, hosts, headers
//! and queries whatever their case; `*` stands for any characters and `?` for one.

use std::net::IpAddr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::config::Action;
use crate::http::{Peer, Request};

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// All of them must hold.
    pub conditions: Vec<Condition>,
    /// What then happens to the request.
    pub action: Action,
}

/// A condition on a request; any of its values will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// The host of the request, without its port, is like one of these.
    Host(Vec<String>),
    /// The path is like one of these.
    Path(Vec<String>),
    /// A header of this name is like one of the values.
    Header {
        /// Its name, in any case.
        name: String,
        /// What it is to be like.
        values: Vec<String>,
    },
    /// The method is one of these.
    Method(Vec<String>),
    /// One part of the query is like one of these: a key, if it matters, and a value.
    Query(Vec<(Option<String>, String)>),
    /// The client's address is in one of these networks.
    Source(Vec<Ipv4Net>),
}

impl Condition {
    /// Whether `request` of `peer` meets it.
    pub(super) fn holds(&self, request: &Request, peer: &Peer) -> bool {
        match self {
            Self::Host(patterns) => patterns.iter().any(|pattern| like(pattern, host(request), Case::Ignored)),
            Self::Path(patterns) => patterns.iter().any(|pattern| like(pattern, request.path(), Case::Minded)),
            Self::Header { name, values } => {
                let name = name.to_ascii_lowercase();
                let mut given = request.values(&name);
                given.any(|given| values.iter().any(|pattern| like(pattern, given, Case::Ignored)))
            }
            Self::Method(methods) => methods.iter().any(|method| method.as_bytes() == request.method()),
            Self::Query(pairs) => pairs.iter().any(|(key, value)| asks(query(request), key.as_deref(), value)),
            Self::Source(networks) => match peer.address.ip() {
                IpAddr::V4(address) => networks.iter().any(|network| network.contains(&address)),
                IpAddr::V6(_) => false,
            },
        }
    }
}

fn host(request: &Request) -> &[u8] {
    let authority = request.authority();
    let port = authority.iter().rposition(|byte| *byte == b':');
    port.map_or(authority, |colon| &authority[..colon])
}

fn query(request: &Request) -> &[u8] {
    let target = request.target();
    let mark = target.iter().position(|byte| *byte == b'?');
    mark.map_or(&[], |mark| &target[mark + 1..])
}

/// Whether a part of `query` is like this; one without `=` is a key with an empty value.
fn asks(query: &[u8], key: Option<&str>, value: &str) -> bool {
    query.split(|byte| *byte == b'&').any(|part| {
        let sign = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
        let (name, given) = (&part[..sign], part.get(sign + 1..).unwrap_or_default());
        key.is_none_or(|key| like(key, name, Case::Ignored)) && like(value, given, Case::Ignored)
    })
}

/// Whether the case of letters matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Minded,
    Ignored,
}

/// Whether `text` is like `pattern`. Takes at most as many steps as the two are long, multiplied.
fn like(pattern: &str, text: &[u8], case: Case) -> bool {
    let pattern = pattern.as_bytes();
    let same = |one: u8, other: u8| match case {
        Case::Minded => one == other,
        Case::Ignored => one.eq_ignore_ascii_case(&other),
    };
    let (mut at, mut seen) = (0, 0);
    // Where the last star stands, and how much of the text it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(b'?') => {
                at += 1;
                seen += 1;
            }
            Some(byte) if same(*byte, text[seen]) => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                at = place + 1;
                seen = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_characters_and_question_marks_for_one() {
        for (pattern, text) in [("/img/*", "/img/"), ("/img/*/pics", "/img/a/b/pics"), ("/a?c", "/abc"), ("*", "")] {
            assert!(like(pattern, text.as_bytes(), Case::Minded), "{pattern} {text}");
        }
        for (pattern, text) in [("/img/*", "/img"), ("/a?c", "/ac"), ("/IMG", "/img"), ("", "a"), ("*a*b", "aab-")] {
            assert!(!like(pattern, text.as_bytes(), Case::Minded), "{pattern} {text}");
        }
        assert!(like("*.Example.com", b"TEST.example.COM", Case::Ignored));
    }

    #[test]
    fn a_query_is_asked_part_by_part() {
        assert!(asks(b"version=v1&x", Some("version"), "V1"));
        assert!(asks(b"version=v1&x", None, "v*"));
        assert!(asks(b"version=v1&x", Some("x"), ""));
        assert!(!asks(b"version=v1", Some("other"), "v1"));
        assert!(!asks(b"", None, "v1"));
    }
}
