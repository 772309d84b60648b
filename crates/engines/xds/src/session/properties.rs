//! What must never happen, whatever is published and whenever the proxy gets round to it.
//!
//! The proxy here is a model of Envoy: it reads responses one after the other, forgets a cluster's hosts when the cluster
//! changes, acknowledges clusters when all of them have hosts, and goes on using the old one of a cluster that warms up.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::{
    fixtures::{cluster, http_listener, listener, routes},
    *,
};
use crate::Snapshot;

/// The clusters there may be.
const CLUSTERS: [&str; 4] = ["a", "b", "c", "d"];
/// The route configurations there always are.
const ROUTES: [&str; 2] = ["r", "s"];

/// What is published: which clusters and how old they are, and what refers to which of them.
#[derive(Clone, Debug)]
struct Mesh {
    clusters: Vec<(usize, i64)>,
    routes: [Vec<(usize, u32)>; 2],
    listener: usize,
    last: bool,
}

fn meshes() -> impl Strategy<Value = Mesh> {
    let clusters = prop::collection::btree_map(0..CLUSTERS.len(), 1..3_i64, 1..=CLUSTERS.len());
    let targets = || prop::collection::vec((0..CLUSTERS.len(), 0..4_u32), 1..3);
    (clusters, targets(), targets(), 0..CLUSTERS.len()).prop_map(|(clusters, r, s, listener)| Mesh {
        clusters: clusters.into_iter().collect(),
        routes: [r, s],
        listener,
        last: false,
    })
}

impl Mesh {
    /// Every reference is to a cluster that is there.
    fn name(&self, number: usize) -> &'static str {
        CLUSTERS[self.clusters[number % self.clusters.len()].0]
    }

    fn snapshot(&self) -> Snapshot {
        let mut builder = Snapshot::builder();
        for (number, seconds) in &self.clusters {
            cluster(&mut builder, CLUSTERS[*number], if self.last { 9 } else { *seconds });
        }
        for (name, targets) in ROUTES.iter().zip(&self.routes) {
            let weight = |weight: u32| if self.last { 9 } else { weight };
            let targets: Vec<_> = targets.iter().map(|(number, share)| (self.name(*number), weight(*share))).collect();
            routes(&mut builder, name, &targets);
        }
        for routes in ROUTES {
            http_listener(&mut builder, &format!("{routes}{}", if self.last { " last" } else { "" }), routes);
        }
        listener(&mut builder, if self.last { "last" } else { "l" }, self.name(self.listener));
        builder.build()
    }
}

#[derive(Clone, Debug)]
enum Event {
    Publish(Mesh),
    /// The proxy reads a response, and accepts it or not.
    Read(bool),
    /// The stream breaks, and the proxy opens another.
    Reconnect,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let read = prop::bool::weighted(0.9).prop_map(Event::Read);
    let event = prop_oneof![4 => meshes().prop_map(Event::Publish), 10 => read, 1 => Just(Event::Reconnect)];
    prop::collection::vec(event, 1..60)
}

type Held = BTreeMap<String, Arc<Resource>>;

struct Envoy {
    session: Session,
    revision: u64,
    inbox: VecDeque<Push>,
    clusters: Held,
    /// Clusters that have had hosts: requests can go there.
    usable: BTreeSet<String>,
    /// Clusters that wait for their hosts.
    cold: BTreeSet<String>,
    /// Answers about clusters, which are held back while any is cold.
    answers: VecDeque<(Push, bool)>,
    listeners: Held,
    routes: Held,
    /// The version of each kind that it took last.
    versions: BTreeMap<Kind, String>,
}

impl Envoy {
    fn start(dialect: Dialect, mesh: &Mesh) -> Self {
        let published = Arc::new(Published::new(mesh.snapshot(), 1));
        let mut envoy = Self {
            session: Session::new(dialect, published),
            revision: 1,
            inbox: VecDeque::new(),
            clusters: Held::new(),
            usable: BTreeSet::new(),
            cold: BTreeSet::new(),
            answers: VecDeque::new(),
            listeners: Held::new(),
            routes: Held::new(),
            versions: BTreeMap::new(),
        };
        envoy.ask(Kind::Cluster, Vec::new(), Vec::new());
        envoy.ask(Kind::Listener, Vec::new(), Vec::new());
        envoy
    }

    fn publish(&mut self, mesh: &Mesh) {
        self.revision += 1;
        let published = Arc::new(Published::after(&self.session.published, mesh.snapshot(), self.revision));
        self.inbox.extend(self.session.publish(published));
    }

    /// What was on its way is lost, and what it has it says on the new stream.
    fn reconnect(&mut self) {
        let published = Arc::clone(&self.session.published);
        self.session = Session::new(self.session.dialect, published);
        self.inbox.clear();
        self.answers.clear();
        let hosts = self.clusters.keys().cloned().collect();
        self.introduce(Kind::Cluster, Vec::new(), self.clusters.clone());
        self.introduce(Kind::Endpoint, hosts, Held::new());
        self.introduce(Kind::Listener, Vec::new(), self.listeners.clone());
        let routes = asked_by(&self.listeners);
        if !routes.is_empty() {
            self.introduce(Kind::Route, routes.into_iter().collect(), self.routes.clone());
        }
    }

    /// Asks on a new stream for `names` of a kind of which it has `held`.
    fn introduce(&mut self, kind: Kind, names: Vec<String>, held: Held) {
        let interest = match self.session.dialect {
            Dialect::World => Interest::World {
                names: names.into_iter().collect(),
                version: self.versions.get(&kind).cloned().unwrap_or_default(),
            },
            Dialect::Delta => Interest::Delta {
                more: names,
                less: Vec::new(),
                known: held.values().map(|has| (has.name().to_owned(), has.version().to_owned())).collect(),
            },
        };
        self.inbox.extend(self.session.receive(Request { kind, nonce: String::new(), error: None, interest }));
    }

    /// Asks for more names and less.
    fn ask(&mut self, kind: Kind, more: Vec<String>, less: Vec<String>) {
        self.say(kind, String::new(), None, more, less);
    }

    fn answer(&mut self, push: &Push, accept: bool) {
        let error = (!accept).then(|| "no".to_owned());
        self.say(push.kind, push.nonce.clone(), error, Vec::new(), Vec::new());
    }

    fn say(&mut self, kind: Kind, nonce: String, error: Option<String>, more: Vec<String>, less: Vec<String>) {
        let interest = match self.session.dialect {
            Dialect::World => {
                let mut names = self.session.of(kind).asked().clone();
                names.extend(more);
                names.retain(|name| !less.contains(name));
                Interest::World { names, version: String::new() }
            }
            Dialect::Delta => Interest::Delta { more, less, known: BTreeMap::new() },
        };
        self.inbox.extend(self.session.receive(Request { kind, nonce, error, interest }));
    }

    fn read(&mut self, accept: bool) {
        let Some(push) = self.inbox.pop_front() else { return };
        if accept {
            self.versions.insert(push.kind, push.version.to_string());
        }
        // Hosts that were refused would not come again, and that is no fault of the order.
        match push.kind {
            Kind::Cluster if accept => return self.take_clusters(push),
            Kind::Cluster => {
                self.answers.push_back((push, false));
                return self.answer_about_clusters();
            }
            Kind::Listener | Kind::Route if !accept => return self.answer(&push, false),
            Kind::Endpoint => {
                for resource in &push.resources {
                    self.cold.remove(resource.name());
                    self.usable.insert(resource.name().to_owned());
                }
            }
            Kind::Listener => {
                let before = std::mem::take(&mut self.listeners);
                self.listeners = self.taken(&before, &push, true);
                let (old, new) = (asked_by(&before), asked_by(&self.listeners));
                if old != new {
                    self.routes.retain(|name, _| new.contains(name));
                    let (more, less) = (new.difference(&old).cloned(), old.difference(&new).cloned());
                    self.ask(Kind::Route, more.collect(), less.collect());
                }
            }
            Kind::Route => {
                self.routes = self.taken(&self.routes, &push, false);
                let asked = asked_by(&self.listeners);
                self.routes.retain(|name, _| asked.contains(name));
            }
            Kind::Secret => {}
        }
        self.answer(&push, true);
        self.answer_about_clusters();
    }

    fn taken(&self, held: &Held, push: &Push, whole: bool) -> Held {
        let all = whole && self.session.dialect == Dialect::World;
        let mut held = if all { Held::new() } else { held.clone() };
        held.retain(|name, _| !push.removed.contains(name));
        held.extend(push.resources.iter().map(|resource| (resource.name().to_owned(), Arc::clone(resource))));
        held
    }

    fn take_clusters(&mut self, push: Push) {
        let now = self.taken(&self.clusters, &push, true);
        let old = std::mem::replace(&mut self.clusters, now);
        let changed = |name: &&String| old.get(*name).is_none_or(|old| old.version() != self.clusters[*name].version());
        self.cold.extend(self.clusters.keys().filter(changed).cloned().collect::<Vec<_>>());
        self.cold.retain(|name| self.clusters.contains_key(name));
        self.usable.retain(|name| self.clusters.contains_key(name));
        let more = self.clusters.keys().filter(|name| !old.contains_key(*name)).cloned().collect::<Vec<_>>();
        let less = old.keys().filter(|name| !self.clusters.contains_key(*name)).cloned().collect::<Vec<_>>();
        self.answers.push_back((push, true));
        if !more.is_empty() || !less.is_empty() {
            self.ask(Kind::Endpoint, more, less);
        }
        self.answer_about_clusters();
    }

    fn answer_about_clusters(&mut self) {
        while self.cold.is_empty()
            && let Some((push, accept)) = self.answers.pop_front()
        {
            self.answer(&push, accept);
        }
    }

    /// Whatever the proxy holds, requests can go where it says.
    fn check(&self) {
        for resource in self.listeners.values().chain(self.routes.values()) {
            for name in resource.clusters() {
                assert!(self.usable.contains(name), "{} leads to {name}, which is not there", resource.name());
            }
        }
    }

    fn converge(&mut self) {
        for _ in 0..1000 {
            if self.inbox.is_empty() && self.cold.is_empty() {
                return;
            }
            if self.inbox.is_empty() {
                self.give_up_on_hosts();
            }
            self.read(true);
            self.check();
        }
        panic!("the conversation does not end");
    }

    /// An Envoy waits some seconds for hosts. It may have to only for clusters that went while they were on their way.
    fn give_up_on_hosts(&mut self) {
        let wanted = self.session.published.snapshot.resources(Kind::Cluster);
        let forgotten: Vec<_> = self.cold.iter().filter(|name| wanted.contains_key(*name)).collect();
        assert!(forgotten.is_empty(), "the hosts of {forgotten:?} never came");
        self.cold.clear();
        self.answer_about_clusters();
    }
}

/// The routes that `listeners` ask for.
fn asked_by(listeners: &Held) -> BTreeSet<String> {
    listeners.values().flat_map(|listener| listener.routes().clone()).collect()
}

fn run(dialect: Dialect, first: &Mesh, events: &[Event], last: &Mesh) {
    let mut envoy = Envoy::start(dialect, first);
    for event in events {
        match event {
            Event::Publish(mesh) => envoy.publish(mesh),
            Event::Read(accept) => envoy.read(*accept),
            Event::Reconnect => envoy.reconnect(),
        }
        envoy.check();
    }
    // What was refused is not sent again, so what comes last is new in every part.
    envoy.publish(&Mesh { last: true, ..last.clone() });
    envoy.converge();
    let snapshot = &envoy.session.published.snapshot;
    for (kind, held) in
        [(Kind::Cluster, &envoy.clusters), (Kind::Listener, &envoy.listeners), (Kind::Route, &envoy.routes)]
    {
        let versions = |view: &Held| view.values().map(|resource| resource.version().to_owned()).collect::<Vec<_>>();
        assert_eq!(versions(held), versions(snapshot.resources(kind)), "{dialect:?} {kind:?}");
        assert_eq!(envoy.session.states()[kind.index()].revision, envoy.revision, "{dialect:?} {kind:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn nothing_the_proxy_holds_leads_nowhere_and_in_the_end_it_has_all(
        first in meshes(),
        events in events(),
        last in meshes(),
    ) {
        run(Dialect::World, &first, &events, &last);
        run(Dialect::Delta, &first, &events, &last);
    }
}
