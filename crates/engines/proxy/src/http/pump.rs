//! Moves a body from one connection to the other.
//!
//! What is read is written at once, from the core's buffer. Only what the receiver does not take right away is kept,
//! and nothing more is read until it is gone: so a slow receiver holds up its sender and nobody else, and costs at
//! most one read's worth of memory.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Decoder, Framing, Malformed};
use crate::core::Core;

/// Why a body did not reach its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// Reading failed.
    #[error("reading failed")]
    Source(#[source] io::Error),
    /// The sender closed before the end.
    #[error("the sender closed before the end of the body")]
    Ended,
    /// It is not framed as it should.
    #[error(transparent)]
    Malformed(Malformed),
    /// Writing failed.
    #[error("writing failed")]
    Sink(#[source] io::Error),
}

/// How a body is framed for the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// As it comes.
    Same,
    /// Chunks are taken apart, for a client that does not know them.
    Unchunked,
    /// It is put into chunks, so that the connection can go on after a body that ends with its connection.
    Chunked,
}

/// A body on its way.
#[derive(Debug)]
pub(crate) struct Pump {
    decoder: Decoder,
    coding: Coding,
    /// What the receiver has yet to take, from `taken` on.
    held: Vec<u8>,
    taken: usize,
    /// What came after the end of the body.
    surplus: Vec<u8>,
    /// Something moved since it was last asked.
    moved: bool,
}

impl Pump {
    pub(crate) fn new(framing: Framing, coding: Coding) -> Self {
        let (held, surplus) = (Vec::new(), Vec::new());
        Self { decoder: Decoder::new(framing), coding, held, taken: 0, surplus, moved: false }
    }

    /// For bytes that are passed on as they are until the sender closes.
    pub(crate) fn raw() -> Self {
        Self::new(Framing::Close, Coding::Same)
    }

    /// All was read, and the receiver has it.
    pub(crate) fn is_done(&self) -> bool {
        self.decoder.done() && self.held.is_empty()
    }

    /// All was read.
    pub(crate) fn is_read(&self) -> bool {
        self.decoder.done()
    }

    /// Bytes of content so far.
    pub(crate) fn content(&self) -> u64 {
        self.decoder.content()
    }

    /// What came after the end of the body.
    pub(crate) fn take_surplus(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.surplus)
    }

    /// Whether something moved since the last call.
    pub(crate) fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Takes in bytes that were read already, to be written by [`Pump::poll`]; `seen` is shown what of them belongs
    /// to the body.
    pub(crate) fn prime(&mut self, bytes: &[u8], seen: impl FnOnce(&[u8])) -> Result<(), Malformed> {
        let length = self.decoder.feed(bytes)?;
        seen(&bytes[..length]);
        self.held.extend_from_slice(&bytes[..length]);
        self.surplus.extend_from_slice(&bytes[length..]);
        Ok(())
    }

    /// Starts over with `bytes`, which have been through the decoder before.
    pub(crate) fn replay(&mut self, bytes: &[u8]) {
        self.held.clear();
        self.taken = 0;
        self.held.extend_from_slice(bytes);
    }

    /// Writes `head`, and with it what is held.
    pub(crate) fn poll_start<W>(&mut self, cx: &mut Context<'_>, to: &mut W, head: &[u8]) -> Result<(), Broken>
    where
        W: AsyncWrite + Unpin,
    {
        let held = std::mem::take(&mut self.held);
        self.write(cx, to, head, &held[self.taken..])
    }

    /// Writes `head`, and with it what of `bytes`, just read, belongs to the body.
    pub(crate) fn poll_first<W>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
        head: &[u8],
        bytes: &[u8],
    ) -> Result<(), Broken>
    where
        W: AsyncWrite + Unpin,
    {
        if self.coding == Coding::Same {
            let length = self.decoder.feed(bytes).map_err(Broken::Malformed)?;
            self.surplus.extend_from_slice(&bytes[length..]);
            return self.write(cx, to, head, &bytes[..length]);
        }
        let recoded = self.recode(bytes)?;
        self.write(cx, to, head, &recoded)
    }

    /// Moves as much as can be, and is ready when the end has reached the receiver. `seen` is shown what was read.
    pub(crate) fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        core: &Core,
        from: &mut R,
        to: &mut W,
        mut seen: impl FnMut(&[u8]),
    ) -> Poll<Result<(), Broken>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            ready!(self.poll_held(cx, to))?;
            if self.decoder.done() {
                return Pin::new(to).poll_flush(cx).map_err(Broken::Sink);
            }
            let mut scratch = core.scratch.borrow_mut();
            let mut buffer = ReadBuf::new(&mut scratch);
            let Poll::Ready(read) = Pin::new(&mut *from).poll_read(cx, &mut buffer) else {
                // Nothing is held back while more is waited for; what can't go now is no reason to stop waiting.
                let _ = Pin::new(to).poll_flush(cx).map_err(Broken::Sink)?;
                return Poll::Pending;
            };
            read.map_err(Broken::Source)?;
            self.moved = true;
            let bytes = buffer.filled();
            if bytes.is_empty() {
                self.end()?;
            } else if self.coding == Coding::Same {
                let length = self.decoder.feed(bytes).map_err(Broken::Malformed)?;
                self.surplus.extend_from_slice(&bytes[length..]);
                seen(&bytes[..length]);
                self.write(cx, to, &[], &bytes[..length])?;
            } else {
                self.held = self.recode(bytes)?;
            }
        }
    }

    fn end(&mut self) -> Result<(), Broken> {
        if !self.decoder.end() {
            return Err(Broken::Ended);
        }
        if self.coding == Coding::Chunked {
            self.held.extend_from_slice(b"0\r\n\r\n");
        }
        Ok(())
    }

    fn recode(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Broken> {
        let mut recoded = Vec::with_capacity(bytes.len() + 16);
        let chunked = self.coding == Coding::Chunked;
        let length = self
            .decoder
            .decode(bytes, |content| {
                if chunked && !content.is_empty() {
                    recoded.extend_from_slice(format!("{:x}\r\n", content.len()).as_bytes());
                }
                recoded.extend_from_slice(content);
                if chunked && !content.is_empty() {
                    recoded.extend_from_slice(b"\r\n");
                }
            })
            .map_err(Broken::Malformed)?;
        self.surplus.extend_from_slice(&bytes[length..]);
        Ok(recoded)
    }

    /// Writes `head` and `body` as far as they are taken, and holds the rest. Nothing is held before.
    fn write<W>(&mut self, cx: &mut Context<'_>, to: &mut W, head: &[u8], body: &[u8]) -> Result<(), Broken>
    where
        W: AsyncWrite + Unpin,
    {
        (self.moved, self.taken) = (true, 0);
        let written = match (head.is_empty(), body.is_empty()) {
            (true, true) => return Ok(()),
            (true, false) => Pin::new(to).poll_write(cx, body),
            (false, true) => Pin::new(to).poll_write(cx, head),
            (false, false) => Pin::new(to).poll_write_vectored(cx, &[IoSlice::new(head), IoSlice::new(body)]),
        };
        let written = match written {
            Poll::Ready(written) => written.map_err(Broken::Sink)?,
            Poll::Pending => 0,
        };
        if written < head.len() {
            self.held.extend_from_slice(&head[written..]);
        }
        self.held.extend_from_slice(&body[written.saturating_sub(head.len())..]);
        Ok(())
    }

    fn poll_held<W>(&mut self, cx: &mut Context<'_>, to: &mut W) -> Poll<Result<(), Broken>>
    where
        W: AsyncWrite + Unpin,
    {
        while self.taken < self.held.len() {
            let written = ready!(Pin::new(&mut *to).poll_write(cx, &self.held[self.taken..])).map_err(Broken::Sink)?;
            if written == 0 {
                return Poll::Ready(Err(Broken::Sink(io::ErrorKind::WriteZero.into())));
            }
            self.moved = true;
            self.taken += written;
        }
        if !self.held.is_empty() {
            // The space is given back: a connection that was slow once does not keep it.
            self.held = Vec::new();
        }
        self.taken = 0;
        Poll::Ready(Ok(()))
    }
}
