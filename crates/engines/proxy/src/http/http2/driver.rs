//! Moves the bytes of a connection: all that came is looked at before anything is written, and all that is there to be
//! written goes at once.

use std::{
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead as _, AsyncWrite as _, ReadBuf},
    time::Instant,
};

use super::{connection::Shared, keepalive::Keepalive, stream::Stream, streams::Fault};
use crate::transport::Transport;

/// Reads after which others have their turn.
const READS_MAX: usize = 8;

/// What moves a connection.
pub(super) struct Driver {
    transport: Transport,
    connection: Shared,
    pings: Option<Keepalive>,
}

impl Driver {
    pub(super) fn new(transport: Transport, connection: &Shared, pings: Option<Keepalive>) -> Self {
        Self { transport, connection: Rc::clone(connection), pings }
    }

    /// Moves what can be moved, and is ready when the connection has ended. `scratch` is room to read to; streams that a
    /// client opens are given to `take`.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
        mut take: impl FnMut(Stream),
    ) -> Poll<io::Result<()>> {
        let Poll::Ready(ended) = self.poll_moved(cx, scratch, &mut take) else {
            self.connection.borrow_mut().attend(cx);
            return Poll::Pending;
        };
        self.connection.borrow_mut().end(Fault::Gone);
        self.accept(&mut drop);
        Poll::Ready(ended)
    }

    fn poll_moved(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
        take: &mut impl FnMut(Stream),
    ) -> Poll<io::Result<()>> {
        loop {
            let read = self.read(cx, scratch, take)?;
            if let Some(pings) = &mut self.pings
                && pings.poll(cx, &mut self.connection.borrow_mut()).is_ready()
            {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            let flushed = self.poll_flush(cx)?;
            if flushed.is_ready() && self.connection.borrow().is_over() {
                return Poll::Ready(Ok(()));
            }
            match read {
                Read::All => return Poll::Pending,
                Read::More => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                // Once all is written there may be more to read.
                Read::Held => ready!(flushed),
            }
        }
    }

    fn read(&mut self, cx: &mut Context<'_>, scratch: &mut [u8], take: &mut impl FnMut(Stream)) -> io::Result<Read> {
        // Some may have come with the greeting.
        self.accept(take);
        for _ in 0..READS_MAX {
            if self.connection.borrow().dead {
                return Ok(Read::All);
            }
            if !self.connection.borrow().may_read() {
                return Ok(Read::Held);
            }
            let mut buffer = ReadBuf::new(scratch);
            let Poll::Ready(read) = Pin::new(&mut self.transport).poll_read(cx, &mut buffer) else {
                return Ok(Read::All);
            };
            read?;
            if buffer.filled().is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.receive(buffer.filled());
            self.accept(take);
        }
        Ok(Read::More)
    }

    /// Takes in bytes that came.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        let connection = &mut *self.connection.borrow_mut();
        connection.now = Instant::now();
        if let Err(reason) = connection.receive(bytes) {
            tracing::debug!(?reason, "the other side does not keep to HTTP/2");
            connection.abandon(reason);
        }
    }

    fn accept(&mut self, take: &mut impl FnMut(Stream)) {
        loop {
            let Some(place) = self.connection.borrow_mut().accept() else { return };
            let stream = Stream::new(&self.connection, place);
            // Who has given up already costs nobody a task.
            if !stream.is_broken() {
                take(stream);
            }
        }
    }

    /// Writes all that waits.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let connection = &mut *self.connection.borrow_mut();
        if connection.unwritten() == 0 {
            return Pin::new(&mut self.transport).poll_flush(cx);
        }
        while connection.unwritten() > 0 {
            let write = Pin::new(&mut self.transport).poll_write(cx, &connection.out[connection.written..]);
            match ready!(write)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => connection.written += written,
            }
        }
        connection.flushed();
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    /// Lets go of the connection in good order.
    pub(super) async fn finish(mut self) {
        self.transport.finish().await;
    }
}

/// What came of reading.
enum Read {
    /// Nothing is there any more.
    All,
    /// There may be more.
    More,
    /// No more is read for now.
    Held,
}
