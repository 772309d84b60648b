//! The request at one server: it goes there, the response comes back.
//!
//! Both directions move at once, as in `conversation`: whenever anything is waited for, everything is looked at.

use std::{
    future::poll_fn,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    super::{
        Application, Broken, Call, Failure, Framing, Head, HeadFields, Malformed, Name, NameSet, Response, Version,
        append_field, append_number,
        conversation::{AHEAD_MAX, INTERIMS_MAX, Relayed},
        http2::{Lease, Lines, Reason},
    },
    Relay,
    frame::Frame,
    many::Many,
    one::{Coding, One},
    side::{Flow, Side},
};
use crate::{format::Lookup as _, transport::Transport};

/// How a body is framed is said anew on the other side.
const FRAMING: NameSet = NameSet::of(&[Name::TransferEncoding]);

/// A request at a server.
pub(super) struct Attempt<'r, 'a, 's, A: Application> {
    relay: &'r mut Relay<'a, A>,
    server: Side<'s>,
    begun: Instant,
    /// The server does not take more of the request.
    deaf: bool,
    /// The client's connection ends after this.
    closing: bool,
    interims: u8,
    head: Head,
    download: Flow,
    /// Bytes of content that came back.
    sent: u64,
}

impl<'r, 'a, 's, A: Application> Attempt<'r, 'a, 's, A> {
    /// Sends the request on a connection of its own.
    pub(super) async fn over_one(
        relay: &'r mut Relay<'a, A>,
        transport: &'s mut Transport,
        inbound: &'s mut Vec<u8>,
    ) -> Result<Relayed, Failure> {
        let mut side = One::new(transport, inbound, Framing::None);
        {
            let mut out = relay.core.out.borrow_mut();
            write_request(relay, &mut out);
            let chunked = relay.request.framing == Framing::Chunked;
            side.say(&out, if chunked { Coding::Chunked } else { Coding::Plain });
        }
        Attempt::new(relay, Side::One(side)).run().await
    }

    /// Sends the request as a stream.
    pub(super) async fn over_many(relay: &'r mut Relay<'a, A>, lease: &Lease) -> Result<Relayed, Failure> {
        if !lease.has_room() {
            relay.deadlines.within(relay.alarm, lease.room()).await?;
        }
        let stream = {
            let mut out = relay.core.out.borrow_mut();
            write_request(relay, &mut out);
            lease.send(&out, relay.request.takes_trailers(), relay.upload.is_empty())?
        };
        Attempt::new(relay, Side::Many(Many::new(stream))).run().await
    }

    fn new(relay: &'r mut Relay<'a, A>, server: Side<'s>) -> Self {
        let (begun, head) = (relay.deadlines.moved, relay.core.take_head());
        let download = Flow::default();
        Self { relay, server, begun, deaf: false, closing: false, interims: 0, head, download, sent: 0 }
    }

    async fn run(mut self) -> Result<Relayed, Failure> {
        let head = poll_fn(|cx| self.poll_head(cx)).await;
        let relayed = match head {
            Ok(response) => {
                let end = poll_fn(|cx| self.poll_body(cx)).await;
                Ok(self.conclude(&response, end))
            }
            Err(failure) => Err(failure),
        };
        self.relay.core.put_head(self.head);
        relayed
    }

    /// Sends the request until the head of the response is there and given to the client.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response, Failure>> {
        self.poll_upload(cx)?;
        if let Poll::Ready(outcome) = self.poll_response(cx) {
            return Poll::Ready(outcome);
        }
        self.watch_client(cx)?;
        self.relay.deadlines.poll(cx, self.relay.alarm).map(Err)
    }

    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        let relay = &mut *self.relay;
        if self.deaf || relay.upload.is_done() {
            // The head of a request without a body may still wait for its server.
            if relay.upload.is_empty() && !self.deaf {
                self.deaf = matches!(self.server.poll_taken(cx), Poll::Ready(Err(_)));
            }
            return Ok(());
        }
        let progress = relay.upload.poll(cx, relay.core, &mut relay.client, &mut self.server);
        if relay.upload.has_moved() {
            relay.deadlines.moved = relay.core.now();
        }
        if relay.upload.is_read() && relay.deadlines.received.is_none() {
            relay.deadlines.received = Some(relay.deadlines.moved);
        }
        match progress {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => {
                self.begun = relay.deadlines.moved;
                relay.deadlines.sent = (!relay.record.from_server).then_some(relay.deadlines.moved);
            }
            Poll::Ready(Err(Broken::Malformed(malformed))) => return Err(Failure::BadBody(malformed)),
            Poll::Ready(Err(Broken::Source(_) | Broken::Ended)) => return Err(Failure::ClientGone),
            // It may have answered without reading all of it.
            Poll::Ready(Err(Broken::Sink(_))) => self.deaf = true,
        }
        Ok(())
    }

    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response, Failure>> {
        match &mut self.server {
            Side::Many(_) => self.poll_stream(cx),
            Side::One(_) => self.poll_connection(cx),
        }
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response, Failure>> {
        let Side::Many(many) = &self.server else { return Poll::Pending };
        let head = ready!(many.stream.poll_response(cx))?;
        self.relay.deadlines.moved = self.relay.core.now();
        let taken = self.take_head(&head.bytes, head.ended);
        if let Side::Many(many) = &self.server {
            many.stream.put_back(head);
        }
        Poll::Ready(taken)
    }

    fn take_head(&mut self, bytes: &[u8], ended: bool) -> Result<Response, Failure> {
        self.head.read(bytes).map_err(Failure::Protocol)?.ok_or(Failure::Protocol(Malformed::StartLine))?;
        let mut response = self.interpret(bytes)?;
        if ended {
            response.framing = Framing::None;
            self.download = Flow::ended();
        }
        self.forward(&response, bytes)?;
        Ok(response)
    }

    fn poll_connection(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response, Failure>> {
        loop {
            let Side::One(one) = &mut self.server else { return Poll::Pending };
            let bytes = &*one.inbound;
            if let Some(length) = self.head.read(bytes).map_err(Failure::Protocol)? {
                let bytes: Vec<u8> = one.inbound.drain(..length).collect();
                let response = self.interpret(&bytes)?;
                if response.is_interim() {
                    self.interims += 1;
                    if self.interims > INTERIMS_MAX {
                        return Poll::Ready(Err(Failure::Protocol(Malformed::Interim)));
                    }
                    self.head.clear();
                    continue;
                }
                if response.switches {
                    return Poll::Ready(Err(Failure::Protocol(Malformed::Switched)));
                }
                if let Side::One(one) = &mut self.server {
                    one.expect(response.framing);
                }
                self.forward(&response, &bytes)?;
                return Poll::Ready(Ok(response));
            }
            match ready!(one.poll_more(cx, self.relay.core)) {
                Ok(true) => self.relay.deadlines.moved = self.relay.core.now(),
                Ok(false) | Err(_) => return Poll::Ready(Err(Failure::Reset)),
            }
        }
    }

    fn interpret(&mut self, bytes: &[u8]) -> Result<Response, Failure> {
        Response::interpret(bytes, &mut self.head, self.relay.request).map_err(Failure::Protocol)
    }

    /// Gives the head to the client, unless the application would rather try again.
    fn forward(&mut self, response: &Response, bytes: &[u8]) -> Result<(), Failure> {
        let relay = &mut *self.relay;
        let service_time = relay.deadlines.moved - self.begun;
        let mut fields = HeadFields { bytes, head: &mut self.head };
        if relay.upload.is_repeatable()
            && let Some(wait) = relay.call.retry_response(response.status, &fields)
        {
            return Err(Failure::Status(response.status, wait));
        }
        relay.call.edit_response(relay.request, response.status, service_time, &mut fields);
        relay.deadlines.sent = None;
        if response.framing == Framing::None {
            self.download = Flow::ended();
        }
        relay.record.grpc_status = grpc_status(bytes);
        relay.record.status = response.status;
        relay.record.from_server = true;
        relay.record.upstream_http2 = matches!(self.server, Side::Many(_));
        relay.record.service_time = Some(service_time);
        relay.record.responded_at = Some(relay.deadlines.moved);
        self.give(response, bytes, service_time)
    }

    /// Writes the head for the client.
    fn give(&mut self, response: &Response, bytes: &[u8], service_time: Duration) -> Result<(), Failure> {
        let relay = &mut *self.relay;
        let mut out = relay.core.out.borrow_mut();
        out.clear();
        let dropped = relay.call.dropped_from_response().and(FRAMING);
        response.write_head(bytes, &self.head, dropped, &mut out);
        let has_date = self.head.value(bytes, Name::Date).is_some();
        relay.call.append_to_response(service_time, has_date, &mut out);
        let has_length = self.head.value(bytes, Name::ContentLength).is_some();
        match &mut relay.client {
            Side::One(one) => {
                let old = relay.request.version == Version::Http10;
                let endless = matches!(response.framing, Framing::Chunked | Framing::Close);
                self.closing = !relay.request.keep_alive || relay.application.closing() || (endless && old);
                let bodiless = relay.request.is_head() || response.status < 200 || matches!(response.status, 204 | 304);
                let empty = response.framing == Framing::None && !bodiless && !has_length;
                let coding = if endless && !old { Coding::Chunked } else { Coding::Plain };
                frame(&mut out, coding, empty, self.closing, old);
                one.say(&out, coding);
            }
            Side::Many(many) => {
                out.extend_from_slice(b"\r\n");
                many.stream.respond(&out, response.framing == Framing::None)?;
            }
        }
        Ok(())
    }

    /// Moves the rest of the response, and of the request if there is any.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.poll_upload(cx)?;
        let relay = &mut *self.relay;
        let (core, sent, record) = (relay.core, &mut self.sent, &mut relay.record);
        let down = self.download.poll(cx, &mut self.server, &mut relay.client, |cx, server| {
            let frame = ready!(server.poll_next(cx, core))?;
            let length = frame.length();
            *sent += length as u64;
            if let Frame::Trailers(lines) = &frame {
                record.grpc_status = grpc_status(lines).or(record.grpc_status);
                record.trailers = lines.clone();
            }
            Poll::Ready(Ok((frame, length)))
        });
        if self.download.has_moved() {
            relay.deadlines.moved = relay.core.now();
        }
        match down {
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
            Poll::Ready(Err(Broken::Sink(_))) => return Poll::Ready(Err(Failure::ClientGone)),
            Poll::Ready(Err(Broken::Malformed(malformed))) => return Poll::Ready(Err(Failure::Protocol(malformed))),
            Poll::Ready(Err(Broken::Source(_) | Broken::Ended)) => return Poll::Ready(Err(Failure::Reset)),
            Poll::Pending => {}
        }
        self.watch_client(cx)?;
        self.relay.deadlines.poll(cx, self.relay.alarm).map(Err)
    }

    /// Notices that the client has gone, and reads its next request ahead.
    fn watch_client(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        let relay = &mut *self.relay;
        match &mut relay.client {
            Side::One(one) => {
                while relay.upload.is_read() && one.inbound.len() < AHEAD_MAX {
                    match one.poll_more(cx, relay.core) {
                        Poll::Pending => break,
                        Poll::Ready(Ok(true)) => {}
                        Poll::Ready(_) => return Err(Failure::ClientGone),
                    }
                }
                Ok(())
            }
            Side::Many(many) if many.stream.poll_broken(cx).is_ready() => Err(Failure::ClientGone),
            Side::Many(_) => Ok(()),
        }
    }

    /// The response is over; `end` is how.
    fn conclude(&mut self, response: &Response, end: Result<(), Failure>) -> Relayed {
        let relay = &mut *self.relay;
        let clean = matches!(&self.server, Side::One(one) if one.is_clean());
        let server_reusable = end.is_ok() && response.keep_alive && clean && relay.upload.is_done() && !self.deaf;
        relay.record.sent = self.sent;
        let broken = end.is_err();
        if let (Err(failure), Side::Many(many)) = (&end, &mut relay.client) {
            // The client must not take what it has for all there is.
            many.stream.reset(match failure {
                Failure::Protocol(_) => Reason::PROTOCOL_ERROR,
                Failure::ClientGone => Reason::CANCEL,
                _ => Reason::INTERNAL_ERROR,
            });
        }
        relay.record.failure = end.err();
        Relayed { reusable: !broken && !self.closing, server_reusable, broken }
    }
}

/// Ends a head of HTTP/1.1 for the client with what it says of the body and the connection.
fn frame(out: &mut Vec<u8>, coding: Coding, empty: bool, closing: bool, old: bool) {
    if coding == Coding::Chunked {
        append_field(out, "transfer-encoding", b"chunked");
    }
    if empty {
        append_number(out, "content-length", 0);
    }
    match (closing, old) {
        (true, _) => append_field(out, "connection", b"close"),
        (false, true) => append_field(out, "connection", b"keep-alive"),
        (false, false) => {}
    }
    out.extend_from_slice(b"\r\n");
}

fn write_request<A: Application>(relay: &Relay<'_, A>, out: &mut Vec<u8>) {
    out.clear();
    relay.request.write_lines(relay.call.dropped_from_request(), out);
    relay.call.append_to_request(relay.request, relay.deadlines.left(), out);
    out.extend_from_slice(b"\r\n");
}

/// The status of a call by gRPC in lines of fields.
fn grpc_status(lines: &[u8]) -> Option<u16> {
    let value = Lines(lines).first("grpc-status")?;
    std::str::from_utf8(&value).ok()?.parse().ok()
}
