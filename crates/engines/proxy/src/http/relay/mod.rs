//! One request through the proxy where either side speaks HTTP/2.
//!
//! From HTTP/1.1 to HTTP/1.1 bytes go on as they are framed (see `conversation`). Everything else comes here: the body is
//! taken apart into pieces and put together as the other side frames it, each piece once the one before has been taken,
//! so that a slow receiver holds up its sender. Trailers go on where there is a place for them, and a side that breaks off
//! makes the other break off.
//!
//! - [`side`] is one side: [`one`] is a connection of HTTP/1.1, [`many`] a stream of HTTP/2.
//! - [`upload`] is a request's body, which may have to be sent more than once.
//! - [`attempt`] is the request at one server.

mod attempt;
mod frame;
mod many;
mod one;
mod side;
mod upload;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::AsyncWriteExt,
    time::{sleep, timeout},
};

use self::{attempt::Attempt, many::Many, one::One, side::Side, upload::Upload};
use super::{
    Answer, Application, Call, Failure, Framing, Peer, Record, Request, Upstream, Version,
    client::Client,
    conversation::{Deadlines, Relayed},
    exchange::{CONTINUE_MAX, Next, conclude},
    http2::{Found, Reason, Stream},
};
use crate::{alarm::Alarm, core::Core};

/// How long a client may take to read that its request can't be understood.
const REFUSAL_MAX: Option<Duration> = Some(Duration::from_secs(5));

/// Passes on a request of a client that speaks HTTP/1.1.
pub(super) async fn exchange<A: Application>(
    application: &A,
    client: &mut Client,
    request: &Request,
    call: &mut A::Call,
) -> Next {
    let Client { stream, inbound, alarm, .. } = client;
    let side = Side::One(One::new(stream, inbound, request.framing));
    let mut relay = Relay::new(application, request, call, side, alarm);
    let relayed = relay.run().await;
    let Relay { upload, mut record, deadlines, .. } = relay;
    record.received_at = deadlines.received();
    record.received = upload.content();
    conclude(application, client, request, call, relayed, record, upload.is_read()).await
}

/// Passes on a request that came as a stream, and answers it.
pub(super) async fn serve_stream<A: Application>(application: Rc<A>, stream: Stream, peer: Rc<Peer>) {
    let core = Rc::clone(application.core());
    let mut work = pin!(serve_in_moments(application, stream, peer));
    poll_fn(|cx| core.at_one_moment(|| work.as_mut().poll(cx))).await;
}

async fn serve_in_moments<A: Application>(application: Rc<A>, stream: Stream, peer: Rc<Peer>) {
    let mut request = application.core().take_request();
    let (read, ended) = stream.read_request(|head| request.read_translated(head));
    let mut alarm = Alarm::default();
    if let Err(malformed) = read {
        let answer = application.refuse(Some(malformed), &peer);
        return say(&*application, &mut Many::new(stream), &answer, false, &mut alarm, REFUSAL_MAX).await;
    }
    if ended {
        request.framing = Framing::None;
    }
    let mut call = application.call(&mut request, &peer);
    let side = Side::Many(Many::new(stream));
    let mut relay = Relay::new(&*application, &request, &mut call, side, &mut alarm);
    let relayed = relay.run().await;
    let Relay { upload, mut record, deadlines, mut client, .. } = relay;
    record.received_at = deadlines.received();
    record.received = upload.content();
    if let Err(failure) = relayed {
        if let Side::Many(many) = &mut client
            && !matches!(failure, Failure::ClientGone)
        {
            let answer = call.answer(&request, &failure);
            record.status = answer.status;
            record.sent = if request.is_head() { 0 } else { answer.body.len() as u64 };
            let idle = call.timeouts().idle;
            say(&*application, many, &answer, request.is_head(), &mut alarm, idle).await;
        }
        record.failure = Some(failure);
    }
    record.ended = application.core().now();
    call.finish(&request, &record);
    application.core().put_request(request);
}

/// Answers a stream by ourselves; gives up when nothing moves for `idle`.
async fn say<A: Application>(
    application: &A,
    client: &mut Many,
    answer: &Answer,
    is_head: bool,
    alarm: &mut Alarm,
    idle: Option<Duration>,
) {
    let mut head = Vec::new();
    let server = application.server();
    application.core().date(|date| answer.write(server, date, false, true, &mut head));
    let bodiless = is_head || answer.body.is_empty() || matches!(answer.status, 204 | 304);
    match client.stream.respond(&head, bodiless) {
        Ok(()) if !bodiless => {
            client.put(frame::Frame::Data { bytes: Bytes::from(answer.body.to_vec()), last: true });
            let due = idle.map(|idle| application.core().now() + idle);
            // A client that does not take it has had its chance.
            let _ = alarm.within(due, poll_fn(|cx| client.poll_taken(cx))).await;
        }
        Ok(()) | Err(Failure::ClientGone) => {}
        Err(_) => client.stream.reset(Reason::INTERNAL_ERROR),
    }
}

/// One request, and what it has.
struct Relay<'a, A: Application> {
    application: &'a A,
    core: &'a Core,
    request: &'a Request,
    call: &'a mut A::Call,
    client: Side<'a>,
    alarm: &'a mut Alarm,
    upload: Upload,
    deadlines: Deadlines,
    record: Record,
    /// The client was told to go on.
    continued: bool,
}

impl<'a, A: Application> Relay<'a, A> {
    fn new(
        application: &'a A,
        request: &'a Request,
        call: &'a mut A::Call,
        client: Side<'a>,
        alarm: &'a mut Alarm,
    ) -> Self {
        let started = application.core().now();
        let keep = call.may_retry() || request.is_idempotent();
        let upload = Upload::new(request.framing == Framing::None, keep);
        let deadlines = Deadlines::new(call.timeouts(), started, upload.is_read());
        let core = application.core();
        let record = Record::new(started);
        Self { application, core, request, call, client, alarm, upload, deadlines, record, continued: false }
    }

    async fn run(&mut self) -> Result<Relayed, Failure> {
        loop {
            let failure = match self.attempt().await {
                Ok(relayed) => return Ok(relayed),
                Err(failure) => failure,
            };
            let wait = self.wait_before_another(&failure).ok_or(failure)?;
            self.deadlines.within(self.alarm, sleep(wait)).await?;
            self.upload.restart();
        }
    }

    /// How long to wait before another attempt; none if there is none.
    fn wait_before_another(&mut self, failure: &Failure) -> Option<Duration> {
        match failure {
            Failure::Status(_, wait) => Some(*wait),
            Failure::Connect(_)
            | Failure::ConnectTimeout
            | Failure::Reset
            | Failure::Refused
            | Failure::AttemptTimeout
                if self.upload.is_repeatable() =>
            {
                self.call.retry(failure)
            }
            _ => None,
        }
    }

    async fn attempt(&mut self) -> Result<Relayed, Failure> {
        let upstream = self.deadlines.within(self.alarm, self.call.admit()).await??;
        self.record.at(&upstream);
        // A connection that has waited may be about to end: then another is tried.
        let (outcome, stale) = self.at(&upstream).await;
        let judged = outcome.as_ref().err().is_some_and(|failure| self.call.judges(failure));
        if !stale || judged || !self.upload.is_repeatable() {
            return outcome;
        }
        self.upload.restart();
        self.at(&upstream).await.0
    }

    /// Sends the request to a server; the answer is also whether it failed because its connection had been waiting.
    async fn at(&mut self, upstream: &Rc<Upstream>) -> (Result<Relayed, Failure>, bool) {
        let repeatable = self.request.is_idempotent() && self.upload.is_repeatable();
        let find = upstream.find(self.application.core(), self.request.version == Version::Http2, repeatable);
        let found = match self.deadlines.within(self.alarm, find).await {
            Ok(Ok(found)) => found,
            Ok(Err(failure)) | Err(failure) => return (Err(failure), false),
        };
        if let Err(failure) = self.go_on().await {
            return (Err(failure), false);
        }
        self.deadlines.begin_attempt(self.core.now(), self.upload.is_done());
        match found {
            Found::Session(lease) => {
                self.record.by(lease.local(), lease.secured());
                let relayed = Attempt::over_many(self, &lease).await;
                let stale = lease.reused && matches!(relayed, Err(Failure::Refused));
                (relayed, stale)
            }
            Found::Connection(mut connection) => {
                self.record.by(connection.local, connection.stream.session());
                let (reused, mut inbound) = (connection.reused, Vec::new());
                let relayed = Attempt::over_one(self, &mut connection.stream, &mut inbound).await;
                if let Ok(Relayed { server_reusable: true, .. }) = relayed {
                    upstream.put(connection, self.core.now());
                }
                let stale = reused && repeatable && matches!(relayed, Err(Failure::Reset));
                (relayed, stale)
            }
        }
    }

    /// Tells a client that waits for it to send its body.
    async fn go_on(&mut self) -> Result<(), Failure> {
        if !self.request.expects_continue || self.continued || self.upload.is_read() {
            return Ok(());
        }
        self.continued = true;
        match &mut self.client {
            Side::One(one) => {
                let write = one.transport.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
                let written = timeout(CONTINUE_MAX, write).await;
                written.map_err(|_| Failure::ClientGone)?.map_err(|_| Failure::ClientGone)
            }
            Side::Many(many) => many.stream.go_on(),
        }
    }
}
