//! Wake-ups: which keys changed, for whoever asked about their kind.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::Notify;

use crate::Key;

/// A hint that the row of `kind` at `key` was written or removed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The row's kind.
    pub kind: &'static str,
    /// The row's key.
    pub key: Key,
}

/// A subscription. Changes that nobody has taken yet collapse, so what waits is bounded by the number of rows.
pub struct Watch(Arc<Pending>);

struct Pending {
    kinds: Vec<&'static str>,
    changes: Mutex<BTreeSet<Change>>,
    news: Notify,
}

impl Watch {
    /// The next change; waits until there is one.
    ///
    /// Safe to drop while waiting: a change is taken only when it is returned.
    pub async fn next(&self) -> Change {
        loop {
            let news = self.0.news.notified();
            if let Some(change) = self.try_next() {
                return change;
            }
            news.await;
        }
    }

    /// The next change if there is one already.
    pub fn try_next(&self) -> Option<Change> {
        self.0.changes.lock().unwrap_or_else(PoisonError::into_inner).pop_first()
    }
}

/// Everybody who watches.
#[derive(Default)]
pub(crate) struct Watchers(Mutex<Vec<Weak<Pending>>>);

impl Watchers {
    pub(crate) fn add(&self, kinds: &[&'static str]) -> Watch {
        let pending = Arc::new(Pending { kinds: kinds.to_vec(), changes: Mutex::default(), news: Notify::new() });
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| watcher.strong_count() > 0);
        watchers.push(Arc::downgrade(&pending));
        Watch(pending)
    }

    pub(crate) fn tell(&self, changes: &[Change]) {
        let watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for pending in watchers.iter().filter_map(Weak::upgrade) {
            let mut waiting = pending.changes.lock().unwrap_or_else(PoisonError::into_inner);
            let before = waiting.len();
            waiting.extend(changes.iter().filter(|change| pending.kinds.contains(&change.kind)).cloned());
            if waiting.len() > before {
                pending.news.notify_one();
            }
        }
    }
}
