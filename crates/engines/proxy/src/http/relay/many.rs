//! A side that speaks HTTP/2: one stream of a connection.

use std::{
    io,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream};

use super::{
    super::{Broken, http2::heads},
    frame::Frame,
};

/// A stream.
pub(super) struct Many {
    pub(super) receive: Option<RecvStream>,
    pub(super) send: Option<SendStream<Bytes>>,
    /// What has yet to be sent.
    held: Option<Frame>,
}

impl Many {
    pub(super) fn new(receive: Option<RecvStream>, send: Option<SendStream<Bytes>>) -> Self {
        Self { receive, send, held: None }
    }

    pub(super) fn put(&mut self, frame: Frame) {
        self.held = Some(frame);
    }

    /// Ready when all that was put is in the stream, which holds a limited amount.
    pub(super) fn poll_taken(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let (Some(send), Some(held)) = (&mut self.send, &mut self.held) else { return Poll::Ready(Ok(())) };
        match held {
            Frame::Data { bytes, last } => {
                if bytes.is_empty() {
                    send.send_data(Bytes::new(), *last).map_err(sink)?;
                }
                while !bytes.is_empty() {
                    let room = ready!(poll_room(cx, send, bytes.len()))?;
                    let part = bytes.split_to(room.min(bytes.len()));
                    send.send_data(part, *last && bytes.is_empty()).map_err(sink)?;
                }
            }
            Frame::Trailers(lines) => {
                let trailers = heads::read_trailers(lines).map_err(Broken::Malformed)?;
                send.send_trailers(trailers).map_err(sink)?;
            }
            Frame::End => send.send_data(Bytes::new(), true).map_err(sink)?,
        }
        self.held = None;
        Poll::Ready(Ok(()))
    }

    /// The next piece of the body.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, Broken>> {
        let Some(receive) = &mut self.receive else { return Poll::Ready(Ok(Frame::End)) };
        match ready!(receive.poll_data(cx)) {
            Some(Ok(bytes)) => {
                let last = receive.is_end_stream();
                return Poll::Ready(Ok(Frame::Data { bytes, last }));
            }
            Some(Err(error)) => return Poll::Ready(Err(source(error))),
            None => {}
        }
        match ready!(receive.poll_trailers(cx)) {
            Ok(Some(trailers)) => {
                let lines = heads::write_trailers(&trailers).map_err(Broken::Malformed)?;
                Poll::Ready(Ok(if lines.is_empty() { Frame::End } else { Frame::Trailers(lines.into()) }))
            }
            Ok(None) => Poll::Ready(Ok(Frame::End)),
            Err(error) => Poll::Ready(Err(source(error))),
        }
    }

    /// What was read has been taken: so much more may come.
    pub(super) fn release(&mut self, length: usize) {
        if let Some(receive) = &mut self.receive
            && let Err(error) = receive.flow_control().release_capacity(length)
        {
            tracing::debug!(%error, "a stream's window could not be opened");
        }
    }

    /// Ready when the other side does not want the stream any more.
    pub(super) fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.send {
            Some(send) => send.poll_reset(cx).map(drop),
            None => Poll::Pending,
        }
    }

    /// Breaks the stream off.
    pub(super) fn reset(&mut self, reason: Reason) {
        if let Some(send) = &mut self.send {
            send.send_reset(reason);
        }
    }
}

/// How much of `wanted` may be put into the stream.
fn poll_room(cx: &mut Context<'_>, send: &mut SendStream<Bytes>, wanted: usize) -> Poll<Result<usize, Broken>> {
    send.reserve_capacity(wanted);
    loop {
        match send.capacity() {
            0 => match ready!(send.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(sink(error))),
                None => return Poll::Ready(Err(Broken::Sink(io::ErrorKind::BrokenPipe.into()))),
            },
            room => return Poll::Ready(Ok(room)),
        }
    }
}

fn sink(error: h2::Error) -> Broken {
    Broken::Sink(io::Error::other(error))
}

fn source(error: h2::Error) -> Broken {
    Broken::Source(io::Error::other(error))
}
