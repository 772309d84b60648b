//! A client's connection that carries many requests at once.
//!
//! Each stream is a task of its own; this one takes streams in and moves the connection's frames. What clients could
//! drown the proxy with is limited: streams at once, fields and their size, resets of streams that were hardly looked at
//! (rapid reset), small frames (`h2` counts these and CONTINUATION by itself), PING and SETTINGS (answered one at a time).

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use h2::{Reason, RecvStream, server};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, timeout},
};

use super::{
    super::{Application, Peer, Version, relay},
    FIELDS_SIZE, SEND_BUFFER,
    keepalive::Keepalive,
};
use crate::{alarm::Alarm, core::spawn, transport::Transport};

/// Streams that the client reset before they were taken in; more end the connection.
const EARLY_RESETS_MAX: usize = 20;

/// Streams that were reset and are remembered for what may still come for them.
const RESETS_REMEMBERED: usize = 50;

/// Streams that broke the protocol; more end the connection.
const BROKEN_STREAMS_MAX: usize = 100;

/// A connection of which the first bytes were read already.
struct Begun {
    stream: Transport,
    inbound: Vec<u8>,
    taken: usize,
}

impl AsyncRead for Begun {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let begun = self.get_mut();
        let waiting = &begun.inbound[begun.taken..];
        if waiting.is_empty() {
            return Pin::new(&mut begun.stream).poll_read(cx, buffer);
        }
        let length = waiting.len().min(buffer.remaining());
        buffer.put_slice(&waiting[..length]);
        begun.taken += length;
        if begun.taken == begun.inbound.len() {
            (begun.inbound, begun.taken) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Begun {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// Serves a connection to its end. `inbound` was read from it already.
pub(in crate::http) async fn serve<A: Application>(
    application: Rc<A>,
    stream: Transport,
    peer: Peer,
    inbound: Vec<u8>,
) {
    let settings = application.http2();
    let handshake = server::Builder::new()
        .initial_window_size(settings.stream_window)
        .initial_connection_window_size(settings.connection_window)
        .max_concurrent_streams(settings.concurrent_streams)
        .max_header_list_size(FIELDS_SIZE)
        .max_send_buffer_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(EARLY_RESETS_MAX)
        .max_concurrent_reset_streams(RESETS_REMEMBERED)
        .max_local_error_reset_streams(Some(BROKEN_STREAMS_MAX))
        .handshake::<_, Bytes>(Begun { stream, inbound, taken: 0 });
    let greeted = timeout(application.patience().head, handshake).await;
    let mut connection = match greeted {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return tracing::debug!(client = %peer.address, %error, "a client does not greet"),
        Err(_) => return tracing::debug!(client = %peer.address, "a client does not greet in time"),
    };
    application.see_version(Version::Http2);
    let pings = settings.keepalive.and_then(|keepalive| {
        connection.ping_pong().map(|pings| Keepalive::new(pings, keepalive.interval, keepalive.timeout))
    });
    let mut drained = std::pin::pin!(application.drained());
    let serving = Serving { application: Rc::clone(&application), peer: Rc::new(peer), pings, draining: false };
    serving.run(&mut connection, drained.as_mut()).await;
}

/// A connection that is served.
struct Serving<A> {
    application: Rc<A>,
    peer: Rc<Peer>,
    pings: Option<Keepalive>,
    /// The client was told that no more requests are taken.
    draining: bool,
}

impl<A: Application> Serving<A> {
    async fn run(
        mut self,
        connection: &mut server::Connection<Begun, Bytes>,
        mut drained: Pin<&mut impl Future<Output = ()>>,
    ) {
        let mut alarm = Alarm::default();
        let mut idle_since = Instant::now();
        poll_fn(|cx| {
            if !self.draining && drained.as_mut().poll(cx).is_ready() {
                self.drain(connection);
            }
            while let Poll::Ready(accepted) = connection.poll_accept(cx) {
                match accepted {
                    Some(Ok((request, respond))) => self.take(request, respond),
                    Some(Err(error)) => {
                        tracing::debug!(client = %self.peer.address, %error, "a connection ended");
                        return Poll::Ready(());
                    }
                    None => return Poll::Ready(()),
                }
            }
            if self.pings.as_mut().is_some_and(|pings| pings.poll(cx).is_ready()) {
                tracing::debug!(client = %self.peer.address, "a client does not answer pings");
                connection.abrupt_shutdown(Reason::NO_ERROR);
                return Poll::Ready(());
            }
            if connection.has_streams() {
                idle_since = Instant::now();
            }
            let due = self.application.patience().idle.map(|idle| idle_since + idle);
            if !self.draining && !connection.has_streams() && alarm.poll(cx, due).is_ready() {
                self.drain(connection);
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await;
    }

    /// Lets what is under way end, and takes in no more; the client is told in two steps, so that none of its requests
    /// is lost (RFC 9113, 6.8).
    fn drain(&mut self, connection: &mut server::Connection<Begun, Bytes>) {
        self.draining = true;
        connection.graceful_shutdown();
    }

    fn take(&self, request: ::http::Request<RecvStream>, respond: server::SendResponse<Bytes>) {
        let (application, peer) = (Rc::clone(&self.application), Rc::clone(&self.peer));
        spawn(relay::serve_stream(application, request, respond, peer));
    }
}
