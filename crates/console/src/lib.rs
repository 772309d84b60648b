//! The console: what there is, what is asked and what is true, as web pages on the house's one port.
//!
//! People would rather look than read, and what they look at must not be a second truth: every page asks the services'
//! operations, as the `aws` CLI and `serin status` do, and says which command shows the same. There is no store behind
//! it and no state in it but sessions. Pages are rendered here (`pages/`), pictures too (`drawing/`): a browser gets
//! text, one stylesheet and one script, and asks nobody else for anything.
//!
//! A page is a [`view::View`] of named parts. The same address answers a page, or, to who accepts events, the parts
//! that have changed since: what is live is rendered by the same function that rendered it first.
//!
//! Who may come in is decided in one place, `guard.rs`; which requests are a browser's at all, in `browser.rs`.

mod ask;
mod assets;
mod browser;
mod drawing;
pub mod exposition;
mod flow;
mod guard;
mod links;
mod pages;
pub mod picture;
mod record;
mod session;
mod shell;
mod sign_in;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod view;
mod words;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};
use canary::reading::Proxies;
use names::Clock;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use wire::Caller;

use flow::Flows;
use record::Records;
use session::Sessions;

/// What the console is made of.
pub struct Settings {
    /// How operations are called.
    pub caller: Caller,
    /// What time it is.
    pub clock: Clock,
    /// Who has counted what really flows.
    pub proxies: Arc<dyn Proxies>,
    /// Secrets by access key. Where there are any, people sign in with one.
    pub keys: BTreeMap<String, String>,
    /// Whether only this machine reaches the port.
    pub is_loopback: bool,
    /// Ends all live pages.
    pub stop: CancellationToken,
}

/// The console's state: how it asks, and who is signed in.
struct Console {
    caller: Caller,
    clock: Clock,
    flows: Flows,
    records: Records,
    sessions: Sessions,
    is_loopback: bool,
    stop: CancellationToken,
    /// Live pages that may still be opened.
    streams: Arc<tokio::sync::Semaphore>,
    /// Tells this process from the next: what a page holds that an older one rendered is stale.
    instance: String,
}

impl Console {
    fn new(settings: Settings) -> Self {
        let Settings { caller, clock, proxies, keys, is_loopback, stop } = settings;
        Self {
            flows: Flows::new(proxies),
            records: Records::default(),
            sessions: Sessions::new(keys, !is_loopback),
            streams: Arc::new(tokio::sync::Semaphore::new(view::STREAMS_MAX)),
            instance: hex::encode(rand::random::<[u8; 8]>()),
            caller,
            clock,
            is_loopback,
            stop,
        }
    }
}

/// Puts the console before `inner`: browsers' requests are its, all others go on.
pub fn before(inner: Router, settings: Settings) -> Router {
    let console = Arc::new(Console::new(settings));
    let pages =
        pages::router().layer(middleware::from_fn_with_state(Arc::clone(&console), guard::watch)).with_state(console);
    inner.layer(middleware::from_fn_with_state(pages, divide))
}

async fn divide(State(pages): State<Router>, request: Request, next: Next) -> Response {
    if !browser::is_for_console(request.method(), request.uri(), request.headers()) {
        return next.run(request).await;
    }
    match pages.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
