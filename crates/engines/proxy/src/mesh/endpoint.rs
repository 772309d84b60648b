//! The endpoints of a cluster, as all cores see them.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{
            AtomicU8, AtomicU64,
            Ordering::{AcqRel, Acquire},
        },
    },
};

use super::outlier::Conduct;
use crate::{
    model,
    stats::{Counter, Gauge, PerCore},
};

/// The most health checks of a cluster: the bits of a byte.
pub(crate) const CHECKS_MAX: usize = 8;

/// One endpoint.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// What the configuration says.
    pub(crate) settings: model::Endpoint,
    /// A bit for each health check that it does not pass, or has not passed yet.
    failing: AtomicU8,
    /// What is held against it.
    pub(crate) conduct: Arc<Conduct>,
    /// What went to it.
    pub(crate) counters: PerCore<EndpointCounters>,
}

/// What went to an endpoint.
#[derive(Debug, Default)]
pub(crate) struct EndpointCounters {
    pub(crate) rq_total: Counter,
    pub(crate) rq_success: Counter,
    pub(crate) rq_error: Counter,
    pub(crate) rq_active: Gauge,
}

impl Endpoint {
    fn new(settings: model::Endpoint, checks: usize) -> Self {
        let failing = AtomicU8::new(u8::try_from((1_u16 << checks.min(CHECKS_MAX)) - 1).unwrap_or(u8::MAX));
        Self { settings, failing, conduct: Arc::default(), counters: PerCore::default() }
    }

    /// Whether requests should go there.
    pub(crate) fn is_healthy(&self) -> bool {
        self.settings.healthy && self.failing.load(Acquire) == 0 && !self.conduct.is_out()
    }

    /// Whether health checks say no, whatever the configuration says.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Acquire) != 0
    }

    /// Takes in what a health check found; whether that is news.
    pub(crate) fn set_passing(&self, check: usize, passing: bool) -> bool {
        let bit = 1 << check.min(CHECKS_MAX - 1);
        let before = if passing { self.failing.fetch_and(!bit, AcqRel) } else { self.failing.fetch_or(bit, AcqRel) };
        (before & bit == 0) != passing
    }
}

/// The endpoints a cluster has at a time.
#[derive(Debug, Default)]
pub(crate) struct EndpointSet {
    pub(crate) endpoints: Vec<Arc<Endpoint>>,
    /// Grows when the health of one changes, so that cores choose anew. Shared by all sets of the cluster.
    version: Arc<AtomicU64>,
}

impl EndpointSet {
    /// The set that follows this one. Who is in both keeps what is known of its health.
    ///
    /// `checks` is the number of health checks that newcomers have yet to pass.
    pub(crate) fn next(&self, endpoints: &[model::Endpoint], checks: usize) -> Self {
        let known: HashMap<SocketAddr, &Arc<Endpoint>> =
            self.endpoints.iter().map(|endpoint| (endpoint.settings.address, endpoint)).collect();
        let keep = |settings: &model::Endpoint| match known.get(&settings.address) {
            Some(endpoint) if endpoint.settings == *settings => Arc::clone(endpoint),
            Some(endpoint) => {
                let mut changed = Endpoint::new(settings.clone(), 0);
                changed.conduct = Arc::clone(&endpoint.conduct);
                changed.failing.store(endpoint.failing.load(Acquire), std::sync::atomic::Ordering::Release);
                Arc::new(changed)
            }
            None => Arc::new(Endpoint::new(settings.clone(), checks)),
        };
        let endpoints = endpoints.iter().map(keep).collect();
        self.changed();
        Self { endpoints, version: Arc::clone(&self.version) }
    }

    /// Whether it has exactly these endpoints, in this order.
    pub(crate) fn is(&self, endpoints: &[model::Endpoint]) -> bool {
        self.endpoints.iter().map(|endpoint| &endpoint.settings).eq(endpoints)
    }

    /// A number that is another one when somebody's health has changed.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Acquire)
    }

    /// Lets cores choose anew.
    pub(crate) fn changed(&self) {
        self.news().tell();
    }

    /// A way to let cores choose anew, for those who find out about health.
    pub(crate) fn news(&self) -> News {
        News(Arc::clone(&self.version))
    }

    /// How many are healthy.
    pub(crate) fn healthy(&self) -> usize {
        self.endpoints.iter().filter(|endpoint| endpoint.is_healthy()).count()
    }

    /// Those to choose from, and whether that is for want of better ones: when fewer than `panic_threshold` percent
    /// are healthy, health is ignored, as Envoy does: requests to few survivors would take them down too.
    pub(crate) fn usable(&self, panic_threshold: u32) -> (Vec<usize>, bool) {
        let healthy: Vec<usize> = (0..self.endpoints.len()).filter(|at| self.endpoints[*at].is_healthy()).collect();
        let panic = healthy.len() * 100 < self.endpoints.len() * panic_threshold as usize;
        if panic { ((0..self.endpoints.len()).collect(), true) } else { (healthy, false) }
    }
}

/// Tells all cores that the health of an endpoint has changed.
#[derive(Clone, Debug)]
pub(crate) struct News(Arc<AtomicU64>);

impl News {
    pub(crate) fn tell(&self) {
        self.0.fetch_add(1, AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(count: u16, checks: usize) -> EndpointSet {
        let endpoints: Vec<_> =
            (0..count).map(|port| model::Endpoint::at(([127, 0, 0, 1], 9000 + port).into())).collect();
        EndpointSet::default().next(&endpoints, checks)
    }

    #[test]
    fn a_newcomer_is_unhealthy_until_its_checks_pass() {
        let set = set(1, 2);
        assert_eq!(set.healthy(), 0);
        assert!(set.endpoints[0].set_passing(0, true));
        assert!(!set.endpoints[0].set_passing(0, true));
        assert_eq!(set.healthy(), 0);
        assert!(set.endpoints[0].set_passing(1, true));
        assert_eq!(set.healthy(), 1);
    }

    #[test]
    fn who_stays_keeps_its_health() {
        let first = set(2, 1);
        first.endpoints[0].set_passing(0, true);
        let settings: Vec<_> = first.endpoints.iter().map(|endpoint| endpoint.settings.clone()).collect();
        assert!(first.is(&settings));
        let heavier: Vec<_> = settings.iter().map(|one| model::Endpoint { weight: 3, ..one.clone() }).collect();
        let before = first.version();
        let second = first.next(&heavier, 1);
        assert_eq!(second.healthy(), 1);
        assert!(second.version() > before);
    }

    #[test]
    fn health_is_ignored_when_less_than_half_are_healthy() {
        let set = set(4, 1);
        set.endpoints[3].set_passing(0, true);
        assert_eq!(set.usable(50), (vec![0, 1, 2, 3], true));
        assert_eq!(set.usable(25), (vec![3], false));
        set.endpoints[1].set_passing(0, true);
        assert_eq!(set.usable(50), (vec![1, 3], false));
    }
}
