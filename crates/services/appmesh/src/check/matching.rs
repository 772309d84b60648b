//! The constraints of what routes and gateway routes look at in a request.

use api::appmesh::{HeaderMatchMethod, HttpPathMatch, HttpQueryParameter, HttpRouteHeader};

use super::Checks;

/// What is matched of a path: how it begins, or the whole of it.
pub(super) fn path(checks: &mut Checks, at: &str, prefix: Option<&String>, whole: Option<&HttpPathMatch>) {
    checks.demand(prefix.is_none() || whole.is_none(), at, "must not have both a prefix and a path");
    if let Some(prefix) = prefix {
        checks.demand(prefix.starts_with('/'), &format!("{at}.prefix"), "must start with /");
    }
    let Some(HttpPathMatch { exact, regex }) = whole else { return };
    let at = format!("{at}.path");
    checks.one_of(&at, &[("exact", exact.is_some()), ("regex", regex.is_some())]);
    if let Some(exact) = exact {
        checks.length(&format!("{at}.exact"), exact, 1, 255);
        checks.demand(exact.starts_with('/'), &format!("{at}.exact"), "must start with /");
    }
    if let Some(regex) = regex {
        checks.regex(&format!("{at}.regex"), regex);
    }
}

/// Parameters of the query.
pub(super) fn query(checks: &mut Checks, path: &str, parameters: Option<&[HttpQueryParameter]>) {
    let Some(parameters) = parameters else { return };
    checks.count(path, parameters.len(), 1, 10);
    for (index, parameter) in parameters.iter().enumerate() {
        let path = format!("{path}.{}.member.name", index + 1);
        checks.demand(!parameter.name.is_empty(), &path, "must not be empty");
    }
}

/// Headers, or the metadata of a gRPC call.
pub(super) fn headers(checks: &mut Checks, path: &str, headers: Option<&[HttpRouteHeader]>) {
    let Some(headers) = headers else { return };
    checks.count(path, headers.len(), 1, 10);
    for (index, header) in headers.iter().enumerate() {
        self::header(checks, &format!("{path}.{}.member", index + 1), header);
    }
}

/// One of them.
pub(super) fn header(checks: &mut Checks, path: &str, header: &HttpRouteHeader) {
    name(checks, &format!("{path}.name"), &header.name, "must be the name of a header");
    if let Some(method) = &header.r#match {
        header_match(checks, &format!("{path}.match"), method);
    }
}

/// The name of a header or a cookie, which has the same characters; `what` says which.
pub(super) fn name(checks: &mut Checks, path: &str, name: &str, what: &str) {
    checks.length(path, name, 1, 50);
    let token = |character: char| character.is_ascii_graphic() && !"\"(),/;<=>?@[\\]{}".contains(character);
    checks.demand(name.chars().all(token), path, what);
}

pub(super) fn header_match(checks: &mut Checks, path: &str, method: &HeaderMatchMethod) {
    let HeaderMatchMethod { exact, prefix, range, regex, suffix } = method;
    let members = [
        ("exact", exact.is_some()),
        ("prefix", prefix.is_some()),
        ("range", range.is_some()),
        ("regex", regex.is_some()),
        ("suffix", suffix.is_some()),
    ];
    checks.one_of(path, &members);
    for (member, text) in [("exact", exact), ("prefix", prefix), ("suffix", suffix)] {
        if let Some(text) = text {
            checks.length(&format!("{path}.{member}"), text, 1, 255);
        }
    }
    if let Some(regex) = regex {
        checks.regex(&format!("{path}.regex"), regex);
    }
    if let Some(range) = range {
        checks.demand(range.start < range.end, &format!("{path}.range"), "must have a start less than its end");
    }
}
