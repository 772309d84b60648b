//! A connection to a server that carries many requests at once.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    task::Poll,
};

use tokio::time::Instant;

use super::{
    super::{self as http, Failure},
    connection::{Connection, Shared},
    driver::Driver,
    keepalive::Keepalive,
    stream::Stream,
};
use crate::{
    core::{Core, spawn},
    model::Protocol,
    stats::ClusterCounters,
    tls,
};

/// A connection.
pub(super) struct Session {
    /// Our end of it.
    local: Option<SocketAddr>,
    /// What secures it.
    secured: Option<Arc<tls::Session>>,
    connection: Shared,
    streams_max: u32,
    requests_max: Option<u32>,
    /// Requests that it carries.
    busy: Cell<u32>,
    /// Requests it ever carried.
    carried: Cell<u32>,
    /// Since when it has carried none.
    idle_since: Cell<Instant>,
}

/// Leave to send a request on a connection, until dropped.
pub(crate) struct Lease {
    session: Rc<Session>,
    /// The connection was there before.
    pub(crate) reused: bool,
}

impl Session {
    /// Greets the server on a new connection, which is driven from then on.
    pub(super) fn start(
        core: &Rc<Core>,
        connection: http::Connection,
        protocol: &Protocol,
        counters: &ClusterCounters,
    ) -> Rc<Self> {
        let (local, secured) = (connection.local, connection.stream.session().cloned());
        let (stream, active) = connection.into_parts();
        let shared = Rc::new(RefCell::new(Connection::client(&protocol.http2)));
        counters.cx_http2_total.increment();
        let mut driver = Driver::new(stream, &shared, protocol.http2.keepalive.map(Keepalive::new));
        let core = Rc::clone(core);
        spawn(async move {
            let _active = active;
            let ended = poll_fn(|cx| driver.poll(cx, &mut core.scratch.borrow_mut(), drop)).await;
            tracing::debug!(?ended, "a connection to a server ended");
            driver.finish().await;
        });
        Rc::new(Self {
            local,
            secured,
            connection: shared,
            streams_max: protocol.http2.concurrent_streams,
            requests_max: protocol.requests_per_connection,
            busy: Cell::new(0),
            carried: Cell::new(0),
            idle_since: Cell::new(Instant::now()),
        })
    }

    /// Whether the server takes no more requests, or we want to send it no more.
    pub(super) fn is_spent(&self) -> bool {
        self.connection.borrow().closed || self.requests_max.is_some_and(|limit| self.carried.get() >= limit)
    }

    /// Whether another request may be sent now.
    pub(super) fn has_room(&self) -> bool {
        self.busy.get() < self.connection.borrow().peer_streams.min(self.streams_max)
    }

    /// Since when nothing is going on; none if something is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        (self.busy.get() == 0).then(|| self.idle_since.get())
    }

    /// Leave to send one more request.
    pub(super) fn lease(self: &Rc<Self>, reused: bool) -> Lease {
        self.busy.set(self.busy.get() + 1);
        self.carried.set(self.carried.get().saturating_add(1));
        Lease { session: Rc::clone(self), reused }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.borrow_mut().leave();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let session = &self.session;
        session.busy.set(session.busy.get() - 1);
        session.idle_since.set(Instant::now());
    }
}

impl Lease {
    /// Our end of the connection.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        self.session.local
    }

    /// What secures the connection.
    pub(crate) fn secured(&self) -> Option<&Arc<tls::Session>> {
        self.session.secured.as_ref()
    }

    /// Whether a request would not have to wait.
    pub(crate) fn has_room(&self) -> bool {
        self.session.connection.borrow().has_room()
    }

    /// Waits until the server has read enough of what was sent before.
    pub(crate) async fn room(&self) {
        poll_fn(|cx| {
            let connection = &mut *self.session.connection.borrow_mut();
            if connection.has_room() || connection.dead {
                return Poll::Ready(());
            }
            connection.openers.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Sends the head of a request, of which HTTP/1.1's is `head`. `trailers` is whether the client takes them, `ended`
    /// whether nothing follows.
    pub(crate) fn send(&self, head: &[u8], trailers: bool, ended: bool) -> Result<Stream, Failure> {
        let connection = &self.session.connection;
        // A connection that does not take a request has ended, or the server is about to end it.
        let place = connection.borrow_mut().begin(head, trailers, false, ended)?;
        Ok(Stream::new(connection, place))
    }
}
