//! A side that speaks HTTP/2: one stream of a connection.

use std::{
    io,
    task::{Context, Poll, ready},
};

use bytes::Bytes;

use super::{
    super::{
        Broken,
        http2::{Fault, Piece, Stream},
    },
    frame::Frame,
};

/// A stream.
pub(super) struct Many {
    pub(super) stream: Stream,
    /// What has yet to be sent.
    held: Option<Frame>,
}

impl Many {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, held: None }
    }

    pub(super) fn put(&mut self, frame: Frame) {
        self.held = Some(frame);
    }

    /// Ready when all that was put is on its way; little waits to be written.
    pub(super) fn poll_taken(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let Some(held) = &mut self.held else { return Poll::Ready(Ok(())) };
        match held {
            Frame::Data { bytes, last } => ready!(self.stream.poll_body(cx, bytes, *last)).map_err(sink)?,
            Frame::Trailers(lines) => self.stream.put_trailers(lines).map_err(sink)?.map_err(Broken::Malformed)?,
            Frame::End => ready!(self.stream.poll_body(cx, &mut Bytes::new(), true)).map_err(sink)?,
        }
        self.held = None;
        Poll::Ready(Ok(()))
    }

    /// The next piece of the body.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, Broken>> {
        let piece = ready!(self.stream.poll_next(cx)).map_err(|fault| Broken::Source(error(fault)))?;
        Poll::Ready(Ok(match piece {
            Piece::Data { bytes, last } => Frame::Data { bytes: bytes.into(), last },
            Piece::Trailers(lines) => Frame::Trailers(lines.into()),
            Piece::End => Frame::End,
        }))
    }
}

fn sink(fault: Fault) -> Broken {
    Broken::Sink(error(fault))
}

fn error(fault: Fault) -> io::Error {
    io::Error::other(format!("the stream ended: {fault:?}"))
}
