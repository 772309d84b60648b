//! The sidecar's data plane: listeners, routes and clusters carried out by threads of their own.
//!
//! [`Plane`] is the side that is told what to do. It keeps what it was told, finds endpoints by DNS, checks their
//! health, and hands each core a plan; it answers once every core works by it. So a weight that was set is in effect
//! when [`Plane::set_routes`] returns, which is what an ACK to the control plane then says.
//!
//! A core exchanges a plan's parts between two polls of its event loop: no lock, no request that sees half of it, and
//! connections, turns and counters of what has not changed go on.

mod afterwards;
mod answers;
mod attempt;
mod choice;
mod client_certificate;
mod cluster;
mod discovery;
mod edge;
mod edits;
mod endpoint;
mod faults;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod gates;
pub(crate) mod halves;
mod health;
mod listener;
mod manager;
mod matching;
mod outlier;
mod overrides;
mod passage;
mod report;
pub(crate) mod retry;
mod rewrite;
mod routes;
mod slot;
mod spans;
mod state;
mod sticky;
mod tcp;
#[cfg(test)]
mod tests;
mod view;
mod worker;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use names::Clock;
use tokio::{
    net::TcpStream,
    sync::{Mutex as AsyncMutex, oneshot},
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use self::{
    state::State,
    worker::{Order, Shared},
};
use crate::{
    access_log::AccessLogs,
    connect::{Connect, Direct},
    core::{self, Handle},
    dns::Resolver,
    model::{Cluster, Config, Endpoint, Keeper, Listener, RouteTable, Secret, SecretName},
    tls::{self, Store},
    trace::{Tracer, TracerSettings},
};

/// How often it is looked whether certificate files have changed.
const FILES: Duration = Duration::from_secs(1);

/// How a data plane runs.
#[derive(Clone)]
pub struct Settings {
    /// How many threads carry traffic.
    pub cores: usize,
    /// Where random numbers start from.
    pub seed: u64,
    /// What time it is.
    pub clock: Clock,
    /// How long connections of a listener that is gone may go on.
    pub drain_time: Duration,
    /// How requests are traced.
    pub tracer: Option<TracerSettings>,
    /// How servers are connected to.
    pub connect: Arc<dyn Connect>,
    /// Where connections were going to.
    pub redirected: Redirected,
    /// The nameservers to ask; those of the task if none are given.
    pub nameservers: Vec<SocketAddr>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cores: 1,
            seed: 0,
            clock: Clock::System,
            drain_time: Duration::from_secs(20),
            tracer: None,
            connect: Arc::new(Direct),
            redirected: Redirected::Kernel,
            nameservers: Vec::new(),
        }
    }
}

/// Who says where a redirected connection was going to.
#[derive(Clone, Default)]
pub enum Redirected {
    /// The kernel, which redirected it.
    #[default]
    Kernel,
    /// A function of the client's address and ours, for tests.
    Said(Arc<dyn Fn(SocketAddr, SocketAddr) -> SocketAddr + Send + Sync>),
}

impl Redirected {
    fn destination(&self, stream: &TcpStream) -> io::Result<SocketAddr> {
        match self {
            Self::Kernel => listener::original_destination(stream),
            Self::Said(say) => Ok(say(stream.peer_addr()?, stream.local_addr()?)),
        }
    }
}

impl fmt::Debug for Redirected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Kernel) { "Kernel" } else { "Said" })
    }
}

/// Why the data plane does not do what it was told. It goes on as before.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A listener's address can't be had.
    #[error("listener {name}: cannot bind {address}: {source}")]
    Bind {
        /// The listener.
        name: String,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// An access log can't be written.
    #[error("listener {name}: cannot open the access log {path}: {source}")]
    AccessLog {
        /// The listener.
        name: String,
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Two chains of a listener are for the same connections.
    #[error("listener {name}: two filter chains have the same match")]
    SameChains {
        /// The listener.
        name: String,
    },
    /// It can't be secured as it shall be.
    #[error("{whose}: {source}")]
    Tls {
        /// Which listener or cluster.
        whose: String,
        /// Why.
        source: tls::Error,
    },
    /// A secret can't be used.
    #[error(transparent)]
    Secret(tls::Error),
    /// A core does not follow.
    #[error("core {core} cannot apply the configuration: {source}")]
    Core {
        /// Which one.
        core: usize,
        /// Why.
        source: io::Error,
    },
    /// A core is gone.
    #[error("core {core} has stopped")]
    Gone {
        /// Which one.
        core: usize,
    },
}

/// A data plane. Cloning gives another handle on the same one.
#[derive(Clone)]
pub struct Plane(Arc<Inner>);

struct Inner {
    state: AsyncMutex<State>,
    cores: Mutex<Vec<Handle<Order>>>,
    shared: Arc<Shared>,
    resolver: Resolver,
    concurrency: usize,
    _files: AbortOnDropHandle<()>,
}

impl Plane {
    /// Starts the threads. Call it inside a runtime, which will find endpoints and check their health.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let registry = Arc::default();
        let tracer = settings.tracer.as_ref().map(|tracer| Tracer::new(tracer, &registry)).transpose()?;
        let shared = Arc::new(Shared {
            registry,
            logs: Arc::new(AccessLogs::default()),
            tracer: tracer.map(Arc::new),
            connect: settings.connect,
            redirected: settings.redirected,
            drain_time: settings.drain_time,
            store: Store::new(settings.clock.clone()),
            clock: settings.clock.clone(),
            connections: Arc::default(),
        });
        let files = AbortOnDropHandle::new(tokio::spawn(watch_files(Arc::downgrade(&shared))));
        let start = |index: usize| {
            let (shared, clock) = (Arc::clone(&shared), settings.clock.clone());
            Handle::start(format!("core-{index}"), move |orders| {
                worker::run(core::on_thread(index, settings.seed, clock), shared, orders)
            })
        };
        let cores = (0..settings.cores.max(1)).map(start).collect::<io::Result<Vec<_>>>()?;
        let resolver = match settings.nameservers {
            none if none.is_empty() => Resolver::of_system(),
            some => Resolver::new(some),
        };
        let concurrency = cores.len();
        let (state, cores) = (AsyncMutex::default(), Mutex::new(cores));
        Ok(Self(Arc::new(Inner { state, cores, shared, resolver, concurrency, _files: files })))
    }

    /// Does all of `config` and nothing else. What is new is there before what is gone goes.
    pub async fn apply(&self, config: Config) -> Result<(), Error> {
        let mut state = self.0.state.lock().await;
        self.0.shared.store.set_secrets(&Keeper::ControlPlane, config.secrets).map_err(Error::Secret)?;
        self.merge_clusters(&mut state, &config.clusters)?;
        state.set_endpoints(config.endpoints);
        self.publish(&mut state).await?;
        self.replace_listeners(&mut state, config.listeners).await?;
        state.set_routes(config.routes);
        self.publish(&mut state).await?;
        state.retain_clusters(|name| config.clusters.contains_key(name));
        self.publish(&mut state).await
    }

    /// Has these clusters and no others.
    pub async fn set_clusters(&self, clusters: BTreeMap<String, Cluster>) -> Result<(), Error> {
        let mut state = self.0.state.lock().await;
        self.merge_clusters(&mut state, &clusters)?;
        state.retain_clusters(|name| clusters.contains_key(name));
        self.publish(&mut state).await
    }

    /// Has these endpoints for the service names given; those of others stay.
    pub async fn set_endpoints(&self, endpoints: BTreeMap<String, Vec<Endpoint>>) -> Result<(), Error> {
        let mut state = self.0.state.lock().await;
        state.set_endpoints(endpoints);
        self.publish(&mut state).await
    }

    /// Has these listeners and no others. One whose routes have not come yet waits for them; what was at its name
    /// goes on until then.
    pub async fn set_listeners(&self, listeners: BTreeMap<String, Listener>) -> Result<(), Error> {
        let mut state = self.0.state.lock().await;
        self.replace_listeners(&mut state, listeners).await?;
        self.publish(&mut state).await
    }

    /// Has these route configurations; others stay as long as a listener needs them.
    pub async fn set_routes(&self, routes: BTreeMap<String, RouteTable>) -> Result<(), Error> {
        let mut state = self.0.state.lock().await;
        state.set_routes(routes);
        self.publish(&mut state).await
    }

    /// Has these secrets of `keeper`; others stay as long as something needs them. New connections go by them, and
    /// listeners and clusters that have waited for them are there.
    pub async fn set_secrets(&self, keeper: &Keeper, secrets: BTreeMap<String, Secret>) -> Result<(), Error> {
        let mut state = self.0.state.lock().await;
        self.0.shared.store.set_secrets(keeper, secrets).map_err(Error::Secret)?;
        self.0.shared.store.retain(&state.secrets());
        self.publish(&mut state).await
    }

    /// The secrets that listeners and clusters need.
    pub async fn secrets(&self) -> BTreeSet<SecretName> {
        self.0.state.lock().await.secrets()
    }

    /// Waits until the endpoints of all clusters are known and checked once, but no longer than `within`; whether
    /// they are.
    pub async fn warm(&self, within: Duration) -> bool {
        let warmths = self.0.state.lock().await.warmths();
        let all = async {
            for warmth in warmths {
                warmth.wait().await;
            }
        };
        timeout(within, all).await.is_ok()
    }

    /// What it was told.
    pub async fn config(&self) -> Config {
        let mut config = self.0.state.lock().await.config();
        let all = self.0.shared.store.secrets().into_iter();
        let sent = all.filter(|(name, _)| name.keeper == Keeper::ControlPlane);
        config.secrets = sent.map(|(name, secret)| (name.name, secret)).collect();
        config
    }

    /// Whether every listener it was told of takes connections.
    pub async fn is_listening(&self) -> bool {
        self.0.state.lock().await.is_listening()
    }

    /// Where a listener is bound; its port is the kernel's choice if it was told port 0.
    pub async fn address_of(&self, listener: &str) -> Option<SocketAddr> {
        self.0.state.lock().await.address_of(listener)
    }

    /// Takes in no more connections on inbound listeners, and lets connections end; those of outbound listeners too
    /// unless `inbound_only`.
    pub fn drain(&self, inbound_only: bool) {
        for core in self.cores().iter() {
            if core.orders.try_send(Order::Drain { inbound_only }).is_err() {
                tracing::warn!("a core is too busy to be told to drain");
            }
        }
    }

    /// Lets connections end after the request they are at, and takes in no more when the drain time is over: for whoever
    /// has yet to hear that nothing more should come here.
    pub fn drain_gracefully(&self, inbound_only: bool) {
        for core in self.cores().iter() {
            if core.orders.try_send(Order::DrainGracefully { inbound_only }).is_err() {
                tracing::warn!("a core is too busy to be told to drain");
            }
        }
    }

    /// Requests and passed-on connections that are under way.
    pub fn in_flight(&self) -> u64 {
        u64::try_from(self.0.shared.registry.in_flight()).unwrap_or(0)
    }

    /// Requests and passed-on connections there ever were.
    pub fn seen(&self) -> u64 {
        self.0.shared.registry.seen()
    }

    /// Ends all threads and connections, and writes out what is to be written. Blocks.
    pub fn stop(&self) {
        for mut core in std::mem::take(&mut *self.cores()) {
            core.stop();
        }
        self.0.shared.logs.close();
    }

    fn cores(&self) -> std::sync::MutexGuard<'_, Vec<Handle<Order>>> {
        self.0.cores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives every core the plan that `state` comes to, and waits until all of them follow it.
    async fn publish(&self, state: &mut State) -> Result<(), Error> {
        let plan = Arc::new(state.plan());
        let orders: Vec<_> = self.cores().iter().map(|core| core.orders.clone()).collect();
        let mut answers = Vec::with_capacity(orders.len());
        for (core, orders) in orders.into_iter().enumerate() {
            let (done, is_done) = oneshot::channel();
            orders.send(Order::Apply(Arc::clone(&plan), done)).await.map_err(|_| Error::Gone { core })?;
            answers.push((core, is_done));
        }
        for (core, is_done) in answers {
            is_done.await.map_err(|_| Error::Gone { core })?.map_err(|source| Error::Core { core, source })?;
        }
        Ok(())
    }
}

/// Reads certificate files again when they have changed, for as long as the data plane lives.
async fn watch_files(shared: Weak<Shared>) {
    let mut ticks = interval(FILES);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else { return };
        shared.store.read_again();
    }
}
