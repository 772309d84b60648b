//! One kind of resources on one stream: what is asked for, sent, acknowledged, refused.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use crate::{Kind, Resource, Snapshot, published::Published, snapshot::View};

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
    pub version: Arc<str>,
    /// The resources that were new or changed in it and that the reason names; all of those if it names none.
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
    pub(super) nonce: String,
    pub(super) version: Arc<str>,
    /// What the proxy has once it took this.
    pub(super) view: View,
    /// The resources in it. A name that is no longer asked for leaves the view; a proxy that asks for it again before it
    /// reads this takes it from here.
    pub(super) carried: View,
    pub(super) change: Change,
}

/// The state of one kind.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Subscription {
    active: bool,
    /// Whether all of the kind is asked for.
    pub(super) whole: bool,
    names: BTreeSet<String>,
    /// What the proxy has.
    pub(super) acked: View,
    pub(super) acked_version: Arc<str>,
    /// Whether the proxy has something from an earlier stream of which we know too little.
    pub(super) unclear: bool,
    pub(super) in_flight: VecDeque<InFlight>,
    pub(super) refusal: Option<Refusal>,
    /// The versions of resources that are not sent again, by name, because they were refused.
    refused: BTreeMap<String, String>,
    /// Whether an answer is owed even if nothing changed.
    pub(super) due: bool,
    /// Names to send once more though they did not change.
    pub(super) again: BTreeSet<String>,
}

impl Subscription {
    pub(super) fn can_be_sent(&self) -> bool {
        self.active && self.in_flight.len() < IN_FLIGHT_MAX
    }

    /// The names that are asked for.
    pub(super) fn asked(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// Whether the proxy has asked for this kind.
    pub(super) fn is_active(&self) -> bool {
        self.active
    }

    /// Whether the proxy would not take this very resource.
    pub(super) fn has_refused(&self, resource: &Resource) -> bool {
        self.refused.get(resource.name()).is_some_and(|version| version == resource.version())
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

    /// All that the proxy may have at this moment, or take from what is under way if it asks for more.
    pub(super) fn may_hold(&self) -> impl Iterator<Item = &View> {
        self.views().chain(self.in_flight.iter().map(|sent| &sent.carried))
    }

    /// Takes the answer to the response `nonce`; one that is not waited for says nothing. `version` is what the proxy says
    /// it has, in the dialect that says so: an Envoy whose clusters warm up answers several responses with the last.
    pub(super) fn answered(&mut self, nonce: &str, error: Option<String>, version: Option<&str>) {
        let Some(place) = self.in_flight.iter().position(|sent| sent.nonce == nonce) else { return };
        let mut answered: Vec<InFlight> = self.in_flight.drain(..=place).collect();
        let Some(sent) = answered.pop() else { return };
        let Some(mut reason) = error else {
            self.accepted(sent);
            return;
        };
        match version {
            Some(version) => {
                if let Some(before) = answered.into_iter().rev().find(|before| *before.version == *version) {
                    self.accepted(before);
                }
            }
            None => self.take_back(&sent.change),
        }
        let end = (0..=REASON_MAX.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end)).unwrap_or(0);
        reason.truncate(end);
        let changed = sent.change.changed.iter().filter_map(|name| sent.view.get(name));
        let (named, others): (Vec<_>, Vec<_>) = changed.partition(|resource| mentions(&reason, resource.name()));
        let blamed = if named.is_empty() { others } else { named };
        let resources = blamed.iter().map(|resource| resource.name().to_owned()).collect();
        self.refused.extend(blamed.iter().map(|resource| (resource.name().to_owned(), resource.version().to_owned())));
        self.refusal = Some(Refusal { version: sent.version, resources, reason });
    }

    fn accepted(&mut self, sent: InFlight) {
        let InFlight { mut view, carried, version, change, .. } = sent;
        // A response about names says nothing of others: what the proxy has of those it keeps.
        let kept = if self.whole { None } else { Some(&self.acked) };
        let held = kept.into_iter().chain([&carried]).flat_map(|view| view.iter());
        let missing = |name: &String| self.wants(name) && !view.contains_key(name) && !change.removed.contains(name);
        let held: Vec<_> =
            held.filter(|(name, _)| missing(name)).map(|(name, it)| (name.clone(), Arc::clone(it))).collect();
        if !held.is_empty() {
            Arc::make_mut(&mut view).extend(held);
        }
        self.unclear = false;
        self.refused.retain(|name, version| view.get(name).is_none_or(|taken| taken.version() != version));
        if self.refused.is_empty() {
            self.refusal = None;
        }
        self.acked = view;
        self.acked_version = version;
    }

    /// Forgets refusals of what `snapshot` no longer has.
    pub(super) fn forgive(&mut self, kind: Kind, snapshot: &Snapshot) {
        if self.refused.is_empty() {
            return;
        }
        let all = snapshot.resources(kind);
        self.refused.retain(|name, version| all.get(name).is_some_and(|resource| resource.version() == version));
        if self.refused.is_empty() {
            self.refusal = None;
        }
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
    pub(super) fn ask_world(&mut self, kind: Kind, names: BTreeSet<String>, version: &str, published: &Published) {
        // No names mean all of a kind, but only from a proxy that never gave one: from another they mean nothing.
        let named = self.active && !self.whole;
        let whole = kind.is_whole() && (names.contains(ALL) || (names.is_empty() && !named));
        let more = (whole && !self.whole) || names.iter().any(|name| !self.names.contains(name));
        self.due |= more || !self.active;
        self.whole = whole;
        self.names = names;
        if self.active {
            self.forget_unasked();
        } else {
            self.active = true;
            self.remember(kind, version, published);
        }
    }

    /// Asks for names more and less. On a new stream `known` is what the proxy has already.
    pub(super) fn ask_delta(
        &mut self,
        kind: Kind,
        more: Vec<String>,
        less: Vec<String>,
        known: BTreeMap<String, String>,
        published: &Published,
    ) {
        let first = !self.active;
        if first {
            self.active = true;
            // A proxy that comes back with something waits for news alone, another for an answer.
            self.due = known.is_empty() || kind == Kind::Endpoint;
            self.whole = kind.is_whole() && more.is_empty();
            self.remember_each(kind, known, published);
        }
        for name in more {
            if name == ALL {
                self.due |= !first;
                self.whole = true;
            } else {
                // What is asked for is sent, even if the proxy has it; unless it says so itself.
                if !(first && self.acked.contains_key(&name)) {
                    self.again.insert(name.clone());
                }
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
        let gone = sent.keys().filter(|name| self.wants(name) && !view.contains_key(*name));
        let never = self.again.iter().filter(|name| !view.contains_key(*name) && !known(name));
        Change { changed, removed: gone.chain(never).cloned().collect() }
    }

    /// Notes that the proxy was sent a response, and whether it is owed another.
    pub(super) fn sent(&mut self, sent: InFlight, held: bool) {
        self.due &= held;
        let change = &sent.change;
        self.again.retain(|name| !change.changed.contains(name) && !change.removed.contains(name));
        self.in_flight.push_back(sent);
    }

    /// Takes a proxy's word for what it has from an earlier stream, if it is something we remember. Hosts are sent anew:
    /// its clusters may have been warming up when the stream broke, and would wait for them.
    fn remember(&mut self, kind: Kind, version: &str, published: &Published) {
        if version.is_empty() || kind == Kind::Endpoint {
            return;
        }
        self.acked_version = version.into();
        match published.recall_view(kind, version, |name| self.wants(name)) {
            Some(view) => {
                self.due = false;
                self.acked = view;
            }
            None => self.unclear = true,
        }
    }

    /// Takes a proxy's word for each resource it has from an earlier stream.
    fn remember_each(&mut self, kind: Kind, known: BTreeMap<String, String>, published: &Published) {
        if known.is_empty() || kind == Kind::Endpoint {
            return;
        }
        let recalled = known.into_iter().map(|(name, version)| {
            let resource = published.recall(kind, name.clone(), version);
            (name, resource)
        });
        let view: BTreeMap<_, _> = recalled.collect();
        self.unclear = view.values().any(|resource| resource.is_remembered());
        self.acked = Arc::new(view);
        self.acked_version = published.snapshot.version_of(kind, &self.acked);
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

/// Whether `text` has `name` as a word of its own.
fn mentions(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    text.match_indices(name)
        .any(|(start, found)| !text[..start].ends_with(part) && !text[start + found.len()..].starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_within_another_is_not_meant() {
        let text = "Error adding/updating cluster(s) cds_egress_m_v2_http_80: no such host";
        assert!(mentions(text, "cds_egress_m_v2_http_80"));
        assert!(!mentions(text, "cds_egress_m_v2_http_8") && !mentions(text, "m_v2") && !mentions(text, "other"));
    }
}
