//! Who has acknowledged, and when the last one did.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use tokio::sync::Notify;

/// The longest that proxies are waited for.
const PATIENCE: Duration = Duration::from_mins(2);

/// A count of acknowledgements.
#[derive(Default)]
pub(crate) struct Tally {
    missing: AtomicUsize,
    bystanders: AtomicUsize,
    over: AtomicBool,
    last: Mutex<Option<Instant>>,
    complete: Notify,
}

impl Tally {
    /// Expects that many acknowledgements of routes from now on.
    pub(crate) fn expect(&self, count: usize) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.missing.store(count, SeqCst);
    }

    /// Counts one.
    pub(crate) fn acknowledged(&self) {
        // One too many would be a response that no change called for; it must not pass for the last.
        if self.missing.fetch_sub(1, SeqCst) == 1 {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            self.complete.notify_one();
        }
    }

    /// Waits for the last; answers when it was.
    pub(crate) async fn all(&self) -> Result<Instant> {
        let complete = async {
            loop {
                let notified = self.complete.notified();
                if let Some(last) = *self.last.lock().unwrap_or_else(PoisonError::into_inner) {
                    return last;
                }
                notified.await;
            }
        };
        match tokio::time::timeout(PATIENCE, complete).await {
            Ok(last) => Ok(last),
            Err(_) => bail!("{} proxies have not acknowledged", self.missing.load(SeqCst)),
        }
    }

    /// Says that what happens from now on does not matter: the control plane is being stopped.
    pub(crate) fn end(&self) {
        self.over.store(true, SeqCst);
    }

    /// Whether the proxies are meant to leave.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(SeqCst)
    }

    /// Counts a response to a proxy that no change concerns.
    pub(crate) fn bystander(&self) {
        self.bystanders.fetch_add(1, SeqCst);
    }

    /// Forgets the responses that bystanders got when they came.
    pub(crate) fn forget_bystanders(&self) {
        self.bystanders.store(0, SeqCst);
    }

    /// Responses to bystanders.
    pub(crate) fn bystanders(&self) -> usize {
        self.bystanders.load(SeqCst)
    }
}
