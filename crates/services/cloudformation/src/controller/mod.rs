//! Drives every stack through its ledger.
//!
//! Each look at a stack takes all the steps that can be taken, side by side, and writes down each one before and after
//! it calls a service. So a crash loses at most the knowledge whether a call got through, and the next look finds that
//! out from the service itself. What a resource waits for is noticed by watching the rows of the services, and looked
//! at anyway every [`POLL`].

mod begin;
mod ledger;
mod phase;
mod work;

pub use ledger::status;

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt, stream};
use names::{Clock, Ids};
use reconcile::{Controller, Next};
use store::{Change, Key, Row, Store};
use wire::Caller;

use crate::{
    error::Error,
    plan,
    resources::Catalogue,
    rows::{Goal, Progress, Stack},
};
use ledger::Ledger;
use work::{Outcome, Worker};

/// How long a resource that is not ready is left alone when nothing is heard of it.
const POLL: Duration = Duration::from_millis(500);
/// Steps of one stack taken at the same time.
const STEPS_MAX: usize = 16;

/// Makes stacks what they are asked to be.
pub struct Stacks {
    store: Store,
    clock: Clock,
    ids: Ids,
    caller: Caller,
    catalogue: Catalogue,
    /// Stacks that wait for a resource; any news of a resource is news for them.
    waiting: Mutex<BTreeSet<Key>>,
}

impl Stacks {
    /// A controller for the stacks in `store`, made of the types in `catalogue`.
    pub fn new(store: Store, clock: Clock, ids: Ids, caller: Caller, catalogue: Catalogue) -> Self {
        Self { store, clock, ids, caller, catalogue, waiting: Mutex::default() }
    }

    fn wait(&self, key: &Key, waits: bool) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waits {
            waiting.insert(key.clone());
        } else {
            waiting.remove(key);
        }
    }

    /// Changes the stack's ledger in one transaction.
    fn change<T>(
        &self,
        key: &Key,
        change: impl FnOnce(&mut Ledger<'_, '_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let now = self.clock.now();
        self.store.write(|tx| {
            let Some(mut ledger) = Ledger::open(tx, key, now, &self.ids)? else { return Ok(None) };
            let result = change(&mut ledger)?;
            ledger.close()?;
            Ok(Some(result))
        })
    }

    /// Brings the ledger to a place where steps can be taken: begins what is new, ends what is over. Gives the steps,
    /// none if the stack has come to rest.
    fn next_steps(&self, key: &Key) -> Result<Vec<usize>, Error> {
        let steps = self.change(key, |ledger| {
            if ledger.stack.generation > ledger.progress.generation {
                ledger.begin_request()?;
            }
            let cancelled = ledger.stack.cancelled;
            if let Some(reason) = phase::interruption(&ledger.progress, cancelled, ledger.now()) {
                ledger.fail(Some(reason))?;
            }
            // Each phase leads to another or to rest, and no path leads back: this ends.
            while ledger.progress.status.is_in_progress() {
                let ready = plan::ready(&ledger.progress.steps, stops_at_failure(&ledger.progress));
                if !ready.is_empty() {
                    return Ok(ready);
                }
                ledger.turn()?;
            }
            Ok(Vec::new())
        })?;
        Ok(steps.unwrap_or_default())
    }
}

/// Whether the present phase makes things, which ends at the first failure.
fn stops_at_failure(progress: &Progress) -> bool {
    use api::cloudformation::StackStatus::{CreateInProgress, UpdateInProgress, UpdateRollbackInProgress};
    matches!(progress.status, CreateInProgress | UpdateInProgress | UpdateRollbackInProgress)
}

impl Controller for Stacks {
    type Error = Error;

    const NAME: &'static str = "cloudformation/stack";

    fn watches(&self) -> &'static [&'static str] {
        &[
            Stack::KIND,
            "ecs/service.observed",
            "ecs/task.observed",
            "elbv2/load-balancer.observed",
            "servicediscovery/namespace",
            "servicediscovery/operation",
        ]
    }

    fn keys_of(&self, change: &Change) -> Vec<Key> {
        if change.kind == Stack::KIND {
            return vec![change.key.clone()];
        }
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.iter().filter(|key| key.scope == change.key.scope).cloned().collect()
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        let rests = |progress: Option<Progress>, stack: &Stack| {
            progress
                .is_some_and(|progress| progress.generation >= stack.generation && !progress.status.is_in_progress())
                || stack.goal == Goal::Review
        };
        let mut keys = Vec::new();
        for (key, stack) in self.store.list_all::<Stack>()? {
            if !rests(self.store.get(&key)?, &stack) {
                keys.push(key);
            }
        }
        Ok(keys)
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        // Set before looking, so that news that comes while looking is not missed.
        self.wait(key, true);
        loop {
            let steps = self.next_steps(key)?;
            if steps.is_empty() {
                self.wait(key, false);
                return Ok(Next::Settled);
            }
            let worker = Worker::new(self, key)?;
            let outcomes: Vec<Result<Outcome, Error>> =
                stream::iter(steps).map(|index| worker.step(index)).buffer_unordered(STEPS_MAX).collect().await;
            let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
            let waits = outcomes.iter().map(|outcome| match outcome {
                Outcome::Ended => None,
                Outcome::Waits(wait) => Some(*wait),
            });
            // Something ended, so there may be more to do at once.
            if let Some(wait) = waits.collect::<Option<Vec<_>>>().and_then(|waits| waits.into_iter().min()) {
                return Ok(Next::After(wait));
            }
        }
    }
}
