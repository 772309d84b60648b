//! One attempt: the request goes to a server, its response comes back.
//!
//! Both directions move at once. A server may answer before it has read the request, and may stop reading it; a client
//! may go away before the response. So whenever anything is waited for, everything is looked at.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::{
    Broken, Call, Failure, Framing, Head, HeadFields, Malformed, Name, Pump, Record, Request, Response, Timeouts,
    Version, append_field, client::Client, pump::Coding, upload::Upload,
};
use crate::{alarm::Alarm, core::Core, transport::Transport};

/// The most interim responses before a final one.
pub(super) const INTERIMS_MAX: u8 = 16;

/// The most that is read ahead of a client's next requests.
pub(super) const AHEAD_MAX: usize = 64 * 1024;

/// When a request has taken too long.
#[derive(Debug)]
pub(crate) struct Deadlines {
    pub(super) timeouts: Timeouts,
    /// When all of the request had come.
    pub(super) received: Option<Instant>,
    /// When all of the request had been sent to the server of this attempt, whose head has not come yet.
    pub(super) sent: Option<Instant>,
    /// When something last moved.
    pub(super) moved: Instant,
    /// When the head of the request had come.
    started: Instant,
    attempts: u32,
}

impl Deadlines {
    pub(crate) fn new(timeouts: Timeouts, started: Instant, received: bool) -> Self {
        Self { timeouts, received: received.then_some(started), sent: None, moved: started, started, attempts: 0 }
    }

    pub(crate) fn begin_attempt(&mut self, now: Instant, sent: bool) {
        self.attempts += 1;
        self.moved = now;
        self.sent = sent.then_some(self.moved);
    }

    fn due(&self) -> Option<Instant> {
        let request = self.received.zip(self.timeouts.request).map(|(from, limit)| from + limit);
        let attempt = self.sent.zip(self.timeouts.attempt).map(|(from, limit)| from + limit);
        let idle = self.timeouts.idle.map(|limit| self.moved + limit);
        let whole = self.timeouts.whole.map(|limit| self.started + limit);
        [request, attempt, idle, whole].into_iter().flatten().min()
    }

    pub(super) fn poll(&self, cx: &mut Context<'_>, alarm: &mut Alarm) -> Poll<Failure> {
        ready!(alarm.poll(cx, self.due()));
        let now = Instant::now();
        let up = |from: Option<Instant>, limit: Option<Duration>| from.zip(limit).is_some_and(|(f, l)| now >= f + l);
        Poll::Ready(match () {
            () if up(self.received, self.timeouts.request) => Failure::Timeout,
            () if up(self.sent, self.timeouts.attempt) => Failure::AttemptTimeout,
            () if up(Some(self.started), self.timeouts.whole) => Failure::WholeTimeout,
            () if self.received.is_none() => Failure::ClientIdle,
            () => Failure::Idle,
        })
    }

    /// Runs `work` unless the request's time is up first.
    pub(crate) async fn within<T>(&self, alarm: &mut Alarm, work: impl Future<Output = T>) -> Result<T, Failure> {
        let request = self.received.zip(self.timeouts.request).map(|(from, limit)| from + limit);
        let whole = self.timeouts.whole.map(|limit| self.started + limit);
        let due = [request, whole].into_iter().flatten().min();
        let failure = || if whole.is_some() && whole == due { Failure::WholeTimeout } else { Failure::Timeout };
        alarm.within(due, work).await.ok_or_else(failure)
    }

    /// When all of the request had come.
    pub(crate) fn received(&self) -> Option<Instant> {
        self.received
    }

    /// What is left of the request's time.
    pub(super) fn left(&self) -> Option<Duration> {
        let whole = self.timeouts.request.map(|limit| match self.received {
            Some(from) if self.attempts > 1 => limit.saturating_sub(from.elapsed()),
            // What has passed before the first attempt is not worth a mention.
            _ => limit,
        });
        [whole, self.timeouts.attempt].into_iter().flatten().min()
    }
}

/// What became of a response that the client has at least the head of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relayed {
    /// The client's connection may carry another request.
    pub(crate) reusable: bool,
    /// The server's connection may.
    pub(crate) server_reusable: bool,
    /// The client has not got all of it.
    pub(crate) broken: bool,
}

pub(crate) struct Conversation<'a, C> {
    core: &'a Core,
    call: &'a mut C,
    request: &'a Request,
    upload: &'a mut Upload,
    deadlines: &'a mut Deadlines,
    record: &'a mut Record,
    alarm: &'a mut Alarm,
    inbound: &'a mut Vec<u8>,
    client: &'a mut Transport,
    server: &'a mut Transport,
    begun: Instant,
    started: bool,
    /// The server does not take more of the request.
    deaf: bool,
    closing: bool,
    head: Head,
    /// A head of which not all has come.
    partial: Vec<u8>,
    interims: u8,
    download: Pump,
    tunnel: Option<Pump>,
}

impl<'a, C: Call> Conversation<'a, C> {
    #[expect(clippy::too_many_arguments, reason = "what an exchange has, lent for one attempt")]
    pub(crate) fn new(
        core: &'a Core,
        call: &'a mut C,
        request: &'a Request,
        upload: &'a mut Upload,
        deadlines: &'a mut Deadlines,
        record: &'a mut Record,
        client: &'a mut Client,
        server: &'a mut Transport,
        closing: bool,
    ) -> Self {
        let begun = deadlines.moved;
        Self {
            core,
            call,
            request,
            upload,
            deadlines,
            record,
            alarm: &mut client.alarm,
            inbound: &mut client.inbound,
            client: &mut client.stream,
            server,
            begun,
            started: false,
            deaf: false,
            closing,
            head: core.take_head(),
            partial: Vec::new(),
            interims: 0,
            download: Pump::new(Framing::None, Coding::Same),
            tunnel: None,
        }
    }

    /// Sends the request until the head of the response is there and on its way to the client.
    pub(crate) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response, Failure>> {
        if !self.started {
            self.start(cx);
        }
        self.poll_upload(cx)?;
        if let Poll::Ready(outcome) = self.poll_response(cx) {
            return Poll::Ready(outcome);
        }
        self.watch_client(cx)?;
        self.deadlines.poll(cx, self.alarm).map(Err)
    }

    fn start(&mut self, cx: &mut Context<'_>) {
        self.started = true;
        let mut out = self.core.out.borrow_mut();
        out.clear();
        self.request.write_head(self.call.dropped_from_request(), &mut out);
        self.call.append_to_request(self.request, self.deadlines.left(), &mut out);
        out.extend_from_slice(b"\r\n");
        // A server that does not take the head has closed: reading will tell.
        self.deaf = self.upload.poll_start(cx, self.server, &out).is_err();
    }

    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        if self.deaf || (self.upload.is_done() && (self.deadlines.sent.is_some() || self.record.from_server)) {
            return Ok(());
        }
        let progress = self.upload.poll(cx, self.core, self.client, self.server, self.inbound);
        if self.upload.has_moved() {
            self.deadlines.moved = self.core.now();
        }
        if self.upload.is_read() && self.deadlines.received.is_none() {
            self.deadlines.received = Some(self.deadlines.moved);
        }
        match progress {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => {
                self.begun = self.deadlines.moved;
                self.deadlines.sent = (!self.record.from_server).then_some(self.deadlines.moved);
            }
            Poll::Ready(Err(Broken::Malformed(malformed))) => return Err(Failure::BadBody(malformed)),
            Poll::Ready(Err(Broken::Source(_) | Broken::Ended)) => return Err(Failure::ClientGone),
            // It may have answered without reading all of it.
            Poll::Ready(Err(Broken::Sink(_))) => self.deaf = true,
        }
        Ok(())
    }

    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response, Failure>> {
        let core = self.core;
        loop {
            let mut scratch = core.scratch.borrow_mut();
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(&mut *self.server).poll_read(cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(Err(Failure::Reset));
            }
            self.deadlines.moved = self.core.now();
            let (consumed, response) = if self.partial.is_empty() {
                let (consumed, response) = self.digest(cx, buffer.filled())?;
                self.partial.extend_from_slice(&buffer.filled()[consumed..]);
                (0, response)
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(buffer.filled());
                let (consumed, response) = self.digest(cx, &whole)?;
                self.partial = whole;
                (consumed, response)
            };
            if let Some(response) = response {
                return Poll::Ready(Ok(response));
            }
            self.partial.drain(..consumed);
        }
    }

    /// Looks for the final head in `bytes`; the answer is also how many bytes of interim ones were passed.
    fn digest(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Result<(usize, Option<Response>), Failure> {
        let mut passed = 0;
        loop {
            let rest = &bytes[passed..];
            let Some(length) = self.head.read(rest).map_err(Failure::Protocol)? else { return Ok((passed, None)) };
            let response = Response::interpret(rest, &mut self.head, self.request).map_err(Failure::Protocol)?;
            if !response.is_interim() {
                self.forward(cx, &response, rest, length)?;
                return Ok((bytes.len(), Some(response)));
            }
            // The client was told to go on by us, and needs no other interim response.
            self.interims += 1;
            if self.interims > INTERIMS_MAX {
                return Err(Failure::Protocol(Malformed::Interim));
            }
            passed += length;
            self.head.clear();
        }
    }

    /// Sends the head to the client, unless the application would rather try again.
    fn forward(
        &mut self,
        cx: &mut Context<'_>,
        response: &Response,
        bytes: &[u8],
        length: usize,
    ) -> Result<(), Failure> {
        let service_time = self.deadlines.moved - self.begun;
        let mut fields = HeadFields { bytes, head: &mut self.head };
        if self.upload.is_repeatable()
            && let Some(wait) = self.call.retry_response(response.status, &fields)
        {
            return Err(Failure::Status(response.status, wait));
        }
        self.call.edit_response(self.request, response.status, service_time, &mut fields);
        self.deadlines.sent = None;
        let coding = self.coding(response);
        self.closing |= coding == Coding::Unchunked || (response.framing == Framing::Close && coding == Coding::Same);
        let core = self.core;
        let mut out = core.out.borrow_mut();
        out.clear();
        self.write_head(response, bytes, coding, service_time, &mut out);
        let framing = if response.switches { Framing::Close } else { response.framing };
        self.download = Pump::new(framing, coding);
        let sent = self.download.poll_first(cx, self.client, &out, &bytes[length..]);
        sent.map_err(|broken| match broken {
            Broken::Malformed(malformed) => Failure::Protocol(malformed),
            _ => Failure::ClientGone,
        })?;
        self.record.status = response.status;
        self.record.from_server = true;
        self.record.service_time = Some(service_time);
        self.record.responded_at = Some(self.deadlines.moved);
        if response.switches {
            self.open_tunnel();
        }
        Ok(())
    }

    fn coding(&self, response: &Response) -> Coding {
        match (response.framing, self.request.version) {
            (Framing::Chunked, Version::Http10) => Coding::Unchunked,
            (Framing::Close, Version::Http11 | Version::Http2) if !self.closing => Coding::Chunked,
            _ => Coding::Same,
        }
    }

    fn write_head(&self, response: &Response, bytes: &[u8], coding: Coding, service_time: Duration, out: &mut Vec<u8>) {
        let mut dropped = self.call.dropped_from_response();
        if coding == Coding::Unchunked {
            dropped = dropped.and(super::NameSet::of(&[Name::TransferEncoding]));
        }
        response.write_head(bytes, &self.head, dropped, out);
        let has_date = self.head.value(bytes, Name::Date).is_some();
        self.call.append_to_response(service_time, has_date, out);
        if coding == Coding::Chunked {
            append_field(out, "transfer-encoding", b"chunked");
        }
        match self.head.value(bytes, Name::Upgrade) {
            Some(protocol) if response.switches => {
                append_field(out, "connection", b"upgrade");
                append_field(out, "upgrade", protocol);
            }
            _ if self.closing => append_field(out, "connection", b"close"),
            _ if self.request.version == Version::Http10 => append_field(out, "connection", b"keep-alive"),
            _ => {}
        }
        out.extend_from_slice(b"\r\n");
    }

    /// From here on both sides say what they like, for as long as they like.
    fn open_tunnel(&mut self) {
        let mut pump = Pump::new(Framing::Close, Coding::Same);
        // A body that ends with its connection takes any bytes.
        let _ = pump.prime(&std::mem::take(self.inbound), |_| {});
        self.tunnel = Some(pump);
        self.closing = true;
        self.deadlines.timeouts.request = None;
    }

    /// Moves the rest of the response, and of the request if there is any.
    pub(crate) fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let tunnelled = self.poll_tunnel(cx);
        if self.tunnel.is_none() {
            self.poll_upload(cx)?;
        }
        let down = self.download.poll(cx, self.core, self.server, self.client, |_| {});
        if self.download.has_moved() {
            self.deadlines.moved = self.core.now();
        }
        match down {
            Poll::Ready(Ok(())) if tunnelled.is_ready() => return Poll::Ready(Ok(())),
            Poll::Ready(Ok(())) => {
                // The server has said all; the client is told so, and may go on.
                if Pin::new(&mut *self.client).poll_shutdown(cx).is_ready_and(|done| done.is_err()) {
                    return Poll::Ready(Ok(()));
                }
            }
            Poll::Ready(Err(Broken::Sink(_))) => return Poll::Ready(Err(Failure::ClientGone)),
            Poll::Ready(Err(Broken::Malformed(malformed))) => {
                return Poll::Ready(Err(Failure::Protocol(malformed)));
            }
            Poll::Ready(Err(Broken::Source(_) | Broken::Ended)) => return Poll::Ready(Err(Failure::Reset)),
            Poll::Pending => {}
        }
        if self.tunnel.is_none() {
            self.watch_client(cx)?;
        }
        self.deadlines.poll(cx, self.alarm).map(Err)
    }

    /// Ready when there is no tunnel, or the client's side of it has ended.
    fn poll_tunnel(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(tunnel) = &mut self.tunnel else { return Poll::Ready(()) };
        let up = tunnel.poll(cx, self.core, self.client, self.server, |_| {});
        if tunnel.has_moved() {
            self.deadlines.moved = self.core.now();
        }
        // Broken or ended, the server is told that no more comes.
        ready!(up).ok();
        ready!(Pin::new(&mut *self.server).poll_shutdown(cx)).ok();
        Poll::Ready(())
    }

    /// Notices that the client has gone, and reads its next request ahead.
    fn watch_client(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        while self.upload.is_read() && self.inbound.len() < AHEAD_MAX {
            let mut scratch = self.core.scratch.borrow_mut();
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut *self.client).poll_read(cx, &mut buffer) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => self.inbound.extend_from_slice(buffer.filled()),
                Poll::Ready(_) => return Err(Failure::ClientGone),
            }
        }
        Ok(())
    }

    /// The attempt has failed.
    pub(crate) fn abandon(self) {
        self.core.put_head(self.head);
    }

    /// The response is over; `end` is how.
    pub(crate) fn conclude(mut self, response: &Response, end: Result<(), Failure>) -> Relayed {
        let surplus = !self.download.take_surplus().is_empty();
        let server_reusable = end.is_ok() && response.keep_alive && self.upload.is_done() && !self.deaf && !surplus;
        self.record.sent = self.download.content();
        let broken = end.is_err();
        self.record.failure = end.err();
        self.core.put_head(self.head);
        Relayed { reusable: !broken && !self.closing, server_reusable: server_reusable && !response.switches, broken }
    }
}

/// `Poll::is_ready` with a condition.
trait ReadyAnd<T> {
    fn is_ready_and(self, condition: impl FnOnce(T) -> bool) -> bool;
}

impl<T> ReadyAnd<T> for Poll<T> {
    fn is_ready_and(self, condition: impl FnOnce(T) -> bool) -> bool {
        match self {
            Poll::Ready(value) => condition(value),
            Poll::Pending => false,
        }
    }
}
