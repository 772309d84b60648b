//! What the proxies of a node are told, and what they were told before.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use crate::{Kind, Resource, Snapshot, cache::lock, snapshot::View};

/// Snapshots of a node that are remembered after newer ones: proxies that come back tell by its version which they have.
const PAST_MAX: usize = if cfg!(test) { 128 } else { 16 };

/// What a node's proxies are to do, and when that was said.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) snapshot: Snapshot,
    /// Grows with every snapshot that says something new.
    pub(crate) revision: u64,
    /// What was said before, newest first.
    past: VecDeque<Snapshot>,
    /// What some proxies had on the way from one snapshot to the next, newest last.
    between: Arc<Mutex<VecDeque<Between>>>,
}

/// Neither of one snapshot nor of the next: with what had to wait or to stay.
#[derive(Debug)]
struct Between {
    kind: Kind,
    version: Arc<str>,
    view: View,
}

impl Published {
    pub(crate) fn new(snapshot: Snapshot, revision: u64) -> Self {
        Self { snapshot, revision, past: VecDeque::new(), between: Arc::default() }
    }

    /// What is said after `before`.
    pub(crate) fn after(before: &Self, snapshot: Snapshot, revision: u64) -> Self {
        let newest = std::iter::once(&before.snapshot).chain(&before.past);
        let past = newest.take(PAST_MAX).cloned().collect();
        let (snapshot, between) = (snapshot.sharing(&before.snapshot), Arc::clone(&before.between));
        Self { snapshot, revision, past, between }
    }

    /// Remembers what a proxy is sent that is not this snapshot's own.
    pub(crate) fn remember(&self, kind: Kind, version: &Arc<str>, view: &View) {
        if Arc::ptr_eq(view, self.snapshot.view(kind)) {
            return;
        }
        let mut between = lock(&self.between);
        if between.iter().any(|known| known.kind == kind && known.version == *version) {
            return;
        }
        if between.len() == PAST_MAX {
            between.pop_front();
        }
        between.push_back(Between { kind, version: Arc::clone(version), view: Arc::clone(view) });
    }

    fn all(&self) -> impl Iterator<Item = &Snapshot> {
        std::iter::once(&self.snapshot).chain(&self.past)
    }

    /// What of `kind` a proxy has that wants those names and says it has `version`.
    pub(crate) fn recall_view(&self, kind: Kind, version: &str, wants: impl Fn(&str) -> bool) -> Option<View> {
        let of_snapshots = self.all().find_map(|snapshot| {
            let all = snapshot.view(kind);
            let view = if all.keys().all(|name| wants(name)) {
                Arc::clone(all)
            } else {
                let wanted = all.iter().filter(|(name, _)| wants(name));
                Arc::new(wanted.map(|(name, resource)| (name.clone(), Arc::clone(resource))).collect())
            };
            (*snapshot.version_of(kind, &view) == *version).then_some(view)
        });
        of_snapshots.or_else(|| {
            let between = lock(&self.between);
            let found = between.iter().find(|known| known.kind == kind && *known.version == *version);
            found.map(|known| Arc::clone(&known.view))
        })
    }

    /// The resource of `kind` with that name and version, or as much as is known of it.
    pub(crate) fn recall(&self, kind: Kind, name: String, version: String) -> Arc<Resource> {
        let found = self.all().find_map(|snapshot| {
            snapshot.resources(kind).get(&name).filter(|resource| resource.version() == version).cloned()
        });
        found.unwrap_or_else(|| Arc::new(Resource::remembered(name, version)))
    }
}
