//! Writes down how far the proxies are with each route.

use std::{sync::Arc, time::Duration};

use api::appmesh::{MeshSpec, status::Refusal};
use reconcile::{Controller, Next};
use store::{Key, Transaction};
use tokio::{sync::Mutex, time::Instant};
use tracing::{info, warn};
use xds::{Kind, ProxyState};

use crate::{
    State,
    board::{Board, Handed, HandedEndpoint, HandedRoute},
    controller::route_name,
    error::Error,
    identity,
    plan::{Fault, MeshEndpoint, RouteName},
    rows::{MeshObserved, Resource, RouteObserved, mesh_of},
};

/// How long after a start the proxies that were there before are waited for, where none is there now: that nobody objects
/// to a weight does not mean that nobody serves by another.
const RETURN_WAIT: Duration = Duration::from_secs(15);

/// How long acknowledgements are gathered before they are written down: of a fleet thousands come together, and each
/// writing costs as much as a hundred of them.
const GATHER: Duration = Duration::from_millis(10);

/// The connected proxies, by what they stand for.
type Proxies = Vec<(MeshEndpoint, Vec<Arc<ProxyState>>)>;

/// The controller that compares what was handed out with what is acknowledged. Its keys are meshes.
pub struct Observer {
    state: Arc<State>,
    board: Arc<Board>,
    proxies: Mutex<xds::Watch>,
    started: Instant,
}

impl Observer {
    pub(crate) fn new(state: Arc<State>, board: Arc<Board>) -> Self {
        let proxies = Mutex::new(state.cache.watch());
        Self { state, board, proxies, started: Instant::now() }
    }

    /// The connected proxies of each endpoint of the mesh at `key` that was handed something.
    fn proxies(&self, key: &Key, handed: &Handed) -> Proxies {
        let of = |endpoint: &MeshEndpoint| {
            let node = identity::node_name(&key.scope, &key.name, endpoint);
            (endpoint.clone(), self.state.cache.proxies_of(&node.name))
        };
        handed.endpoints.keys().map(of).collect()
    }

    /// The nodes whose proxies came, went, acknowledged or refused.
    async fn nodes(&self) -> Vec<String> {
        let proxies = self.proxies.lock().await;
        proxies.ready().await;
        tokio::time::sleep(GATHER).await;
        proxies.next().await
    }
}

impl Controller for Observer {
    type Error = Error;

    const NAME: &'static str = "appmesh/proxies";

    fn watches(&self) -> &'static [&'static str] {
        // What it reads is in memory, and tells by itself.
        &[]
    }

    async fn news(&self) -> Vec<Key> {
        tokio::select! {
            keys = self.board.next() => keys,
            names = self.nodes() => {
                let nodes = names.iter().filter_map(|name| identity::parse_node_name(name));
                nodes.map(|(scope, mesh, _)| Key::new(&scope, mesh)).collect()
            }
        }
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        let observed = self.state.store.list_all::<RouteObserved>()?;
        Ok(observed.iter().map(|(key, _)| mesh_of(key)).chain(self.board.keys()).collect())
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        let gone = self.state.store.get::<Resource<MeshSpec>>(key)?.is_none();
        let handed = match self.board.get(key) {
            Some(handed) => handed,
            None if gone => Handed::default(),
            // Just started: nothing is handed out yet, and what was seen before still stands.
            None => return Ok(Next::Settled),
        };
        let proxies = self.proxies(key, &handed);
        let returning = self.started.elapsed() < RETURN_WAIT;
        self.state.store.write(|tx| {
            for (observed, _) in tx.list_under::<RouteObserved>(&key.scope, &format!("{}/", key.name))? {
                if !handed.routes.contains_key(&route_name(&observed)) {
                    tx.delete::<RouteObserved>(&observed)?;
                }
            }
            note_faults(tx, key, &handed)?;
            for (name, route) in &handed.routes {
                let at = Key::new(&key.scope, format!("{}/{}/{}", key.name, name.router, name.route));
                let before = tx.get::<RouteObserved>(&at)?;
                let now = observe(before.as_ref(), name, route, &handed, &proxies, returning);
                if before.and_then(|before| before.applied_version) != now.applied_version {
                    info!(route = %at, version = now.applied_version, proxies = now.proxies, "Weights are applied.");
                }
                tx.put(&at, &now)?;
            }
            Ok::<_, Error>(())
        })?;
        let wait = RETURN_WAIT.saturating_sub(self.started.elapsed());
        Ok(if returning && proxies.iter().all(|(_, proxies)| proxies.is_empty()) {
            Next::After(wait)
        } else {
            Next::Settled
        })
    }
}

/// Writes down what the mesh asks for that no proxy could be given.
fn note_faults(tx: &mut Transaction<'_>, key: &Key, handed: &Handed) -> Result<(), Error> {
    let of = |(endpoint, handed): (&MeshEndpoint, &HandedEndpoint)| -> Vec<String> {
        handed.faults.iter().map(|fault| format!("{endpoint}: {}", fault.text)).collect()
    };
    let faults: Vec<String> = handed.endpoints.iter().flat_map(of).collect();
    if faults.is_empty() {
        tx.delete::<MeshObserved>(key)?;
    } else if tx.get::<MeshObserved>(key)?.is_none_or(|before| before.faults != faults) {
        warn!(mesh = %key, ?faults, "What a mesh asks for cannot be done.");
        tx.put(key, &MeshObserved { faults })?;
    }
    Ok(())
}

/// What is to be said of a route.
///
/// Its version is applied when no proxy that carries the route has another. A proxy that came without any configuration
/// and has acknowledged nothing yet does not count against it: it serves nobody. While `returning`, proxies that were
/// there before may not have found back yet, and what was applied before stands until one does.
pub(crate) fn observe(
    before: Option<&RouteObserved>,
    name: &RouteName,
    route: &HandedRoute,
    handed: &Handed,
    proxies: &Proxies,
    returning: bool,
) -> RouteObserved {
    let before = before.filter(|before| before.uid == route.uid);
    let carrying = proxies.iter().filter_map(|(endpoint, proxies)| Some((carrier(endpoint, name, handed)?, proxies)));
    let carriers: Vec<(u64, &ProxyState)> =
        carrying.flat_map(|(revision, proxies)| proxies.iter().map(move |proxy| (revision, &**proxy))).collect();
    if let Some(before) = before.filter(|before| returning && carriers.is_empty() && before.proxies > 0) {
        return RouteObserved { asked_version: route.version, acknowledged: 0, ..before.clone() };
    }
    let kind = if route.in_listeners { Kind::Listener } else { Kind::Route };
    let has_it = |(revision, proxy): &&(u64, &ProxyState)| proxy.kind(kind).revision >= *revision;
    let acknowledged = carriers.iter().filter(has_it).count();
    let empty = carriers.iter().filter(|(_, proxy)| proxy.kind(kind).version.is_empty()).count();
    let applied = acknowledged + empty == carriers.len();
    RouteObserved {
        uid: route.uid.clone(),
        asked_version: route.version,
        applied_version: if applied { Some(route.version) } else { before.and_then(|before| before.applied_version) },
        applied: match before {
            Some(before) if !applied => before.applied.clone(),
            None if !applied => Vec::new(),
            _ => route.targets.clone(),
        },
        proxies: u32::try_from(carriers.len()).unwrap_or(u32::MAX),
        acknowledged: u32::try_from(acknowledged).unwrap_or(u32::MAX),
        refusals: carriers.iter().flat_map(|(_, proxy)| refusals(proxy)).collect(),
        faults: faults(name, handed),
    }
}

/// The revision that carries the route `name` to the proxies of `endpoint`, if it goes there.
fn carrier(endpoint: &MeshEndpoint, name: &RouteName, handed: &Handed) -> Option<u64> {
    let handed = handed.endpoints.get(endpoint)?;
    handed.routes.contains(name).then_some(handed.revision)
}

fn refusals(proxy: &ProxyState) -> impl Iterator<Item = Refusal> {
    reasons(proxy).map(|reason| Refusal {
        node: proxy.node.id.clone(),
        task_arn: identity::task_arn(&proxy.node),
        reason,
    })
}

/// What a proxy refuses, and why.
pub(crate) fn reasons(proxy: &ProxyState) -> impl Iterator<Item = String> {
    let refusals = proxy.refusals();
    refusals.map(|(kind, refusal)| format!("{kind:?} {}: {}", refusal.resources.join(", "), refusal.reason))
}

/// What kept a route from any proxy, without what is said twice.
fn faults(name: &RouteName, handed: &Handed) -> Vec<String> {
    let all = handed.endpoints.values().flat_map(|endpoint| &endpoint.faults);
    let own = all.filter(|Fault { route, .. }| route.as_ref() == Some(name));
    let mut texts: Vec<String> = own.map(|fault| fault.text.clone()).collect();
    texts.sort();
    texts.dedup();
    texts
}
