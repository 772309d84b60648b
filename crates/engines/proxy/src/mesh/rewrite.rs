//! What becomes of paths and hosts on the way, and where redirections lead, by Envoy's rules.

use crate::model::{PathMatch, PathRedirect, PathRewrite, Pattern, Piece, Redirect, RouteMatch, Substitution};

/// The target that `target`, a path with its query, becomes on a route that matches by `matches`.
pub(super) fn target(rewrite: &PathRewrite, matches: &RouteMatch, target: &[u8]) -> Vec<u8> {
    let (path, query) = target.split_at(memchr::memchr(b'?', target).unwrap_or(target.len()));
    let path = match rewrite {
        PathRewrite::Regex(pattern, substitution) => replaced(pattern, substitution, path),
        PathRewrite::Prefix(prefix) => {
            let matched = match &matches.path {
                PathMatch::Prefix(prefix) | PathMatch::SeparatedPrefix(prefix) => prefix.len(),
                PathMatch::Exact(_) | PathMatch::Regex(_) => path.len(),
            };
            [prefix.as_bytes(), path.get(matched..).unwrap_or_default()].concat()
        }
    };
    [&path, query].concat()
}

/// `text` with every occurrence of `pattern` replaced.
pub(super) fn replaced(pattern: &Pattern, substitution: &Substitution, text: &[u8]) -> Vec<u8> {
    let replace = |found: &regex::bytes::Captures<'_>| {
        let mut out = Vec::new();
        for piece in &substitution.0 {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Group(group) => out.extend_from_slice(found.get(*group).map_or(&[], |group| group.as_bytes())),
            }
        }
        out
    };
    pattern.part().replace_all(text, replace).into_owned()
}

/// Where a redirection leads.
pub(super) fn location(
    redirect: &Redirect,
    matches: &RouteMatch,
    scheme: &[u8],
    authority: &[u8],
    target: &[u8],
) -> Vec<u8> {
    let after = redirect.scheme.as_deref().map_or(scheme, str::as_bytes);
    let (host, port) = match memchr::memrchr(b':', authority) {
        // The last colon of an address in brackets is not that of a port.
        Some(colon) if !authority[colon..].contains(&b']') => authority.split_at(colon),
        _ => (authority, &b""[..]),
    };
    // The port of one scheme is not that of another.
    let foreign = (scheme == b"http" && after == b"https" && port == b":80")
        || (scheme == b"https" && after == b"http" && port == b":443");
    let port = match redirect.port {
        Some(port) => format!(":{port}").into_bytes(),
        None if foreign || redirect.host.is_some() => Vec::new(),
        None => port.to_vec(),
    };
    let host = redirect.host.as_deref().map_or(host, str::as_bytes);
    [after, b"://", host, &port, &redirected(redirect, matches, target)].concat()
}

/// The path and query of a redirection.
fn redirected(redirect: &Redirect, matches: &RouteMatch, asked: &[u8]) -> Vec<u8> {
    let without_query = |target: &[u8]| {
        let end = memchr::memchr(b'?', target).filter(|_| redirect.strip_query);
        target[..end.unwrap_or(target.len())].to_vec()
    };
    match &redirect.path {
        None => without_query(asked),
        Some(PathRedirect::Rewrite(rewrite)) => without_query(&target(rewrite, matches, asked)),
        Some(PathRedirect::Literal(path)) if path.contains('?') || redirect.strip_query => path.as_bytes().to_vec(),
        Some(PathRedirect::Literal(path)) => {
            let query = memchr::memchr(b'?', asked).map_or(&b""[..], |start| &asked[start..]);
            [path.as_bytes(), query].concat()
        }
    }
}
