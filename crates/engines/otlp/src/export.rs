//! OTLP out: what comes in is passed on to a collector, by HTTP and protobuf.
//!
//! Traces are kept here whether a collector takes them or not, so nothing waits for one: documents wait in a queue of a
//! limited size, are sent in batches, and again with growing pauses while the collector is away or asks for patience.
//! What finds no room is dropped, counted and told of.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};
use tracing::{debug, warn};

use crate::span;

/// Bytes of documents that wait at most.
const WAITING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Documents in one batch.
const BATCH_MAX: usize = 500;
/// How long a batch that is not full waits for company.
const LINGER: Duration = Duration::from_millis(200);
/// How long one request may take, as OpenTelemetry's exporters have it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The first pause after a failure; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Tries of one batch.
const TRIES_MAX: u32 = 8;
/// The longest answer.
const ANSWER_MAX: usize = 1024 * 1024;
/// The least time between two warnings that something was dropped.
const WARN_INTERVAL: Duration = Duration::from_mins(1);

/// Where spans go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The collector's path for traces.
    pub endpoint: Uri,
    /// What each request says beside.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// A setting makes no sense.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SettingsError {
    /// The address is not one that can be sent to.
    #[error("the OTLP endpoint is `{0}`; http://<host>:<port> is one, such as http://127.0.0.1:4318 (no TLS, no gRPC)")]
    Endpoint(String),
    /// It is the program's own address.
    #[error("the OTLP endpoint {0} is this program's own address: spans would go round for ever")]
    Own(SocketAddr),
    /// The headers make no sense.
    #[error("the OTLP headers are `{0}`, which is not name=value,name=value")]
    Headers(String),
}

impl Settings {
    /// Reads a base address (`/v1/traces` is added, as OpenTelemetry does) and headers, `name=value,name=value`.
    /// `own` is where this program answers.
    pub fn read(endpoint: &str, headers: Option<&str>, own: SocketAddr) -> Result<Self, SettingsError> {
        let wrong = || SettingsError::Endpoint(endpoint.to_owned());
        let base: Uri = endpoint.parse().map_err(|_| wrong())?;
        let (Some("http"), Some(authority)) = (base.scheme_str(), base.authority()) else { return Err(wrong()) };
        let host = authority.host().trim_matches(['[', ']']);
        let is_here = host == own.ip().to_string() || host == "localhost" && own.ip().is_loopback();
        if is_here && authority.port_u16().unwrap_or(80) == own.port() {
            return Err(SettingsError::Own(own));
        }
        let endpoint = format!("http://{authority}{}/v1/traces", base.path().trim_end_matches('/'));
        let endpoint = endpoint.parse().map_err(|_| wrong())?;
        Ok(Self { endpoint, headers: headers.map(read_headers).transpose()?.unwrap_or_default() })
    }
}

fn read_headers(text: &str) -> Result<Vec<(HeaderName, HeaderValue)>, SettingsError> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let read = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim().parse().ok()?, value.trim().parse().ok()?))
    };
    pairs.map(read).collect::<Option<_>>().ok_or_else(|| SettingsError::Headers(text.to_owned()))
}

/// What passes documents on; cheap to clone.
#[derive(Clone)]
pub struct Exporter(Arc<Inner>);

struct Inner {
    settings: Settings,
    waiting: Mutex<Waiting>,
    arrival: Notify,
    sent: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    documents: Vec<String>,
    bytes: usize,
}

/// Why a batch was not taken.
enum Failure {
    /// Trying again may help.
    Away(String),
    /// It will never be taken.
    Refused(String),
}

impl Exporter {
    /// One that sends to what `settings` say, once it runs.
    pub fn new(settings: Settings) -> Self {
        let (sent, dropped) = (AtomicU64::new(0), AtomicU64::new(0));
        Self(Arc::new(Inner { settings, waiting: Mutex::default(), arrival: Notify::new(), sent, dropped }))
    }

    /// Takes documents to be sent; what finds no room is dropped.
    pub fn push(&self, documents: &[&str]) {
        let mut waiting = self.waiting();
        let mut dropped = 0;
        for document in documents {
            if waiting.bytes + document.len() > WAITING_BYTES_MAX {
                dropped += 1;
                continue;
            }
            waiting.bytes += document.len();
            waiting.documents.push((*document).to_owned());
        }
        drop(waiting);
        self.0.dropped.fetch_add(dropped, Ordering::Relaxed);
        self.0.arrival.notify_one();
    }

    /// Documents that were sent, and that were dropped.
    pub fn counts(&self) -> (u64, u64) {
        (self.0.sent.load(Ordering::Relaxed), self.0.dropped.load(Ordering::Relaxed))
    }

    /// Sends what comes, for ever.
    pub async fn run(self) {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (mut told, mut warned) = (0, None::<Instant>);
        loop {
            while self.waiting().documents.is_empty() {
                self.0.arrival.notified().await;
            }
            if self.waiting().documents.len() < BATCH_MAX {
                sleep(LINGER).await;
            }
            let batch = self.take();
            let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
            match self.deliver(&client, &batch).await {
                Ok(()) => _ = self.0.sent.fetch_add(count, Ordering::Relaxed),
                Err(reason) => {
                    self.0.dropped.fetch_add(count, Ordering::Relaxed);
                    debug!(reason, count, "A batch of segments was given up.");
                }
            }
            let (sent, dropped) = self.counts();
            if dropped > told && warned.is_none_or(|at| at.elapsed() > WARN_INTERVAL) {
                warn!(sent, dropped, endpoint = %self.0.settings.endpoint, "The OTLP collector does not take all segments.");
                (told, warned) = (dropped, Some(Instant::now()));
            }
        }
    }

    fn take(&self) -> Vec<String> {
        let mut waiting = self.waiting();
        let count = waiting.documents.len().min(BATCH_MAX);
        let batch: Vec<_> = waiting.documents.drain(..count).collect();
        waiting.bytes -= batch.iter().map(String::len).sum::<usize>();
        batch
    }

    async fn deliver(&self, client: &Client<HttpConnector, Full<Bytes>>, batch: &[String]) -> Result<(), String> {
        let resource_spans: Vec<_> = batch.iter().filter_map(|document| span::spans(document)).collect();
        if resource_spans.is_empty() {
            return Ok(());
        }
        let body = Bytes::from(ExportTraceServiceRequest { resource_spans }.encode_to_vec());
        let mut pause = PAUSE_MIN;
        for attempt in 1.. {
            match self.send(client, body.clone()).await {
                Ok(()) => return Ok(()),
                Err(Failure::Refused(reason)) => return Err(reason),
                Err(Failure::Away(reason)) if attempt == TRIES_MAX => return Err(reason),
                Err(Failure::Away(reason)) => {
                    debug!(reason, ?pause, "The collector can't be reached.");
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
        Ok(())
    }

    async fn send(&self, client: &Client<HttpConnector, Full<Bytes>>, body: Bytes) -> Result<(), Failure> {
        let mut request = Request::post(self.0.settings.endpoint.clone());
        request = request.header(header::CONTENT_TYPE, "application/x-protobuf");
        for (name, value) in &self.0.settings.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).map_err(|error| Failure::Refused(error.to_string()))?;
        let exchange = async {
            let (parts, body) = client.request(request).await.map_err(|error| error.to_string())?.into_parts();
            let body = Limited::new(body, ANSWER_MAX).collect().await.map_err(|error| error.to_string())?;
            Ok::<_, String>((parts.status, body.to_bytes()))
        };
        let answer =
            timeout(REQUEST_TIMEOUT, exchange).await.map_err(|_| Failure::Away("no answer in time".to_owned()))?;
        let (status, body) = answer.map_err(Failure::Away)?;
        match status {
            StatusCode::OK => {
                let partial = ExportTraceServiceResponse::decode(body).ok().and_then(|answer| answer.partial_success);
                if let Some(partial) = partial.filter(|partial| partial.rejected_spans > 0) {
                    warn!(
                        rejected = partial.rejected_spans,
                        reason = partial.error_message,
                        "The collector rejects spans."
                    );
                }
                Ok(())
            }
            // Those that OTLP lets be tried again.
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Err(Failure::Away(format!("it answers {status}"))),
            status => Err(Failure::Refused(format!("it answers {status}"))),
        }
    }

    /// A panic in another caller leaves the queue as good as ever.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use axum::{Router, extract::State, routing::post};
    use tokio::{net::TcpListener, sync::mpsc};

    use super::*;

    const OWN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4566);
    /// How long a batch may take on a machine that is busy.
    const PATIENCE: Duration = Duration::from_secs(30);

    fn document(id: u64) -> String {
        format!(
            r#"{{"name":"api","id":"{id:016x}","trace_id":"1-581cf771-a006649127e371903a2de979",
                "start_time":1478293361.25,"end_time":1478293361.5}}"#
        )
    }

    type Answers = Arc<Mutex<VecDeque<StatusCode>>>;

    /// A collector that answers as told, then always OK, and tells how many spans each request had.
    async fn collector(answers: Vec<StatusCode>) -> (SocketAddr, mpsc::UnboundedReceiver<usize>) {
        let (told, telling) = mpsc::unbounded_channel();
        let take = |State((answers, told)): State<(Answers, mpsc::UnboundedSender<usize>)>, body: Bytes| async move {
            let batch = ExportTraceServiceRequest::decode(body).unwrap();
            told.send(batch.resource_spans.iter().map(|spans| spans.scope_spans[0].spans.len()).sum()).unwrap();
            answers.lock().unwrap().pop_front().unwrap_or(StatusCode::OK)
        };
        let state = (Answers::new(Mutex::new(answers.into())), told);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/v1/traces", post(take)).with_state(state);
        tokio::spawn(async move { axum::serve(listener, router).await });
        (address, telling)
    }

    fn exporter(address: SocketAddr) -> Exporter {
        let exporter = Exporter::new(Settings::read(&format!("http://{address}"), None, OWN).unwrap());
        tokio::spawn(exporter.clone().run());
        exporter
    }

    async fn until(exporter: &Exporter, counts: (u64, u64)) {
        let reached = async {
            while exporter.counts() != counts {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{:?}", exporter.counts()));
    }

    #[tokio::test]
    async fn a_batch_is_sent_again_until_it_is_taken() {
        let (address, mut told) = collector(vec![StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS]).await;
        let exporter = exporter(address);
        exporter.push(&[&document(1), &document(2)]);
        for _ in 0..3 {
            assert_eq!(timeout(PATIENCE, told.recv()).await.unwrap(), Some(2));
        }
        until(&exporter, (2, 0)).await;
    }

    #[tokio::test]
    async fn what_is_refused_is_dropped_and_counted_and_the_next_goes_on() {
        let (address, mut told) = collector(vec![StatusCode::BAD_REQUEST]).await;
        let exporter = exporter(address);
        exporter.push(&[&document(1)]);
        until(&exporter, (0, 1)).await;
        exporter.push(&[&document(2)]);
        until(&exporter, (1, 1)).await;
        assert_eq!((told.recv().await, told.recv().await), (Some(1), Some(1)));
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_counted() {
        let exporter = Exporter::new(Settings::read("http://127.0.0.1:4318", None, OWN).unwrap());
        let large = "x".repeat(WAITING_BYTES_MAX / 4);
        for _ in 0..6 {
            exporter.push(&[&large]);
        }
        assert_eq!(exporter.counts(), (0, 2));
        assert_eq!(exporter.take().len(), 4);
    }

    #[test]
    fn addresses_are_read_as_opentelemetry_reads_them() {
        let read = |endpoint: &str, headers| Settings::read(endpoint, headers, OWN);
        let settings = read("http://127.0.0.1:4318/", Some("a=b, c = d=e")).unwrap();
        assert_eq!(settings.endpoint.to_string(), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(settings.headers[1].1, "d=e");
        assert_eq!(read("http://c/base", None).unwrap().endpoint.path(), "/base/v1/traces");
        for own in ["http://127.0.0.1:4566", "http://localhost:4566/"] {
            assert_eq!(read(own, None), Err(SettingsError::Own(OWN)));
        }
        for wrong in ["https://c:4318", "c:4318", "", "http://"] {
            assert!(matches!(read(wrong, None), Err(SettingsError::Endpoint(_))), "{wrong}");
        }
        assert!(matches!(read("http://c", Some("a")), Err(SettingsError::Headers(_))));
    }
}
