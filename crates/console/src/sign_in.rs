//! Signing in with an access key and its secret, and out.

use std::sync::Arc;

use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use maud::{Markup, html};

use crate::{
    Console,
    guard::{COOKIE, Posted, SIGN_IN, Visitor},
    shell,
};

/// The page to sign in on.
pub(crate) async fn page(State(console): State<Arc<Console>>, Extension(visitor): Extension<Visitor>) -> Response {
    if !console.sessions.are_needed() || visitor.access_key.is_some() {
        return Redirect::to("/console/").into_response();
    }
    form(&console, &visitor, None).into_response()
}

/// Signs in.
pub(crate) async fn sign_in(
    State(console): State<Arc<Console>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    posted: Posted,
) -> Response {
    let signed = console.sessions.sign_in(posted.get("access-key"), posted.get("secret"), console.clock.now());
    let id = match signed {
        Ok(id) => id,
        Err(refused) => {
            tracing::warn!(access_key = posted.get("access-key"), %refused, "Nobody was signed in to the console.");
            let page = form(&console, &visitor, Some(&refused.to_string()));
            return (StatusCode::UNAUTHORIZED, page).into_response();
        }
    };
    tracing::info!(access_key = posted.get("access-key"), "Signed in to the console.");
    // A browser that came by TLS is to keep the cookie from connections in the clear.
    let by_tls = headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https:"));
    answer(&format!("{COOKIE}={id}; Path=/console; HttpOnly; SameSite=Strict{}", if by_tls { "; Secure" } else { "" }))
}

/// Signs out.
pub(crate) async fn sign_out(
    State(console): State<Arc<Console>>,
    Extension(visitor): Extension<Visitor>,
    _: Posted,
) -> Response {
    console.sessions.sign_out(&visitor.session);
    answer(&format!("{COOKIE}=; Path=/console; HttpOnly; SameSite=Strict; Max-Age=0"))
}

fn answer(cookie: &str) -> Response {
    let mut response = Redirect::to("/console/").into_response();
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

fn form(console: &Console, visitor: &Visitor, refused: Option<&str>) -> Markup {
    let token = console.sessions.token(&visitor.session);
    shell::bare(
        "Sign in",
        html! {
            h1 { "Sign in" }
            @if console.sessions.are_possible() {
                p.quiet { "With one of the access keys that " code { "serin up --access-key" } " was given." }
                @if let Some(refused) = refused {
                    p.alert role="alert" { (refused) }
                }
                form.stack method="post" action=(SIGN_IN) {
                    input type="hidden" name="token" value=(token);
                    label { "Access key" input name="access-key" autocomplete="username" required autofocus spellcheck="false"; }
                    label { "Secret" input type="password" name="secret" autocomplete="current-password" required; }
                    button.primary { "Sign in" }
                }
            } @else {
                p {
                    "Others than this machine reach this port, and nobody can sign in: start it with "
                    code { "serin up --access-key ID:SECRET" } ", or let it listen on 127.0.0.1."
                }
            }
        },
    )
}
