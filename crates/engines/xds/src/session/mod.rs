//! What one stream has asked for, has, and is due: the protocol without any I/O.
//!
//! A session is told two things, a request of its proxy or a newly published snapshot, and answers both with what is to be
//! sent now. It never waits and never loses count: a response that must wait is simply not due yet, and becomes due with
//! the acknowledgement it waits for. The rules of order follow from two questions that are asked of every resource:
//!
//! - *May the proxy have it yet?* What refers to clusters waits until the proxy has acknowledged them; Envoy does that when
//!   they are warm. Other resources of the same kind do not wait with it.
//! - *May the proxy lose it yet?* A cluster stays for as long as any route or listener the proxy holds refers to it.
//!
//! And from one trap of Envoy: a cluster that changed forgets its hosts until they are sent again, even if they are the
//! same; so the endpoints of every cluster that is sent are sent behind it.
//!
//! A resource that a proxy refused is left out, or left as it was, until it changes; all others go on. A proxy that comes
//! back on a new stream says what it has, kind by kind, and loses no cluster before it has said which routes it has.

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod properties;
mod subscription;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{Kind, Node, Resource, published::Published, snapshot::View};

pub use subscription::Refusal;
use subscription::{InFlight, Subscription};

/// The two dialects of xDS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A response holds all there is.
    World,
    /// A response holds what changed.
    Delta,
}

/// What a proxy says.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    /// Which response this answers; empty if none.
    pub(crate) nonce: String,
    /// Why that response was refused; none if it was accepted.
    pub(crate) error: Option<String>,
    pub(crate) interest: Interest,
}

/// What a proxy asks for.
#[derive(Debug)]
pub(crate) enum Interest {
    /// All these names, and nothing else; the version is what it has from an earlier stream.
    World { names: BTreeSet<String>, version: String },
    /// These names more, those less; the versions are what it has from an earlier stream.
    Delta { more: Vec<String>, less: Vec<String>, known: BTreeMap<String, String> },
}

/// A response to send.
#[derive(Clone, Debug)]
pub(crate) struct Push {
    pub(crate) kind: Kind,
    pub(crate) nonce: String,
    pub(crate) version: Arc<str>,
    pub(crate) resources: Vec<Arc<Resource>>,
    /// Names that are no more, or never were; the delta dialect alone says so.
    pub(crate) removed: Vec<String>,
}

/// How far a proxy is with one kind of resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KindState {
    /// The version it acknowledged last, on this stream or by its own word on an earlier one; empty if it has nothing.
    pub version: Arc<str>,
    /// The last published revision of which it has acknowledged every resource of this kind.
    pub revision: u64,
    /// What it refused, for as long as that is what it should have.
    pub refusal: Option<Refusal>,
}

/// A connected proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct ProxyState {
    /// Which stream it is, unique in this process.
    pub stream: u64,
    /// The name of its node in the cache.
    pub name: Arc<str>,
    /// What it says of itself.
    pub node: Arc<Node>,
    /// Who it has proved to be; empty where it did not have to.
    pub identity: Arc<str>,
    kinds: [KindState; 5],
}

impl ProxyState {
    pub(crate) fn new(stream: u64, name: Arc<str>, node: Arc<Node>, identity: Arc<str>) -> Self {
        Self { stream, name, node, identity, kinds: Default::default() }
    }

    /// Whether the same stream has acknowledged and refused the same.
    pub(crate) fn is_as_far_as(&self, other: &Self) -> bool {
        self.stream == other.stream && self.kinds == other.kinds
    }

    pub(crate) fn with(&self, session: &Session) -> Self {
        Self { kinds: session.states(), ..self.clone() }
    }

    /// How far it is with the resources of `kind`.
    pub fn kind(&self, kind: Kind) -> &KindState {
        &self.kinds[kind.index()]
    }

    /// The last published revision that it has acknowledged in full.
    pub fn revision(&self) -> u64 {
        self.kinds.iter().map(|state| state.revision).min().unwrap_or(0)
    }

    /// All that it refuses.
    pub fn refusals(&self) -> impl Iterator<Item = (Kind, &Refusal)> {
        Kind::ALL.into_iter().filter_map(|kind| Some((kind, self.kind(kind).refusal.as_ref()?)))
    }
}

/// One stream.
pub(crate) struct Session {
    dialect: Dialect,
    published: Arc<Published>,
    subscriptions: [Subscription; 5],
    revisions: [u64; 5],
    nonces: u64,
    /// Whether the proxy has clusters from an earlier stream, and has not yet said what refers to them.
    returning: bool,
}

/// Names of one kind that a proxy may ask for.
const NAMES_MAX: usize = 20_000;

impl Session {
    pub(crate) fn new(dialect: Dialect, published: Arc<Published>) -> Self {
        let subscriptions = Default::default();
        Self { dialect, published, subscriptions, revisions: [0; 5], nonces: 0, returning: false }
    }

    /// Takes what the proxy says; answers what to send now.
    pub(crate) fn receive(&mut self, request: Request) -> Vec<Push> {
        let published = &self.published;
        let subscription = &mut self.subscriptions[request.kind.index()];
        let is_first = !subscription.is_active();
        if !request.nonce.is_empty() {
            let version = match &request.interest {
                Interest::World { version, .. } => Some(version.as_str()),
                Interest::Delta { .. } => None,
            };
            subscription.answered(&request.nonce, request.error, version);
        }
        match request.interest {
            Interest::World { names, version } => subscription.ask_world(request.kind, names, &version, published),
            Interest::Delta { more, less, known } => subscription.ask_delta(request.kind, more, less, known, published),
        }
        if is_first && request.kind == Kind::Cluster {
            self.returning = !self.of(Kind::Cluster).acked_version.is_empty();
        }
        self.advance()
    }

    /// The kind of which the proxy asks for more names than it may.
    pub(crate) fn asks_too_much(&self) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| self.of(*kind).asked().len().max(self.of(*kind).acked.len()) > NAMES_MAX)
    }

    /// Takes a new snapshot; answers what to send now.
    pub(crate) fn publish(&mut self, published: Arc<Published>) -> Vec<Push> {
        self.published = published;
        for kind in Kind::ALL {
            self.subscriptions[kind.index()].forgive(kind, &self.published.snapshot);
        }
        self.advance()
    }

    /// How far the proxy is.
    pub(crate) fn states(&self) -> [KindState; 5] {
        Kind::ALL.map(|kind| {
            let subscription = self.of(kind);
            KindState {
                version: Arc::clone(&subscription.acked_version),
                revision: self.revisions[kind.index()],
                refusal: subscription.refusal.clone(),
            }
        })
    }

    fn of(&self, kind: Kind) -> &Subscription {
        &self.subscriptions[kind.index()]
    }

    fn advance(&mut self) -> Vec<Push> {
        self.returning &= !self.references_are_known();
        let pushes = Kind::ALL.into_iter().filter_map(|kind| self.push(kind)).collect();
        for kind in Kind::ALL {
            if self.is_applied(kind) {
                self.revisions[kind.index()] = self.published.revision;
            }
        }
        pushes
    }

    /// The response of `kind` that is due, if one is.
    fn push(&mut self, kind: Kind) -> Option<Push> {
        let subscription = self.of(kind);
        if !subscription.can_be_sent() {
            return None;
        }
        let Desired { view, held } = self.desired(kind);
        let version = self.published.snapshot.version_of(kind, &view);
        let known = |name: &String| self.published.snapshot.resources(kind).contains_key(name);
        let change = subscription.change(&view, known);
        let answer = subscription.due && !held;
        let refused = subscription.refusal.as_ref().is_some_and(|refusal| refusal.version == version);
        // The first answer of a kind that is asked for as a whole must be whole: an Envoy that gets no listeners is ready.
        let first = subscription.due && subscription.whole;
        if !answer && (change.is_empty() || refused || (first && held)) {
            return None;
        }
        self.nonces += 1;
        let nonce = self.nonces.to_string();
        let carried = match self.dialect {
            Dialect::World => Arc::clone(&view),
            Dialect::Delta => {
                Arc::new(change.changed.iter().filter_map(|name| view.get_key_value(name)).map(cloned).collect())
            }
        };
        let resources = carried.values().cloned().collect();
        if kind == Kind::Cluster {
            self.send_endpoints_again(&change.changed, &view);
        }
        let subscription = &mut self.subscriptions[kind.index()];
        let removed = change.removed.clone();
        self.published.remember(kind, &version, &view);
        let sent = InFlight { nonce: nonce.clone(), version: Arc::clone(&version), view, carried, change };
        subscription.sent(sent, held);
        Some(Push { kind, nonce, version, resources, removed })
    }

    /// What the proxy should have of `kind` now: the snapshot, less what must wait, and with what must stay.
    fn desired(&self, kind: Kind) -> Desired {
        let (subscription, all) = (self.of(kind), self.published.snapshot.view(kind));
        let sent = subscription.sent_view();
        let stays = |name: &String| !all.contains_key(name) && self.stays(kind, name);
        let may_come = |resource: &Arc<Resource>| self.may_have(resource) && !subscription.has_refused(resource);
        let plain = all.iter().all(|(name, resource)| subscription.wants(name) && may_come(resource));
        if plain && !sent.keys().any(stays) {
            return Desired { view: Arc::clone(all), held: false };
        }
        let mut held = false;
        let mut view: BTreeMap<_, _> = sent.iter().filter(|(name, _)| stays(name)).map(cloned).collect();
        for (name, resource) in all.iter().filter(|(name, _)| subscription.wants(name)) {
            if subscription.has_refused(resource) {
                // It keeps what it had, and does without what it had not.
                view.extend(subscription.acked.get_key_value(name).map(cloned));
            } else if self.may_have(resource) {
                view.insert(name.clone(), Arc::clone(resource));
            } else if let Some(older) = sent.get(name) {
                view.insert(name.clone(), Arc::clone(older));
            } else {
                held = true;
            }
        }
        Desired { view: Arc::new(view), held }
    }

    /// Whether the proxy has acknowledged every cluster that `resource` needs, and none is on its way out.
    fn may_have(&self, resource: &Resource) -> bool {
        let clusters = self.of(Kind::Cluster);
        let waits = |name: &String| {
            // A cluster that nobody has described will never come; a proxy that asks for no clusters has its own.
            clusters.wants(name)
                && self.published.snapshot.resources(Kind::Cluster).contains_key(name)
                && clusters.views().any(|view| !view.contains_key(name))
        };
        !resource.clusters().iter().any(waits)
    }

    /// Whether the proxy keeps what the snapshot no longer has.
    fn stays(&self, kind: Kind, name: &str) -> bool {
        match kind {
            Kind::Cluster => self.is_needed(name),
            Kind::Listener => false,
            // What is asked for by name goes when it is no longer asked for.
            Kind::Endpoint | Kind::Secret | Kind::Route => !self.of(kind).whole,
        }
    }

    /// Whether a route or listener that the proxy holds, or may hold by now, refers to the cluster `name`.
    fn is_needed(&self, name: &str) -> bool {
        if self.returning {
            return true;
        }
        let listeners = self.of(Kind::Listener);
        let settled = listeners.in_flight.is_empty() && self.is_applied(Kind::Listener);
        let routes = self.published.snapshot.resources(Kind::Route);
        let held = listeners.views().flat_map(|view| view.values());
        // The routes of a listener that is gone serve nobody, though Envoy lets go of them only when it has drained.
        let used = self.of(Kind::Route).may_hold().flat_map(|view| view.values());
        let used = used.filter(|route| !settled || routes.contains_key(route.name()));
        held.chain(used).any(|resource| resource.clusters().contains(name))
    }

    /// Whether we know what the proxy holds that may refer to clusters: its listeners, and the routes that these ask for.
    fn references_are_known(&self) -> bool {
        let (listeners, routes) = (self.of(Kind::Listener), self.of(Kind::Route));
        let mut asked = listeners.views().flat_map(|view| view.values()).flat_map(|listener| listener.routes());
        listeners.is_active() && !listeners.unclear && !routes.unclear && asked.all(|name| routes.wants(name))
    }

    fn send_endpoints_again(&mut self, changed: &BTreeSet<String>, clusters: &View) {
        let endpoints = &mut self.subscriptions[Kind::Endpoint.index()];
        let names = changed.iter().filter_map(|name| clusters.get(name)?.endpoints_name());
        let wanted: Vec<String> = names.filter(|name| endpoints.wants(name)).map(str::to_owned).collect();
        endpoints.again.extend(wanted);
    }

    /// Whether the proxy has acknowledged all that the snapshot has of `kind`.
    fn is_applied(&self, kind: Kind) -> bool {
        let (acked, all) = (&self.of(kind).acked, self.published.snapshot.view(kind));
        let same = |(name, resource): (&String, &Arc<Resource>)| {
            acked.get(name).is_some_and(|acked| acked.version() == resource.version())
        };
        // A cluster may stay longer than the snapshot has it, a listener may not.
        Arc::ptr_eq(acked, all) || (all.iter().all(same) && (kind != Kind::Listener || acked.len() == all.len()))
    }
}

/// What a proxy should have, and whether something is left out because it must wait.
struct Desired {
    view: View,
    held: bool,
}

fn cloned((name, resource): (&String, &Arc<Resource>)) -> (String, Arc<Resource>) {
    (name.clone(), Arc::clone(resource))
}
