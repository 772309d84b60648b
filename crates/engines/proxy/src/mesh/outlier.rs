//! Endpoints that fail requests are left out for a while, by Envoy's rules.
//!
//! Cores report what came of requests where the endpoint is: a few counters, touched only where there is something to
//! detect. The request that is one too many leaves the endpoint out at once; a clock of the cluster's own lets it back in,
//! later each time.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicBool, AtomicU32, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use super::endpoint::{Endpoint, EndpointSet};
use crate::{
    model::{OutlierDetection, Streak},
    stats::OutlierCounters,
};

/// What is held against an endpoint; it outlives changes of the endpoint's settings.
#[derive(Debug, Default)]
pub(crate) struct Conduct {
    server_errors: AtomicU32,
    gateway_failures: AtomicU32,
    local_failures: AtomicU32,
    /// Of the present interval.
    successes: AtomicU64,
    total: AtomicU64,
    out: AtomicBool,
    sentence: Mutex<Sentence>,
}

/// Since when an endpoint is left out, and how often it was lately.
#[derive(Debug, Default)]
struct Sentence {
    since: Option<Instant>,
    times: u32,
}

impl Conduct {
    /// Whether the endpoint is left out.
    pub(crate) fn is_out(&self) -> bool {
        self.out.load(Acquire)
    }

    fn sentence(&self) -> std::sync::MutexGuard<'_, Sentence> {
        self.sentence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The server answered with this status.
    Answered(u16),
    /// It did not come to an answer; the status that the client was told instead.
    Failed(u16),
}

/// Why an endpoint is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    ServerErrors,
    GatewayFailures,
    LocalFailures,
    SuccessRate,
    FailurePercentage,
}

/// Watches the endpoints of a cluster.
#[derive(Debug)]
pub(crate) struct Watch {
    cluster: String,
    settings: OutlierDetection,
    set: Mutex<Arc<EndpointSet>>,
    counters: Arc<OutlierCounters>,
}

impl Watch {
    /// Begins to watch. It goes on as long as the handle lives.
    pub(crate) fn start(
        cluster: &str,
        settings: OutlierDetection,
        set: Arc<EndpointSet>,
        counters: Arc<OutlierCounters>,
    ) -> (Arc<Self>, AbortOnDropHandle<()>) {
        let watch = Arc::new(Self { cluster: cluster.to_owned(), settings, set: Mutex::new(set), counters });
        let running = Arc::clone(&watch);
        (watch, AbortOnDropHandle::new(tokio::spawn(async move { running.run().await })))
    }

    /// What it goes by.
    pub(crate) fn settings(&self) -> &OutlierDetection {
        &self.settings
    }

    /// Watches these endpoints from now on.
    pub(crate) fn set_endpoints(&self, set: Arc<EndpointSet>) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = set;
        self.count();
    }

    fn set(&self) -> Arc<EndpointSet> {
        Arc::clone(&self.set.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes in what came of a request to `endpoint`. `random` decides where reasons are enforced by chance.
    pub(crate) fn report(&self, endpoint: &Endpoint, outcome: Outcome, random: u64) {
        let conduct = &endpoint.conduct;
        let status = match outcome {
            Outcome::Answered(status) => {
                forget(&conduct.local_failures);
                status
            }
            Outcome::Failed(_) if self.settings.split_local_origin => {
                self.strike(
                    endpoint,
                    &conduct.local_failures,
                    self.settings.local_failures,
                    Reason::LocalFailures,
                    random,
                );
                return;
            }
            Outcome::Failed(status) => status,
        };
        if self.settings.success_rate.enforcing > 0 || self.settings.failure_percentage.enforcing > 0 {
            conduct.total.fetch_add(1, Relaxed);
            conduct.successes.fetch_add(u64::from(status < 500), Relaxed);
        }
        if status < 500 {
            forget(&conduct.server_errors);
            forget(&conduct.gateway_failures);
            return;
        }
        if matches!(status, 502..=504) {
            let settings = self.settings.gateway_failures;
            self.strike(endpoint, &conduct.gateway_failures, settings, Reason::GatewayFailures, random);
        } else {
            forget(&conduct.gateway_failures);
        }
        self.strike(endpoint, &conduct.server_errors, self.settings.server_errors, Reason::ServerErrors, random);
    }

    fn strike(&self, endpoint: &Endpoint, count: &AtomicU32, settings: Streak, reason: Reason, random: u64) {
        if settings.limit == 0 || count.fetch_add(1, AcqRel) + 1 < settings.limit {
            return;
        }
        count.store(0, Release);
        self.detected(endpoint, reason, settings.enforcing, random);
    }

    fn detected(&self, endpoint: &Endpoint, reason: Reason, enforcing: u32, random: u64) {
        if endpoint.conduct.is_out() {
            return;
        }
        self.counters.detected[reason as usize].fetch_add(1, Relaxed);
        if random % 100 >= u64::from(enforcing) {
            return;
        }
        let set = self.set();
        let mut sentence = endpoint.conduct.sentence();
        let out = set.endpoints.iter().filter(|other| other.conduct.is_out()).count();
        let room = (out + 1) * 100 <= set.endpoints.len() * self.settings.max_ejection_percent as usize;
        let may = room || (self.settings.always_eject_one && out == 0);
        if !may {
            self.counters.overflow.fetch_add(1, Relaxed);
            return;
        }
        if endpoint.conduct.out.swap(true, AcqRel) {
            return;
        }
        sentence.since = Some(Instant::now());
        sentence.times += 1;
        drop(sentence);
        self.counters.enforced[reason as usize].fetch_add(1, Relaxed);
        self.counters.enforced_total.fetch_add(1, Relaxed);
        let (cluster, address) = (&self.cluster, endpoint.settings.address);
        tracing::info!(%cluster, %address, ?reason, "an endpoint is left out for a while");
        self.count();
        set.changed();
    }

    fn count(&self) {
        let out = self.set().endpoints.iter().filter(|endpoint| endpoint.conduct.is_out()).count();
        self.counters.active.store(out as u64, Relaxed);
    }

    async fn run(&self) {
        let mut ticks = interval(self.settings.interval.max(INTERVAL_MIN));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            self.release();
            self.compare();
        }
    }

    /// Lets endpoints back in that were left out long enough.
    fn release(&self) {
        let set = self.set();
        let longest = self.settings.max_ejection_time.max(self.settings.base_ejection_time);
        let mut released = false;
        for endpoint in &set.endpoints {
            let conduct = &endpoint.conduct;
            let mut sentence = conduct.sentence();
            match sentence.since {
                Some(since) => {
                    let time = self.settings.base_ejection_time.saturating_mul(sentence.times).min(longest);
                    if since.elapsed() >= time {
                        sentence.since = None;
                        for count in [&conduct.server_errors, &conduct.gateway_failures, &conduct.local_failures] {
                            count.store(0, Release);
                        }
                        conduct.out.store(false, Release);
                        released = true;
                        let (cluster, address) = (&self.cluster, endpoint.settings.address);
                        tracing::info!(%cluster, %address, "an endpoint is let back in");
                    }
                }
                // Who behaves for an interval is left out for less the next time.
                None => sentence.times = sentence.times.saturating_sub(1),
            }
        }
        if released {
            self.count();
            set.changed();
        }
    }

    /// Looks how endpoints did in the interval that is over.
    #[expect(clippy::cast_precision_loss, reason = "requests of an interval are fewer than 2^53")]
    fn compare(&self) {
        let set = self.set();
        let seen: Vec<(&Arc<Endpoint>, u64, f64)> = set
            .endpoints
            .iter()
            .map(|endpoint| {
                let conduct = &endpoint.conduct;
                let (total, good) = (conduct.total.swap(0, AcqRel), conduct.successes.swap(0, AcqRel));
                (endpoint, total, good as f64 * 100.0 / total.max(1) as f64)
            })
            .collect();
        let rates = self.settings.success_rate;
        let enough = |volume: u32| {
            seen.iter().filter(move |(_, total, _)| *total >= u64::from(volume.max(1))).collect::<Vec<_>>()
        };
        let compared = enough(rates.request_volume);
        if rates.enforcing > 0 && compared.len() >= rates.minimum_hosts as usize && !compared.is_empty() {
            let count = compared.len() as f64;
            let mean = compared.iter().map(|(_, _, rate)| rate).sum::<f64>() / count;
            let variance = compared.iter().map(|(_, _, rate)| (rate - mean).powi(2)).sum::<f64>() / count;
            let threshold = mean - variance.sqrt() * f64::from(rates.deviation_factor) / 1000.0;
            for (endpoint, _, _) in compared.iter().filter(|(_, _, rate)| *rate < threshold) {
                self.detected(endpoint, Reason::SuccessRate, rates.enforcing, rand::random());
            }
        }
        let failures = self.settings.failure_percentage;
        let compared = enough(failures.request_volume);
        if failures.enforcing > 0 && compared.len() >= failures.minimum_hosts as usize {
            let threshold = f64::from(failures.threshold);
            for (endpoint, _, _) in compared.iter().filter(|(_, _, rate)| 100.0 - *rate >= threshold) {
                self.detected(endpoint, Reason::FailurePercentage, failures.enforcing, rand::random());
            }
        }
    }
}

/// It is not looked more often than this.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

/// Nothing is written where there is nothing to forget: endpoints are shared between cores.
fn forget(count: &AtomicU32) {
    if count.load(Relaxed) != 0 {
        count.store(0, Release);
    }
}
