//! The snapshots by node, and the proxies that are connected.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    Identify, Identity, Node, Nodes as Allowed, ProxyState, Snapshot, TurnedAway,
    places::{Place, Places, count_down},
    published::Published,
    turned_away::Ledger,
};

/// How much a cache bears.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Streams that may be open at once.
    pub streams: usize,
    /// Streams that may be open at once for one node.
    pub streams_per_node: usize,
    /// Streams that may be open at once on one connection. A proxy needs one.
    pub streams_per_connection: usize,
    /// How long a proxy is kept whose node is not known: it may have started before what describes it was published.
    pub unknown_node_wait: Duration,
    /// How long a proxy may take to say who it is.
    pub first_message_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            streams: 20_000,
            streams_per_node: 8_000,
            streams_per_connection: 64,
            unknown_node_wait: Duration::from_secs(5),
            first_message_wait: Duration::from_secs(10),
        }
    }
}

/// What a node is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeName {
    /// The name, unique.
    pub name: String,
    /// A shorter one by which it goes too, if only one node is meant by it.
    pub alias: Option<String>,
}

/// Why a proxy cannot be served.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Refused {
    #[error("no node `{0}` is known: create it, or correct the node id the proxy was given")]
    Unknown(String),
    #[error("node `{id}` may be any of {names:?}: give the proxy the full name as its node id")]
    Ambiguous { id: String, names: Vec<String> },
    #[error("`{who}` may not stand for node `{id}`: give the proxy the node id it is meant for, or other credentials")]
    Forbidden { who: String, id: String },
    #[error("{open} streams {whose} are open, as many as may be")]
    TooMany { whose: String, open: usize },
    #[error("the control plane is stopping")]
    Stopping,
}

/// The snapshots by node, and the proxies that are connected. Clones are the same cache.
#[derive(Clone)]
pub struct Cache(Arc<Shared>);

struct Shared {
    identify: Identify,
    limits: Limits,
    nodes: Mutex<Nodes>,
    /// Counts nodes that came, for those who wait for one.
    arrivals: watch::Sender<u64>,
    /// By node, then by stream. Whoever lists them gets the same ones, since of a fleet there are thousands.
    proxies: Mutex<BTreeMap<Arc<str>, BTreeMap<u64, Arc<ProxyState>>>>,
    turned_away: Mutex<Ledger>,
    places: Arc<Mutex<Places>>,
    streams: AtomicU64,
    watchers: Mutex<Vec<Weak<Pending>>>,
    stopping: watch::Sender<bool>,
}

#[derive(Default)]
struct Nodes {
    published: BTreeMap<Arc<str>, watch::Sender<Option<Arc<Published>>>>,
    aliases: BTreeMap<String, BTreeSet<String>>,
    open: BTreeMap<Arc<str>, usize>,
    revision: u64,
}

impl Nodes {
    /// Whether `allowed` holds a shorter name that means the node `name` alone.
    fn goes_by(&self, name: &str, allowed: &Allowed) -> bool {
        let mut aliases = self.aliases.iter().filter(|(_, names)| names.len() == 1 && names.contains(name));
        aliases.any(|(alias, _)| allowed.contain(alias))
    }
}

impl Cache {
    /// An empty cache, whose proxies are known by the names that `identify` finds in what they say of themselves.
    pub fn new(identify: Identify) -> Self {
        Self::with_limits(identify, Limits::default())
    }

    /// As [`Cache::new`], with limits of one's own.
    pub fn with_limits(identify: Identify, limits: Limits) -> Self {
        Self(Arc::new(Shared {
            identify,
            limits,
            nodes: Mutex::default(),
            arrivals: watch::Sender::new(0),
            proxies: Mutex::default(),
            turned_away: Mutex::default(),
            places: Arc::default(),
            streams: AtomicU64::new(1),
            watchers: Mutex::default(),
            stopping: watch::Sender::new(false),
        }))
    }

    /// Makes `snapshot` what the proxies of `node` are to do; answers its revision, a new one only if it says something new.
    pub fn set(&self, node: &NodeName, snapshot: Snapshot) -> u64 {
        let mut nodes = lock(&self.0.nodes);
        let before = nodes.published.get(node.name.as_str()).and_then(|published| published.borrow().clone());
        if let Some(before) = before.as_ref().filter(|before| before.snapshot.is_same(&snapshot)) {
            return before.revision;
        }
        nodes.revision += 1;
        let revision = nodes.revision;
        if let Some(alias) = &node.alias {
            nodes.aliases.entry(alias.clone()).or_default().insert(node.name.clone());
        }
        let published = match before {
            Some(before) => Published::after(&before, snapshot, revision),
            None => Published::new(snapshot, revision),
        };
        let published = Some(Arc::new(published));
        nodes
            .published
            .entry(node.name.as_str().into())
            .or_insert_with(|| watch::Sender::new(None))
            .send_replace(published);
        drop(nodes);
        self.0.arrivals.send_modify(|count| *count += 1);
        revision
    }

    /// Ends the node `name`: its proxies keep what they have, and their streams are closed.
    pub fn clear(&self, name: &str) {
        let mut nodes = lock(&self.0.nodes);
        if let Some(published) = nodes.published.remove(name) {
            published.send_replace(None);
        }
        nodes.aliases.retain(|_, names| {
            names.remove(name);
            !names.is_empty()
        });
    }

    /// The names of all nodes.
    pub fn names(&self) -> Vec<String> {
        lock(&self.0.nodes).published.keys().map(|name| (**name).to_owned()).collect()
    }

    /// What the proxies of the node `name` are to do, and the revision that says so.
    pub fn get(&self, name: &str) -> Option<(Snapshot, u64)> {
        let published = lock(&self.0.nodes).published.get(name)?.borrow().clone()?;
        Some((published.snapshot.clone(), published.revision))
    }

    /// The proxies that are connected, by node, and those of one in the order in which they came.
    pub fn proxies(&self) -> Vec<Arc<ProxyState>> {
        lock(&self.0.proxies).values().flat_map(BTreeMap::values).cloned().collect()
    }

    /// The proxies of the node `name` that are connected.
    pub fn proxies_of(&self, name: &str) -> Vec<Arc<ProxyState>> {
        lock(&self.0.proxies).get(name).map(|proxies| proxies.values().cloned().collect()).unwrap_or_default()
    }

    /// Those that asked of late and were turned away, by the nodes they asked for.
    pub fn turned_away(&self) -> Vec<TurnedAway> {
        lock(&self.0.turned_away).all(Instant::now())
    }

    /// Tells of nodes whose proxies came, went, acknowledged or refused, from now on.
    pub fn watch(&self) -> Watch {
        let pending = Arc::new(Pending::default());
        let mut watchers = lock(&self.0.watchers);
        watchers.retain(|watcher| watcher.strong_count() > 0);
        watchers.push(Arc::downgrade(&pending));
        Watch(pending)
    }

    /// Closes every stream, and those that come: the proxies keep what they have, and come back when someone listens.
    pub fn stop(&self) {
        self.0.stopping.send_replace(true);
    }

    /// The limits that hold here.
    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Finds room for a stream of `identity` on the connection of `peer`; it is there until the place is dropped.
    pub(crate) fn take_place(&self, identity: &Identity, peer: Option<SocketAddr>) -> Result<Place, Refused> {
        Places::take(&self.0.places, &self.0.limits, identity, peer)
    }

    /// Notes that a stream was refused: of whom, as far as that is known.
    pub(crate) fn turn_away(
        &self,
        node: Option<&Node>,
        identity: Option<&Identity>,
        peer: Option<SocketAddr>,
        reason: &str,
    ) {
        let node = node.map(|node| (node, (self.0.identify)(node)));
        let one = TurnedAway::new(node, identity, peer, reason.to_owned());
        lock(&self.0.turned_away).note(one, Instant::now());
    }

    /// Forgets that the node `id` was refused to that caller before.
    pub(crate) fn let_in(&self, id: &str, identity: &Identity, peer: Option<SocketAddr>) {
        lock(&self.0.turned_away).clear(id, identity, peer);
    }

    /// Finds the snapshot for `node`, and counts it among the connected until the connection is dropped.
    pub(crate) async fn connect(&self, node: Arc<Node>, identity: &Identity) -> Result<Connection, Refused> {
        let mut arrivals = self.0.arrivals.subscribe();
        let deadline = Instant::now() + self.0.limits.unknown_node_wait;
        let mut stopping = self.0.stopping.subscribe();
        loop {
            match self.find(&node, identity) {
                Err(Refused::Unknown(id)) => tokio::select! {
                    _ = arrivals.changed() => {}
                    () = tokio::time::sleep_until(deadline) => return Err(Refused::Unknown(id)),
                    _ = stopping.wait_for(|stopping| *stopping) => return Err(Refused::Stopping),
                },
                found => return self.admit(found?, node, identity, stopping),
            }
        }
    }

    /// The node that `node` stands for. Who may not stand for it is not told whether there is one.
    fn find(&self, node: &Node, identity: &Identity) -> Result<String, Refused> {
        let nodes = lock(&self.0.nodes);
        let candidates = (self.0.identify)(node);
        let mut allowed = identity.nodes == Allowed::Any;
        for name in candidates {
            let may = identity.nodes.contain(&name) || nodes.goes_by(&name, &identity.nodes);
            allowed |= may;
            if nodes.published.contains_key(name.as_str()) {
                return if may { Ok(name) } else { Err(forbidden(identity, node)) };
            }
            let Some(names) = nodes.aliases.get(&name) else { continue };
            let open: Vec<_> = names.iter().filter(|name| may || identity.nodes.contain(name)).cloned().collect();
            match open.as_slice() {
                [only] => return Ok(only.clone()),
                [] => {}
                _ => return Err(Refused::Ambiguous { id: node.id.clone(), names: open }),
            }
        }
        Err(if allowed { Refused::Unknown(node.id.clone()) } else { forbidden(identity, node) })
    }

    fn admit(
        &self,
        name: String,
        node: Arc<Node>,
        identity: &Identity,
        stopping: watch::Receiver<bool>,
    ) -> Result<Connection, Refused> {
        let mut nodes = lock(&self.0.nodes);
        let open = nodes.open.get(name.as_str()).copied().unwrap_or(0);
        if open >= self.0.limits.streams_per_node {
            return Err(Refused::TooMany { whose: format!("of node `{name}`"), open });
        }
        let Some((name, published)) = nodes.published.get_key_value(name.as_str()) else {
            return Err(Refused::Unknown(node.id.clone()));
        };
        let (name, published) = (Arc::clone(name), published.subscribe());
        *nodes.open.entry(Arc::clone(&name)).or_default() += 1;
        drop(nodes);
        let stream = self.0.streams.fetch_add(1, Ordering::Relaxed);
        let state = ProxyState::new(stream, name, node, identity.name.as_str().into());
        let connection = Connection { cache: self.clone(), state: state.clone(), published, stopping };
        connection.record(state);
        Ok(connection)
    }

    fn tell(&self, name: &str) {
        let watchers = lock(&self.0.watchers);
        for pending in watchers.iter().filter_map(Weak::upgrade) {
            if lock(&pending.names).insert(name.to_owned()) {
                pending.news.notify_one();
            }
        }
    }
}

/// News of nodes. What nobody has taken yet collapses, so what waits is bounded by the number of nodes.
pub struct Watch(Arc<Pending>);

#[derive(Default)]
struct Pending {
    names: Mutex<BTreeSet<String>>,
    news: Notify,
}

impl Watch {
    /// Waits until [`Watch::next`] would answer at once.
    pub async fn ready(&self) {
        loop {
            let news = self.0.news.notified();
            if !lock(&self.0.names).is_empty() {
                return;
            }
            news.await;
        }
    }

    /// The names of the nodes with news; waits until there are some. What it has not returned is not lost by dropping it.
    pub async fn next(&self) -> Vec<String> {
        loop {
            let news = self.0.news.notified();
            let names = std::mem::take(&mut *lock(&self.0.names));
            if !names.is_empty() {
                return names.into_iter().collect();
            }
            news.await;
        }
    }
}

/// A connected proxy; dropping it disconnects it.
pub(crate) struct Connection {
    cache: Cache,
    pub(crate) state: ProxyState,
    pub(crate) published: watch::Receiver<Option<Arc<Published>>>,
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Connection {
    /// Makes `state` what is known of the proxy, and tells whoever watches if that is news.
    pub(crate) fn record(&self, state: ProxyState) {
        let mut proxies = lock(&self.cache.0.proxies);
        let name = Arc::clone(&state.name);
        let proxies_of = proxies.entry(Arc::clone(&name)).or_default();
        if proxies_of.get(&state.stream).is_some_and(|before| before.is_as_far_as(&state)) {
            return;
        }
        proxies_of.insert(state.stream, Arc::new(state));
        drop(proxies);
        self.cache.tell(&name);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let name = &self.state.name;
        let mut proxies = lock(&self.cache.0.proxies);
        if let Some(proxies_of) = proxies.get_mut(name) {
            proxies_of.remove(&self.state.stream);
            if proxies_of.is_empty() {
                proxies.remove(name);
            }
        }
        drop(proxies);
        count_down(&mut lock(&self.cache.0.nodes).open, name);
        self.cache.tell(name);
    }
}

fn forbidden(identity: &Identity, node: &Node) -> Refused {
    Refused::Forbidden { who: identity.name.clone(), id: node.id.clone() }
}

/// Takes a lock; what a panicking holder left is whole, because every change under these locks is one statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
