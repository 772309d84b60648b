//! The part of the data plane that finds things out: endpoints by DNS, sockets for listeners.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Weak, atomic::Ordering::Relaxed},
    time::Duration,
};

use socket2::SockRef;
use tokio::{net::TcpSocket, time::sleep};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Error, Inner, Plane,
    health::Checking,
    state::{ClusterState, ListenerState, State},
    worker::{ListenerPlan, Sockets},
};
use crate::{
    model::{AccessLog, Cluster, Discovery, Dns, Endpoint, Filter, FilterChain, Listener},
    tls::{Acceptor, Connector},
};

/// How many connections the kernel keeps for a core that is busy.
const BACKLOG: u32 = 4096;

/// The shortest time between two questions about the same names.
const REFRESH_MIN: Duration = Duration::from_millis(500);

impl Plane {
    /// Has these clusters besides those it has.
    pub(super) fn merge_clusters(&self, state: &mut State, clusters: &BTreeMap<String, Cluster>) -> Result<(), Error> {
        let store = &self.0.shared.store;
        let connector = |(name, cluster): (&String, &Cluster)| {
            let failed = |source| Error::Tls { whose: format!("cluster {name}"), source };
            cluster.tls.as_ref().map(|tls| store.connector(tls).map_err(failed)).transpose()
        };
        let connectors = clusters.iter().map(connector).collect::<Result<Vec<_>, _>>()?;
        for ((name, settings), connector) in clusters.iter().zip(connectors) {
            let same_discovery = match state.clusters.get_mut(name) {
                Some(present) if *present.settings == *settings => continue,
                Some(present) => {
                    let same = present.settings.discovery == settings.discovery;
                    present.change(settings.clone(), connector);
                    same
                }
                None => {
                    let cluster = self.new_cluster(name, settings, connector);
                    state.clusters.insert(name.clone(), cluster);
                    false
                }
            };
            let given = state.given_endpoints(settings);
            let Some(cluster) = state.clusters.get_mut(name) else { continue };
            match (&settings.discovery, given) {
                (_, Some(endpoints)) => {
                    cluster.lookup = None;
                    cluster.set_endpoints(&endpoints);
                }
                (Discovery::StrictDns(dns), None) if !same_discovery => {
                    cluster.lookup = Some(self.look_up(name, dns, false));
                }
                (Discovery::LogicalDns(dns), None) if !same_discovery => {
                    cluster.lookup = Some(self.look_up(name, dns, true));
                }
                // What is being looked up goes on, and is checked as it shall be from now on.
                (_, None) if same_discovery => {
                    let present: Vec<Endpoint> =
                        cluster.endpoints.endpoints.iter().map(|endpoint| endpoint.settings.clone()).collect();
                    if !present.is_empty() {
                        cluster.set_endpoints(&present);
                    }
                }
                (_, None) => cluster.lookup = None,
            }
        }
        Ok(())
    }

    fn new_cluster(&self, name: &str, settings: &Cluster, connector: Option<Arc<Connector>>) -> ClusterState {
        let shared = &self.0.shared;
        ClusterState::new(settings.clone(), connector, |warmth, endpoints| Checking {
            cluster: name.to_owned(),
            connect: Arc::clone(&shared.connect),
            security: None,
            counters: shared.registry.health(name),
            outliers: shared.registry.outliers(name),
            warmth: Arc::clone(warmth),
            news: endpoints.news(),
        })
    }

    /// Looks names up for as long as the handle lives. `first_only` is whether one address is enough.
    fn look_up(&self, cluster: &str, dns: &Dns, first_only: bool) -> AbortOnDropHandle<()> {
        let (plane, cluster, dns) = (Arc::downgrade(&self.0), cluster.to_owned(), dns.clone());
        AbortOnDropHandle::new(tokio::spawn(look_up(plane, cluster, dns, first_only)))
    }

    async fn found(&self, cluster: &str, endpoints: &[Endpoint]) {
        let mut state = self.0.state.lock().await;
        let Some(present) = state.clusters.get_mut(cluster) else { return };
        let news = !present.endpoints.is(endpoints);
        present.set_endpoints(endpoints);
        if news {
            tracing::info!(cluster, endpoints = endpoints.len(), "the addresses of a cluster have changed");
            if let Err(error) = self.publish(&mut state).await {
                tracing::error!(cluster, %error, "the addresses of a cluster can't be taken on");
            }
        }
    }

    /// Has these listeners and no others, as far as their addresses can be had; nothing changes if one can't.
    pub(super) async fn replace_listeners(
        &self,
        state: &mut State,
        listeners: BTreeMap<String, Listener>,
    ) -> Result<(), Error> {
        let mut after = BTreeMap::new();
        for (name, settings) in listeners {
            self.check(&name, &settings)?;
            let acceptors = self.acceptors(&name, &settings)?;
            let present = state.listeners.get(&name);
            let wanted = match present.map(|listener| &listener.wanted) {
                Some(wanted) if *wanted.settings == settings => wanted.clone(),
                Some(wanted) if binds_as(&wanted.settings, &settings) => {
                    ListenerPlan { settings: Arc::new(settings), acceptors, sockets: Arc::clone(&wanted.sockets) }
                }
                _ => {
                    let failed = |source| Error::Bind { name: name.clone(), address: settings.address, source };
                    // A listener of another name may have the address now: its sockets are taken over with all who are
                    // in line at them.
                    let sockets = match state.sockets_at(settings.address, settings.ipv4_too) {
                        Some(sockets) => sockets,
                        None => Arc::new(bind(&settings, self.0.concurrency).map_err(failed)?),
                    };
                    ListenerPlan { settings: Arc::new(settings), acceptors, sockets }
                }
            };
            let running = present.and_then(|listener| listener.running.clone());
            after.insert(name, ListenerState { wanted, running });
        }
        state.listeners = after;
        Ok(())
    }

    /// What secures the connections of each chain.
    fn acceptors(&self, name: &str, listener: &Listener) -> Result<Vec<Option<Arc<Acceptor>>>, Error> {
        let acceptor = |chain: &FilterChain| {
            let failed = |source| Error::Tls { whose: format!("listener {name}"), source };
            chain.tls.as_ref().map(|tls| self.0.shared.store.acceptor(tls).map_err(failed)).transpose()
        };
        listener.chains.iter().map(acceptor).collect()
    }

    fn check(&self, name: &str, listener: &Listener) -> Result<(), Error> {
        let same =
            |one: &usize| listener.chains[..*one].iter().any(|other| other.matches == listener.chains[*one].matches);
        if (0..listener.chains.len()).any(|one| same(&one)) {
            return Err(Error::SameChains { name: name.to_owned() });
        }
        let logs = listener.chains.iter().flat_map(|chain| match &chain.filter {
            Filter::Http(manager) => &manager.access_logs,
            Filter::Tcp(tcp) => &tcp.access_logs,
        });
        for AccessLog { path, .. } in logs {
            let failed = |source| Error::AccessLog { name: name.to_owned(), path: path.clone(), source };
            self.0.shared.logs.open(path).map_err(failed)?;
        }
        Ok(())
    }
}

async fn look_up(plane: Weak<Inner>, cluster: String, dns: Dns, first_only: bool) {
    loop {
        let Some(plane) = plane.upgrade().map(Plane) else { return };
        let health = plane.0.shared.registry.health(&cluster);
        let mut found = BTreeMap::new();
        let mut time_to_live = Duration::MAX;
        let mut complete = true;
        for (host, port) in &dns.hosts {
            match plane.0.resolver.resolve(host, dns.family).await {
                Ok(addresses) => {
                    time_to_live = time_to_live.min(addresses.time_to_live);
                    let wanted = if first_only { 1 } else { usize::MAX };
                    for address in addresses.addresses.iter().take(wanted) {
                        found.entry(SocketAddr::new(*address, *port)).or_insert_with(|| host.clone());
                    }
                }
                Err(error) => {
                    tracing::warn!(cluster, host, %error, "a name could not be looked up; what was known is kept");
                    complete = false;
                }
            }
        }
        if complete {
            health.update_success.fetch_add(1, Relaxed);
            let endpoint = |(address, name): (SocketAddr, String)| {
                let hostname = Some(name.trim_end_matches('.').to_owned());
                Endpoint { hostname, ..Endpoint::at(address) }
            };
            let endpoints: Vec<Endpoint> = found.into_iter().map(endpoint).collect();
            plane.found(&cluster, &endpoints).await;
        } else {
            health.update_failure.fetch_add(1, Relaxed);
            plane.warm_anyway(&cluster).await;
        }
        drop(plane);
        let pause = if dns.respect_ttl && complete { time_to_live.max(dns.refresh) } else { dns.refresh };
        sleep(pause.max(REFRESH_MIN)).await;
    }
}

impl Plane {
    /// A cluster whose first look-up failed does not hold up the rest.
    async fn warm_anyway(&self, cluster: &str) {
        if let Some(cluster) = self.0.state.lock().await.clusters.get(cluster) {
            cluster.warmth.discovered();
        }
    }
}

/// Whether both listeners can have the same sockets.
fn binds_as(one: &Listener, other: &Listener) -> bool {
    (one.address, one.ipv4_too) == (other.address, other.ipv4_too)
}

/// A listening socket for each core; the kernel spreads connections over them.
fn bind(listener: &Listener, cores: usize) -> io::Result<Sockets> {
    let address = listener.address;
    let mut bound = address;
    let mut for_cores = Vec::with_capacity(cores);
    for _ in 0..cores {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if address.is_ipv6() {
            SockRef::from(&socket).set_only_v6(!listener.ipv4_too)?;
        }
        socket.set_reuseaddr(true)?;
        // For the other cores; and the address can be had again while whoever had it before closes.
        socket.set_reuseport(true)?;
        socket.bind(bound)?;
        let listener = socket.listen(BACKLOG)?;
        bound = listener.local_addr()?;
        for_cores.push(listener.into_std()?);
    }
    Ok(Sockets::new(bound, for_cores))
}
