//! What the data plane was told, and what became of it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    net::SocketAddr,
    sync::Arc,
};

use tokio_util::task::AbortOnDropHandle;

use super::{
    cluster::ClusterPlan,
    endpoint::EndpointSet,
    gates::{Gates, Reached},
    health::{Checking, Warmth},
    outlier::Watch,
    worker::{ListenerPlan, Plan, Sockets},
};
use crate::{
    http::Security,
    model::{self, CommonTls, Config, Discovery, Endpoint, Filter, RouteTable, SecretName},
    tls::Connector,
};

/// All of it.
#[derive(Default)]
pub(super) struct State {
    pub(super) clusters: BTreeMap<String, ClusterState>,
    endpoints: BTreeMap<String, Vec<Endpoint>>,
    pub(super) listeners: BTreeMap<String, ListenerState>,
    routes: BTreeMap<String, Arc<RouteTable>>,
}

/// A cluster.
pub(super) struct ClusterState {
    pub(super) settings: Arc<model::Cluster>,
    pub(super) endpoints: Arc<EndpointSet>,
    gates: Arc<Gates>,
    connector: Option<Arc<Connector>>,
    /// What goes on until a secret of what it shall be has come.
    running: Option<ClusterPlan>,
    /// Leaves endpoints out that fail requests.
    watch: Option<(Arc<Watch>, AbortOnDropHandle<()>)>,
    pub(super) warmth: Arc<Warmth>,
    /// How its endpoints are checked, but for those that are being added.
    checking: Checking,
    checks: HashMap<SocketAddr, Vec<AbortOnDropHandle<()>>>,
    /// Looks its endpoints up.
    pub(super) lookup: Option<AbortOnDropHandle<()>>,
}

/// A listener: what it shall be, and what it is until its routes have come.
pub(super) struct ListenerState {
    pub(super) wanted: ListenerPlan,
    pub(super) running: Option<ListenerPlan>,
}

impl ListenerState {
    /// Whether it is what it shall be.
    pub(super) fn is_running(&self) -> bool {
        self.running.as_ref().is_some_and(|running| Arc::ptr_eq(&running.settings, &self.wanted.settings))
    }
}

impl ClusterState {
    pub(super) fn new(
        settings: model::Cluster,
        connector: Option<Arc<Connector>>,
        checking: impl FnOnce(&Arc<Warmth>, &EndpointSet) -> Checking,
    ) -> Self {
        let warmth = Arc::new(Warmth::default());
        let endpoints = Arc::new(EndpointSet::default());
        let checking = Checking { security: connector.as_ref().map(secured), ..checking(&warmth, &endpoints) };
        let watch = watch(&settings, &endpoints, &checking);
        Self {
            watch,
            gates: Gates::new(settings.limits),
            settings: Arc::new(settings),
            connector,
            running: None,
            endpoints,
            warmth,
            checking,
            checks: HashMap::new(),
            lookup: None,
        }
    }

    /// Takes on other settings. Endpoints, their health and connections stay as far as they may.
    pub(super) fn change(&mut self, settings: model::Cluster, connector: Option<Arc<Connector>>) {
        let same = match (&self.connector, &connector) {
            (Some(before), Some(after)) => Arc::ptr_eq(before, after),
            (before, after) => before.is_none() && after.is_none(),
        };
        if !same {
            self.checks.clear();
            self.checking.security = connector.as_ref().map(secured);
        }
        self.connector = connector;
        if self.settings.health_checks != settings.health_checks {
            self.checks.clear();
        }
        if self.watch.as_ref().map(|(watch, _)| watch.settings()) != settings.outliers.as_ref() {
            self.watch = watch(&settings, &self.endpoints, &self.checking);
        }
        if self.gates.limits() != settings.limits {
            self.gates = Gates::new(settings.limits);
        }
        self.settings = Arc::new(settings);
    }

    /// What cores shall do: what it shall be, or, until the secrets for that have come, what it was.
    fn plan(&mut self) -> ClusterPlan {
        let endpoints = Arc::clone(&self.endpoints);
        let is_ready = self.is_ready();
        self.warmth.secured(is_ready);
        match &self.running {
            Some(running) if !is_ready => ClusterPlan { endpoints, ..running.clone() },
            _ => {
                let (settings, gates) = (Arc::clone(&self.settings), Arc::clone(&self.gates));
                let watch = self.watch.as_ref().map(|(watch, _)| Arc::clone(watch));
                let plan = ClusterPlan { settings, endpoints, gates, connector: self.connector.clone(), watch };
                self.running = is_ready.then(|| plan.clone());
                plan
            }
        }
    }

    /// Which of its limits are reached.
    pub(super) fn reached(&self) -> Reached {
        self.gates.reached()
    }

    /// Whether all secrets it needs have come.
    fn is_ready(&self) -> bool {
        self.connector.as_ref().is_none_or(|connector| connector.config().is_some())
    }

    /// Has these endpoints from now on.
    pub(super) fn set_endpoints(&mut self, endpoints: &[Endpoint]) {
        let checks = &self.settings.health_checks;
        if !self.endpoints.is(endpoints) {
            self.checking.counters.membership_change.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            self.endpoints = Arc::new(self.endpoints.next(endpoints, checks.len()));
            if let Some((watch, _)) = &self.watch {
                watch.set_endpoints(Arc::clone(&self.endpoints));
            }
        }
        if checks.is_empty() {
            // Nobody would ever find out that they are well.
            for endpoint in &self.endpoints.endpoints {
                for check in 0..super::endpoint::CHECKS_MAX {
                    endpoint.set_passing(check, true);
                }
            }
            self.endpoints.changed();
        }
        let present: HashSet<SocketAddr> = endpoints.iter().map(|endpoint| endpoint.address).collect();
        self.checks.retain(|address, _| present.contains(address));
        for endpoint in &self.endpoints.endpoints {
            let start = || {
                let start = |(number, check)| self.checking.start(endpoint, number, check);
                checks.iter().enumerate().map(start).collect()
            };
            self.checks.entry(endpoint.settings.address).or_insert_with(start);
        }
        self.warmth.discovered();
    }
}

/// How checks secure their connections. What becomes of these is not counted with those of requests.
fn secured(connector: &Arc<Connector>) -> Security {
    Security { connector: Arc::clone(connector), counters: Arc::default() }
}

/// Who watches the endpoints of a cluster, if anybody shall.
fn watch(
    settings: &model::Cluster,
    endpoints: &Arc<EndpointSet>,
    checking: &Checking,
) -> Option<(Arc<Watch>, AbortOnDropHandle<()>)> {
    let outliers = settings.outliers.clone()?;
    Some(Watch::start(&checking.cluster, outliers, Arc::clone(endpoints), Arc::clone(&checking.outliers)))
}

impl State {
    /// The endpoints that are given for `cluster`; none if they must be looked up or have not come.
    pub(super) fn given_endpoints(&self, cluster: &model::Cluster) -> Option<Vec<Endpoint>> {
        match &cluster.discovery {
            Discovery::Static(endpoints) => Some(endpoints.clone()),
            Discovery::OriginalDestination => Some(Vec::new()),
            Discovery::Eds { service_name } => self.endpoints.get(service_name).cloned(),
            Discovery::StrictDns(_) | Discovery::LogicalDns(_) => None,
        }
    }

    pub(super) fn set_endpoints(&mut self, endpoints: BTreeMap<String, Vec<Endpoint>>) {
        self.endpoints.extend(endpoints);
        let given: Vec<(String, Vec<Endpoint>)> = self
            .clusters
            .iter()
            .filter(|(_, cluster)| matches!(cluster.settings.discovery, Discovery::Eds { .. }))
            .filter_map(|(name, cluster)| Some((name.clone(), self.given_endpoints(&cluster.settings)?)))
            .collect();
        for (name, endpoints) in given {
            if let Some(cluster) = self.clusters.get_mut(&name) {
                cluster.set_endpoints(&endpoints);
            }
        }
    }

    pub(super) fn retain_clusters(&mut self, kept: impl Fn(&str) -> bool) {
        self.clusters.retain(|name, _| kept(name));
        let used: HashSet<&str> = self
            .clusters
            .values()
            .filter_map(|cluster| match &cluster.settings.discovery {
                Discovery::Eds { service_name } => Some(service_name.as_str()),
                _ => None,
            })
            .collect();
        self.endpoints.retain(|name, _| used.contains(name.as_str()));
    }

    pub(super) fn set_routes(&mut self, routes: BTreeMap<String, RouteTable>) {
        for (name, table) in routes {
            if self.routes.get(&name).is_none_or(|present| **present != table) {
                self.routes.insert(name, Arc::new(table));
            }
        }
    }

    /// What cores shall do. A listener whose routes have come is among it from now on.
    pub(super) fn plan(&mut self) -> Plan {
        for listener in self.listeners.values_mut() {
            let known = |name: &str| self.routes.contains_key(name);
            let secured = listener.wanted.acceptors.iter().flatten().all(|acceptor| acceptor.config().is_some());
            if secured && route_names(&listener.wanted.settings).all(known) {
                listener.running = Some(listener.wanted.clone());
            }
        }
        let needed: HashSet<&str> = self
            .listeners
            .values()
            .flat_map(|listener| listener.running.iter().chain([&listener.wanted]))
            .flat_map(|plan| route_names(&plan.settings))
            .collect();
        self.routes.retain(|name, _| needed.contains(name.as_str()));
        let cluster = |(name, cluster): (&String, &mut ClusterState)| (name.clone(), cluster.plan());
        let listener = |(name, listener): (&String, &ListenerState)| Some((name.clone(), listener.running.clone()?));
        Plan {
            clusters: self.clusters.iter_mut().map(cluster).collect(),
            routes: self.routes.clone(),
            listeners: self.listeners.iter().filter_map(listener).collect(),
            bound: self.plans().map(|plan| Arc::clone(&plan.sockets)).collect(),
        }
    }

    /// The secrets that are needed.
    pub(super) fn secrets(&self) -> BTreeSet<SecretName> {
        let chains = self.plans().flat_map(|plan| &plan.settings.chains);
        let servers = chains.filter_map(|chain| chain.tls.as_ref().map(|tls| &tls.common));
        let clusters = self.clusters.values();
        let clients = clusters.filter_map(|cluster| cluster.settings.tls.as_ref().map(|tls| &tls.common));
        servers.chain(clients).flat_map(CommonTls::secrets).cloned().collect()
    }

    pub(super) fn warmths(&self) -> Vec<Arc<Warmth>> {
        self.clusters.values().map(|cluster| Arc::clone(&cluster.warmth)).collect()
    }

    pub(super) fn is_listening(&self) -> bool {
        self.listeners.values().all(ListenerState::is_running)
    }

    /// What listeners are, and shall be.
    fn plans(&self) -> impl Iterator<Item = &ListenerPlan> {
        self.listeners.values().flat_map(|listener| listener.running.iter().chain([&listener.wanted]))
    }

    /// The sockets that are bound to `address`, which is none of the kernel's choice.
    pub(super) fn sockets_at(&self, address: SocketAddr, ipv4_too: bool) -> Option<Arc<Sockets>> {
        let bound = |plan: &&ListenerPlan| {
            let same = plan.sockets.address == address && plan.settings.ipv4_too == ipv4_too;
            same && !plan.sockets.is_released()
        };
        self.plans().find(bound).filter(|_| address.port() != 0).map(|plan| Arc::clone(&plan.sockets))
    }

    pub(super) fn address_of(&self, listener: &str) -> Option<SocketAddr> {
        self.listeners.get(listener).map(|listener| listener.wanted.sockets.address)
    }

    pub(super) fn config(&self) -> Config {
        Config {
            clusters: self.clusters.iter().map(|(name, cluster)| (name.clone(), (*cluster.settings).clone())).collect(),
            endpoints: self.endpoints.clone(),
            listeners: self
                .listeners
                .iter()
                .map(|(name, listener)| (name.clone(), (*listener.wanted.settings).clone()))
                .collect(),
            routes: self.routes.iter().map(|(name, table)| (name.clone(), (**table).clone())).collect(),
            secrets: BTreeMap::new(),
        }
    }
}

/// The route configurations that a listener refers to.
pub(crate) fn route_names(listener: &model::Listener) -> impl Iterator<Item = &str> {
    listener.chains.iter().filter_map(|chain| match &chain.filter {
        Filter::Http(manager) => Some(manager.routes.as_str()),
        Filter::Tcp(_) => None,
    })
}
