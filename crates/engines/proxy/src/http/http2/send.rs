//! What is said on streams.

use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};

use super::{
    super::{Failure, Malformed},
    connection::{Connection, OUT_MAX, Role},
    frame::{self, PAYLOAD_MAX, Reason, STREAM_MAX, flag, kind},
    streams::Fault,
    write,
};

impl Connection {
    /// Sends the head of a request, of which HTTP/1.1's is `head`; the answer is the stream's place.
    pub(super) fn begin(&mut self, head: &[u8], trailers: bool, secured: bool, ended: bool) -> Result<usize, Failure> {
        let id = self.next;
        if id > STREAM_MAX {
            self.closed = true;
        }
        if self.closed {
            return Err(Failure::Refused);
        }
        self.put_block(id, ended, |out| write::request(head, trailers, secured, out)).map_err(Failure::BadBody)?;
        self.next += 2;
        let place = self.open(id);
        let stream = self.streams.at(place);
        (stream.answered, stream.ended_out, stream.bodiless) = (true, ended, head.starts_with(b"HEAD "));
        Ok(place)
    }

    /// Sends the head of a response, of which HTTP/1.1's is `head`.
    pub(super) fn respond(&mut self, place: usize, head: &[u8], ended: bool) -> Result<(), Failure> {
        let stream = self.streams.look(place);
        if stream.fault.is_some() || stream.ended_out {
            return Err(Failure::ClientGone);
        }
        let id = stream.id;
        self.put_block(id, ended, |out| write::response(head, out)).map_err(Failure::Protocol)?;
        self.streams.at(place).answered = true;
        if ended {
            self.end_out(place);
        }
        Ok(())
    }

    /// Tells the client to go on.
    pub(super) fn go_on(&mut self, place: usize) -> Result<(), Failure> {
        let stream = self.streams.look(place);
        if stream.fault.is_some() {
            return Err(Failure::ClientGone);
        }
        let id = stream.id;
        self.put_block::<Malformed>(id, false, |out| {
            write::interim(b"100", out);
            Ok(())
        })
        .map_err(Failure::Protocol)
    }

    /// Sends as much of a body as there is room for, and is ready when all of it is on its way.
    pub(super) fn poll_body(
        &mut self,
        cx: &Context<'_>,
        place: usize,
        bytes: &mut Bytes,
        last: bool,
    ) -> Poll<Result<(), Fault>> {
        let stream = self.streams.at(place);
        let called = std::mem::take(&mut stream.called);
        stream.waiting = false;
        loop {
            let common = OUT_MAX.saturating_sub(self.unwritten()).min(self.outflow.room());
            let stream = self.streams.at(place);
            if let Some(fault) = stream.fault {
                return Poll::Ready(Err(fault));
            }
            let own = stream.outflow.room();
            let length = bytes.len().min(common).min(own).min(PAYLOAD_MAX);
            if length == 0 && !bytes.is_empty() {
                stream.attend(cx);
                if own > 0 {
                    stream.waiting = true;
                    if !std::mem::replace(&mut stream.queued, true) {
                        self.waiting.push_back(place);
                    }
                } else if called && common > 0 {
                    // It is no room for us that is missing.
                    self.call_next();
                }
                return Poll::Pending;
            }
            stream.outflow.take(length);
            self.outflow.take(length);
            let ends = last && length == bytes.len();
            let (id, flags) = (self.streams.look(place).id, if ends { flag::END_STREAM } else { 0 });
            if ends || length > 0 {
                frame::put(kind::DATA, flags, id, &bytes[..length], &mut self.out);
                bytes.advance(length);
                self.nudge();
            }
            if bytes.is_empty() {
                if ends {
                    self.end_out(place);
                }
                if called {
                    self.call_next();
                }
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Sends the fields behind a body, whose lines are `text`.
    pub(super) fn put_trailers(&mut self, place: usize, text: &[u8]) -> Result<Result<(), Malformed>, Fault> {
        let stream = self.streams.look(place);
        if let Some(fault) = stream.fault {
            return Err(fault);
        }
        let id = stream.id;
        let put = self.put_block(id, true, |out| write::trailers(text, out));
        if put.is_ok() {
            self.end_out(place);
        }
        Ok(put)
    }

    /// We have said all on a stream.
    fn end_out(&mut self, place: usize) {
        let stream = self.streams.at(place);
        stream.ended_out = true;
        if stream.is_over() {
            self.streams.forget(place);
        }
    }

    /// So much of a stream's body was taken: more may come.
    pub(super) fn release_stream(&mut self, place: usize, length: usize) {
        let stream = self.streams.at(place);
        stream.held = stream.held.saturating_sub(length);
        if !stream.ended_in
            && stream.fault.is_none()
            && let Some(more) = stream.inflow.release(length)
        {
            frame::put(kind::WINDOW_UPDATE, 0, stream.id, &more.to_be_bytes(), &mut self.out);
            self.nudge();
        }
        self.release(length);
    }

    /// Breaks a stream off, if it is not over.
    pub(super) fn reset(&mut self, place: usize, reason: Reason) {
        let stream = self.streams.look(place);
        if stream.is_over() {
            return;
        }
        let id = stream.id;
        self.put_reset(id, reason);
        self.floods.remember(id);
        self.fail(place, Fault::Broken);
    }

    pub(super) fn put_reset(&mut self, id: u32, reason: Reason) {
        if !self.dead {
            frame::put(kind::RST_STREAM, 0, id, &reason.0.to_be_bytes(), &mut self.out);
            self.nudge();
        }
    }

    /// Nobody conducts a stream any more.
    pub(super) fn let_go(&mut self, place: usize) {
        let stream = self.streams.look(place);
        let (held, called) = (stream.held, stream.called);
        // RFC 9113, 8.1: who has answered need not read the rest.
        let answered = self.role == Role::Server && stream.ended_out;
        self.reset(place, if answered { Reason::NO_ERROR } else { Reason::CANCEL });
        if self.streams.look(place).queued {
            self.waiting.retain(|waiting| *waiting != place);
        }
        self.streams.free(place);
        self.release(held);
        if called {
            self.call_next();
        }
        if self.is_over() {
            self.nudge();
        }
    }
}
