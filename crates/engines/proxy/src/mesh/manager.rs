//! The mesh's side of an HTTP connection: what is behind a filter chain with a connection manager.

use std::{rc::Rc, sync::Arc};

use super::{
    edge,
    passage::{Decision, Passage},
    routes::Routes,
    slot::Slot,
    view::RequestView,
};
use crate::{
    access_log::Log,
    core::{Closing, Core},
    http::{Answer, Application, BadPath, Malformed, Patience, Peer, Request, Version},
    model::{Codec, Direction, Http2, HttpManager},
    stats::HttpCounters,
    trace::Tracer,
};

/// A connection manager on a core.
pub(crate) struct Manager {
    pub(crate) core: Rc<Core>,
    pub(crate) settings: HttpManager,
    pub(crate) direction: Direction,
    /// The name of its filter chain.
    pub(crate) chain: String,
    pub(crate) routes: Rc<Slot<Routes>>,
    pub(crate) counters: Arc<HttpCounters>,
    pub(crate) logs: Vec<Log>,
    /// The response fields that logs speak of.
    pub(crate) captured: Vec<String>,
    pub(crate) tracer: Option<Arc<Tracer>>,
    /// Its connections shall end.
    pub(crate) closing: Rc<Closing>,
}

impl Manager {
    fn decide(&self, request: &Request, peer: &Peer) -> Decision {
        let refused = |protocol: &[u8]| {
            !self.settings.upgrades.iter().any(|allowed| protocol.eq_ignore_ascii_case(allowed.as_bytes()))
        };
        let Some(routes) = self.routes.get() else { return Decision::NoRoute };
        let Some(host) = routes.host(request.authority()) else { return Decision::NoRoute };
        let view = RequestView { request, scheme: peer.scheme(), id: None };
        match host.route(&view, || self.core.random()) {
            None => Decision::NoRoute,
            Some(_) if request.upgrade().is_some_and(refused) => Decision::UpgradeRefused,
            Some(route) => Decision::Route(Rc::clone(route), Rc::clone(host)),
        }
    }
}

impl Application for Manager {
    type Call = Passage;

    fn core(&self) -> &Rc<Core> {
        &self.core
    }

    fn patience(&self) -> Patience {
        Patience { idle: self.settings.idle_timeout, head: self.settings.head_timeout }
    }

    fn closing(&self) -> bool {
        self.closing.get()
    }

    async fn drained(&self) {
        self.closing.wait().await;
    }

    fn codec(&self) -> Codec {
        self.settings.codec
    }

    fn http2(&self) -> &Http2 {
        &self.settings.http2
    }

    fn see_version(&self, version: Version) {
        match version {
            Version::Http2 => self.counters.cx_http2_total.increment(),
            Version::Http10 | Version::Http11 => self.counters.cx_http1_total.increment(),
        }
    }

    fn server(&self) -> &'static str {
        "envoy"
    }

    fn call(self: &Rc<Self>, request: &mut Request, peer: &Peer) -> Passage {
        let standing = edge::admit(&self.settings.edge, request, peer);
        let decision = match request.normalize(self.settings.normalize_path, self.settings.merge_slashes) {
            Ok(()) => self.decide(request, peer),
            Err(BadPath) => Decision::BadPath,
        };
        Passage::new(self, request, peer, standing, decision)
    }

    fn refuse(&self, malformed: Option<Malformed>, peer: &Peer) -> Answer {
        tracing::debug!(client = %peer.address, error = malformed.map(tracing::field::display), "a request is refused");
        // To Envoy a tunnel is a request like others, for which there is no route.
        let is_tunnel = malformed == Some(Malformed::Tunnel);
        let counter = if is_tunnel { &self.counters.no_route } else { &self.counters.cx_protocol_error };
        counter.increment();
        let status = if is_tunnel { 404 } else { malformed.map_or(408, Malformed::status) };
        self.counters.statuses.record(status);
        Answer::text(status, malformed.map_or_else(String::new, |malformed| malformed.to_string()))
    }
}
