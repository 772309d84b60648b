//! Servers that tell what reached them: HTTP/1.1 and HTTP/2 on one port, gRPC, WebSocket, plain TCP.
//!
//! A request's `x-do` says what to do with it, as steps that are used up one attempt after the other: `503*2` answers
//! the first two attempts with 503 and the others well, `q=500` answers with 500 wherever it reaches `q`. Attempts are counted by the request's `x-key`, over all
//! backends, so a case sees every retry and where it went.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    net::{Ipv4Addr, SocketAddrV4},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use network::Sockets;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_rustls::TlsAcceptor;

use crate::certificates::Certificates;

/// Ports that speak HTTP/1.1, HTTP/2 and gRPC.
const HTTP_PORTS: [u16; 2] = [3000, 3001];
/// The port that speaks the same within TLS; to the application beside a proxy, TLS is the proxy's affair.
const TLS_PORT: u16 = 3443;
/// Ports that speak lines of text.
const TCP_PORTS: [u16; 2] = [4000, 4001];
/// The backends of one address each, with those of `pool.local` last.
const BACKENDS: [(&str, u8); 6] = [("a", 1), ("b", 2), ("c", 3), ("p", 11), ("q", 12), ("r", 13)];
/// An address with nobody behind it: connections are refused.
const NOBODY: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 99);
/// The path of health checks.
const HEALTH: &str = "/health";
/// The method of gRPC's own health checks.
const GRPC_HEALTH: &str = "/grpc.health.v1.Health/Check";
/// How long a request may take to reach a backend, on a machine that is busy.
const REACHED_MAX: Duration = Duration::from_secs(30);
/// How long a backend that hangs does so.
const HANG: Duration = Duration::from_mins(1);

type Body = BoxBody<Bytes, Infallible>;

/// All backends.
#[derive(Clone, Default)]
pub struct Backends(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Which backends saw a key, one for each attempt.
    attempts: Mutex<BTreeMap<String, Vec<String>>>,
    /// Told at each attempt.
    attempted: Notify,
    sick: Mutex<BTreeSet<String>>,
    /// Health checks seen, by backend.
    checks: Mutex<BTreeMap<String, usize>>,
}

/// One server: who it is.
#[derive(Clone)]
struct Server {
    name: String,
    port: u16,
    all: Backends,
    tls: Option<TlsAcceptor>,
}

fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 9, 0, last)
}

impl Backends {
    /// The addresses the VPC must have.
    pub fn addresses() -> BTreeSet<Ipv4Addr> {
        BACKENDS.into_iter().map(|(_, last)| address(last)).chain([NOBODY]).collect()
    }

    /// Their names.
    pub fn names() -> BTreeMap<String, Vec<Ipv4Addr>> {
        let own = BACKENDS.into_iter().map(|(name, last)| (format!("{name}.local"), vec![address(last)]));
        let pool = ("pool.local".to_owned(), vec![address(11), address(12), address(13)]);
        let half = ("half.local".to_owned(), vec![address(11), NOBODY]);
        own.chain([pool, half, ("nobody.local".to_owned(), vec![NOBODY])]).collect()
    }

    /// Where the backend `name` is.
    pub fn address_of(name: &str) -> Option<Ipv4Addr> {
        Self::names().get(&format!("{name}.local")).and_then(|addresses| addresses.first().copied())
    }

    /// Starts all of them in the VPC.
    pub async fn start(&self, sockets: &Sockets, certificates: &Certificates) {
        for (name, last) in BACKENDS {
            self.listen(sockets, name, address(last), Some(certificates.acceptor(name))).await;
        }
    }

    /// Starts one called `name` at `address`.
    ///
    /// # Panics
    /// When a port cannot be had.
    pub(crate) async fn listen(&self, sockets: &Sockets, name: &str, address: Ipv4Addr, tls: Option<TlsAcceptor>) {
        for port in HTTP_PORTS.into_iter().chain(TCP_PORTS).chain([TLS_PORT]) {
            let listener = sockets.listen(SocketAddrV4::new(address, port)).await.expect("a backend's port");
            let tls = tls.clone().filter(|_| port == TLS_PORT);
            tokio::spawn(Server { name: name.to_owned(), port, all: self.clone(), tls }.accept(listener));
        }
    }

    /// Makes these fail their health checks, and no others.
    pub fn sicken(&self, names: &BTreeSet<String>) {
        lock(&self.0.sick).clone_from(names);
    }

    /// Which backends saw `key`, attempt by attempt.
    pub fn attempts(&self, key: &str) -> Vec<String> {
        lock(&self.0.attempts).get(key).cloned().unwrap_or_default()
    }

    /// Waits until a backend has seen `key`.
    ///
    /// # Panics
    /// When none does in any reasonable time.
    pub async fn reached(&self, key: &str) {
        let seen = async {
            loop {
                let next = self.0.attempted.notified();
                if !self.attempts(key).is_empty() {
                    return;
                }
                next.await;
            }
        };
        tokio::time::timeout(REACHED_MAX, seen).await.unwrap_or_else(|_| panic!("{key} reaches no backend"));
    }

    /// Health checks that the backend `name` has seen.
    pub fn checks(&self, name: &str) -> usize {
        lock(&self.0.checks).get(name).copied().unwrap_or(0)
    }

    fn is_sick(&self, name: &str) -> bool {
        *lock(&self.0.checks).entry(name.to_owned()).or_default() += 1;
        lock(&self.0.sick).contains(name)
    }

    /// Counts an attempt at `key`; answers how many there were before.
    fn attempt(&self, key: &str, name: &str) -> usize {
        let mut attempts = lock(&self.0.attempts);
        let seen = attempts.entry(key.to_owned()).or_default();
        seen.push(name.to_owned());
        self.0.attempted.notify_waiters();
        seen.len() - 1
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is done with one attempt.
#[derive(Clone, Debug, PartialEq)]
enum Action {
    Answer(u16),
    /// A gRPC status, without a body.
    Grpc(String),
    /// A gRPC status behind a body.
    GrpcLate(String),
    Reset,
    Hang,
    Slow(Duration),
    /// Half the body, then nothing for as long.
    Stall(Duration),
    Large(usize),
}

impl Action {
    /// What `steps` say of attempt `number` at the backend `name`.
    fn of(steps: &str, number: usize, name: &str) -> Self {
        let mut number = number;
        for step in steps.split(',').filter(|step| !step.is_empty()) {
            let (at, step) = step.split_once('=').unwrap_or((name, step));
            if at != name {
                continue;
            }
            let (action, times) = step.split_once('*').unwrap_or((step, "1000"));
            let times = times.parse().unwrap_or(1);
            if number < times {
                return Self::parse(action);
            }
            number -= times;
        }
        Self::Answer(200)
    }

    fn parse(text: &str) -> Self {
        let (word, value) = text.split_once(':').unwrap_or((text, ""));
        let millis = || Duration::from_millis(value.parse().unwrap_or(0));
        match word {
            "grpc" => Self::Grpc(value.to_owned()),
            "grpc-late" => Self::GrpcLate(value.to_owned()),
            "reset" => Self::Reset,
            "hang" => Self::Hang,
            "slow" => Self::Slow(millis()),
            "stall" => Self::Stall(millis()),
            "large" => Self::Large(value.parse().unwrap_or(0)),
            status => Self::Answer(status.parse().unwrap_or(500)),
        }
    }
}

impl Server {
    async fn accept(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let server = self.clone();
            if TCP_PORTS.contains(&self.port) {
                tokio::spawn(server.lines(stream));
            } else if let Some(tls) = self.tls.clone() {
                tokio::spawn(async move {
                    // A handshake that fails is the case's own doing.
                    if let Ok(stream) = tls.accept(stream).await {
                        let shown = stream.get_ref().1.peer_certificates().is_some();
                        server.http(stream, if shown { "mutual" } else { "server" }).await;
                    }
                });
            } else {
                tokio::spawn(server.http(stream, "none"));
            }
        }
    }

    /// Answers each line with who answers and the line; one that says so by `slow:<milliseconds>`, after that time.
    async fn lines(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while matches!(stream.read_line(&mut line).await, Ok(1..)) {
            if let Action::Slow(time) = Action::of(line.split(' ').next().unwrap_or_default(), 0, &self.name) {
                tokio::time::sleep(time).await;
            }
            let answer = format!("{} {line}", self.name);
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
            line.clear();
        }
    }

    async fn http(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, tls: &'static str) {
        let service = service_fn(move |request| {
            let server = self.clone();
            async move { server.answer(request, tls).await }
        });
        let builder = auto::Builder::new(TokioExecutor::new());
        // A connection that ends in the middle is the case's own doing.
        let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
    }

    async fn answer(&self, request: Request<Incoming>, tls: &str) -> Result<Response<Body>, std::io::Error> {
        let path = request.uri().path();
        if path == HEALTH || path == GRPC_HEALTH {
            return Ok(self.health(path == GRPC_HEALTH));
        }
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        let number = match header("x-key") {
            "" => 0,
            key => self.all.attempt(key, &self.name),
        };
        let action = Action::of(header("x-do"), number, &self.name);
        let mut seen = seen(&request, &self.name, self.port, number);
        seen["tls"] = json!(tls);
        if header("upgrade").eq_ignore_ascii_case("websocket") {
            return Ok(self.websocket(request, seen));
        }
        let is_grpc = header("content-type").starts_with("application/grpc");
        let received = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
        let received = received.map_err(std::io::Error::other)?;
        seen["body"] = json!(String::from_utf8_lossy(&received));
        match action {
            Action::Reset => return Err(std::io::Error::other("as the request asks")),
            Action::Hang => tokio::time::sleep(HANG).await,
            Action::Slow(time) => tokio::time::sleep(time).await,
            _ => {}
        }
        Ok(if is_grpc { self.grpc(&action, &seen) } else { self.plain(&action, &seen) })
    }

    fn health(&self, is_grpc: bool) -> Response<Body> {
        let sick = self.all.is_sick(&self.name);
        if is_grpc {
            // A message `HealthCheckResponse` whose status is SERVING or NOT_SERVING.
            let message = vec![0, 0, 0, 0, 2, 8, if sick { 2 } else { 1 }];
            return grpc_answer(self.name.as_str(), message.into(), "0");
        }
        let status = if sick { 503 } else { 200 };
        answer(status, &self.name, "text/plain", frames(vec![Frame::data(Bytes::from_static(b"health"))]))
    }

    fn plain(&self, action: &Action, seen: &Value) -> Response<Body> {
        let text = Bytes::from(seen.to_string());
        let status = if let Action::Answer(status) = action { *status } else { 200 };
        let body = match action {
            Action::Large(size) => frames(vec![Frame::data(vec![b'x'; *size].into())]),
            Action::Stall(time) => stalling(text, *time),
            _ => frames(vec![Frame::data(text)]),
        };
        answer(status, &self.name, "application/json", body)
    }

    fn grpc(&self, action: &Action, seen: &Value) -> Response<Body> {
        let text = seen.to_string();
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes();
        let message = [&[0][..], &length, text.as_bytes()].concat();
        match action {
            Action::Grpc(status) => {
                let mut response = answer(200, &self.name, "application/grpc", frames(Vec::new()));
                response.headers_mut().insert("grpc-status", value(status));
                response
            }
            Action::GrpcLate(status) => grpc_answer(&self.name, message.into(), status),
            Action::Answer(status) if *status != 200 => answer(*status, &self.name, "text/plain", frames(Vec::new())),
            _ => grpc_answer(&self.name, message.into(), "0"),
        }
    }

    /// Takes the upgrade and answers each line as the TCP ports do.
    fn websocket(&self, request: Request<Incoming>, seen: Value) -> Response<Body> {
        let name = self.name.clone();
        tokio::spawn(async move {
            let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
            let mut stream = TokioIo::new(upgraded);
            let mut bytes = [0; 1024];
            while let Ok(length @ 1..) = stream.read(&mut bytes).await {
                let answer = [name.as_bytes(), b" ", &bytes[..length]].concat();
                if stream.write_all(&answer).await.is_err() {
                    return;
                }
            }
        });
        let mut response = answer(101, &self.name, "text/plain", frames(Vec::new()));
        let headers = response.headers_mut();
        headers.remove("content-type");
        headers.insert("connection", value("upgrade"));
        headers.insert("upgrade", value("websocket"));
        headers.insert("x-seen", value(&seen.to_string()));
        response
    }
}

/// What reached a backend, as JSON.
fn seen(request: &Request<Incoming>, name: &str, port: u16, number: usize) -> Value {
    let mut headers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in request.headers() {
        headers.entry(name.as_str()).or_default().push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    let headers: BTreeMap<&str, String> = headers.into_iter().map(|(name, values)| (name, values.join(", "))).collect();
    let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let authority = request.uri().authority().map(ToString::to_string);
    json!({
        "from": name,
        "port": port,
        "attempt": number + 1,
        "method": request.method().as_str(),
        "path": path,
        "protocol": format!("{:?}", request.version()),
        "authority": authority.or_else(|| headers.get("host").cloned()),
        "headers": headers,
    })
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("unprintable"))
}

fn frames(frames: Vec<Frame<Bytes>>) -> Body {
    BodyExt::boxed(StreamBody::new(futures::stream::iter(frames.into_iter().map(Ok))))
}

/// Half of `text`, a pause, and the rest.
fn stalling(text: Bytes, pause: Duration) -> Body {
    let half = text.len() / 2;
    let (first, rest) = (text.slice(..half), text.slice(half..));
    let rest = async move {
        tokio::time::sleep(pause).await;
        Ok(Frame::data(rest))
    };
    let first = futures::future::ready(Ok(Frame::data(first)));
    let stream = futures::StreamExt::chain(futures::stream::once(first), futures::stream::once(rest));
    BodyExt::boxed(StreamBody::new(SyncStream(Box::pin(stream))))
}

/// A stream in a box that may be shared, as bodies in boxes must be.
struct SyncStream(std::pin::Pin<Box<dyn futures::Stream<Item = Result<Frame<Bytes>, Infallible>> + Send + Sync>>);

impl futures::Stream for SyncStream {
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

fn answer(status: u16, from: &str, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert("x-from", value(from));
    response.headers_mut().insert("content-type", HeaderValue::from_static(content_type));
    response
}

/// A message and the status in the trailers.
fn grpc_answer(from: &str, message: Bytes, status: &str) -> Response<Body> {
    let trailers = HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), value(status))]);
    let body = frames(vec![Frame::data(message), Frame::trailers(trailers)]);
    answer(200, from, "application/grpc", body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_used_up_one_attempt_after_the_other() {
        let actions: Vec<Action> = (0..4).map(|number| Action::of("503*2,reset*1", number, "a")).collect();
        assert_eq!(actions, [Action::Answer(503), Action::Answer(503), Action::Reset, Action::Answer(200)]);
        assert_eq!(Action::of("slow:20", 7, "a"), Action::Slow(Duration::from_millis(20)));
        assert_eq!(Action::of("", 0, "a"), Action::Answer(200));
        assert_eq!(Action::of("q=500", 0, "q"), Action::Answer(500));
        assert_eq!(Action::of("q=500", 0, "a"), Action::Answer(200));
    }
}
