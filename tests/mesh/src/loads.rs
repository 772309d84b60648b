//! Loads on both data planes at once, which whatever is done meanwhile must leave unharmed.

use tokio::sync::{Mutex, MutexGuard};

use crate::{Identity, Kind, Load, Stage, Tally};

/// Requests a second, on each data plane.
const RATE: u32 = 500;
/// The least that a load is worth its name by.
const LEAST: usize = 100;
/// Failures that are told of many.
const TOLD_MAX: usize = 5;

static ALONE: Mutex<()> = Mutex::const_new(());

/// Makes the test that holds it the only one of its file: two loads at once would be one of twice the rate.
pub async fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().await
}

/// A load on each data plane, from the application of the virtual node `client`.
pub struct Loads(Vec<(Kind, Load)>);

impl Loads {
    /// Starts them, for `path` of `api.local`.
    pub fn start(stage: &Stage, path: &str) -> Self {
        Self::each(stage, |_| path.to_owned())
    }

    /// Starts them, each for the path of its data plane.
    ///
    /// # Panics
    /// When there are no proxies of the virtual node `client`.
    pub fn each(stage: &Stage, path: impl Fn(Kind) -> String) -> Self {
        let start = |kind: Kind| {
            let plane = stage.plane(Identity::Client, kind).expect("a proxy");
            (kind, Load::start(plane.task.sockets.clone(), RATE, &path(kind)))
        };
        Self(Kind::ALL.into_iter().map(start).collect())
    }

    /// Waits until each has sent `count` more requests and seen what came of them.
    pub async fn more(&self, count: usize) {
        futures::future::join_all(self.0.iter().map(|(_, load)| load.more(count))).await;
    }

    /// Ends them: none of their requests failed.
    ///
    /// # Panics
    /// When one did.
    pub async fn unharmed(self) -> Vec<(Kind, Tally)> {
        let mut tallies = Vec::new();
        for (kind, load) in self.0 {
            let tally = load.stop().await;
            let (name, all, failed) = (kind.as_str(), tally.total(), tally.failures.len());
            println!("{name}: {all} requests in {:?}, {failed} failed", tally.elapsed);
            let first = &tally.failures[..failed.min(TOLD_MAX)];
            assert!(failed == 0, "{name}: {failed} of {all} failed: {first:?}");
            assert!(all > LEAST, "{name}: a load of {all} requests");
            tallies.push((kind, tally));
        }
        tallies
    }
}
