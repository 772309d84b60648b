//! Elastic Load Balancing: one name in front of many targets.
//!
//! A *load balancer* stands in the subnets of a VPC with an address in each and answers at a DNS name. Its *listeners*
//! each take a port and forward what comes to *target groups*, by weight. A target group checks the health of its
//! *targets* (addresses and ports) and gives requests to the healthy ones alone; a target that leaves *drains*: it gets
//! nothing new, and what it is doing may end.
//!
//! Operations here only write what is asked. The controller makes it true: it takes network interfaces from EC2 for the
//! addresses, and gives the whole picture to the edge, the process that carries the traffic and knows the health. What
//! the edge counts of requests becomes metrics of CloudWatch, in `AWS/ApplicationELB`.

mod controller;
mod count;
mod counter;
mod error;
mod operations;
mod plan;
mod rows;
mod security_policy;

use std::sync::Arc;

use names::{Clock, Ids};
use reconcile::System;
use store::Store;
use telemetry::Metrics;
use wire::{Caller, Definition, Protocol, Service};

/// The service's state.
pub struct LoadBalancing {
    store: Store,
    clock: Clock,
    ids: Ids,
    caller: Caller,
    edge: edge::Client,
    metrics: Metrics,
    /// The port of the API, where listeners answer by `Host` whose own port could not be had.
    api_port: u16,
}

const DEFINITION: Definition = Definition {
    signing_name: "elasticloadbalancing",
    protocol: Protocol::Query { namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/" },
    invalid: "ValidationError",
};

/// Elastic Load Balancing on `store`, carried by `edge`, which counts into `metrics`; `api_port` is where the house itself listens.
pub fn service(
    (store, metrics): (Store, Metrics),
    clock: Clock,
    ids: Ids,
    caller: Caller,
    edge: edge::Client,
    api_port: u16,
) -> System {
    let state = Arc::new(LoadBalancing { store, clock, ids, caller, edge, metrics, api_port });
    System {
        service: Service::new(DEFINITION, &state, operations::operations()),
        controllers: vec![
            reconcile::boxed(controller::Balancers(Arc::clone(&state))),
            reconcile::boxed(controller::Observer::new(Arc::clone(&state))),
            reconcile::boxed(counter::Counter::new(Arc::clone(&state))),
        ],
    }
}
