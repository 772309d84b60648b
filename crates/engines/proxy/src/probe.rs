//! Asks a server whether it is well.

use std::{fmt, io, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{
    connect::{Connect, Route},
    format::Lookup as _,
    http::{self, Malformed, Security},
    transport::Transport,
};

/// What an HTTP check sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question<'a> {
    pub(crate) path: &'a str,
    pub(crate) host: &'a str,
    pub(crate) user_agent: &'a str,
}

/// How a server is reached.
#[derive(Clone, Copy)]
pub(crate) struct Dial<'a> {
    pub(crate) connect: &'a dyn Connect,
    pub(crate) security: Option<&'a Security>,
    pub(crate) route: &'a Route,
}

/// Why there is no status code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Silence {
    #[error("could not connect")]
    Connect(#[source] io::Error),
    #[error("no answer in time")]
    TimedOut,
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    #[error("the answer is not HTTP: {0}")]
    Malformed(Malformed),
}

/// The method of gRPC's health checks (the gRPC document *health-checking*).
const GRPC_PATH: &str = "/grpc.health.v1.Health/Check";

/// The status of a server that is well.
const SERVING: i32 = 1;

/// What a check by gRPC asks for: the service, all of the server if it is empty.
#[derive(Clone, PartialEq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

/// What a server answers.
#[derive(Clone, PartialEq, Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

impl Dial<'_> {
    async fn open(&self) -> Result<Transport, Silence> {
        let stream = self.connect.connect(self.route).await.map_err(Silence::Connect)?;
        match self.security {
            Some(security) => security.connector.connect(stream, &security.counters).await.map_err(Silence::Connect),
            None => Ok(stream.into()),
        }
    }
}

async fn in_time<T>(within: Duration, work: impl Future<Output = Result<T, Silence>>) -> Result<T, Silence> {
    timeout(within, work).await.unwrap_or(Err(Silence::TimedOut))
}

/// Connects, and that is all.
pub(crate) async fn tcp(dial: Dial<'_>, within: Duration) -> Result<(), Silence> {
    in_time(within, async { dial.open().await.map(drop) }).await
}

/// Sends a `GET` over HTTP/1.1; the answer is the status code.
pub(crate) async fn http(dial: Dial<'_>, question: Question<'_>, within: Duration) -> Result<u16, Silence> {
    in_time(within, ask(dial, question)).await
}

/// Sends a `GET` over HTTP/2; the answer is the status code.
pub(crate) async fn http2(dial: Dial<'_>, question: Question<'_>, within: Duration) -> Result<u16, Silence> {
    let head = head(&dial, "GET", question, "");
    in_time(within, async {
        let asked = http::Question { head, body: Bytes::new(), trailers: false };
        Ok(http::ask(dial.open().await?, asked).await.map_err(Silence::Broken)?.status)
    })
    .await
}

/// Asks by gRPC whether `service` serves; `question`'s path does not count.
pub(crate) async fn grpc(
    dial: Dial<'_>,
    service: &str,
    question: Question<'_>,
    within: Duration,
) -> Result<bool, Silence> {
    let question = Question { path: GRPC_PATH, ..question };
    let head = head(&dial, "POST", question, "content-type: application/grpc\r\n");
    let message = HealthCheckRequest { service: service.to_owned() }.encode_to_vec();
    in_time(within, async {
        let asked = http::Question { head, body: framed(&message), trailers: true };
        let reply = http::ask(dial.open().await?, asked).await.map_err(Silence::Broken)?;
        let good = |lines: &[u8]| http::Lines(lines).first("grpc-status").is_some_and(|status| status == b"0");
        let answered = reply.status == 200 && (good(&reply.trailers) || good(&reply.head));
        Ok(answered && serves(&reply.body))
    })
    .await
}

/// A message as gRPC sends it: not compressed, with its length before it.
fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(5 + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    framed.freeze()
}

/// Whether a body is one message that says that the server serves.
fn serves(body: &[u8]) -> bool {
    let Some(([0, length @ ..], message)) = body.split_first_chunk::<5>() else { return false };
    let whole = usize::try_from(u32::from_be_bytes(*length)).is_ok_and(|length| length == message.len());
    whole && HealthCheckResponse::decode(message).is_ok_and(|response| response.status == SERVING)
}

/// What is asked for, as a head of HTTP/1.1; of the server's own address if no host is named.
fn head(dial: &Dial<'_>, method: &str, question: Question<'_>, fields: &str) -> String {
    let Question { path, host, user_agent } = question;
    let own = dial.route.target.to_string();
    let host = if host.is_empty() { &own } else { host };
    format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: {user_agent}\r\n{fields}\r\n")
}

async fn ask(dial: Dial<'_>, question: Question<'_>) -> Result<u16, Silence> {
    let mut stream = dial.open().await?;
    stream.write_all(question.to_string().as_bytes()).await.map_err(Silence::Broken)?;
    stream.flush().await.map_err(Silence::Broken)?;
    let mut head = http::Head::default();
    let mut bytes = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut bytes).await.map_err(Silence::Broken)? == 0 {
            return Err(Silence::Broken(io::ErrorKind::UnexpectedEof.into()));
        }
        if head.read(&bytes).map_err(Silence::Malformed)?.is_some() {
            let request = http::Request::default();
            let response = http::Response::interpret(&bytes, &mut head, &request).map_err(Silence::Malformed)?;
            return Ok(response.status);
        }
    }
}

impl fmt::Display for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, host, user_agent } = self;
        write!(f, "GET {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: {user_agent}\r\nconnection: close\r\n\r\n")
    }
}
