//! A client's connection: one request after the other, until either side has enough.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    task::{Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf},
    time::timeout,
};

use super::{
    Answer, Application, Call, Malformed, Patience, Peer, Request, Version,
    exchange::{Next, exchange},
    http2, relay,
};
use crate::{alarm::Alarm, core::Core, model::Codec, tls, transport::Transport};

/// How long a client whose body was not read may go on sending before the connection is closed: closing at once would
/// reset the connection, and the client might lose the answer.
const LINGER: Duration = Duration::from_secs(1);

/// A larger buffer than this is given back while a connection waits.
const IDLE_BUFFER_MAX: usize = 4096;

/// A client, as it is while it has no request on its way.
pub(crate) struct Client {
    pub(crate) stream: Transport,
    pub(crate) peer: Peer,
    /// What was read and belongs to the next request.
    pub(crate) inbound: Vec<u8>,
    pub(crate) alarm: Alarm,
}

/// What came of waiting for a request.
enum Arrived {
    Request,
    /// The client closed, or waited too long before the first byte.
    Nothing,
    /// The head did not end in time.
    Late,
    Refused(Malformed),
}

/// What a client's first bytes say.
enum Greeting {
    Http1,
    Http2,
    /// The client closed, or waited too long before the first byte.
    Nothing,
}

/// Serves a connection to its end.
pub(crate) async fn serve<A: Application>(application: Rc<A>, stream: Transport, peer: Peer) {
    let core = Rc::clone(application.core());
    let mut work = pin!(serve_in_moments(application, stream, peer));
    poll_fn(|cx| core.at_one_moment(|| work.as_mut().poll(cx))).await;
}

async fn serve_in_moments<A: Application>(application: Rc<A>, stream: Transport, peer: Peer) {
    let core = Rc::clone(application.core());
    let mut client = Client { stream, peer, inbound: Vec::new(), alarm: Alarm::default() };
    let agreed = client.stream.protocol();
    match (application.codec(), agreed) {
        (Codec::Http2, _) | (Codec::Auto | Codec::Agreed, Some(tls::Protocol::Http2)) => {
            return Box::pin(http2::serve(application, client.stream, client.peer, client.inbound)).await;
        }
        (Codec::Auto, None) => match client.greets(&core, application.patience()).await {
            Greeting::Http2 => {
                return Box::pin(http2::serve(application, client.stream, client.peer, client.inbound)).await;
            }
            Greeting::Http1 => {}
            Greeting::Nothing => return,
        },
        (Codec::Auto, Some(_)) | (Codec::Agreed | Codec::Http1, _) => {}
    }
    application.see_version(Version::Http11);
    let mut request = Request::default();
    loop {
        let patience = application.patience();
        let refusal = match client.read_request(&core, &mut request, patience).await {
            Arrived::Request => {
                let mut call = application.call(&mut request, &client.peer);
                let next = if call.may_change_version() {
                    Box::pin(relay::exchange(&*application, &mut client, &request, &mut call)).await
                } else {
                    exchange(&*application, &mut client, &request, &mut call).await
                };
                match next {
                    Next::Another => {}
                    Next::Close => return client.stream.finish().await,
                    Next::Reset => return,
                    Next::Linger => return Box::pin(client.linger()).await,
                }
                request.clear();
                continue;
            }
            Arrived::Nothing => return,
            Arrived::Late => application.refuse(None, &client.peer),
            Arrived::Refused(malformed) => application.refuse(Some(malformed), &client.peer),
        };
        client.say(&core, application.server(), &refusal, true, false).await;
        return Box::pin(client.linger()).await;
    }
}

impl Client {
    /// Waits for as many bytes as tell HTTP/2 from HTTP/1: one, as a rule.
    async fn greets(&mut self, core: &Core, patience: Patience) -> Greeting {
        let mut due = patience.idle.map(|idle| core.now() + idle);
        poll_fn(|cx| {
            loop {
                let length = self.inbound.len().min(http2::PREFACE.len());
                if self.inbound[..length] != http2::PREFACE[..length] {
                    return Poll::Ready(Greeting::Http1);
                }
                if length == http2::PREFACE.len() {
                    return Poll::Ready(Greeting::Http2);
                }
                let mut scratch = core.scratch.borrow_mut();
                let mut buffer = ReadBuf::new(&mut scratch);
                match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                    Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                        if length == 0 {
                            due = Some(core.now() + patience.head);
                        }
                        self.inbound.extend_from_slice(buffer.filled());
                    }
                    Poll::Ready(_) => return Poll::Ready(Greeting::Nothing),
                    Poll::Pending => return self.alarm.poll(cx, due).map(|()| Greeting::Nothing),
                }
            }
        })
        .await
    }

    async fn read_request(&mut self, core: &Core, request: &mut Request, patience: Patience) -> Arrived {
        let mut begun = !self.inbound.is_empty();
        let mut due = if begun { Some(core.now() + patience.head) } else { None };
        if begun {
            match request.read(&mut self.inbound) {
                Ok(true) => return Arrived::Request,
                Ok(false) => {}
                Err(malformed) => return Arrived::Refused(malformed),
            }
        } else if self.inbound.capacity() > IDLE_BUFFER_MAX {
            self.inbound = Vec::new();
        }
        poll_fn(|cx| {
            loop {
                let read = {
                    let mut scratch = core.scratch.borrow_mut();
                    let mut buffer = ReadBuf::new(&mut scratch);
                    let read = Pin::new(&mut self.stream).poll_read(cx, &mut buffer);
                    self.inbound.extend_from_slice(buffer.filled());
                    read.map_ok(|()| buffer.filled().len())
                };
                match read {
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Arrived::Nothing),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Pending => {
                        if due.is_none() {
                            due = patience.idle.map(|idle| core.now() + idle);
                        }
                        ready!(self.alarm.poll(cx, due));
                        return Poll::Ready(if begun { Arrived::Late } else { Arrived::Nothing });
                    }
                }
                match request.read(&mut self.inbound) {
                    Ok(true) => return Poll::Ready(Arrived::Request),
                    Ok(false) => {}
                    Err(malformed) => return Poll::Ready(Arrived::Refused(malformed)),
                }
                if !begun {
                    (begun, due) = (true, Some(core.now() + patience.head));
                }
            }
        })
        .await
    }

    /// Writes an answer of our own.
    pub(crate) async fn say(&mut self, core: &Core, server: &str, answer: &Answer, close: bool, is_head: bool) -> bool {
        let mut out = Vec::new();
        core.date(|date| answer.write(server, date, close, is_head, &mut out));
        matches!(timeout(LINGER, self.stream.write_all(&out)).await, Ok(Ok(())))
    }

    /// Reads on for a moment after the last answer, so that it is not lost.
    pub(crate) async fn linger(mut self) {
        let mut rest = [0; 4096];
        let drain = async {
            if self.stream.shutdown().await.is_ok() {
                while matches!(self.stream.read(&mut rest).await, Ok(1..)) {}
            }
        };
        // If it takes too long the client has had its chance.
        let _ = timeout(LINGER, drain).await;
    }
}
