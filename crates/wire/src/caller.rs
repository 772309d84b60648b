//! How a service calls its neighbour: the same table, no socket.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use api::{Fault, Operation};
use names::Scope;

use crate::{Call, Service};

/// Calls any service of the house in process.
///
/// It is made empty, handed to the services while they are made, and filled with them once they all exist.
#[derive(Clone, Default)]
pub struct Caller(Arc<OnceLock<BTreeMap<&'static str, Service>>>);

impl Caller {
    /// Makes `services` callable; the first filling counts.
    pub fn fill(&self, services: impl IntoIterator<Item = Service>) {
        let services = services.into_iter().map(|service| (service.definition().signing_name, service)).collect();
        let _ = self.0.set(services);
    }

    /// The service that signs as `signing_name`.
    pub fn service(&self, signing_name: &str) -> Option<&Service> {
        self.0.get()?.get(signing_name)
    }

    /// Every service, by signing name.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.0.get().into_iter().flat_map(BTreeMap::values)
    }

    /// Calls `Op` on behalf of `scope`.
    pub async fn call<Op: Operation>(&self, scope: &Scope, request: Op::Request) -> Result<Op::Response, Fault> {
        let service = self.service(Op::SERVICE).ok_or_else(|| {
            Fault::new("ServiceUnavailable", 503, format!("the service {} is not part of this house", Op::SERVICE))
        })?;
        let call = Call { scope: scope.clone(), request_id: "in-process".to_owned(), ..Call::default() };
        let members = serde_json::to_value(request).map_err(Fault::internal)?;
        let value = service.call(Op::NAME, call, members).await?;
        serde_json::from_value(value).map_err(Fault::internal)
    }
}
