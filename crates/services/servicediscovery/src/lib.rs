//! AWS Cloud Map: names for things that come and go.
//!
//! A *namespace* is the end that its names share: `flask.sample`, known to the resolver of one VPC, or just a word for
//! those who only ask by API. A *service* is a name in it, `api.flask.sample`, with the records each of its
//! *instances* gets. An instance is whoever answers under the name: ECS registers each task with its address, reports
//! its health, and takes it away again. So the name always leads to tasks that are there and well.
//!
//! Operations write what was asked. The controller turns all of it into zones, and tells them to the edge, whose
//! resolvers answer the tasks. Changing a namespace or an instance is an *operation* at AWS, which takes a minute and
//! is asked after by its id; here it is done when its id is given out.

mod controller;
mod error;
mod operations;
mod plan;
mod rows;

use std::sync::Arc;

use names::{Clock, Ids};
use reconcile::System;
use store::Store;
use wire::{Caller, Definition, Protocol, Service};

pub use controller::Resolvers;
pub use error::Error;

/// The service's state.
pub struct ServiceDiscovery {
    store: Store,
    clock: Clock,
    ids: Ids,
    caller: Caller,
}

const DEFINITION: Definition = Definition {
    signing_name: "servicediscovery",
    protocol: Protocol::Json11 { target_prefix: "Route53AutoNaming_v20170314" },
    invalid: "InvalidInput",
};

/// Cloud Map on `store`, its names told to `resolvers` (the edge). Needs EC2 behind `caller` to know VPCs.
pub fn service(store: Store, clock: Clock, ids: Ids, caller: Caller, resolvers: impl Resolvers) -> System {
    let controller = controller::Zones::new(store.clone(), clock.clone(), resolvers);
    let state = Arc::new(ServiceDiscovery { store, clock, ids, caller });
    System {
        service: Service::new(DEFINITION, &state, operations::operations()),
        controllers: vec![reconcile::boxed(controller)],
    }
}

#[cfg(test)]
mod tests;
