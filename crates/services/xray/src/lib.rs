//! AWS X-Ray: what became of requests on their way through services.
//!
//! Each service that takes part in a request sends a *segment*, and names the segment that called it; the segments of
//! one request are a *trace*. Daemons beside the tasks post segments here. Out of them come whole traces, traces in
//! short, found by a filter expression, and the *service graph*: who calls whom, how often, how fast and how well.
//!
//! A *group* is a filter expression with a name, and stands for the traces it finds. A *sampling rule* says how much is
//! traced of which requests: SDKs get the rules through the daemon, compare, report what they did and are told their
//! share of each rule's reservoir.
//!
//! The telemetry engine keeps the segments and answers the questions; groups and rules stand in the store; who may
//! trace how much is worked out in `reservoir.rs`. Insights, transaction search and its indexing rules, resource
//! policies and encryption by KMS are not here.

mod error;
mod operations;
mod reservoir;
mod rows;
mod show;

use std::sync::{Arc, Mutex};

use names::{Clock, Ids};
use reconcile::System;
use reservoir::Reservoirs;
use store::Store;
use telemetry::Traces;
use wire::{Definition, Protocol, Service};

pub use error::Error;

/// The service's state.
pub struct XRay {
    store: Store,
    traces: Traces,
    clock: Clock,
    ids: Ids,
    reservoirs: Mutex<Reservoirs>,
}

const DEFINITION: Definition =
    Definition { signing_name: "xray", protocol: Protocol::RestJson, invalid: "InvalidRequestException" };

/// X-Ray on `traces`.
pub fn service(store: Store, traces: Traces, clock: Clock, ids: Ids) -> System {
    let state = Arc::new(XRay { store, traces, clock, ids, reservoirs: Mutex::default() });
    Service::new(DEFINITION, &state, operations::operations()).into()
}

#[cfg(test)]
mod tests;
