//! The loop that wakes a controller: per key, never twice at once, with backoff and a periodic resync.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use store::{Key, Store, Watch};
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::Instant,
};
use tracing::{Instrument, info_span, warn};

use crate::{Controller, Next};

/// How often a controller looks by itself, and how it backs off.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Time between two looks at every key.
    pub resync: Duration,
    /// Wait after a key's first failure; doubles with each that follows.
    pub backoff_min: Duration,
    /// The longest wait after a failure.
    pub backoff_max: Duration,
    /// Keys reconciled at the same time.
    pub concurrency: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            resync: Duration::from_secs(20),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
            concurrency: 32,
        }
    }
}

type Outcome<C> = (Key, Result<Next, <C as Controller>::Error>);

/// The state of the loop: what is due when, what runs, what failed how often.
struct Queue {
    pace: Pace,
    due: BTreeMap<Key, Instant>,
    running: BTreeMap<Key, Id>,
    failures: BTreeMap<Key, u32>,
}

/// Drives `controller` over the rows of `store`. Never returns by itself.
pub(crate) async fn drive<C: Controller>(controller: Arc<C>, store: Store, pace: Pace) {
    let watch = store.watch(controller.watches());
    let mut queue = Queue { pace, due: BTreeMap::new(), running: BTreeMap::new(), failures: BTreeMap::new() };
    let mut steps: JoinSet<Outcome<C>> = JoinSet::new();
    let mut resync = tokio::time::interval(pace.resync);
    resync.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        for key in queue.take_ready(Instant::now()) {
            let controller = Arc::clone(&controller);
            let span = info_span!("reconcile", controller = C::NAME, key = %key);
            let step = {
                let key = key.clone();
                async move { (key.clone(), controller.reconcile(&key).await) }
            };
            let id = steps.spawn(step.instrument(span)).id();
            queue.running.insert(key, id);
        }
        tokio::select! {
            keys = changed(&*controller, &watch) => queue.wake(keys),
            keys = controller.news() => queue.wake(keys),
            _ = resync.tick() => queue.wake(every_key(&*controller).await),
            Some(step) = steps.join_next() => queue.finish::<C>(step),
            () = tokio::time::sleep_until(queue.next_due()) => {}
        }
    }
}

async fn changed<C: Controller>(controller: &C, watch: &Watch) -> Vec<Key> {
    let change = watch.next().await;
    controller.keys_of(&change)
}

async fn every_key<C: Controller>(controller: &C) -> Vec<Key> {
    controller.keys().await.unwrap_or_else(|error| {
        warn!(controller = C::NAME, %error, "Keys could not be listed.");
        Vec::new()
    })
}

impl Queue {
    /// Makes `keys` due now; one that runs is looked at once more when it is done.
    fn wake(&mut self, keys: Vec<Key>) {
        let now = Instant::now();
        for key in keys {
            self.due.insert(key, now);
        }
    }

    fn take_ready(&mut self, now: Instant) -> Vec<Key> {
        let free = self.pace.concurrency.saturating_sub(self.running.len());
        let ready = self.due.iter().filter(|(key, at)| **at <= now && !self.running.contains_key(*key));
        let ready: Vec<Key> = ready.map(|(key, _)| key.clone()).take(free).collect();
        for key in &ready {
            self.due.remove(key);
        }
        ready
    }

    /// When the next key that does not run is due; far away when none is, or when all hands are full.
    fn next_due(&self) -> Instant {
        let waiting = self.due.iter().filter(|(key, _)| !self.running.contains_key(*key)).map(|(_, at)| *at);
        let full = self.running.len() >= self.pace.concurrency;
        waiting.min().filter(|_| !full).unwrap_or_else(|| Instant::now() + self.pace.resync)
    }

    fn finish<C: Controller>(&mut self, step: Result<Outcome<C>, JoinError>) {
        let (key, result) = match step {
            Ok(outcome) => outcome,
            // The resync finds the key of a step that panicked.
            Err(error) => {
                warn!(controller = C::NAME, %error, "A step panicked.");
                self.running.retain(|_, id| *id != error.id());
                return;
            }
        };
        self.running.remove(&key);
        let wait = match result {
            Ok(next) => {
                self.failures.remove(&key);
                match next {
                    Next::Settled => return,
                    Next::After(wait) => wait,
                }
            }
            Err(error) => {
                let wait = self.backoff(&key);
                warn!(controller = C::NAME, %key, %error, retry_in = ?wait, "A step failed.");
                wait
            }
        };
        self.due.entry(key).or_insert_with(|| Instant::now() + wait);
    }

    fn backoff(&mut self, key: &Key) -> Duration {
        let failures = self.failures.entry(key.clone()).or_insert(0);
        let wait = self.pace.backoff_min.saturating_mul(2_u32.saturating_pow(*failures));
        *failures = failures.saturating_add(1);
        wait.min(self.pace.backoff_max)
    }
}
