//! Which requests are a person's, before a browser, and which a program's that speaks one of AWS's protocols.
//!
//! Both come to one port. The console has a prefix of its own, `/console`, that no AWS API and no registry has; and it
//! answers who asks for `/` as a page. Whatever is signed, names an operation or asks by a query is a program's wherever
//! it goes, so that no call can be taken for a look at a page.

use http::{HeaderMap, Method, Uri, header};

/// The path under which all pages are.
pub(crate) const PREFIX: &str = "/console";

/// Members of a query that only programs send: an operation's name, a signature.
const OF_PROGRAMS: [&str; 3] = ["Action=", "X-Amz-Signature=", "X-Amz-Algorithm="];

/// Whether a request is the console's.
pub(crate) fn is_for_console(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let path = uri.path();
    let below = path.strip_prefix(PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let home = path == "/" && [Method::GET, Method::HEAD].contains(method) && wants_page(headers);
    (below || home) && !is_programs(uri, headers)
}

/// Whether an answer may be a page.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    accepts(headers, "text/html")
}

/// Whether an answer may be a stream of events.
pub(crate) fn wants_events(headers: &HeaderMap) -> bool {
    accepts(headers, "text/event-stream")
}

fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    let mut values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.any(|value| value.split(',').any(|one| one.split(';').next().unwrap_or_default().trim() == kind))
}

fn is_programs(uri: &Uri, headers: &HeaderMap) -> bool {
    let signed = headers.get(header::AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"AWS"));
    let named = headers.contains_key("x-amz-target") || headers.contains_key("x-amz-date");
    let queried = uri.query().is_some_and(|query| {
        query.split('&').any(|member| OF_PROGRAMS.iter().any(|program| member.starts_with(program)))
    });
    signed || named || queried
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");

    fn is(method: Method, uri: &str, headers: &[(&str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        is_for_console(&method, &uri.parse().unwrap(), &map)
    }

    #[test]
    fn a_browser_is_known_by_its_path_or_by_what_it_accepts() {
        assert!(is(Method::GET, "/", &[BROWSER]));
        assert!(is(Method::GET, "/console", &[]));
        assert!(is(Method::GET, "/console/console.css", &[("accept", "text/css,*/*;q=0.1")]));
        assert!(is(Method::POST, "/console/sign-in", &[BROWSER]));
    }

    #[test]
    fn who_speaks_a_protocol_of_aws_is_a_program() {
        assert!(!is(Method::GET, "/", &[("accept", "*/*")]));
        assert!(!is(Method::GET, "/", &[]));
        assert!(!is(Method::POST, "/", &[BROWSER]));
        assert!(!is(Method::GET, "/consoles", &[BROWSER]));
        assert!(!is(Method::GET, "/v2/", &[BROWSER]));
        assert!(!is(Method::GET, "/?Action=DescribeStacks&Version=2010-05-15", &[BROWSER]));
        assert!(!is(Method::GET, "/?X-Amz-Algorithm=AWS4-HMAC-SHA256", &[BROWSER]));
        assert!(!is(Method::GET, "/", &[BROWSER, ("authorization", "AWS4-HMAC-SHA256 Credential=…")]));
        assert!(!is(Method::GET, "/console/", &[BROWSER, ("x-amz-target", "Logs_20140328.DescribeLogGroups")]));
    }
}
