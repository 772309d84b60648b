//! The services behind the control plane, on a store of their own: App Mesh and ACM as the product has them, and a
//! Cloud Map of the test's. How secrets come to proxies is the product's affair.

use std::{sync::Arc, time::Duration};

use api::Fault;
use names::{Clock, Ids, Scope};
use reconcile::{Boxed, Pace};
use serde_json::{Value, json};
use store::Store;
use tokio::task::AbortHandle;
use wire::{Call, Caller};
use xds::Cache;

use crate::{
    agent,
    control::Refused,
    instances::{self, Instances, Registry},
};

/// How often ACM looks for what is due when a test winds its clock: such a clock wakes nobody.
const LOOK: Duration = Duration::from_millis(50);

/// App Mesh, ACM and a Cloud Map; their controllers end with it.
pub(crate) struct House {
    caller: Caller,
    store: Store,
    registry: Registry,
    waiting: Vec<(Boxed, Pace)>,
    running: Vec<AbortHandle>,
}

impl Drop for House {
    fn drop(&mut self) {
        self.running.iter().for_each(AbortHandle::abort);
    }
}

impl House {
    /// One on an empty store, whose meshes go to `cache`. `clock` is ACM's.
    pub(crate) fn new(cache: &Cache, clock: &Clock, instances: Instances) -> Self {
        let store = Store::in_memory().expect("a store in memory");
        let caller = Caller::default();
        let mesh = appmesh::service(appmesh::State {
            store: store.clone(),
            clock: Clock::System,
            ids: Ids::counting(),
            caller: caller.clone(),
            cache: cache.clone(),
            agents: [agent::DOMAIN.to_owned()].into(),
        });
        let certificates = acm::services(acm::State {
            store: store.clone(),
            clock: clock.clone(),
            ids: Ids::counting(),
            caller: caller.clone(),
        });
        let resync = if matches!(clock, Clock::Manual(_)) { LOOK } else { Pace::default().resync };
        let registry: Registry = Arc::new(instances.into());
        let mut services = vec![instances::service(&registry), mesh.service];
        let mut waiting: Vec<_> = mesh.controllers.into_iter().map(|own| (own, Pace::default())).collect();
        for system in certificates {
            services.push(system.service);
            waiting.extend(system.controllers.into_iter().map(|own| (own, Pace { resync, ..Pace::default() })));
        }
        caller.fill(services);
        Self { caller, store, registry, waiting, running: Vec::new() }
    }

    /// Starts the controllers.
    pub(crate) fn run(&mut self) {
        for (controller, pace) in self.waiting.drain(..) {
            self.running.push(tokio::spawn(controller.run(self.store.clone(), pace)).abort_handle());
        }
    }

    /// Calls an operation of the service that signs as `service`, as a neighbour in process does.
    pub(crate) async fn call(&self, service: &str, operation: &str, request: Value) -> Result<Value, Refused> {
        let service = self.caller.service(service).ok_or_else(|| Refused(format!("there is no {service}")))?;
        let answer = service.call(operation, Call::default(), request.clone()).await;
        answer.map_err(|Fault { code, message, .. }| Refused(format!("{operation} {request}: {code}: {message}")))
    }

    /// Makes these the instances that Cloud Map finds, and tells App Mesh as Cloud Map does: by a row.
    pub(crate) fn register(&self, instances: Instances) {
        instances::replace(&self.registry, &self.store, instances);
    }

    /// The authorities whose certificates this house's proxies show, in PEM: its own, and the private ones.
    pub(crate) async fn authorities(&self) -> Result<String, Refused> {
        let listed = self.call("acm-pca", "ListCertificateAuthorities", json!({})).await?;
        let private = listed["CertificateAuthorities"].as_array().cloned().unwrap_or_default();
        let mut asked = vec![json!({})];
        asked.extend(private.iter().map(|one| json!({ "CertificateAuthorityArns": [one["Arn"]] })));
        let mut all = String::new();
        for request in asked {
            let trust = self.call("acm", "DescribeTrust", request).await?;
            all += trust["Certificates"].as_str().unwrap_or_default();
            all.push('\n');
        }
        Ok(all)
    }
}

/// Where it all is.
pub(crate) fn scope() -> Scope {
    Scope::default()
}
