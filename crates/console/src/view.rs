//! A page as named parts, and the same page as a stream of the parts that change.
//!
//! The script of the page asks the page's own address for events. Every [`LOOK`] the page is rendered again; the parts
//! that read otherwise than the browser has them are sent, as JSON of HTML by id. So there is one truth of how a thing
//! looks, and nothing is drawn in the browser.

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};

use api::Fault;
use axum::{
    Extension,
    extract::{Path, Query, State},
    response::{IntoResponse, Response, Sse, sse},
    routing::{MethodRouter, get},
};
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, StatusCode};
use maud::Markup;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use crate::{Console, ask::Cx, browser, guard::Visitor, shell};

/// Live pages at once, of all browsers together.
pub(crate) const STREAMS_MAX: usize = 64;
/// How often a live page is looked at anew.
const LOOK: Duration = Duration::from_secs(1);

/// The pages of the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Overview,
    Mesh,
    Canaries,
    Stacks,
    Services,
    Map,
    Traces,
    Logs,
    Alarms,
}

/// A page.
pub(crate) struct View {
    /// What it shows; its heading.
    pub(crate) title: String,
    /// What stands above the heading: titles and addresses of the pages above.
    pub(crate) trail: Vec<(String, String)>,
    /// Where in the menu it is.
    pub(crate) place: Place,
    /// The scope that the menu leads through.
    pub(crate) scope: names::Scope,
    /// What it is made of, from above.
    pub(crate) parts: Vec<Part>,
    /// Commands that show or do the same.
    pub(crate) commands: Vec<String>,
    /// Whether it is as it is: an answer to a form, of which the page's own address knows nothing.
    pub(crate) is_still: bool,
}

/// A part of a page.
pub(crate) struct Part {
    /// Unique on the page.
    pub(crate) id: &'static str,
    pub(crate) html: Markup,
}

impl View {
    /// An empty page at `place`.
    pub(crate) fn new(cx: &Cx, place: Place, title: impl Into<String>) -> Self {
        let (title, scope) = (title.into(), cx.scope.clone());
        Self { title, trail: Vec::new(), place, scope, parts: Vec::new(), commands: Vec::new(), is_still: false }
    }

    /// Below the page `title` at `link`.
    #[must_use]
    pub(crate) fn below(mut self, title: impl Into<String>, link: String) -> Self {
        self.trail.push((title.into(), link));
        self
    }

    /// With this part next.
    #[must_use]
    pub(crate) fn part(mut self, id: &'static str, html: Markup) -> Self {
        self.parts.push(Part { id, html });
        self
    }

    /// Not live.
    #[must_use]
    pub(crate) fn still(self) -> Self {
        Self { is_still: true, ..self }
    }

    /// With a command that does the same.
    #[must_use]
    pub(crate) fn command(mut self, command: impl Into<String>) -> Self {
        self.commands.push(command.into());
        self
    }
}

/// Answers GET with what `render` makes, once or live.
pub(crate) fn page<F, R>(render: F) -> MethodRouter<Arc<Console>>
where
    F: Fn(Cx) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<View, Fault>> + Send + 'static,
{
    get(
        async move |State(console): State<Arc<Console>>,
                    Extension(visitor): Extension<Visitor>,
                    Path(path): Path<BTreeMap<String, String>>,
                    Query(query): Query<BTreeMap<String, String>>,
                    headers: HeaderMap| {
            let cx = match Cx::new(console, visitor, path, query) {
                Ok(cx) => cx,
                Err(fault) => return failed(None, &fault),
            };
            if browser::wants_events(&headers) {
                return live(cx, render).await;
            }
            match render(cx.clone()).await {
                Ok(view) => shell::page(&cx, &view).into_response(),
                Err(fault) => failed(Some(&cx), &fault),
            }
        },
    )
}

/// The page that says what went wrong.
pub(crate) fn failed(cx: Option<&Cx>, fault: &Fault) -> Response {
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // Services say that a thing isn't there in many ways.
    let missing = fault.code.contains("NotFound") || fault.message.contains("does not exist");
    let status = if missing { StatusCode::NOT_FOUND } else { status };
    (status, shell::failure(cx, status, &fault.message)).into_response()
}

/// A page that is being watched.
struct Watched<F> {
    cx: Cx,
    render: F,
    /// Each part as the browser has it.
    shown: HashMap<&'static str, String>,
    begun: bool,
    looked: Option<Instant>,
    _slot: OwnedSemaphorePermit,
}

async fn live<F, R>(cx: Cx, render: F) -> Response
where
    F: Fn(Cx) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<View, Fault>> + Send + 'static,
{
    let Ok(slot) = Arc::clone(&cx.console.streams).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many live pages are open\n").into_response();
    };
    let stop = cx.console.stop.clone();
    let events = changes(Watched { cx, render, shown: HashMap::new(), begun: false, looked: None, _slot: slot });
    Sse::new(events.take_until(stop.cancelled_owned())).keep_alive(sse::KeepAlive::default()).into_response()
}

fn changes<F, R>(watched: Watched<F>) -> impl Stream<Item = Result<sse::Event, Infallible>>
where
    F: Fn(Cx) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<View, Fault>> + Send + 'static,
{
    stream::unfold(watched, async |mut watched| {
        if !watched.begun {
            watched.begun = true;
            let hello = sse::Event::default().event("hello").data(&watched.cx.console.instance);
            return Some((Ok(hello), watched));
        }
        loop {
            watched.pause().await;
            if !watched.cx.is_still_welcome() {
                return None;
            }
            let event = match (watched.render)(watched.cx.clone()).await {
                Ok(view) => watched.news(view),
                Err(fault) => Some(sse::Event::default().event("gone").data(fault.message.replace(['\r', '\n'], " "))),
            };
            if let Some(event) = event {
                return Some((Ok(event), watched));
            }
        }
    })
}

impl<F> Watched<F> {
    /// Waits until it is time for the next look; the first comes at once.
    async fn pause(&mut self) {
        if let Some(looked) = self.looked {
            tokio::time::sleep_until(looked + LOOK).await;
        }
        self.looked = Some(Instant::now());
    }

    /// What has changed since the last look, if anything.
    fn news(&mut self, view: View) -> Option<sse::Event> {
        let mut changed = BTreeMap::new();
        for Part { id, html } in view.parts {
            let html = html.into_string();
            if self.shown.get(id) != Some(&html) {
                changed.insert(id, html.clone());
                self.shown.insert(id, html);
            }
        }
        if changed.is_empty() {
            return None;
        }
        let data = serde_json::to_string(&changed).expect("a map of texts by text");
        Some(sse::Event::default().event("parts").data(data))
    }
}
