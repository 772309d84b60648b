//! A connection to a server that carries many requests at once.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    sync::Arc,
};

use bytes::Bytes;
use h2::{
    Reason,
    client::{self, ResponseFuture, SendRequest},
};
use tokio::time::Instant;

use super::{
    super::{Connection, Failure, Malformed},
    FIELDS_SIZE, SEND_BUFFER,
    keepalive::Keepalive,
};
use crate::{
    core::spawn,
    model::{Http2, Protocol},
    stats::ClusterCounters,
    tls,
};

/// A connection.
pub(super) struct Session {
    /// Our end of it.
    local: Option<SocketAddr>,
    /// What secures it.
    secured: Option<Arc<tls::Session>>,
    send: SendRequest<Bytes>,
    streams_max: u32,
    requests_max: Option<u32>,
    /// Requests that it carries.
    busy: Cell<u32>,
    /// Requests it ever carried.
    carried: Cell<u32>,
    /// Since when it has carried none.
    idle_since: Cell<Instant>,
    /// It takes no more: the server said so, or it has ended.
    closed: Rc<Cell<bool>>,
}

/// Leave to send a request on a connection, until dropped.
pub(crate) struct Lease {
    session: Rc<Session>,
    /// The connection was there before.
    pub(crate) reused: bool,
}

impl Session {
    /// Greets the server on a new connection, which is driven from then on.
    pub(super) async fn start(
        connection: Connection,
        protocol: &Protocol,
        counters: &Arc<ClusterCounters>,
    ) -> Result<Rc<Self>, Failure> {
        let Http2 { concurrent_streams, stream_window, connection_window, keepalive } = protocol.http2;
        let (local, secured) = (connection.local, connection.stream.session().cloned());
        let (stream, active) = connection.into_parts();
        let handshake = client::Builder::new()
            .enable_push(false)
            .initial_window_size(stream_window)
            .initial_connection_window_size(connection_window)
            .max_header_list_size(FIELDS_SIZE)
            .max_send_buffer_size(SEND_BUFFER)
            .handshake::<_, Bytes>(stream);
        let (send, mut driven) = handshake.await.map_err(failure)?;
        counters.cx_http2_total.increment();
        let pings = keepalive.and_then(|keepalive| {
            driven.ping_pong().map(|pings| Keepalive::new(pings, keepalive.interval, keepalive.timeout))
        });
        let closed = Rc::new(Cell::new(false));
        let ended = Rc::clone(&closed);
        spawn(async move {
            let _active = active;
            if let Err(error) = drive(driven, pings).await {
                tracing::debug!(%error, "a connection to a server broke");
            }
            ended.set(true);
        });
        Ok(Rc::new(Self {
            local,
            secured,
            send,
            streams_max: concurrent_streams,
            requests_max: protocol.requests_per_connection,
            busy: Cell::new(0),
            carried: Cell::new(0),
            idle_since: Cell::new(Instant::now()),
            closed,
        }))
    }

    /// Whether the server takes no more requests, or we want to send it no more.
    pub(super) fn is_spent(&self) -> bool {
        self.closed.get() || self.requests_max.is_some_and(|limit| self.carried.get() >= limit)
    }

    /// Whether another request may be sent now.
    pub(super) fn has_room(&self) -> bool {
        let allowed = u32::try_from(self.send.current_max_send_streams()).unwrap_or(u32::MAX);
        self.busy.get() < allowed.min(self.streams_max)
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

    /// Sends a head. `ended` is whether nothing follows it.
    pub(crate) async fn send(
        &self,
        head: ::http::Request<()>,
        ended: bool,
    ) -> Result<(ResponseFuture, h2::SendStream<Bytes>), Failure> {
        let mut send = self.session.send.clone();
        let ready = poll_fn(|cx| send.poll_ready(cx)).await;
        let sent = ready.and_then(|()| send.send_request(head, ended));
        // A connection that does not take a request has ended, or the server is about to end it.
        sent.map_err(|error| {
            self.session.closed.set(true);
            tracing::debug!(%error, "a connection takes no more requests");
            Failure::Refused
        })
    }
}

/// Moves frames until the connection ends.
async fn drive<T>(mut connection: client::Connection<T, Bytes>, mut pings: Option<Keepalive>) -> io::Result<()>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    poll_fn(|cx| {
        if let Some(pings) = &mut pings
            && pings.poll(cx).is_ready()
        {
            return std::task::Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut connection).poll(cx).map_err(io::Error::other)
    })
    .await
}

/// What an error of a stream means for the request on it.
pub(in crate::http) fn failure(error: h2::Error) -> Failure {
    let reason = error.reason();
    match reason {
        // RFC 9113, 8.7: the server has not looked at the request.
        Some(Reason::REFUSED_STREAM) if error.is_remote() && error.is_reset() => Failure::Refused,
        Some(Reason::NO_ERROR) if error.is_remote() && error.is_go_away() => Failure::Refused,
        Some(_) if error.is_library() => Failure::Protocol(Malformed::Http2),
        _ => Failure::Reset,
    }
}
