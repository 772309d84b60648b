//! Active health checks of a cluster's endpoints, by Envoy's rules.
//!
//! A new endpoint is unhealthy until its first check passes. From then on it takes as many failures in a row as the
//! configuration says to make it unhealthy, except for an answer with an unexpected status, which does at once: the
//! server itself says that it is not well.

use std::sync::{
    Arc,
    atomic::{
        AtomicBool, AtomicUsize,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
};

use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval},
};
use tokio_util::task::AbortOnDropHandle;

use super::endpoint::{Endpoint, News};
use crate::{
    connect::{Connect, Route},
    http::Security,
    model::{HealthCheck, Probe},
    probe::{self, Dial, Question},
    stats::{HealthCounters, OutlierCounters},
};

/// What checks call themselves, as Envoy's do.
const USER_AGENT: &str = "Envoy/HC";

/// Whether a cluster is ready to be used: its endpoints are known, and each was checked once.
#[derive(Debug, Default)]
pub(crate) struct Warmth {
    discovered: AtomicBool,
    unchecked: AtomicUsize,
    /// A secret for its connections has not come.
    insecure: AtomicBool,
    changed: Notify,
}

impl Warmth {
    /// The endpoints are known.
    pub(crate) fn discovered(&self) {
        self.discovered.store(true, Release);
        self.changed.notify_waiters();
    }

    /// Whether all secrets for its connections have come.
    pub(crate) fn secured(&self, secured: bool) {
        self.insecure.store(!secured, Release);
        self.changed.notify_waiters();
    }

    pub(crate) fn is_warm(&self) -> bool {
        self.discovered.load(Acquire) && !self.insecure.load(Acquire) && self.unchecked.load(Acquire) == 0
    }

    /// Waits until the cluster is ready.
    pub(crate) async fn wait(&self) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.is_warm() {
                return;
            }
            changed.await;
        }
    }
}

/// A check whose first answer is yet to come.
struct Unchecked(Arc<Warmth>);

impl Unchecked {
    fn new(warmth: &Arc<Warmth>) -> Self {
        warmth.unchecked.fetch_add(1, AcqRel);
        Self(Arc::clone(warmth))
    }
}

impl Drop for Unchecked {
    fn drop(&mut self) {
        self.0.unchecked.fetch_sub(1, AcqRel);
        self.0.changed.notify_waiters();
    }
}

/// What a check needs besides its endpoint.
#[derive(Clone)]
pub(crate) struct Checking {
    pub(crate) cluster: String,
    pub(crate) connect: Arc<dyn Connect>,
    /// How connections are secured, if they are.
    pub(crate) security: Option<Security>,
    pub(crate) counters: Arc<HealthCounters>,
    /// What those count who leave endpoints out that fail requests.
    pub(crate) outliers: Arc<OutlierCounters>,
    pub(crate) warmth: Arc<Warmth>,
    pub(crate) news: News,
}

impl Checking {
    /// Checks `endpoint` by the check with number `number`, until the handle is dropped.
    pub(crate) fn start(&self, endpoint: &Arc<Endpoint>, number: usize, check: &HealthCheck) -> AbortOnDropHandle<()> {
        let unchecked = endpoint.is_failing().then(|| Unchecked::new(&self.warmth));
        let (checking, endpoint, check) = (self.clone(), Arc::clone(endpoint), check.clone());
        AbortOnDropHandle::new(tokio::spawn(async move { checking.run(&endpoint, number, &check, unchecked).await }))
    }

    async fn run(&self, endpoint: &Endpoint, number: usize, check: &HealthCheck, unchecked: Option<Unchecked>) {
        let mut unchecked = unchecked;
        let mut ticks = interval(check.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut streak = Streak { passing: !endpoint.is_failing(), first: endpoint.is_failing(), length: 0 };
        loop {
            ticks.tick().await;
            self.counters.attempt.fetch_add(1, Relaxed);
            let outcome = self.ask(endpoint, check).await;
            let counter = if outcome == Outcome::Good { &self.counters.success } else { &self.counters.failure };
            counter.fetch_add(1, Relaxed);
            let passing = streak.after(outcome, check);
            if endpoint.set_passing(number, passing) {
                let (cluster, address) = (&self.cluster, endpoint.settings.address);
                tracing::info!(%cluster, %address, passing, "the health of an endpoint has changed");
                self.news.tell();
            }
            drop(unchecked.take());
        }
    }

    async fn ask(&self, endpoint: &Endpoint, check: &HealthCheck) -> Outcome {
        let mut target = endpoint.settings.address;
        target.set_port(check.port.unwrap_or(target.port()));
        let route = Route { network: String::new(), source: None, target };
        let dial = Dial { connect: &*self.connect, security: self.security.as_ref(), route: &route };
        let answer = match &check.probe {
            Probe::Tcp => probe::tcp(dial, check.timeout).await.map(|()| true),
            Probe::Http { path, host, expected, http2 } => {
                let question = Question { path, host, user_agent: USER_AGENT };
                let status = match http2 {
                    true => probe::http2(dial, question, check.timeout).await,
                    false => probe::http(dial, question, check.timeout).await,
                };
                status.map(|status| expected.iter().any(|(first, last)| (*first..=*last).contains(&status)))
            }
            Probe::Grpc { service, authority } => {
                let host = if authority.is_empty() { &self.cluster } else { authority };
                let question = Question { path: "", host, user_agent: USER_AGENT };
                probe::grpc(dial, service, question, check.timeout).await
            }
        };
        match answer {
            Ok(true) => Outcome::Good,
            Ok(false) => {
                tracing::debug!(cluster = self.cluster, %route, "an endpoint says it is not well");
                Outcome::Unwell
            }
            Err(silence) => {
                tracing::debug!(cluster = self.cluster, %route, error = %silence, "an endpoint does not answer");
                Outcome::Silent
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Good,
    /// It answered with a status that is not among the expected ones.
    Unwell,
    /// It did not answer.
    Silent,
}

/// How an endpoint has done lately.
#[derive(Clone, Copy, Debug)]
struct Streak {
    passing: bool,
    first: bool,
    /// How many checks in a row have said otherwise.
    length: u32,
}

impl Streak {
    /// Whether the endpoint passes, now that a check had this outcome.
    fn after(&mut self, outcome: Outcome, check: &HealthCheck) -> bool {
        let first = std::mem::replace(&mut self.first, false);
        if (outcome == Outcome::Good) == self.passing {
            self.length = 0;
            return self.passing;
        }
        self.length += 1;
        let wanted = match outcome {
            Outcome::Good if first => 1,
            Outcome::Good => check.healthy_threshold,
            Outcome::Unwell => 1,
            Outcome::Silent => check.unhealthy_threshold,
        };
        if self.length >= wanted {
            (self.passing, self.length) = (!self.passing, 0);
        }
        self.passing
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_first_check_decides_and_later_ones_need_a_streak() {
        use Outcome::{Good, Silent, Unwell};
        let check = HealthCheck {
            probe: Probe::Tcp,
            timeout: Duration::from_secs(1),
            interval: Duration::from_secs(1),
            unhealthy_threshold: 3,
            healthy_threshold: 2,
            port: None,
        };
        let mut streak = Streak { passing: false, first: true, length: 0 };
        for (step, (outcome, passing)) in [
            (Good, true),
            (Silent, true),
            (Silent, true),
            (Good, true),
            (Silent, true),
            (Silent, true),
            (Silent, false),
            (Good, false),
            (Silent, false),
            (Good, false),
            (Good, true),
            (Unwell, false),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(streak.after(outcome, &check), passing, "step {step}");
        }
    }

    #[tokio::test]
    async fn a_cluster_is_warm_when_it_is_discovered_and_all_were_checked() {
        let warmth = Arc::new(Warmth::default());
        let (first, second) = (Unchecked::new(&warmth), Unchecked::new(&warmth));
        let waiting = tokio::spawn({
            let warmth = Arc::clone(&warmth);
            async move { warmth.wait().await }
        });
        warmth.discovered();
        drop(first);
        assert!(!warmth.is_warm());
        drop(second);
        waiting.await.unwrap();
    }
}
