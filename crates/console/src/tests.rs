//! The console as a whole, before a house without services: who comes in, and what every answer says.

use std::collections::BTreeMap;

use axum::{Router, body::Body, routing::any};
use canary::reading::TaskProxies;
use http::{Request, StatusCode};
use http_body_util::BodyExt;

use super::*;

const LOGS: &str = "/console/000000000000/us-east-1/logs";

fn console(keys: &[(&str, &str)], is_loopback: bool) -> Router {
    let caller = Caller::default();
    let settings = Settings {
        proxies: Arc::new(TaskProxies::new(caller.clone())),
        caller,
        clock: Clock::default(),
        keys: keys.iter().map(|(id, secret)| ((*id).to_owned(), (*secret).to_owned())).collect::<BTreeMap<_, _>>(),
        is_loopback,
        stop: CancellationToken::new(),
    };
    before(Router::new().fallback(any(async || "a program's answer")), settings)
}

/// Status, headers as text, body.
async fn ask(
    console: &Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (StatusCode, String, String) {
    let mut request = Request::builder().method(method).uri(path);
    if headers.iter().all(|(name, _)| *name != "host") {
        request = request.header("host", "127.0.0.1:4566");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = console.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, format!("{:?}", parts.headers), String::from_utf8_lossy(&body).into_owned())
}

const PAGE: (&str, &str) = ("accept", "text/html");
const OWN: (&str, &str) = ("origin", "http://127.0.0.1:4566");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[tokio::test]
async fn browsers_get_pages_and_programs_their_answers() {
    let console = console(&[], true);
    let (status, headers, _) = ask(&console, "GET", "/", &[PAGE], "").await;
    assert!(status == StatusCode::SEE_OTHER && headers.contains("/console/"), "{status} {headers}");
    let (_, _, body) = ask(&console, "GET", "/", &[("accept", "*/*")], "").await;
    assert_eq!(body, "a program's answer");
    let (_, _, body) = ask(&console, "POST", "/", &[PAGE], "Action=DescribeStacks").await;
    assert_eq!(body, "a program's answer");
    // No service is there: the page says so, and is a page.
    let (status, _, body) = ask(&console, "GET", LOGS, &[PAGE], "").await;
    assert!(status == StatusCode::SERVICE_UNAVAILABLE && body.contains("is not part of this house"), "{body}");
}

#[tokio::test]
async fn every_answer_is_guarded() {
    let console = console(&[], true);
    for path in ["/console/console.js", "/console/nowhere", LOGS, "/console/sign-in"] {
        let (_, headers, _) = ask(&console, "GET", path, &[PAGE], "").await;
        for header in ["default-src 'none'", "nosniff", "no-store", "frame-ancestors 'none'", "same-origin"] {
            assert!(headers.contains(header), "{path}: {headers}");
        }
    }
}

#[tokio::test]
async fn strangers_change_nothing() {
    let console = console(&[], true);
    let path = "/console/000000000000/us-east-1/canaries/c";
    let (status, ..) = ask(&console, "GET", LOGS, &[PAGE, ("host", "evil.example")], "").await;
    assert_eq!(status, StatusCode::MISDIRECTED_REQUEST);
    for headers in [vec![FORM], vec![FORM, ("origin", "http://evil.example")], vec![FORM, OWN]] {
        let (status, ..) = ask(&console, "POST", path, &headers, "command=Abort").await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    let (status, ..) =
        ask(&console, "POST", path, &[FORM, OWN], &format!("command=Abort&token={}", "0".repeat(64))).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn with_keys_one_signs_in_and_out() {
    let console = console(&[("me", "secret")], true);
    let (status, headers, _) = ask(&console, "GET", LOGS, &[PAGE], "").await;
    assert!(status == StatusCode::SEE_OTHER && headers.contains("/console/sign-in"));
    let (status, ..) = ask(&console, "GET", LOGS, &[("accept", "text/event-stream")], "").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (_, _, page) = ask(&console, "GET", "/console/sign-in", &[PAGE], "").await;
    let token = page.split("name=\"token\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let sign_in = async |secret: &str| {
        ask(&console, "POST", "/console/sign-in", &[FORM, OWN], &format!("token={token}&access-key=me&secret={secret}"))
            .await
    };
    assert_eq!(sign_in("guess").await.0, StatusCode::UNAUTHORIZED);
    let (status, headers, _) = sign_in("secret").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(headers.contains("HttpOnly; SameSite=Strict"), "{headers}");
    let cookie = headers.split("serin-session=").nth(1).and_then(|rest| rest.split(';').next()).unwrap();
    let cookie = format!("serin-session={cookie}");
    let (status, ..) = ask(&console, "GET", LOGS, &[PAGE, ("cookie", &cookie)], "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "the page itself, which has nobody to ask");
    // The token of who was not signed in yet is none of the session's.
    let (status, ..) =
        ask(&console, "POST", "/console/sign-out", &[FORM, OWN, ("cookie", &cookie)], &format!("token={token}")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn without_keys_others_do_not_come_in() {
    let console = console(&[], false);
    let (status, ..) = ask(&console, "GET", LOGS, &[PAGE, ("host", "serin.example")], "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (_, _, page) = ask(&console, "GET", "/console/sign-in", &[PAGE, ("host", "serin.example")], "").await;
    assert!(page.contains("nobody can sign in"), "{page}");
}

#[tokio::test]
async fn tasks_are_not_before_a_browser() {
    let console = console(&[], true);
    let mut request = Request::get(LOGS).header("host", "127.0.0.1").body(Body::empty()).unwrap();
    let address = "10.0.0.1:1".parse().unwrap();
    request.extensions_mut().insert(wire::Origin { network: "vpc-1".into(), address, port: 4566 });
    assert_eq!(console.oneshot(request).await.unwrap().status(), StatusCode::FORBIDDEN);
}
