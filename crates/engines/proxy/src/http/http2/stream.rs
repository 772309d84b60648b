//! A stream, for who conducts it.

use std::{
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;

use super::{
    super::{Failure, Malformed},
    connection::Shared,
    frame::Reason,
    streams::Fault,
};

/// A stream, until dropped: what is not over by then is broken off.
pub(crate) struct Stream {
    connection: Shared,
    place: usize,
}

/// The head of a response, as one of HTTP/1.1.
pub(crate) struct ResponseHead {
    pub(crate) bytes: Vec<u8>,
    /// Nothing follows it.
    pub(crate) ended: bool,
}

/// A piece of what comes behind a head.
pub(crate) enum Piece {
    /// Content. `last` is whether nothing follows.
    Data { bytes: Vec<u8>, last: bool },
    /// The lines of the fields behind the body. Nothing follows.
    Trailers(Vec<u8>),
    /// Nothing follows.
    End,
}

impl Stream {
    pub(super) fn new(connection: &Shared, place: usize) -> Self {
        Self { connection: Rc::clone(connection), place }
    }

    /// Shows `read` the head of the request; the answer is also whether nothing follows it.
    pub(crate) fn read_request(
        &self,
        read: impl FnOnce(&mut Vec<u8>) -> Result<(), Malformed>,
    ) -> (Result<(), Malformed>, bool) {
        let connection = &mut *self.connection.borrow_mut();
        let stream = connection.streams.at(self.place);
        let read = match stream.refused {
            Some(malformed) => Err(malformed),
            None => read(&mut stream.head),
        };
        (read, stream.bare)
    }

    /// Ready when the head of the response is there, which is put back when it was read.
    pub(crate) fn poll_response(&self, cx: &Context<'_>) -> Poll<Result<ResponseHead, Failure>> {
        let connection = &mut *self.connection.borrow_mut();
        let stream = connection.streams.at(self.place);
        if !stream.has_head {
            let Some(fault) = stream.fault else {
                stream.attend(cx);
                return Poll::Pending;
            };
            return Poll::Ready(Err(failure(fault)));
        }
        let ended = stream.ended_in && stream.trailers.is_empty() && stream.inbound.is_empty();
        Poll::Ready(Ok(ResponseHead { bytes: std::mem::take(&mut stream.head), ended }))
    }

    /// The room of a head is used again.
    pub(crate) fn put_back(&self, head: ResponseHead) {
        self.connection.borrow_mut().streams.at(self.place).head = head.bytes;
    }

    /// The next piece of the body.
    pub(crate) fn poll_next(&self, cx: &Context<'_>) -> Poll<Result<Piece, Fault>> {
        let connection = &mut *self.connection.borrow_mut();
        let stream = connection.streams.at(self.place);
        if !stream.inbound.is_empty() {
            let last = stream.ended_in && stream.trailers.is_empty();
            return Poll::Ready(Ok(Piece::Data { bytes: std::mem::take(&mut stream.inbound), last }));
        }
        if stream.ended_in {
            let trailers = std::mem::take(&mut stream.trailers);
            return Poll::Ready(Ok(if trailers.is_empty() { Piece::End } else { Piece::Trailers(trailers) }));
        }
        if let Some(fault) = stream.fault {
            return Poll::Ready(Err(fault));
        }
        stream.attend(cx);
        Poll::Pending
    }

    /// What was read has been taken: so much more may come.
    pub(crate) fn release(&self, length: usize) {
        self.connection.borrow_mut().release_stream(self.place, length);
    }

    /// Ready when the other side does not want the stream any more.
    pub(crate) fn poll_broken(&self, cx: &Context<'_>) -> Poll<()> {
        let connection = &mut *self.connection.borrow_mut();
        let stream = connection.streams.at(self.place);
        if stream.fault.is_some() {
            return Poll::Ready(());
        }
        stream.attend(cx);
        Poll::Pending
    }

    /// Whether it ended before its end.
    pub(super) fn is_broken(&self) -> bool {
        self.connection.borrow().streams.look(self.place).fault.is_some()
    }

    /// Sends the head of a response.
    pub(crate) fn respond(&self, head: &[u8], ended: bool) -> Result<(), Failure> {
        self.connection.borrow_mut().respond(self.place, head, ended)
    }

    /// Tells the client to go on.
    pub(crate) fn go_on(&self) -> Result<(), Failure> {
        self.connection.borrow_mut().go_on(self.place)
    }

    /// Sends more of the body, and is ready when all of it is on its way.
    pub(crate) fn poll_body(&self, cx: &Context<'_>, bytes: &mut Bytes, last: bool) -> Poll<Result<(), Fault>> {
        self.connection.borrow_mut().poll_body(cx, self.place, bytes, last)
    }

    /// Sends the fields behind the body.
    pub(crate) fn put_trailers(&self, lines: &[u8]) -> Result<Result<(), Malformed>, Fault> {
        self.connection.borrow_mut().put_trailers(self.place, lines)
    }

    /// Breaks the stream off.
    pub(crate) fn reset(&self, reason: Reason) {
        self.connection.borrow_mut().reset(self.place, reason);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.borrow_mut().let_go(self.place);
    }
}

/// What a fault of a stream means for the request on it.
fn failure(fault: Fault) -> Failure {
    match fault {
        // RFC 9113, 8.7: the server has not looked at the request.
        Fault::Unseen | Fault::Reset(Reason::REFUSED_STREAM) => Failure::Refused,
        Fault::Broken => Failure::Protocol(Malformed::Http2),
        Fault::Reset(_) | Fault::Gone => Failure::Reset,
    }
}
