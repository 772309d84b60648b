//! Requests through the load balancer at a steady rate, each one accounted for.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde_json::Value;
use tokio::{
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::{Instant, MissedTickBehavior},
};

/// Requests in flight at once; more wait.
const IN_FLIGHT_MAX: usize = 256;
/// How long one request may take before it counts as failed.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How long the first good answer may take.
const FIRST_MAX: Duration = Duration::from_mins(1);

/// So long nothing must fail for the start to be over.
const CALM: Duration = Duration::from_secs(1);

/// What came of requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    versions: BTreeMap<String, usize>,
    pub(crate) failed: usize,
    /// The last failure, in words.
    pub(crate) failure: Option<String>,
    /// Milliseconds each took.
    latencies: Vec<f64>,
}

impl Counts {
    /// All requests.
    pub(crate) fn all(&self) -> usize {
        self.versions.values().sum::<usize>() + self.failed
    }

    /// Requests that `version` answered.
    pub(crate) fn of(&self, version: &str) -> usize {
        self.versions.get(version).copied().unwrap_or(0)
    }

    /// The milliseconds that this `share` of the requests took at most.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_by(f64::total_cmp);
        let index = (share * sorted.len() as f64) as usize;
        sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
    }

    fn add(&mut self, other: &Self) {
        for (version, count) in &other.versions {
            *self.versions.entry(version.clone()).or_default() += count;
        }
        self.failed += other.failed;
        self.failure = other.failure.clone().or(self.failure.take());
        self.latencies.extend(&other.latencies);
    }
}

/// A load that runs until it is stopped.
pub(crate) struct Load {
    shared: Arc<Shared>,
    first: watch::Receiver<bool>,
    running: JoinHandle<()>,
}

struct Shared {
    client: Client<HttpConnector, Empty<Bytes>>,
    target: Uri,
    host: String,
    /// Since the last taking, and of all takings before.
    counts: Mutex<(Counts, Counts)>,
    first: watch::Sender<bool>,
}

impl Load {
    /// Sends `rate` requests a second to `url`, whose name is taken to be this machine's, as `.localhost` names are.
    pub(crate) fn start(url: &str, rate: u32) -> Self {
        let url: Uri = url.parse().unwrap_or_default();
        let (first, is_first) = watch::channel(false);
        let mut builder = Client::builder(TokioExecutor::new());
        let target = format!("http://127.0.0.1:{}{}", url.port_u16().unwrap_or(80), url.path());
        let shared = Arc::new(Shared {
            client: builder.pool_timer(TokioTimer::new()).pool_idle_timeout(Duration::from_secs(5)).build_http(),
            target: target.parse().unwrap_or_default(),
            host: url.authority().map(ToString::to_string).unwrap_or_default(),
            counts: Mutex::default(),
            first,
        });
        let running = tokio::spawn(send(Arc::clone(&shared), rate));
        Self { shared, first: is_first, running }
    }

    /// Waits for the first good answer.
    pub(crate) async fn first_answer(&self) -> Result<()> {
        let mut first = self.first.clone();
        let answered = tokio::time::timeout(FIRST_MAX, first.wait_for(|answered| *answered)).await;
        if answered.is_err() {
            let last = self.counts().failure.unwrap_or_else(|| "nothing answered".to_owned());
            anyhow::bail!("no good answer within {} s; the last one: {last}", FIRST_MAX.as_secs());
        }
        Ok(())
    }

    /// Waits until nothing fails any more of what was sent before there was anybody to answer; that does not count.
    pub(crate) async fn calm(&self) -> Result<()> {
        let calm = async {
            loop {
                *self.shared.counts() = (Counts::default(), Counts::default());
                tokio::time::sleep(CALM).await;
                if self.counts().failed == 0 {
                    return;
                }
            }
        };
        let calmed = tokio::time::timeout(FIRST_MAX, calm).await;
        calmed.with_context(|| format!("requests go on failing: {}", self.counts().failure.unwrap_or_default()))
    }

    /// What came since the last taking.
    pub(crate) fn counts(&self) -> Counts {
        self.shared.counts().0.clone()
    }

    /// What came since the last taking; counting begins anew.
    pub(crate) fn take(&self) -> Counts {
        let mut counts = self.shared.counts();
        let now = std::mem::take(&mut counts.0);
        counts.1.add(&now);
        now
    }

    /// Ends the load and answers all that came of it.
    pub(crate) async fn stop(self) -> Counts {
        let Self { shared, running, .. } = self;
        running.abort();
        let _ = running.await;
        let mut counts = shared.counts();
        let last = std::mem::take(&mut counts.0);
        counts.1.add(&last);
        counts.1.clone()
    }
}

impl Shared {
    fn counts(&self) -> std::sync::MutexGuard<'_, (Counts, Counts)> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self) -> Result<String> {
        let request = Request::get(self.target.clone()).header(header::HOST, &self.host).body(Empty::new())?;
        let answer =
            tokio::time::timeout(TIMEOUT, self.client.request(request)).await.context("no answer in time")??;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        anyhow::ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        let body: Value = serde_json::from_slice(&body)?;
        Ok(body["version"].as_str().unwrap_or("none").to_owned())
    }

    async fn account(&self) {
        let begun = Instant::now();
        let answer = self.ask().await;
        let mut counts = self.counts();
        counts.0.latencies.push(begun.elapsed().as_secs_f64() * 1000.0);
        match answer {
            Ok(version) => {
                *counts.0.versions.entry(version).or_default() += 1;
                self.first.send_replace(true);
            }
            Err(error) => {
                counts.0.failed += 1;
                counts.0.failure = Some(format!("{error:#}"));
            }
        }
    }
}

async fn send(shared: Arc<Shared>, rate: u32) {
    let slots = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let mut due = tokio::time::interval(Duration::from_secs(1) / rate);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut requests = JoinSet::new();
    loop {
        due.tick().await;
        while requests.try_join_next().is_some() {}
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let shared = Arc::clone(&shared);
        requests.spawn(async move {
            shared.account().await;
            drop(slot);
        });
    }
}
