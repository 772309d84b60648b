//! What a core does with the configuration it is given.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use names::Clock;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    Redirected,
    cluster::{Cluster, ClusterPlan},
    listener::{Chain, Filter, Listener, Security},
    manager::Manager,
    routes::Routes,
    slot::Slots,
    tcp::Tcp,
};
use crate::{
    access_log::{AccessLogs, Log},
    connect::Connect,
    core::{Closing, Core, spawn},
    http,
    intake::{Closed, Intake},
    model::{self, Direction, FilterChain, RouteTable},
    rotation::Rotation,
    stats::{ClusterCounters, ListenerCounters, Registry},
    tls::{Acceptor, Store},
    trace::Tracer,
};

/// How often connections that have waited too long are looked for.
const SWEEP: Duration = Duration::from_secs(5);

/// All that a core shall do; parts that have not changed are the same as before.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) clusters: BTreeMap<String, ClusterPlan>,
    pub(crate) routes: BTreeMap<String, Arc<RouteTable>>,
    pub(crate) listeners: BTreeMap<String, ListenerPlan>,
    /// The sockets that stay bound: those above, and those of listeners that wait for something.
    pub(crate) bound: Vec<Arc<Sockets>>,
}

/// What cores are told of a listener.
#[derive(Clone, Debug)]
pub(crate) struct ListenerPlan {
    pub(crate) settings: Arc<model::Listener>,
    /// What secures the connections of each chain.
    pub(crate) acceptors: Vec<Option<Arc<Acceptor>>>,
    /// A socket for each core, of which it takes a copy.
    pub(crate) sockets: Arc<Sockets>,
}

/// The sockets of a listener.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) address: SocketAddr,
    for_cores: Mutex<Vec<std::net::TcpListener>>,
}

impl Sockets {
    pub(crate) fn new(address: SocketAddr, for_cores: Vec<std::net::TcpListener>) -> Self {
        Self { address, for_cores: Mutex::new(for_cores) }
    }

    /// A core's own copy of its socket.
    fn copy(&self, core: usize) -> io::Result<std::net::TcpListener> {
        let for_cores = self.for_cores.lock().unwrap_or_else(PoisonError::into_inner);
        for_cores.get(core).ok_or_else(|| io::Error::other("the listener was drained"))?.try_clone()
    }

    /// Lets go of them: they close when the cores have closed their copies.
    fn release(&self) {
        self.for_cores.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether nobody can take a copy any more.
    pub(crate) fn is_released(&self) -> bool {
        self.for_cores.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// What a core is told.
pub(crate) enum Order {
    /// Do this from now on; say when it is done.
    Apply(Arc<Plan>, oneshot::Sender<io::Result<()>>),
    /// Take in no more connections on inbound listeners, and let all connections end.
    Drain { inbound_only: bool },
    /// As above, but connections are taken in until the drain time is over.
    DrainGracefully { inbound_only: bool },
}

/// What all cores share.
pub(crate) struct Shared {
    pub(crate) registry: Arc<Registry>,
    pub(crate) logs: Arc<AccessLogs>,
    pub(crate) tracer: Option<Arc<Tracer>>,
    pub(crate) connect: Arc<dyn Connect>,
    pub(crate) redirected: Redirected,
    pub(crate) drain_time: Duration,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    /// How many connections there have been.
    pub(crate) connections: Arc<AtomicU64>,
}

struct Worker {
    core: Rc<Core>,
    shared: Arc<Shared>,
    clusters: Slots<Cluster>,
    routes: Slots<Routes>,
    listeners: HashMap<String, Running>,
    /// Kept by name, so that a cluster that changes counts on.
    cluster_counters: HashMap<String, Arc<ClusterCounters>>,
}

struct Running {
    listener: Rc<Listener>,
    sockets: Arc<Sockets>,
}

/// Runs a core until its orders end.
pub(crate) async fn run(core: Rc<Core>, shared: Arc<Shared>, mut orders: mpsc::Receiver<Order>) {
    let mut worker = Worker {
        core,
        shared,
        clusters: Slots::default(),
        routes: Slots::default(),
        listeners: HashMap::new(),
        cluster_counters: HashMap::new(),
    };
    let mut sweep = interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Apply(plan, done)) => {
                    // Whoever asked may have given up; what it asked for stands.
                    let _ = done.send(worker.apply(&plan));
                }
                Some(Order::Drain { inbound_only }) => worker.drain(inbound_only),
                Some(Order::DrainGracefully { inbound_only }) => worker.drain_gracefully(inbound_only),
                None => return,
            },
            _ = sweep.tick() => {
                let now = Instant::now();
                worker.clusters.iter().for_each(|cluster| cluster.sweep(now));
            }
        }
    }
}

/// The response fields that logs speak of, and that are not known anyhow.
fn captured(logs: &[model::AccessLog]) -> Vec<String> {
    const KNOWN: [&str; 3] = [":status", "server", "x-envoy-upstream-service-time"];
    let names: BTreeSet<&str> = logs.iter().flat_map(|log| log.format.response_fields()).collect();
    names.into_iter().filter(|name| !KNOWN.contains(name)).map(str::to_owned).collect()
}

impl Worker {
    /// Clusters before the routes that use them, listeners after the routes they use, and what is gone last.
    fn apply(&mut self, plan: &Plan) -> io::Result<()> {
        for (name, cluster) in &plan.clusters {
            self.apply_cluster(name, cluster);
        }
        for (name, table) in &plan.routes {
            self.apply_routes(name, table);
        }
        for (name, listener) in &plan.listeners {
            self.apply_listener(name, listener, &plan.bound)?;
        }
        let gone: Vec<String> =
            self.listeners.keys().filter(|name| !plan.listeners.contains_key(*name)).cloned().collect();
        for name in gone {
            if let Some(running) = self.listeners.remove(&name) {
                self.replace(&running, &plan.bound);
            }
        }
        self.routes.retain(|name| plan.routes.contains_key(name));
        for cluster in self.clusters.retain(|name| plan.clusters.contains_key(name)) {
            cluster.retire(None);
        }
        Ok(())
    }

    fn apply_cluster(&mut self, name: &str, plan: &ClusterPlan) {
        let slot = self.clusters.slot(name);
        let before = slot.get();
        if before.as_ref().is_some_and(|before| before.is(plan)) {
            return;
        }
        let registry = &self.shared.registry;
        let counters = self.cluster_counters.entry(name.to_owned()).or_insert_with(|| registry.cluster(name).local());
        let connect = Arc::clone(&self.shared.connect);
        let security = plan.connector.as_ref().map(|connector| http::Security {
            connector: Arc::clone(connector),
            counters: registry.tls_cluster(name).local(),
        });
        let after = Cluster::new(plan.clone(), Arc::clone(counters), connect, security, before.as_deref());
        let after = Rc::new(after);
        slot.set(Some(Rc::clone(&after)));
        if let Some(before) = before {
            before.retire(Some(&after));
        }
    }

    fn apply_routes(&mut self, name: &str, table: &Arc<RouteTable>) {
        let slot = self.routes.slot(name);
        let before = slot.get();
        if before.as_ref().is_some_and(|before| Arc::ptr_eq(&before.table, table)) {
            return;
        }
        let routes = Routes::new(Arc::clone(table), &mut self.clusters, &self.shared.registry, before.as_deref());
        slot.set(Some(Rc::new(routes)));
    }

    fn apply_listener(&mut self, name: &str, plan: &ListenerPlan, bound: &[Arc<Sockets>]) -> io::Result<()> {
        match self.listeners.get(name) {
            Some(running) if Arc::ptr_eq(&running.sockets, &plan.sockets) => {
                let listener = Rc::clone(&running.listener);
                if !Arc::ptr_eq(&listener.settings.borrow(), &plan.settings) {
                    self.exchange_chains(&listener, plan)?;
                }
                return Ok(());
            }
            Some(running) => self.replace(running, bound),
            None => {}
        }
        let socket = plan.sockets.copy(self.core.index)?;
        let listener = Rc::new(Listener {
            core: Rc::clone(&self.core),
            settings: RefCell::new(Arc::clone(&plan.settings)),
            chains: RefCell::default(),
            counters: self.listener_counters(plan.sockets.address),
            redirected: self.shared.redirected.clone(),
            numbers: Arc::clone(&self.shared.connections),
            closed: Closed::default(),
        });
        self.exchange_chains(&listener, plan)?;
        let intake = Intake::new(socket, listener.closed.clone())?;
        spawn(Rc::clone(&listener).accept(intake));
        self.listeners.insert(name.to_owned(), Running { listener, sockets: Arc::clone(&plan.sockets) });
        Ok(())
    }

    fn listener_counters(&self, address: SocketAddr) -> Arc<ListenerCounters> {
        self.shared.registry.listener(&address.to_string().replace(':', "_")).local()
    }

    /// Makes the listener's chains those of `settings`; chains that have not changed keep their connections.
    fn exchange_chains(&mut self, listener: &Rc<Listener>, plan: &ListenerPlan) -> io::Result<()> {
        let settings = &plan.settings;
        let before = listener.chains.borrow().clone();
        let direction_same = listener.settings.borrow().direction == settings.direction;
        let mut after = Vec::with_capacity(settings.chains.len());
        for (chain, acceptor) in settings.chains.iter().zip(&plan.acceptors) {
            let same = before.iter().find(|before| direction_same && before.settings == *chain);
            if let Some(same) = same {
                after.push(Rc::clone(same));
                continue;
            }
            let security = acceptor.as_ref().map(|acceptor| self.security(plan.sockets.address, acceptor));
            after.push(Rc::new(self.chain(chain, security, settings.direction)?));
        }
        for chain in &before {
            if !after.iter().any(|kept| Rc::ptr_eq(kept, chain)) {
                Listener::drain(chain, self.shared.drain_time);
            }
        }
        *listener.chains.borrow_mut() = after;
        *listener.settings.borrow_mut() = Arc::clone(settings);
        Ok(())
    }

    fn chain(&mut self, settings: &FilterChain, security: Option<Security>, direction: Direction) -> io::Result<Chain> {
        let closing = Rc::new(Closing::default());
        let filter = match &settings.filter {
            model::Filter::Http(manager) => Filter::Http(Rc::new(Manager {
                core: Rc::clone(&self.core),
                settings: manager.clone(),
                direction,
                chain: settings.name.clone(),
                routes: self.routes.slot(&manager.routes),
                counters: self.shared.registry.manager(&manager.stat_prefix).local(),
                logs: self.logs(&manager.access_logs)?,
                captured: captured(&manager.access_logs),
                tracer: self.shared.tracer.clone().filter(|_| manager.tracing),
                closing: Rc::clone(&closing),
            })),
            model::Filter::Tcp(tcp) => Filter::Tcp(Box::new(Tcp {
                chain: settings.name.clone(),
                clusters: tcp.clusters.iter().map(|cluster| self.clusters.slot(&cluster.name)).collect(),
                rotation: Rotation::new(tcp.clusters.iter().map(|cluster| cluster.weight)),
                counters: self.shared.registry.tcp(&tcp.stat_prefix).local(),
                logs: self.logs(&tcp.access_logs)?,
                settings: tcp.clone(),
            })),
        };
        Ok(Chain { settings: settings.clone(), filter, security, closing, end: CancellationToken::new() })
    }

    fn security(&self, address: SocketAddr, acceptor: &Arc<Acceptor>) -> Security {
        let counters = self.shared.registry.tls_listener(&address.to_string().replace(':', "_")).local();
        Security { acceptor: Arc::clone(acceptor), counters }
    }

    fn logs(&self, logs: &[model::AccessLog]) -> io::Result<Vec<Log>> {
        let open =
            |log: &model::AccessLog| Ok(Log { file: self.shared.logs.open(&log.path)?, format: log.format.clone() });
        logs.iter().map(open).collect()
    }

    /// Closes a listener, but leaves its socket alone if that is for another one from now on.
    fn replace(&self, running: &Running, bound: &[Arc<Sockets>]) {
        if bound.iter().any(|sockets| Arc::ptr_eq(sockets, &running.sockets)) {
            running.listener.closed.handed_over.cancel();
        }
        self.close(&running.listener);
    }

    fn close(&self, listener: &Listener) {
        listener.closed.closing.cancel();
        for chain in listener.chains.borrow().iter() {
            Listener::drain(chain, self.shared.drain_time);
        }
    }

    fn drain_gracefully(&mut self, inbound_only: bool) {
        for running in self.listeners.values() {
            let inbound = running.listener.settings.borrow().direction != Direction::Outbound;
            if inbound || !inbound_only {
                let (listener, sockets) = (Rc::clone(&running.listener), Arc::clone(&running.sockets));
                listener.chains.borrow().iter().for_each(|chain| chain.closing.set());
                let wait = self.shared.drain_time;
                spawn(async move {
                    sleep(wait).await;
                    sockets.release();
                    listener.closed.closing.cancel();
                });
            }
        }
    }

    fn drain(&mut self, inbound_only: bool) {
        for running in self.listeners.values() {
            let inbound = running.listener.settings.borrow().direction != Direction::Outbound;
            if inbound {
                running.sockets.release();
                self.close(&running.listener);
            } else if !inbound_only {
                running.listener.chains.borrow().iter().for_each(|chain| chain.closing.set());
            }
        }
    }
}
