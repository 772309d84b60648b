//! App Mesh on a store of its own, called as the wire calls it.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::time::Duration;

use api::Fault;
use appmesh::State;
use names::{Clock, Ids, ManualClock, Scope};
use reconcile::{Boxed, Pace};
use serde_json::{Value, json};
use store::Store;
use tokio::task::AbortHandle;
use wire::{Call, Caller, Service};

/// The service, and what it stands on.
pub struct House {
    pub service: Service,
    pub store: Store,
    pub cache: xds::Cache,
    pub clock: ManualClock,
    pub caller: Caller,
    controllers: Vec<Boxed>,
    running: Vec<AbortHandle>,
}

impl Drop for House {
    fn drop(&mut self) {
        self.running.iter().for_each(AbortHandle::abort);
    }
}

impl House {
    /// One on an empty store.
    pub fn new() -> Self {
        Self::on(Store::in_memory().unwrap())
    }

    /// One on `store`, as after a restart.
    pub fn on(store: Store) -> Self {
        let clock = ManualClock::default();
        clock.advance(Duration::from_secs(1_700_000_000));
        let cache = xds::Cache::new(appmesh::identify);
        let caller = Caller::default();
        let system = appmesh::service(State {
            store: store.clone(),
            clock: Clock::Manual(clock.clone()),
            ids: Ids::counting(),
            caller: caller.clone(),
            cache: cache.clone(),
            agents: std::collections::BTreeSet::new(),
        });
        Self {
            service: system.service,
            store,
            cache,
            clock,
            caller,
            controllers: system.controllers,
            running: Vec::new(),
        }
    }

    /// Starts the controllers; they end with the house.
    pub fn run(&mut self) {
        for controller in self.controllers.drain(..) {
            self.running.push(tokio::spawn(controller.run(self.store.clone(), Pace::default())).abort_handle());
        }
    }

    /// Calls an operation in the default account and region.
    pub async fn call(&self, operation: &str, members: Value) -> Result<Value, Fault> {
        self.call_in(&Scope::default(), operation, members).await
    }

    /// Calls an operation in a scope.
    pub async fn call_in(&self, scope: &Scope, operation: &str, members: Value) -> Result<Value, Fault> {
        let call = Call { scope: scope.clone(), ..Call::default() };
        self.service.call(operation, call, members).await
    }

    /// Calls an operation that must succeed.
    pub async fn ok(&self, operation: &str, members: Value) -> Value {
        self.call(operation, members).await.unwrap_or_else(|fault| panic!("{operation}: {fault}"))
    }

    /// Calls an operation that must fail; answers code, status and text.
    pub async fn fails(&self, operation: &str, members: Value) -> (String, u16, String) {
        match self.call(operation, members).await {
            Ok(answer) => panic!("{operation} must fail, but answers {answer}"),
            Err(Fault { code, status, message }) => (code, status, message),
        }
    }

    /// Makes the article's mesh: two versions of an API behind a router, and a gateway that speaks to it.
    pub async fn article(&self) {
        self.ok("CreateMesh", json!({ "meshName": "flask-mesh" })).await;
        for (name, host) in [("api-vn", "api.flask.sample"), ("api-v2-vn", "api-v2.flask.sample")] {
            self.ok("CreateVirtualNode", node(name, host, &[])).await;
        }
        let listener = json!([{ "portMapping": { "port": 3000, "protocol": "http" } }]);
        let router =
            json!({ "meshName": "flask-mesh", "virtualRouterName": "api-vr", "spec": { "listeners": listener } });
        self.ok("CreateVirtualRouter", router).await;
        self.ok("CreateRoute", route(&[("api-vn", 1), ("api-v2-vn", 0)])).await;
        let provider = json!({ "virtualRouter": { "virtualRouterName": "api-vr" } });
        let service = json!({ "meshName": "flask-mesh", "virtualServiceName": "api.flask.sample",
                              "spec": { "provider": provider } });
        self.ok("CreateVirtualService", service).await;
        self.ok("CreateVirtualNode", node("gateway-vn", "gateway.flask.sample", &["api.flask.sample"])).await;
    }
}

/// The request for a virtual node of the article's mesh.
pub fn node(name: &str, host: &str, backends: &[&str]) -> Value {
    let backends = backends.iter().map(|name| json!({ "virtualService": { "virtualServiceName": name } }));
    json!({ "meshName": "flask-mesh", "virtualNodeName": name, "spec": {
        "listeners": [{ "portMapping": { "port": 3000, "protocol": "http" } }],
        "serviceDiscovery": { "dns": { "hostname": host } },
        "backends": backends.collect::<Vec<_>>(),
    } })
}

/// The request for the article's route with these weights.
pub fn route(weights: &[(&str, i64)]) -> Value {
    let targets = weights.iter().map(|(node, weight)| json!({ "virtualNode": node, "weight": weight }));
    let action = json!({ "weightedTargets": targets.collect::<Vec<_>>() });
    json!({ "meshName": "flask-mesh", "virtualRouterName": "api-vr", "routeName": "api-route",
            "spec": { "httpRoute": { "match": { "prefix": "/" }, "action": action } } })
}
