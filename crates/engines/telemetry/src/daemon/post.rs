//! Batches out: posted to the API, again and again with growing pauses while it is away.

use std::{io, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use names::{Clock, Timestamp};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

use super::{
    buffer::{Buffer, Counts},
    settings::Settings,
};

/// Documents in one batch, as many as the real daemon puts in one.
const BATCH_DOCUMENTS: usize = 50;
/// Bytes in one batch.
const BATCH_BYTES: usize = 1024 * 1024;
/// How long a batch that is not full waits for company.
const LINGER: Duration = Duration::from_millis(500);
/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The first pause after a failure; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// How often the daemon tells the API what it did.
const REPORT_INTERVAL: Duration = Duration::from_mins(1);
/// The longest answer.
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// A request that is about to be sent.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// Its path.
    pub path: &'a str,
    /// Its body.
    pub body: &'a [u8],
    /// Whose segments it is about.
    pub settings: &'a Settings,
    /// The present moment.
    pub now: Timestamp,
    /// Where the signature goes; `Host` is there.
    pub headers: &'a mut HeaderMap,
}

/// Signs a request.
pub type Sign = Box<dyn Fn(Outgoing<'_>) + Send + Sync>;

/// The way to the API.
pub(super) struct Post {
    sign: Sign,
    client: Client<HttpConnector, Full<Bytes>>,
    settings: Settings,
    clock: Clock,
}

impl Post {
    pub(super) fn new(settings: Settings, sign: Sign) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(REQUEST_TIMEOUT));
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { sign, client, settings, clock: Clock::System }
    }

    /// Posts what comes, for ever.
    pub(super) async fn deliver(&self, buffer: &Buffer) {
        let (mut pause, mut reported) = (PAUSE_MIN, Instant::now());
        loop {
            buffer.filled().await;
            if buffer.len() < BATCH_DOCUMENTS {
                sleep(LINGER).await;
            }
            match self.batch(buffer).await {
                Ok(()) => pause = PAUSE_MIN,
                Err(error) => {
                    debug!(%error, ?pause, "The API can't be reached.");
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
            if reported.elapsed() >= REPORT_INTERVAL {
                reported = Instant::now();
                self.report(buffer).await;
            }
        }
    }

    /// Posts all there is; ends early if the API is away.
    pub(super) async fn empty(&self, buffer: &Buffer) {
        while buffer.len() > 0 && self.batch(buffer).await.is_ok() {}
    }

    /// Posts one batch. What was not taken for the API's fault is given back.
    async fn batch(&self, buffer: &Buffer) -> io::Result<()> {
        let mut batch = Batch { documents: buffer.take(BATCH_DOCUMENTS, BATCH_BYTES), buffer };
        let body = json!({ "TraceSegmentDocuments": batch.documents }).to_string();
        let answer = self.send("/TraceSegments", Bytes::from(body)).await?;
        let count = batch.documents.len();
        match answer.status() {
            status if status.is_success() => {
                let refused = refused(answer.body());
                Counts::add(&buffer.counts.rejected, refused);
                Counts::add(&buffer.counts.sent, count.saturating_sub(refused));
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(io::Error::other(format!("the API answered {status}")));
            }
            status => {
                warn!(%status, count, answer = %String::from_utf8_lossy(answer.body()), "Segments were refused.");
                Counts::add(&buffer.counts.rejected, count);
            }
        }
        batch.documents.clear();
        Ok(())
    }

    /// Sends `body` to `path` of the API and gives its answer, whatever it is.
    pub(super) async fn send(&self, path: &str, body: Bytes) -> io::Result<Response<Bytes>> {
        let authority = self.settings.endpoint.authority().map_or("", |authority| authority.as_str());
        let mut request = Request::post(format!("http://{authority}{path}"))
            .header(header::HOST, authority)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body.clone()))
            .map_err(io::Error::other)?;
        let (settings, now) = (&self.settings, self.clock.now());
        (self.sign)(Outgoing { path, body: &body, settings, now, headers: request.headers_mut() });
        timeout(REQUEST_TIMEOUT, self.exchange(request)).await?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> io::Result<Response<Bytes>> {
        let (parts, body) = self.client.request(request).await.map_err(io::Error::other)?.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await.map_err(io::Error::other)?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }

    /// Tells what became of documents since the last time, here and to the API.
    async fn report(&self, buffer: &Buffer) {
        let [received, sent, dropped, rejected] = buffer.counts.take();
        info!(received, sent, dropped, rejected, held = buffer.len(), "Segments since the last report.");
        let record = json!({
            "Timestamp": self.clock.now().as_seconds(),
            "SegmentsReceivedCount": received,
            "SegmentsSentCount": sent,
            "SegmentsSpilloverCount": dropped,
            "SegmentsRejectedCount": rejected,
        });
        let body = json!({ "TelemetryRecords": [record] }).to_string();
        if let Err(error) = self.send("/TelemetryRecords", Bytes::from(body)).await {
            debug!(%error, "The report could not be sent.");
        }
    }
}

/// Documents on their way. Whatever ends the attempt, an error or the daemon's own end, what is still in it goes back.
struct Batch<'a> {
    documents: Vec<String>,
    buffer: &'a Buffer,
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.buffer.give_back(std::mem::take(&mut self.documents));
    }
}

/// How many documents of a batch the API did not take.
fn refused(answer: &[u8]) -> usize {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    answer["UnprocessedTraceSegments"].as_array().map_or(0, Vec::len)
}
