//! One request through the proxy: attempts at servers until there is a response, or no more reason to try.

use std::{future::poll_fn, rc::Rc, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    time::{sleep, timeout},
};

use super::{
    Application, Call, Connection, Failure, Record, Request, Upstream,
    client::Client,
    conversation::{Conversation, Deadlines, Relayed},
    upload::Upload,
};
use crate::core::Core;

/// How long it may take to tell a client to go on.
pub(super) const CONTINUE_MAX: Duration = Duration::from_secs(5);

/// What becomes of the client's connection.
pub(crate) enum Next {
    /// Another request may come.
    Another,
    /// It ends.
    Close,
    /// It ends at once, and the client must notice.
    Reset,
    /// It ends, once the client has had time to read the answer.
    Linger,
}

/// Passes `request` on, and answers the client with what came of it.
pub(crate) async fn exchange<A: Application>(
    application: &A,
    client: &mut Client,
    request: &Request,
    call: &mut A::Call,
) -> Next {
    let started = application.core().now();
    let keep = call.may_retry() || request.is_idempotent();
    let mut record = Record::new(started);
    let upload = match Upload::new(request.framing, keep, &mut client.inbound) {
        Ok(upload) => upload,
        Err(malformed) => {
            record.failure = Some(Failure::BadBody(malformed));
            return refuse(application, client, request, call, record, true).await;
        }
    };
    let deadlines = Deadlines::new(call.timeouts(), started, upload.is_read());
    let core = application.core();
    let (continued, distrusts) = (false, false);
    let mut exchange =
        Exchange { application, core, client, request, call, upload, deadlines, record, continued, distrusts };
    let relayed = exchange.run().await;
    let Exchange { client, call, upload, deadlines, mut record, .. } = exchange;
    record.received_at = deadlines.received();
    record.received = upload.content();
    conclude(application, client, request, call, relayed, record, upload.is_read()).await
}

/// The request is over, and `read` is whether the client has said all of it.
pub(super) async fn conclude<A: Application>(
    application: &A,
    client: &mut Client,
    request: &Request,
    call: &mut A::Call,
    relayed: Result<Relayed, Failure>,
    mut record: Record,
    read: bool,
) -> Next {
    match relayed {
        Ok(relayed) => {
            record.ended = application.core().now();
            call.finish(request, &record);
            if read && relayed.reusable { Next::Another } else { close(client, &relayed, read) }
        }
        Err(failure) => {
            record.failure = Some(failure);
            refuse(application, client, request, call, record, !read).await
        }
    }
}

fn close(client: &Client, relayed: &Relayed, read: bool) -> Next {
    if relayed.broken {
        // The client must not take what it has for all there is; a reset says so whatever the framing.
        if let Err(error) = client.stream.set_zero_linger() {
            tracing::debug!(%error, "a connection could not be set to be reset");
        }
        return Next::Reset;
    }
    if read { Next::Close } else { Next::Linger }
}

/// Answers with the failure that `record` ends with.
async fn refuse<A: Application>(
    application: &A,
    client: &mut Client,
    request: &Request,
    call: &mut A::Call,
    mut record: Record,
    unread: bool,
) -> Next {
    let failure = record.failure.take().unwrap_or(Failure::Own);
    let mut next = Next::Close;
    if !matches!(failure, Failure::ClientGone) {
        let answer = call.answer(request, &failure);
        let close = unread || !request.keep_alive || application.closing();
        record.status = answer.status;
        record.sent = if request.is_head() { 0 } else { answer.body.len() as u64 };
        let said = client.say(application.core(), application.server(), &answer, close, request.is_head()).await;
        next = match (said, close) {
            (true, false) => Next::Another,
            (true, true) => Next::Linger,
            (false, _) => Next::Close,
        };
    }
    record.failure = Some(failure);
    record.ended = application.core().now();
    call.finish(request, &record);
    next
}

struct Exchange<'a, A: Application> {
    application: &'a A,
    core: &'a Core,
    client: &'a mut Client,
    request: &'a Request,
    call: &'a mut A::Call,
    upload: Upload,
    deadlines: Deadlines,
    record: Record,
    /// The client was told to go on.
    continued: bool,
    /// A connection that had waited ended; what is tried from now on goes on new ones.
    distrusts: bool,
}

impl<A: Application> Exchange<'_, A> {
    async fn run(&mut self) -> Result<Relayed, Failure> {
        loop {
            let failure = match self.attempt().await {
                Ok(relayed) => return Ok(relayed),
                Err(failure) => failure,
            };
            let wait = self.wait_before_another(&failure).ok_or(failure)?;
            self.deadlines.within(&mut self.client.alarm, sleep(wait)).await?;
            self.upload.restart();
        }
    }

    /// How long to wait before another attempt; none if there is none.
    fn wait_before_another(&mut self, failure: &Failure) -> Option<Duration> {
        match failure {
            Failure::Status(_, wait) => Some(*wait),
            Failure::Connect(_) | Failure::ConnectTimeout | Failure::Reset | Failure::AttemptTimeout
                if self.upload.is_repeatable() =>
            {
                self.call.retry(failure)
            }
            _ => None,
        }
    }

    async fn attempt(&mut self) -> Result<Relayed, Failure> {
        let upstream = self.deadlines.within(&mut self.client.alarm, self.call.admit()).await??;
        self.record.at(&upstream);
        let repeatable = self.request.is_idempotent() && self.upload.is_repeatable();
        if !self.distrusts
            && let Some(connection) = upstream.take(self.core.now(), repeatable)
        {
            match self.converse(connection, &upstream).await {
                Err(failure @ Failure::Reset) => {
                    // Others that have waited may end the same way.
                    self.distrusts = true;
                    // The server closed the connection while it waited, as it may at any time.
                    if !repeatable || !self.upload.is_repeatable() || self.call.judges(&failure) {
                        return Err(failure);
                    }
                    self.upload.restart();
                }
                outcome => return outcome,
            }
        }
        // Most requests find a connection: what others need takes no place in theirs.
        let connect = Box::pin(upstream.connect());
        let connection = self.deadlines.within(&mut self.client.alarm, connect).await??;
        self.converse(connection, &upstream).await
    }

    async fn converse(&mut self, mut connection: Connection, upstream: &Rc<Upstream>) -> Result<Relayed, Failure> {
        if self.request.expects_continue && !self.continued && !self.upload.is_read() {
            self.continued = true;
            let write = self.client.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
            let written = timeout(CONTINUE_MAX, write).await;
            written.map_err(|_| Failure::ClientGone)?.map_err(|_| Failure::ClientGone)?;
        }
        self.record.by(connection.local, connection.stream.session());
        self.deadlines.begin_attempt(self.core.now(), self.upload.is_done());
        let closing = !self.request.keep_alive || self.application.closing();
        let mut conversation = Conversation::new(
            self.core,
            self.call,
            self.request,
            &mut self.upload,
            &mut self.deadlines,
            &mut self.record,
            self.client,
            &mut connection.stream,
            closing,
        );
        let head = poll_fn(|cx| conversation.poll_head(cx)).await;
        let relayed = match head {
            Ok(response) => {
                let end = poll_fn(|cx| conversation.poll_body(cx)).await;
                Ok(conversation.conclude(&response, end))
            }
            Err(failure) => {
                conversation.abandon();
                Err(failure)
            }
        };
        if let Ok(Relayed { server_reusable: true, .. }) = relayed {
            upstream.put(connection, self.core.now());
        }
        relayed
    }
}
