//! Clients of every protocol, each request on a connection of its own, from where a case says.

use std::{
    collections::BTreeMap,
    net::SocketAddrV4,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use network::Sockets;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::rustls::pki_types::ServerName;

use crate::{
    case::{Protocol, Send},
    certificates::{self, Certificates},
};

/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(20);
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(25);
/// A gRPC message's own head: whether it is compressed, and its length.
const GRPC_HEAD: usize = 5;

type Error = Box<dyn std::error::Error + std::marker::Send + Sync>;

/// Sends requests from one place.
#[derive(Clone)]
pub struct Client {
    sockets: Sockets,
    certificates: Arc<Certificates>,
}

/// A connection, bare or within TLS.
trait Stream: AsyncRead + AsyncWrite + Unpin + std::marker::Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + std::marker::Send> Stream for T {}

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The status, if there was an answer.
    pub status: Option<u16>,
    /// The answer's headers.
    pub headers: BTreeMap<String, String>,
    /// Its trailers.
    pub trailers: BTreeMap<String, String>,
    /// Its body.
    pub body: Vec<u8>,
    /// What the backend says it saw.
    pub seen: Value,
    /// What the server's certificate says: `names`, `issuer`, `serial`.
    pub shown: BTreeMap<String, String>,
    /// Which backend answered, if one did.
    pub from: Option<String>,
    /// How long it took.
    pub elapsed: Duration,
    /// Why there is no (whole) answer.
    pub error: Option<String>,
}

impl Outcome {
    /// Nothing came in all the time there was.
    pub fn is_late(&self) -> bool {
        self.status.is_none() && self.elapsed >= ANSWER_MAX
    }
}

impl Client {
    /// One that opens its connections by `sockets`.
    pub(crate) fn new(sockets: Sockets, certificates: Arc<Certificates>) -> Self {
        Self { sockets, certificates }
    }

    /// Sends what `send` says to `target`, with `key` as its key.
    pub async fn send(&self, send: &Send, target: SocketAddrV4, key: &str) -> Outcome {
        let begun = Instant::now();
        let mut outcome = Outcome::default();
        let exchange = self.exchange(send, target, key, &mut outcome);
        let error = match tokio::time::timeout(ANSWER_MAX, exchange).await {
            Ok(result) => result.err().map(|error| text_of(error.as_ref())),
            Err(_) => Some(format!("no answer in {ANSWER_MAX:?}")),
        };
        outcome.error = error;
        outcome.elapsed = begun.elapsed();
        outcome
    }

    async fn exchange(&self, send: &Send, target: SocketAddrV4, key: &str, outcome: &mut Outcome) -> Result<(), Error> {
        let stream = self.connect(send, target, outcome).await?;
        match send.protocol() {
            Protocol::Tcp => lines(stream, send, outcome).await,
            Protocol::Websocket => websocket(stream, send, key, outcome).await,
            Protocol::Http1 => {
                let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
                tokio::spawn(connection);
                let response = sender.send_request(request(send, key, false)?).await?;
                read(response, outcome).await
            }
            Protocol::Http2 | Protocol::Grpc => {
                let io = TokioIo::new(stream);
                let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
                tokio::spawn(connection);
                let response = sender.send_request(request(send, key, true)?).await?;
                read(response, outcome).await
            }
        }
    }
}

impl Client {
    async fn connect(
        &self,
        send: &Send,
        target: SocketAddrV4,
        outcome: &mut Outcome,
    ) -> Result<Box<dyn Stream>, Error> {
        let stream = self.sockets.connect(None, target, CONNECT_MAX).await?;
        if !send.tls {
            return Ok(Box::new(stream));
        }
        let two = matches!(send.protocol(), Protocol::Http2 | Protocol::Grpc);
        let protocol: &[u8] = if two { b"h2" } else { b"http/1.1" };
        let connector = self.certificates.connector(send.certificate.as_deref(), protocol);
        let stream = connector.connect(ServerName::try_from("client.local")?, stream).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        outcome.shown = shown.map(certificates::read).unwrap_or_default();
        Ok(Box::new(stream))
    }
}

fn text_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The request; HTTP/2 has its authority in the target, HTTP/1.1 in a header.
fn request(send: &Send, key: &str, absolute: bool) -> Result<Request<Full<Bytes>>, Error> {
    let (host, path) = (send.host(), send.path());
    let target = if absolute { format!("http://{host}{path}") } else { path.to_owned() };
    let mut builder = Request::builder().method(send.method()).uri(target).header("x-key", key);
    if !absolute {
        builder = builder.header("host", host);
    }
    for (name, value) in &send.headers {
        builder = builder.header(name, value);
    }
    let mut body = send.body.clone().unwrap_or_default().into_bytes();
    if send.protocol() == Protocol::Grpc {
        builder = builder.header("content-type", "application/grpc").header("te", "trailers");
        let length = u32::try_from(body.len())?.to_be_bytes();
        body = [&[0][..], &length, &body].concat();
    }
    Ok(builder.body(Full::new(body.into()))?)
}

async fn read(response: Response<Incoming>, outcome: &mut Outcome) -> Result<(), Error> {
    outcome.status = Some(response.status().as_u16());
    outcome.headers = map(response.headers());
    outcome.from = outcome.headers.get("x-from").cloned();
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) => outcome.body.extend_from_slice(&data),
            Err(frame) => outcome.trailers = frame.trailers_ref().map(map).unwrap_or_default(),
        }
    }
    let is_grpc = outcome.headers.get("content-type").is_some_and(|kind| kind.starts_with("application/grpc"));
    if is_grpc && outcome.body.len() >= GRPC_HEAD {
        outcome.body.drain(..GRPC_HEAD);
    }
    outcome.seen = serde_json::from_slice(&outcome.body).unwrap_or(Value::Null);
    Ok(())
}

fn map(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        all.entry(name.as_str().to_owned())
            .and_modify(|before| *before = format!("{before}, {value}"))
            .or_insert_with(|| value.into_owned());
    }
    all
}

/// One line there and one back.
async fn lines(mut stream: Box<dyn Stream>, send: &Send, outcome: &mut Outcome) -> Result<(), Error> {
    let line = format!("{}\n", send.body.as_deref().unwrap_or("hello"));
    stream.write_all(line.as_bytes()).await?;
    read_line(&mut stream, outcome).await
}

async fn read_line(stream: &mut (impl AsyncReadExt + Unpin), outcome: &mut Outcome) -> Result<(), Error> {
    let mut bytes = [0; 1024];
    while !outcome.body.ends_with(b"\n") {
        match stream.read(&mut bytes).await? {
            0 => return Err("the connection ended".into()),
            length => outcome.body.extend_from_slice(&bytes[..length]),
        }
    }
    let text = String::from_utf8_lossy(&outcome.body);
    outcome.from = text.split(' ').next().map(str::to_owned);
    Ok(())
}

/// An upgrade, and a line there and back over it.
async fn websocket(stream: Box<dyn Stream>, send: &Send, key: &str, outcome: &mut Outcome) -> Result<(), Error> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection.with_upgrades());
    let mut request = request(send, key, false)?;
    for (name, value) in [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ] {
        request.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    let mut response = sender.send_request(request).await?;
    if response.status() != 101 {
        return read(response, outcome).await;
    }
    outcome.status = Some(101);
    outcome.headers = map(response.headers());
    outcome.seen = outcome.headers.get("x-seen").and_then(|seen| serde_json::from_str(seen).ok()).unwrap_or_default();
    let mut upgraded = TokioIo::new(hyper::upgrade::on(&mut response).await?);
    upgraded.write_all(b"over the socket\n").await?;
    read_line(&mut upgraded, outcome).await
}
