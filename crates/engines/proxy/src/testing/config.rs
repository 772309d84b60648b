//! Configurations of a few lines, and the data plane that carries them out.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use crate::{
    mesh::{Plane, Redirected, Settings},
    model::{
        Action, ChainMatch, Cluster, Config, Direction, Discovery, Endpoint, Filter, FilterChain, Forward, HttpManager,
        Listener, PathMatch, Route, RouteTable, VirtualHost, WeightedCluster,
    },
};

/// A cluster of servers that are known.
pub(crate) fn cluster_at(addresses: &[SocketAddr]) -> Cluster {
    Cluster::of(Discovery::Static(addresses.iter().map(|address| Endpoint::at(*address)).collect()))
}

/// A route of all paths that begin with `prefix`.
pub(crate) fn prefix_route(prefix: &str, action: Action) -> Route {
    Route::of(PathMatch::Prefix(prefix.to_owned()), action)
}

/// Routes of one virtual host that answers to any name.
pub(crate) fn table(routes: Vec<Route>) -> RouteTable {
    let host = VirtualHost { name: "all".to_owned(), domains: vec!["*".to_owned()], routes, ..VirtualHost::default() };
    RouteTable { virtual_hosts: vec![host], ..RouteTable::default() }
}

/// A listener on a port of the kernel's choice.
pub(crate) fn listener(filter: Filter) -> Listener {
    Listener {
        address: ([127, 0, 0, 1], 0).into(),
        ipv4_too: false,
        direction: Direction::Outbound,
        original_destination: false,
        chains: vec![FilterChain { name: String::new(), matches: ChainMatch::default(), tls: None, filter }],
    }
}

/// A data plane with one HTTP listener, whose routes are called `routes`.
pub(crate) struct Mesh {
    pub(crate) plane: Plane,
    pub(crate) address: SocketAddr,
    pub(crate) config: Config,
}

impl Mesh {
    /// Everything goes to `clusters`, by weight.
    pub(crate) async fn spreading(clusters: &[(&str, SocketAddr, u32)]) -> Self {
        Self::forwarding(clusters, |_| {}).await
    }

    /// As [`Mesh::spreading`], with the route changed.
    pub(crate) async fn forwarding(clusters: &[(&str, SocketAddr, u32)], change: impl FnOnce(&mut Forward)) -> Self {
        let known = clusters.iter().map(|(name, address, _)| ((*name).to_owned(), cluster_at(&[*address]))).collect();
        let weighted = |(name, _, weight): &(&str, SocketAddr, u32)| WeightedCluster::of(name, *weight);
        let mut forward = Forward { clusters: clusters.iter().map(weighted).collect(), ..Forward::to("") };
        change(&mut forward);
        Self::routing(known, table(vec![prefix_route("/", Action::Forward(forward))])).await
    }

    /// These routes to these clusters.
    pub(crate) async fn routing(clusters: BTreeMap<String, Cluster>, routes: RouteTable) -> Self {
        let manager = HttpManager {
            stat_prefix: "egress".to_owned(),
            routes: "routes".to_owned(),
            normalize_path: true,
            merge_slashes: true,
            upgrades: vec!["websocket".to_owned()],
            ..HttpManager::default()
        };
        Self::managed(clusters, routes, manager, Settings::default()).await
    }

    pub(crate) async fn managed(
        clusters: BTreeMap<String, Cluster>,
        routes: RouteTable,
        manager: HttpManager,
        settings: Settings,
    ) -> Self {
        let config = Config {
            clusters,
            endpoints: BTreeMap::new(),
            listeners: [("main".to_owned(), listener(Filter::Http(manager)))].into(),
            routes: [("routes".to_owned(), routes)].into(),
            secrets: BTreeMap::new(),
        };
        Self::of(config, settings).await
    }

    /// Carries out `config`, which has a listener called `main`.
    pub(crate) async fn of(config: Config, settings: Settings) -> Self {
        let plane = Plane::start(Settings { seed: 7, ..settings }).unwrap();
        plane.apply(config.clone()).await.unwrap();
        let address = plane.address_of("main").await.unwrap();
        Self { plane, address, config }
    }

    /// Says that every connection was going to `destination`.
    pub(crate) fn redirected(destination: SocketAddr) -> Settings {
        Settings { redirected: Redirected::Said(Arc::new(move |_, _| destination)), ..Settings::default() }
    }

    /// Waits until a counter has this value: what a request counts is counted when its answer is on its way.
    pub(crate) async fn counted(&self, name: &str, wanted: u64) {
        let counted = async {
            while self.counter(name) != wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(super::PATIENCE, counted).await;
        assert!(in_time.is_ok(), "{name} is {} and not {wanted}", self.counter(name));
    }

    /// A counter as the admin page shows it; 0 if it is not there.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        let facts = crate::stats::ServerFacts { live: true, state: 0, uptime_seconds: 0, concurrency: 1 };
        let text = crate::stats::as_text(&self.plane.registry().groups(facts), |found| found == name);
        text.trim().rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        self.plane.stop();
    }
}
