//! The driver's promises, on a clock that stands still.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use names::Scope;
use reconcile::{Controller, Next, Pace, boxed};
use serde::{Deserialize, Serialize};
use store::{Key, Row, Store};
use tokio::time::Instant;

#[derive(Serialize, Deserialize)]
struct Thing(u32);

impl Row for Thing {
    const KIND: &'static str = "test/thing";
}

#[derive(Default)]
struct Seen {
    at: Mutex<Vec<Instant>>,
    running: Mutex<BTreeSet<Key>>,
    failures_left: Mutex<u32>,
}

#[derive(Clone, Default)]
struct Fake(Arc<Seen>, Vec<Key>);

#[derive(Debug, thiserror::Error)]
#[error("boom")]
struct Boom;

impl Controller for Fake {
    type Error = Boom;
    const NAME: &'static str = "test/thing";

    fn watches(&self) -> &'static [&'static str] {
        &[Thing::KIND]
    }

    async fn keys(&self) -> Result<Vec<Key>, Boom> {
        Ok(self.1.clone())
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Boom> {
        assert!(self.0.running.lock().unwrap().insert(key.clone()), "{key} runs twice at once");
        tokio::time::sleep(Duration::from_millis(10)).await;
        self.0.running.lock().unwrap().remove(key);
        self.0.at.lock().unwrap().push(Instant::now());
        let mut left = self.0.failures_left.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            return Err(Boom);
        }
        Ok(Next::Settled)
    }
}

const PACE: Pace = Pace {
    resync: Duration::from_hours(1),
    backoff_min: Duration::from_secs(1),
    backoff_max: Duration::from_secs(4),
    concurrency: 2,
};

fn key() -> Key {
    Key::new(&Scope::default(), "a")
}

fn put(store: &Store, value: u32) {
    store.write(|tx| tx.put(&key(), &Thing(value))).unwrap();
}

#[tokio::test(start_paused = true)]
async fn wakes_collapse_and_a_key_never_runs_twice_at_once() {
    let (fake, store) = (Fake::default(), Store::in_memory().unwrap());
    tokio::spawn(boxed(fake.clone()).run(store.clone(), PACE));
    tokio::task::yield_now().await;
    for value in 0..5 {
        put(&store, value);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let runs = fake.0.at.lock().unwrap().len();
    assert!((1..=2).contains(&runs), "five wakes made {runs} runs");
}

#[tokio::test(start_paused = true)]
async fn failures_back_off_then_heal() {
    let (fake, store) = (Fake::default(), Store::in_memory().unwrap());
    *fake.0.failures_left.lock().unwrap() = 4;
    tokio::spawn(boxed(fake.clone()).run(store.clone(), PACE));
    tokio::task::yield_now().await;
    put(&store, 1);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let at = fake.0.at.lock().unwrap().clone();
    let gaps: Vec<_> = at.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
    assert_eq!(gaps, [1, 2, 4, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_wake_is_found_by_the_resync() {
    let (fake, store) = (Fake(Arc::default(), vec![key()]), Store::in_memory().unwrap());
    tokio::spawn(boxed(fake.clone()).run(store, Pace { resync: Duration::from_mins(1), ..PACE }));
    tokio::time::sleep(Duration::from_secs(125)).await;
    assert_eq!(fake.0.at.lock().unwrap().len(), 3);
}
