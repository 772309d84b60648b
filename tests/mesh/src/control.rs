//! The control plane: the real App Mesh service and the real xDS server, in this process.
//!
//! Each mesh is built through the API's operations on an empty store, and only then do the controllers start, so that
//! proxies go from one mesh to the next in one step. What is asked of the operations is what a user would ask.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use names::{Arn, Clock};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use xds::{Cache, ProxyState};

pub(crate) use crate::instances::Instances;
use crate::{
    case::Asked,
    house::{House, scope},
    issued::{self, Arns},
    world::{CONTROL_PLANE, World},
};

/// The name of every mesh.
pub(crate) const MESH: &str = "m";
/// How App Mesh signs.
const MESHES: &str = "appmesh";
/// How long a proxy may take to acknowledge a mesh, on a machine that is busy.
const ACKNOWLEDGED_MAX: Duration = Duration::from_mins(1);
/// How long a refusal that was there before may stay until it counts as one of the new mesh.
const OLD_REFUSAL_MAX: Duration = Duration::from_secs(15);
/// How often the cache is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Whom a proxy stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// The virtual node `client`.
    Client,
    /// The virtual gateway `gateway`.
    Gateway,
}

impl Identity {
    /// As proxies name themselves.
    pub fn id(self) -> String {
        match self {
            Self::Client => format!("mesh/{MESH}/virtualNode/client"),
            Self::Gateway => format!("mesh/{MESH}/virtualGateway/gateway"),
        }
    }

    fn name(self) -> String {
        arn(&self.id())
    }
}

fn arn(resource: &str) -> String {
    Arn::new("appmesh", &scope(), resource.to_owned()).to_string()
}

/// The control plane of the data planes of one test.
pub struct Control {
    cache: Cache,
    meshes: AtomicU64,
    /// ACM's clock in the next mesh.
    clock: Clock,
    house: Option<House>,
    arns: Arns,
}

/// A mesh that the API refuses, or that proxies cannot have.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Control {
    /// Serves xDS in `world`.
    ///
    /// # Panics
    /// When its address cannot be had.
    pub async fn start(world: &World) -> Self {
        let cache = Cache::new(appmesh::identify);
        let listener = world.sockets().listen(CONTROL_PLANE).await.expect("the control plane's address");
        let routes = xds::routes(cache.clone());
        tokio::spawn(wire::serve(listener, routes, None, CancellationToken::new()));
        Self { cache, meshes: AtomicU64::new(0), clock: Clock::System, house: None, arns: Arns::new() }
    }

    /// Gives ACM this clock, from the next mesh on.
    pub fn wind(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// Builds the mesh that is `asked` for in the place of the one before.
    pub async fn apply(&mut self, asked: &Asked) -> Result<(), Refused> {
        self.house = None;
        let mut house = House::new(&self.cache, &self.clock, asked.instances.clone());
        self.arns = asked.acm.issue(&house).await?;
        let mesh = issued::named(&asked.mesh, &self.arns);
        let number = self.meshes.fetch_add(1, Relaxed);
        // The last in the order in which nodes and then gateways are handed out: when it is there, all are.
        let marker = format!("zz-{number}");
        let listener = json!({ "portMapping": { "port": 1, "protocol": "http" } });
        let last = json!({ "gateways": { marker.clone(): { "listeners": [listener] } } });
        for (operation, request) in requests(&mesh).into_iter().chain(requests_of(&last, GATEWAYS)) {
            house.call(MESHES, operation, request).await?;
        }
        house.run();
        self.house = Some(house);
        let name = arn(&format!("mesh/{MESH}/virtualGateway/{marker}"));
        let begun = Instant::now();
        while self.cache.get(&name).is_none() {
            if begun.elapsed() > ACKNOWLEDGED_MAX {
                return Err(Refused("the mesh is not handed out".to_owned()));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    fn house(&self) -> Result<&House, Refused> {
        self.house.as_ref().ok_or_else(|| Refused("there is no mesh".to_owned()))
    }

    /// Calls an operation of App Mesh on the mesh that is there.
    pub async fn call(&self, operation: &str, request: Value) -> Result<Value, Refused> {
        self.house()?.call(MESHES, operation, request).await
    }

    /// Calls an operation of ACM; `@name` in the request is the ARN of that name.
    pub async fn call_acm(&self, operation: &str, request: Value) -> Result<Value, Refused> {
        self.house()?.call("acm", operation, issued::named(&request, &self.arns)).await
    }

    /// The authorities whose certificates proxies show, in PEM.
    pub(crate) async fn authorities(&self) -> Result<String, Refused> {
        self.house()?.authorities().await
    }

    /// Makes these the instances that Cloud Map finds.
    pub fn register(&self, instances: Instances) -> Result<(), Refused> {
        self.house()?.register(instances);
        Ok(())
    }

    /// The revision that proxies of `identity` should have, if there are to be any.
    pub fn revision(&self, identity: Identity) -> Option<u64> {
        self.cache.get(&identity.name()).map(|(_, revision)| revision)
    }

    /// Waits until proxies of `identity` should have another revision than `before`.
    pub(crate) async fn next_revision(&self, identity: Identity, before: Option<u64>) -> Result<(), Refused> {
        let begun = Instant::now();
        while self.revision(identity) == before {
            if begun.elapsed() > ACKNOWLEDGED_MAX {
                return Err(Refused("the change changes nothing".to_owned()));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Waits until no proxy stands for `identity`: it is in no mesh any more, and their streams have ended.
    pub async fn dismissed(&self, identity: Identity) -> Result<(), Refused> {
        let begun = Instant::now();
        while self.revision(identity).is_some() || !self.cache.proxies_of(&identity.name()).is_empty() {
            if begun.elapsed() > ACKNOWLEDGED_MAX {
                return Err(Refused(format!("{} goes on", identity.id())));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Waits until the proxy of `identity` whose cluster is `cluster` has acknowledged the mesh that is there. `before`
    /// are the refusals that it had when the mesh came.
    pub async fn acknowledged(&self, identity: Identity, cluster: &str, before: &[String]) -> Result<(), Refused> {
        let wanted = self.revision(identity).ok_or_else(|| Refused(format!("{} is in no mesh", identity.id())))?;
        let begun = Instant::now();
        loop {
            let proxy = self.proxy(identity, cluster);
            let refusals = proxy.as_deref().map(refusals).unwrap_or_default();
            if proxy.as_ref().is_some_and(|proxy| proxy.revision() >= wanted) {
                return Ok(());
            }
            let new = refusals != before || begun.elapsed() > OLD_REFUSAL_MAX;
            if !refusals.is_empty() && new {
                return Err(Refused(format!("refused: {}", refusals.join("; "))));
            }
            if begun.elapsed() > ACKNOWLEDGED_MAX {
                return Err(Refused(format!("not acknowledged: {proxy:?}")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What the proxy refuses now.
    pub fn refusals(&self, identity: Identity, cluster: &str) -> Vec<String> {
        self.proxy(identity, cluster).as_deref().map(refusals).unwrap_or_default()
    }

    fn proxy(&self, identity: Identity, cluster: &str) -> Option<Arc<ProxyState>> {
        let mut proxies = self.cache.proxies_of(&identity.name());
        proxies.retain(|proxy| proxy.node.cluster == cluster);
        // The newest stream is the one that lives.
        proxies.pop()
    }
}

fn refusals(proxy: &ProxyState) -> Vec<String> {
    let refusals = proxy.refusals();
    refusals.map(|(kind, refusal)| format!("{kind:?} {}: {}", refusal.resources.join(", "), refusal.reason)).collect()
}

/// A member of a mesh's JSON: what creates its entries, and how its path names them.
type Part = (&'static str, &'static str, &'static [&'static str]);

const GATEWAYS: Part = ("gateways", "CreateVirtualGateway", &["virtualGatewayName"]);
/// Every part, in an order in which what is referred to is there already.
const PARTS: [Part; 6] = [
    ("nodes", "CreateVirtualNode", &["virtualNodeName"]),
    ("routers", "CreateVirtualRouter", &["virtualRouterName"]),
    ("routes", "CreateRoute", &["virtualRouterName", "routeName"]),
    ("services", "CreateVirtualService", &["virtualServiceName"]),
    GATEWAYS,
    ("gatewayRoutes", "CreateGatewayRoute", &["virtualGatewayName", "gatewayRouteName"]),
];

/// The calls that build `mesh`.
fn requests(mesh: &Value) -> Vec<(&'static str, Value)> {
    let mut all = vec![("CreateMesh", json!({ "meshName": MESH, "spec": mesh.get("spec").unwrap_or(&json!({})) }))];
    all.extend(PARTS.into_iter().flat_map(|part| requests_of(mesh, part)));
    let faults = mesh.get("faults").and_then(Value::as_object).into_iter().flatten();
    all.extend(faults.map(|(node, fault)| {
        let mut request = fault.clone();
        request["meshName"] = json!(MESH);
        request["virtualNodeName"] = json!(node);
        ("InjectFault", request)
    }));
    let trials = mesh.get("trials").and_then(Value::as_object).into_iter().flatten();
    all.extend(trials.map(|(path, trial)| {
        let (router, route) = path.split_once('/').unwrap_or(("api", path));
        let route = json!({ "meshName": MESH, "virtualRouterName": router, "routeName": route, "trial": trial });
        ("PutTrial", route)
    }));
    all
}

fn requests_of(mesh: &Value, (member, operation, steps): Part) -> Vec<(&'static str, Value)> {
    let none = Map::new();
    let entries = mesh.get(member).and_then(Value::as_object).unwrap_or(&none);
    let request = |(path, spec): (&String, &Value)| {
        let mut request: BTreeMap<&str, Value> = [("meshName", json!(MESH)), ("spec", spec.clone())].into();
        request.extend(steps.iter().copied().zip(path.split('/').map(|step| json!(step))));
        (operation, json!(request))
    };
    entries.iter().map(request).collect()
}
