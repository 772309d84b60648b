//! A side that speaks HTTP/1.1: a connection that the exchange has to itself.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    super::{Broken, Decoder, Framing},
    frame::Frame,
};
use crate::{core::Core, transport::Transport};

/// How a body is framed for the other end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// It has none, or its length was said, or it lasts as long as the connection.
    Plain,
    /// In chunks, with trailers behind them.
    Chunked,
}

/// A connection.
pub(super) struct One<'a> {
    pub(super) transport: &'a mut Transport,
    /// What was read and not looked at yet; what follows the body stays here.
    pub(super) inbound: &'a mut Vec<u8>,
    decoder: Decoder,
    trailers: Vec<u8>,
    ended: bool,
    coding: Coding,
    /// What has yet to be written, from `taken` on.
    held: Vec<u8>,
    taken: usize,
}

impl<'a> One<'a> {
    /// A side that says a body framed so.
    pub(super) fn new(transport: &'a mut Transport, inbound: &'a mut Vec<u8>, framing: Framing) -> Self {
        let (decoder, coding) = (Decoder::new(framing), Coding::Plain);
        Self { transport, inbound, ended: false, decoder, trailers: Vec::new(), coding, held: Vec::new(), taken: 0 }
    }

    /// From here on a body framed so is to come.
    pub(super) fn expect(&mut self, framing: Framing) {
        (self.decoder, self.ended) = (Decoder::new(framing), false);
        self.trailers.clear();
    }

    /// Whether all of the body was read, and nothing behind it.
    pub(super) fn is_clean(&self) -> bool {
        self.decoder.done() && self.inbound.is_empty()
    }

    /// Says a head, and how the body behind it is framed.
    pub(super) fn say(&mut self, head: &[u8], coding: Coding) {
        self.held.extend_from_slice(head);
        self.coding = coding;
    }

    pub(super) fn put(&mut self, frame: &Frame) {
        let chunked = self.coding == Coding::Chunked;
        match frame {
            Frame::Data { bytes, last } => {
                if chunked && !bytes.is_empty() {
                    self.held.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
                }
                self.held.extend_from_slice(bytes);
                if chunked && !bytes.is_empty() {
                    self.held.extend_from_slice(b"\r\n");
                }
                if chunked && *last {
                    self.held.extend_from_slice(b"0\r\n\r\n");
                }
            }
            Frame::Trailers(lines) if chunked => {
                self.held.extend_from_slice(b"0\r\n");
                self.held.extend_from_slice(lines);
                self.held.extend_from_slice(b"\r\n");
            }
            Frame::End if chunked => self.held.extend_from_slice(b"0\r\n\r\n"),
            // Without chunks there is no place for trailers, and the end shows by itself.
            Frame::Trailers(_) | Frame::End => {}
        }
    }

    /// Ready when all that was put is on its way.
    pub(super) fn poll_taken(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        while self.taken < self.held.len() {
            let write = Pin::new(&mut *self.transport).poll_write(cx, &self.held[self.taken..]);
            let written = ready!(write).map_err(Broken::Sink)?;
            if written == 0 {
                return Poll::Ready(Err(Broken::Sink(io::ErrorKind::WriteZero.into())));
            }
            self.taken += written;
        }
        if !self.held.is_empty() {
            (self.held, self.taken) = (Vec::new(), 0);
        }
        Pin::new(&mut *self.transport).poll_flush(cx).map_err(Broken::Sink)
    }

    /// Reads what is there to `inbound`; whether something was.
    pub(super) fn poll_more(&mut self, cx: &mut Context<'_>, core: &Core) -> Poll<io::Result<bool>> {
        let mut scratch = core.scratch.borrow_mut();
        let mut buffer = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut *self.transport).poll_read(cx, &mut buffer))?;
        self.inbound.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(!buffer.filled().is_empty()))
    }

    /// The next piece of the body.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>, core: &Core) -> Poll<Result<Frame, Broken>> {
        loop {
            if self.decoder.done() {
                self.ended = true;
                let trailers = std::mem::take(&mut self.trailers);
                let end = if trailers.is_empty() { Frame::End } else { Frame::Trailers(trailers.into()) };
                return Poll::Ready(Ok(end));
            }
            if self.inbound.is_empty() && !ready!(self.poll_more(cx, core)).map_err(Broken::Source)? {
                if !self.decoder.end() {
                    return Poll::Ready(Err(Broken::Ended));
                }
                continue;
            }
            let (content, trailers) = (&mut Vec::new(), &mut self.trailers);
            let read = |part: &[u8]| content.extend_from_slice(part);
            let length =
                self.decoder.decode_all(self.inbound, read, |byte| trailers.push(byte)).map_err(Broken::Malformed)?;
            self.inbound.drain(..length);
            if !content.is_empty() {
                let last = self.decoder.done() && self.trailers.is_empty();
                return Poll::Ready(Ok(Frame::Data { bytes: Bytes::from(std::mem::take(content)), last }));
            }
        }
    }
}
