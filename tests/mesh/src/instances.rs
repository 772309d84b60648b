//! A Cloud Map of the test's own: what App Mesh asks for instances.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use api::servicediscovery::{
    DiscoverInstances, DiscoverInstancesRequest, DiscoverInstancesResponse, HttpInstanceSummary,
};
use wire::{Caller, Context, Definition, Protocol, Service};

/// Attributes of each instance, those that Cloud Map itself gives included.
pub(crate) type Instances = Vec<BTreeMap<String, String>>;

struct State(Mutex<Instances>);

/// Lets App Mesh find `instances`, in whatever namespace and service it looks.
pub(crate) fn fill(caller: &Caller, instances: Instances) {
    let definition =
        Definition { signing_name: "servicediscovery", protocol: Protocol::RestJson, invalid: "InvalidInput" };
    let state = Arc::new(State(Mutex::new(instances)));
    caller.fill([Service::new(definition, &state, vec![wire::bind::<DiscoverInstances, _, _, _, _>(discover)])]);
}

async fn discover(
    context: Context<State>,
    request: DiscoverInstancesRequest,
) -> Result<DiscoverInstancesResponse, api::Fault> {
    let all = context.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
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
