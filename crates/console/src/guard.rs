//! Who may come in, asked of every request to the console before any page is.
//!
//! - A task's request, which comes by the relay, is nobody before a browser.
//! - On loopback, a name that is not loopback's is that of a page elsewhere that had its DNS name point here.
//! - What changes something comes from a page of the same origin (`Sec-Fetch-Site`, `Origin`), and carries its token
//!   ([`Posted`]; no handler gets at a form but through it).
//! - Where people sign in, who has not sees the sign-in page and nothing else.
//!
//! Every answer says that scripts, styles and connections are this origin's alone, that no other page may frame it,
//! and that nobody keeps it.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use axum::{
    Form,
    extract::{FromRequest, Request, State},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, uri::Authority};
use wire::Origin;

use crate::{Console, browser, shell};

/// The cookie of a session.
pub(crate) const COOKIE: &str = "serin-session";
/// Where people sign in.
pub(crate) const SIGN_IN: &str = "/console/sign-in";
/// What is no secret: how pages look.
const ASSETS: [&str; 3] = ["/console/console.css", "/console/console.js", "/console/icon.svg"];
/// The longest name of a host that is looked at.
const HOST_MAX: usize = 300;

/// The headers of every answer.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Who looks at a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visitor {
    /// The session's id; empty where nobody signs in.
    pub(crate) session: String,
    /// The access key that signed in.
    pub(crate) access_key: Option<String>,
}

/// Lets a request through, or says why not.
pub(crate) async fn watch(State(console): State<Arc<Console>>, mut request: Request, next: Next) -> Response {
    let checked = check(&console, &request);
    let mut response = match checked {
        Ok(visitor) => {
            request.extensions_mut().insert(visitor);
            next.run(request).await
        }
        Err(answer) => *answer,
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn check(console: &Console, request: &Request) -> Result<Visitor, Box<Response>> {
    let headers = request.headers();
    if request.extensions().get::<Origin>().is_some() {
        return Err(refuse(StatusCode::FORBIDDEN, "The console is for people; tasks have the APIs.").into());
    }
    let host = request.uri().authority().map(Authority::as_str);
    let host = host.or_else(|| text(headers, &header::HOST)).unwrap_or_default();
    if console.is_loopback && !is_loopback(host) {
        let why = "This console listens on loopback and answers only to its names: open it as http://127.0.0.1.";
        return Err(refuse(StatusCode::MISDIRECTED_REQUEST, why).into());
    }
    let is_look = [Method::GET, Method::HEAD].contains(request.method());
    if !is_look && !is_same_origin(headers, host) {
        let why = "What changes something must be asked from a page of this console.";
        return Err(refuse(StatusCode::FORBIDDEN, why).into());
    }
    signed_in(console, request, is_look)
}

fn signed_in(console: &Console, request: &Request, is_look: bool) -> Result<Visitor, Box<Response>> {
    let path = request.uri().path();
    if !console.sessions.are_needed() || ASSETS.contains(&path) {
        return Ok(Visitor::default());
    }
    let id = cookie(request.headers(), COOKIE).unwrap_or_default();
    if let Some(access_key) = console.sessions.of(id, console.clock.now()) {
        return Ok(Visitor { session: id.to_owned(), access_key: Some(access_key) });
    }
    if path == SIGN_IN {
        return Ok(Visitor::default());
    }
    if is_look && browser::wants_page(request.headers()) {
        return Err(Box::new(Redirect::to(SIGN_IN).into_response()));
    }
    Err(refuse(StatusCode::UNAUTHORIZED, "Sign in first.").into())
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, shell::notice(status, why)).into_response()
}

/// Whether `host` can only mean this machine: an address of loopback, or a name that browsers take for it.
fn is_loopback(host: &str) -> bool {
    if host.len() > HOST_MAX {
        return false;
    }
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.parse::<IpAddr>().map_or_else(|_| name.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

/// Whether a browser says that a page of this very origin asks. One that says nothing is none that we know.
fn is_same_origin(headers: &HeaderMap, host: &str) -> bool {
    let site = text(headers, &HeaderName::from_static("sec-fetch-site"));
    let origin = text(headers, &header::ORIGIN).and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    match (site, origin) {
        (Some(site), None) => site == "same-origin",
        (site, Some(origin)) => site.is_none_or(|site| site == "same-origin") && origin == host,
        (None, None) => false,
    }
}

/// The cookie called `name`.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A form that a page of this console sent: its token is that of who sends it.
pub(crate) struct Posted(BTreeMap<String, String>);

impl Posted {
    /// A field's text; empty if it was not sent.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }
}

impl FromRequest<Arc<Console>> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        let visitor = request.extensions().get::<Visitor>().cloned().unwrap_or_default();
        let Form(fields) = Form::<BTreeMap<String, String>>::from_request(request, console)
            .await
            .map_err(IntoResponse::into_response)?;
        let token = fields.get("token").map(String::as_str).unwrap_or_default();
        if console.sessions.is_token(&visitor.session, token) {
            return Ok(Self(fields));
        }
        let why = "The page is older than this console, or somebody else's. Open it anew and ask again.";
        Err(refuse(StatusCode::FORBIDDEN, why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_names_that_mean_this_machine_are_loopback() {
        for host in ["127.0.0.1:4566", "localhost", "LOCALHOST:4566", "[::1]:4566", "127.8.0.1"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["", "evil.example:4566", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "[::2]:1"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_change_comes_from_the_same_origin() {
        let is = |pairs: &[_]| is_same_origin(&headers(pairs), "127.0.0.1:4566");
        assert!(is(&[("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:4566")]));
        assert!(is(&[("origin", "http://127.0.0.1:4566")]));
        assert!(is(&[("sec-fetch-site", "same-origin")]));
        assert!(!is(&[]));
        assert!(!is(&[("origin", "null")]));
        assert!(!is(&[("origin", "http://127.0.0.1:80")]));
        assert!(!is(&[("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:4566")]));
        assert!(!is(&[("sec-fetch-site", "cross-site")]));
        assert!(!is(&[("sec-fetch-site", "none")]));
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let headers = headers(&[("cookie", "a=1; serin-session=abc; b=2")]);
        assert_eq!(cookie(&headers, COOKIE), Some("abc"));
        assert_eq!(cookie(&headers, "session"), None);
    }
}
