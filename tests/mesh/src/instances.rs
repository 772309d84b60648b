//! A Cloud Map of the test's own: what App Mesh asks for instances.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use api::servicediscovery::{
    DiscoverInstances, DiscoverInstancesRequest, DiscoverInstancesResponse, HttpInstanceSummary,
};
use serde::{Deserialize, Serialize};
use store::{Key, Row, Store};
use wire::{Context, Definition, Protocol, Service};

use crate::house::scope;

/// Attributes of each instance, those that Cloud Map itself gives included.
pub(crate) type Instances = Vec<BTreeMap<String, String>>;

/// The instances that there are.
pub(crate) type Registry = Arc<Mutex<Instances>>;

/// What Cloud Map writes of an instance; that it changes is what wakes others.
#[derive(Serialize, Deserialize)]
struct Registered {
    instances: Instances,
}

impl Row for Registered {
    const KIND: &'static str = "servicediscovery/instance";
}

/// Lets App Mesh find what is in `registry`, in whatever namespace and service it looks.
pub(crate) fn service(registry: &Registry) -> Service {
    let definition =
        Definition { signing_name: "servicediscovery", protocol: Protocol::RestJson, invalid: "InvalidInput" };
    Service::new(definition, registry, vec![wire::bind::<DiscoverInstances, _, _, _, _>(discover)])
}

/// Makes these the instances that there are, and says so in `store`.
pub(crate) fn replace(registry: &Registry, store: &Store, instances: Instances) {
    registry.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&instances);
    let key = Key::new(&scope(), "all");
    store.write(|tx| tx.put(&key, &Registered { instances })).expect("a row");
}

async fn discover(
    context: Context<Mutex<Instances>>,
    request: DiscoverInstancesRequest,
) -> Result<DiscoverInstancesResponse, api::Fault> {
    let all = context.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let asked = |attributes: &BTreeMap<String, String>| {
        request.query_parameters.iter().all(|(key, value)| attributes.get(key) == Some(value))
    };
    let summary = |attributes: BTreeMap<String, String>| HttpInstanceSummary {
        attributes: attributes.into_iter().collect(),
        ..HttpInstanceSummary::default()
    };
    let instances = all.into_iter().filter(asked).map(summary).collect();
    Ok(DiscoverInstancesResponse { instances, ..DiscoverInstancesResponse::default() })
}
