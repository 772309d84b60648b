//! Writes what balancers count as metrics of CloudWatch.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use edge::balancers::COUNTS;
use reconcile::{Controller, Next};
use store::Key;

use crate::{
    LoadBalancing,
    count::{self, Reading},
    error::Error,
    plan::{self, World},
    rows::TargetObserved,
};

/// The pause between two readings: what happened is in metrics this much later.
const PAUSE: Duration = Duration::from_secs(5);

/// Reads the edge's counts. It asks for what is newer than what it knows, so that nothing is done while nothing happens
/// but to say, every so often, how many targets are healthy.
pub(crate) struct Counter {
    service: Arc<LoadBalancing>,
    revision: AtomicU64,
}

impl Counter {
    pub(crate) fn new(service: Arc<LoadBalancing>) -> Self {
        Self { service, revision: AtomicU64::new(0) }
    }
}

impl Controller for Counter {
    type Error = Error;
    const NAME: &'static str = "elbv2/counter";

    fn watches(&self) -> &'static [&'static str] {
        &[]
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(vec![plan::machine()])
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        let LoadBalancing { store, edge, clock, metrics, .. } = &*self.service;
        let observed = edge.observe(COUNTS, self.revision.load(Ordering::SeqCst)).await.map_err(Error::Edge)?;
        let counted = count::read(observed.value)?;
        let before = store.get::<Reading>(key)?.unwrap_or_default();
        let news = count::since(&counted, &before.0);
        let world = World {
            balancers: store.list_all()?,
            listeners: store.list_all()?,
            rules: store.list_all()?,
            groups: store.list_all()?,
            targets: store.list_all()?,
            ..World::default()
        };
        let health = store.list_all::<TargetObserved>()?;
        let health: BTreeMap<Key, String> = health.into_iter().map(|(key, row)| (key, row.health.state)).collect();
        let now = clock.now();
        let reports = count::reports(&world, &news, &health, now);
        let metrics = metrics.clone();
        let add = move || reports.iter().try_for_each(|(scope, reported)| metrics.add(scope, reported, now));
        tokio::task::spawn_blocking(add).await??;
        // A kill between the two counts these few seconds twice, which is better than not at all.
        if counted != before.0 {
            store.write(|tx| tx.put(key, &Reading(counted)))?;
        }
        self.revision.store(observed.revision, Ordering::SeqCst);
        Ok(Next::After(PAUSE))
    }
}
