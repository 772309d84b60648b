//! Requests that are sent when they are due, whether or not earlier ones were answered, each with its two times.
//!
//! A generator that waited for answers would send less just when things go wrong. What is late being sent is counted: a
//! machine that cannot keep the rate must not pass for one that can.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use http::{Request, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde_json::Value;
use tokio::{sync::Semaphore, task::JoinHandle, time::sleep_until};

/// How long one request may take before it counts as failed.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Idle connections go before the balancer closes them.
const IDLE: Duration = Duration::from_secs(5);
/// Sent so much after it was due, a request was late.
const LATE: Duration = Duration::from_millis(50);
/// Requests under way at once; what would be more counts as failed.
const UNDER_WAY_MAX: usize = 10_000;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// When it was sent, in milliseconds since 1970.
    pub(crate) at: u64,
    /// The version that answered, or what went wrong.
    pub(crate) outcome: Result<String, String>,
    late: bool,
}

/// A load that runs until it is stopped.
pub(crate) struct Load {
    sent: Arc<Mutex<Vec<Sent>>>,
    places: Arc<Semaphore>,
    running: JoinHandle<()>,
}

impl Load {
    /// Sends `rate` requests a second to `url`, whose name is taken to be this machine's.
    pub(crate) fn start(url: &str, rate: u32) -> Self {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let places = Arc::new(Semaphore::new(UNDER_WAY_MAX));
        let running = tokio::spawn(run(url.to_owned(), rate, Arc::clone(&places), Arc::clone(&sent)));
        Self { sent, places, running }
    }

    /// What was answered since the last taking.
    pub(crate) fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut *self.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends it, and waits for what is under way: the next load is not to meet what this one has left.
    pub(crate) async fn stop(self) {
        self.running.abort();
        let all = u32::try_from(UNDER_WAY_MAX).unwrap_or(u32::MAX);
        // What is not over by then has failed.
        let _over = tokio::time::timeout(TIMEOUT, self.places.acquire_many(all)).await;
    }
}

/// Milliseconds since 1970, as the house tells the time.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The part of `sent` that was late, in percent.
pub(crate) fn late(sent: &[Sent]) -> f64 {
    let late = sent.iter().filter(|sent| sent.late).count();
    real(late) / real(sent.len().max(1)) * 100.0
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests")]
pub(crate) fn real(count: usize) -> f64 {
    count as f64
}

async fn run(url: String, rate: u32, places: Arc<Semaphore>, all: Arc<Mutex<Vec<Sent>>>) {
    let url: Uri = url.parse().unwrap_or_default();
    let target = format!("http://127.0.0.1:{}{}", url.port_u16().unwrap_or(80), url.path());
    let target: Uri = target.parse().unwrap_or_default();
    let host: Arc<str> = url.authority().map(ToString::to_string).unwrap_or_default().into();
    let mut builder = Client::builder(TokioExecutor::new());
    let client: Client<HttpConnector, Empty<Bytes>> =
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).build_http();
    let begun = Instant::now();
    for number in 0.. {
        let due = begun + Duration::from_secs(1) * number / rate;
        sleep_until(due.into()).await;
        let late = due.elapsed() > LATE;
        let (client, target, host, all) = (client.clone(), target.clone(), Arc::clone(&host), Arc::clone(&all));
        let place = Arc::clone(&places).try_acquire_owned();
        tokio::spawn(async move {
            let at = now();
            let outcome = match place {
                Ok(_place) => tokio::time::timeout(TIMEOUT, ask(&client, target, &host)).await,
                Err(_) => Ok(Err(format!("{UNDER_WAY_MAX} requests were under way already"))),
            };
            let outcome = outcome.unwrap_or_else(|_| Err("no answer in time".to_owned()));
            all.lock().unwrap_or_else(PoisonError::into_inner).push(Sent { at, outcome, late });
        });
    }
}

async fn ask(client: &Client<HttpConnector, Empty<Bytes>>, target: Uri, host: &str) -> Result<String, String> {
    let request = Request::get(target).header(header::HOST, host).body(Empty::new()).map_err(|e| e.to_string())?;
    let answer = client.request(request).await.map_err(|error| format!("{error:?}"))?;
    let status = answer.status();
    let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    if !status.is_success() {
        return Err(format!("{status}: {}", String::from_utf8_lossy(&body)));
    }
    let body: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    Ok(body["version"].as_str().unwrap_or("none").to_owned())
}
