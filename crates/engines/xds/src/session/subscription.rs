//! One kind of resources on one stream: what is asked for, sent, acknowledged, refused.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use crate::{Kind, Resource, Snapshot, snapshot::View};

/// Responses of one kind that may wait for their acknowledgement; then what is newer waits, and collapses.
const IN_FLIGHT_MAX: usize = 8;
/// Bytes of a refusal's text that are kept.
const REASON_MAX: usize = 4096;
/// The name that means all of a kind.
const ALL: &str = "*";

/// What a proxy would not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The version of the response.
    pub version: String,
    /// The resources that were new or changed in it: one of them is what it refused.
    pub resources: Vec<String>,
    /// What it said.
    pub reason: String,
}

/// What differs between what a proxy has and what it should have.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) changed: BTreeSet<String>,
    pub(super) removed: Vec<String>,
}

impl Change {
    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.removed.is_empty()
    }
}

/// A response without an answer yet.
pub(super) struct InFlight {
    nonce: String,
    version: String,
    view: View,
    change: Change,
}

/// The state of one kind.
#[derive(Default)]
pub(super) struct Subscription {
    active: bool,
    /// Whether all of the kind is asked for.
    pub(super) whole: bool,
    names: BTreeSet<String>,
    /// What the proxy has.
    pub(super) acked: View,
    pub(super) acked_version: String,
    pub(super) in_flight: VecDeque<InFlight>,
    pub(super) refusal: Option<Refusal>,
    /// Whether an answer is owed even if nothing changed.
    pub(super) due: bool,
    /// Names to send once more though they did not change.
    pub(super) again: BTreeSet<String>,
}

impl Subscription {
    pub(super) fn can_be_sent(&self) -> bool {
        self.active && self.in_flight.len() < IN_FLIGHT_MAX
    }

    #[cfg(test)]
    pub(super) fn asked(&self) -> &BTreeSet<String> {
        &self.names
    }

    pub(super) fn wants(&self, name: &str) -> bool {
        self.active && (self.whole || self.names.contains(name))
    }

    /// What the proxy will have when it has taken all that is under way.
    pub(super) fn sent_view(&self) -> &View {
        self.in_flight.back().map_or(&self.acked, |sent| &sent.view)
    }

    /// All that the proxy may have at this moment.
    pub(super) fn views(&self) -> impl Iterator<Item = &View> {
        std::iter::once(&self.acked).chain(self.in_flight.iter().map(|sent| &sent.view))
    }

    /// Takes the answer to the response `nonce`; one that is not waited for says nothing. `version` is what the proxy says
    /// it has, in the dialect that says so: an Envoy whose clusters warm up answers several responses with the last.
    pub(super) fn answered(&mut self, nonce: &str, error: Option<String>, version: Option<&str>) {
        let Some(place) = self.in_flight.iter().position(|sent| sent.nonce == nonce) else { return };
        let mut answered: Vec<InFlight> = self.in_flight.drain(..=place).collect();
        let Some(sent) = answered.pop() else { return };
        let Some(mut reason) = error else {
            self.accepted(sent.view, sent.version);
            return;
        };
        match version {
            Some(version) => {
                if let Some(before) = answered.into_iter().rev().find(|before| before.version == version) {
                    self.accepted(before.view, before.version);
                }
            }
            None => self.take_back(&sent.change),
        }
        let end = (0..=REASON_MAX.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end)).unwrap_or(0);
        reason.truncate(end);
        let resources = sent.change.changed.into_iter().collect();
        self.refusal = Some(Refusal { version: sent.version, resources, reason });
    }

    fn accepted(&mut self, view: View, version: String) {
        self.acked = view;
        self.acked_version = version;
        self.refusal = None;
    }

    /// Makes what was sent behind a refused difference mean what it does without it: differences build on each other.
    fn take_back(&mut self, refused: &Change) {
        let mut lost: BTreeSet<&String> = refused.changed.iter().chain(&refused.removed).collect();
        for sent in &mut self.in_flight {
            lost.retain(|name| !sent.change.changed.contains(*name) && !sent.change.removed.contains(*name));
            let view = Arc::make_mut(&mut sent.view);
            for name in &lost {
                match self.acked.get(*name) {
                    Some(kept) => view.insert((*name).clone(), Arc::clone(kept)),
                    None => view.remove(*name),
                };
            }
        }
    }

    /// Asks for `names` and nothing else. On a new stream `version` is what the proxy has already.
    pub(super) fn ask_world(&mut self, kind: Kind, names: BTreeSet<String>, version: &str, snapshot: &Snapshot) {
        let whole = kind.is_whole() && (names.is_empty() || names.contains(ALL));
        let more = (whole && !self.whole) || names.iter().any(|name| !self.names.contains(name));
        self.due |= more || !self.active;
        self.whole = whole;
        self.names = names;
        if self.active {
            self.forget_unasked();
        } else {
            self.active = true;
            self.remember(kind, version, snapshot);
        }
    }

    /// Asks for names more and less. On a new stream `known` is what the proxy has already.
    pub(super) fn ask_delta(
        &mut self,
        kind: Kind,
        more: Vec<String>,
        less: Vec<String>,
        known: BTreeMap<String, String>,
        snapshot: &Snapshot,
    ) {
        if !self.active {
            self.active = true;
            self.due = true;
            self.whole = kind.is_whole() && more.is_empty();
            let resources = snapshot.resources(kind);
            if !known.is_empty() {
                self.acked = Arc::new(known.into_iter().map(|known| remembered(known, resources)).collect());
                self.acked_version = snapshot.version_of(kind, &self.acked);
            }
        }
        for name in more {
            if name == ALL {
                self.due = true;
                self.whole = true;
            } else {
                self.again.insert(name.clone());
                self.names.insert(name);
            }
        }
        for name in less {
            self.whole &= name != ALL;
            self.again.remove(&name);
            self.names.remove(&name);
        }
        self.forget_unasked();
    }

    /// What must be said for the proxy to have `view`; `known` tells whether the snapshot has a name.
    pub(super) fn change(&self, view: &View, known: impl Fn(&String) -> bool) -> Change {
        let sent = self.sent_view();
        if Arc::ptr_eq(sent, view) && self.again.is_empty() {
            return Change::default();
        }
        let differs = |(name, resource): &(&String, &Arc<Resource>)| {
            sent.get(*name).is_none_or(|sent| sent.version() != resource.version()) || self.again.contains(*name)
        };
        let changed = view.iter().filter(differs).map(|(name, _)| name.clone()).collect();
        let gone = sent.keys().filter(|name| self.whole && !view.contains_key(*name));
        let never = self.again.iter().filter(|name| !view.contains_key(*name) && !known(name));
        Change { changed, removed: gone.chain(never).cloned().collect() }
    }

    /// Notes that the proxy was sent `change`, which makes it have `view`.
    pub(super) fn sent(&mut self, nonce: String, version: String, view: View, change: Change, held: bool) {
        self.due &= held;
        self.again.retain(|name| !change.changed.contains(name) && !change.removed.contains(name));
        self.in_flight.push_back(InFlight { nonce, version, view, change });
    }

    /// Takes a proxy's word for what it has, if what it should have has that version.
    fn remember(&mut self, kind: Kind, version: &str, snapshot: &Snapshot) {
        version.clone_into(&mut self.acked_version);
        if version.is_empty() {
            return;
        }
        let all = snapshot.view(kind);
        let view = if all.keys().all(|name| self.wants(name)) {
            Arc::clone(all)
        } else {
            let wanted = all.iter().filter(|(name, _)| self.wants(name));
            Arc::new(wanted.map(|(name, resource)| (name.clone(), Arc::clone(resource))).collect())
        };
        if snapshot.version_of(kind, &view) == version {
            self.due = false;
            self.acked = view;
        }
    }

    /// Drops what is no longer asked for, so that it is sent again when it is asked for again.
    fn forget_unasked(&mut self) {
        if self.whole {
            return;
        }
        let names = &self.names;
        let prune = |view: &mut View| {
            if view.keys().any(|name| !names.contains(name)) {
                Arc::make_mut(view).retain(|name, _| names.contains(name));
            }
        };
        prune(&mut self.acked);
        self.in_flight.iter_mut().for_each(|sent| prune(&mut sent.view));
    }
}

fn remembered(
    (name, version): (String, String),
    resources: &BTreeMap<String, Arc<Resource>>,
) -> (String, Arc<Resource>) {
    let same = resources.get(&name).filter(|resource| resource.version() == version).cloned();
    let resource = same.unwrap_or_else(|| Arc::new(Resource::remembered(name.clone(), version)));
    (name, resource)
}
