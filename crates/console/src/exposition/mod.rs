//! `/metrics`: the house and all its proxies as Prometheus reads them, so that one scrape shows everything.
//!
//! What the pages show (stacks, services, routes, canaries, alarms) is here as gauges. The statistics of the proxies in
//! this house's tasks follow under Envoy's names, each with the labels `mesh`, `virtual_node` and `task`; a proxy that
//! does not answer in time is told as `serin_proxy_up 0`, and holds up nobody else.
//!
//! Who may read: everybody on loopback without access keys; else who shows a key and its secret by HTTP's basic
//! authentication, which Prometheus calls `basic_auth`. Tasks may not.

mod house;
mod proxies;
mod text;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Query, Request, State},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use canary::reading::TaskProxies;
use http::{HeaderMap, StatusCode, header};
use wire::{Caller, Origin};

use crate::session::Sessions;
use text::Text;

/// Where it answers.
const PATH: &str = "/metrics";
/// How long an answer may take: less than the ten seconds that Prometheus waits.
const ANSWER_MAX: Duration = Duration::from_secs(8);

/// What the answers are made of.
struct Exposition {
    caller: Caller,
    proxies: TaskProxies,
    /// Who may read, where not everybody may.
    readers: Sessions,
}

/// Answers `/metrics` from what `caller` says; `keys` are secrets by access key, and needed where there are any or the
/// port is one that others than this machine reach.
pub fn router(caller: Caller, keys: BTreeMap<String, String>, is_loopback: bool) -> Router {
    let proxies = TaskProxies::new(caller.clone());
    Router::new().route(PATH, get(answer)).with_state(Arc::new(Exposition {
        caller,
        proxies,
        readers: Sessions::new(keys, !is_loopback),
    }))
}

async fn answer(
    State(exposition): State<Arc<Exposition>>,
    Query(query): Query<BTreeMap<String, String>>,
    request: Request,
) -> Response {
    if request.extensions().get::<Origin>().is_some() {
        return (StatusCode::FORBIDDEN, "Tasks do not read the house's metrics.\n").into_response();
    }
    if !exposition.lets_in(request.headers()) {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"serin\", charset=\"UTF-8\"")];
        return (StatusCode::UNAUTHORIZED, challenge, "An access key and its secret are needed.\n").into_response();
    }
    let with_proxies = query.get("proxies").is_none_or(|value| value != "false");
    let text = exposition.text(with_proxies).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

impl Exposition {
    fn lets_in(&self, headers: &HeaderMap) -> bool {
        if !self.readers.are_needed() {
            return true;
        }
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
        let shown = shown.and_then(|shown| String::from_utf8(BASE64_STANDARD.decode(shown.trim()).ok()?).ok());
        let Some((id, secret)) = shown.as_deref().and_then(|shown| shown.split_once(':')) else { return false };
        self.readers.knows(id, secret)
    }

    /// The whole text, of what is known when the time is up.
    async fn text(&self, with_proxies: bool) -> String {
        let deadline = tokio::time::Instant::now() + ANSWER_MAX;
        let mut text = Text::default();
        house::process(&mut text);
        let scopes = tokio::time::timeout_at(deadline, house::scopes(&self.caller)).await.unwrap_or_default();
        for scope in scopes {
            let told = tokio::time::timeout_at(deadline, house::tell(&self.caller, &scope, &mut text)).await;
            text.gauge("serin_scope_up", &house::labels(&scope), f64::from(u8::from(told == Ok(true))));
            if with_proxies && told == Ok(true) {
                proxies::tell(&self.caller, &self.proxies, &scope, deadline, &mut text).await;
            }
        }
        text.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposition(keys: &[(&str, &str)], is_loopback: bool) -> Exposition {
        let caller = Caller::default();
        let keys = keys.iter().map(|(id, secret)| ((*id).to_owned(), (*secret).to_owned())).collect();
        Exposition { proxies: TaskProxies::new(caller.clone()), caller, readers: Sessions::new(keys, !is_loopback) }
    }

    fn basic(pair: &str) -> HeaderMap {
        let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn who_has_keys_asks_for_them() {
        let guarded = exposition(&[("me", "secret")], true);
        assert!(guarded.lets_in(&basic("me:secret")));
        for wrong in ["me:guess", "you:secret", "me", ":", "me:secret2"] {
            assert!(!guarded.lets_in(&basic(wrong)), "{wrong}");
        }
        assert!(!guarded.lets_in(&HeaderMap::new()));
        assert!(exposition(&[], true).lets_in(&HeaderMap::new()));
        assert!(!exposition(&[], false).lets_in(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn a_house_without_services_tells_of_its_process() {
        let text = exposition(&[], true).text(true).await;
        for name in ["# TYPE process_resident_memory_bytes gauge", "process_cpu_seconds_total ", "serin_build_info{"] {
            assert!(text.contains(name), "{name} in {text}");
        }
    }
}
