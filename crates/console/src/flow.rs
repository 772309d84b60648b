//! What really flows: how many requests each target of a route got in the last seconds, as the proxies counted them.
//!
//! Proxies tell what they have counted since they started. Here two looks are subtracted, proxy by proxy, so that one
//! that comes, goes or starts anew adds nothing that did not happen.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use canary::reading::{Clusters, Proxies};
use names::Scope;
use tokio::time::Instant;

/// How far back a rate looks.
const WINDOW: Duration = Duration::from_secs(10);
/// Looks that come sooner after another use that one.
const FRESH: Duration = Duration::from_millis(800);
/// Routes that are watched at once; the one that was longest not asked for goes first.
const ROUTES_MAX: usize = 64;

/// Requests and failures since a proxy began, by proxy.
type Counted = BTreeMap<String, (u64, u64)>;
/// One look: what each target has been counted, in their order.
type Look = (Instant, Vec<Counted>);

/// What a target got within a while.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Flow {
    /// Requests a second.
    pub(crate) rate: f64,
    /// Requests.
    pub(crate) requests: u64,
    /// Failed ones of them.
    pub(crate) failed: u64,
}

/// Watches what flows.
pub(crate) struct Flows {
    proxies: Arc<dyn Proxies>,
    routes: Mutex<HashMap<String, VecDeque<Look>>>,
}

impl Flows {
    pub(crate) fn new(proxies: Arc<dyn Proxies>) -> Self {
        Self { proxies, routes: Mutex::default() }
    }

    /// What flowed to each of `targets` (the clusters of each), in a mesh; none before there were two looks.
    pub(crate) async fn of(
        &self,
        scope: &Scope,
        mesh: &str,
        route: &str,
        targets: &[Vec<String>],
    ) -> Option<Vec<Flow>> {
        let key = format!("{scope}/{mesh}/{route}/{targets:?}");
        let now = Instant::now();
        if !self.is_fresh(&key, now) {
            let look = self.look(scope, mesh, targets).await;
            self.keep(&key, (now, look));
        }
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let looks = routes.get(&key)?;
        between(looks.front()?, looks.back()?)
    }

    fn is_fresh(&self, key: &str, now: Instant) -> bool {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let last = routes.get(key).and_then(VecDeque::back);
        last.is_some_and(|(at, _)| now.duration_since(*at) < FRESH)
    }

    fn keep(&self, key: &str, look: Look) {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if routes.len() >= ROUTES_MAX && !routes.contains_key(key) {
            let oldest = routes.iter().min_by_key(|(_, looks)| looks.back().map(|(at, _)| *at));
            let oldest = oldest.map(|(key, _)| key.clone());
            oldest.map(|key| routes.remove(&key));
        }
        let looks = routes.entry(key.to_owned()).or_default();
        let now = look.0;
        looks.push_back(look);
        // The oldest that stays is the last that is a whole window old.
        while looks.len() > 2 && looks.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            looks.pop_front();
        }
        if looks.front().is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW * 3) {
            looks.drain(..looks.len() - 1);
        }
    }

    /// Asks for two targets at a time: that is what proxies are asked for canaries.
    async fn look(&self, scope: &Scope, mesh: &str, targets: &[Vec<String>]) -> Vec<Counted> {
        let mut counted = Vec::new();
        for pair in targets.chunks(2) {
            let one = |place: usize| pair.get(place).cloned().unwrap_or_default();
            let clusters = Clusters { baseline: one(0), canary: one(1) };
            let readings = self.proxies.read(scope, mesh, &clusters).await.unwrap_or_default();
            counted
                .push(readings.iter().map(|r| (r.proxy.clone(), (r.baseline.requests, r.baseline.errors))).collect());
            if pair.len() > 1 {
                counted
                    .push(readings.iter().map(|r| (r.proxy.clone(), (r.canary.requests, r.canary.errors))).collect());
            }
        }
        counted
    }
}

/// What came between two looks.
fn between((since, before): &Look, (until, after): &Look) -> Option<Vec<Flow>> {
    let seconds = until.duration_since(*since).as_secs_f64();
    if seconds <= 0.0 {
        return None;
    }
    let flow = |(before, after): (&Counted, &Counted)| {
        let mut flow = Flow::default();
        for (proxy, (requests, failed)) in after {
            let Some(first) = before.get(proxy) else { continue };
            flow.requests += requests.saturating_sub(first.0);
            flow.failed += failed.saturating_sub(first.1);
        }
        Flow { rate: crate::words::real(flow.requests) / seconds, ..flow }
    };
    Some(before.iter().zip(after).map(flow).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at: Instant, proxies: &[(&str, u64, u64)]) -> Look {
        (at, vec![proxies.iter().map(|(name, requests, failed)| ((*name).to_owned(), (*requests, *failed))).collect()])
    }

    #[test]
    fn only_what_both_looks_saw_is_counted() {
        let begun = Instant::now();
        let before = look(begun, &[("stays", 10, 1), ("goes", 500, 0), ("restarts", 900, 0)]);
        let after = look(begun + Duration::from_secs(5), &[("stays", 30, 2), ("comes", 700, 0), ("restarts", 5, 0)]);
        let flow = between(&before, &after).unwrap();
        assert_eq!(flow, [Flow { rate: 4.0, requests: 20, failed: 1 }]);
        assert_eq!(between(&after, &after), None);
    }
}
