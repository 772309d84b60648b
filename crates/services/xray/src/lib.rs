//! AWS X-Ray: what became of requests on their way through services.
//!
//! Each service that takes part in a request sends a *segment*, and names the segment that called it; the segments of
//! one request are a *trace*. Daemons beside the tasks post segments here. Out of them come whole traces, traces in
//! short, found by a filter expression, and the *service graph*: who calls whom, how often, how fast and how well.
//!
//! The telemetry engine keeps the segments and answers the questions; this crate speaks X-Ray's language. There is one
//! sampling rule, AWS's own default, and one group, of all traces.

mod error;
mod operations;
mod show;

use std::sync::Arc;

use names::Clock;
use reconcile::System;
use telemetry::Traces;
use wire::{Definition, Protocol, Service};

pub use error::Error;

/// The service's state.
pub struct XRay {
    traces: Traces,
    clock: Clock,
}

const DEFINITION: Definition =
    Definition { signing_name: "xray", protocol: Protocol::RestJson, invalid: "InvalidRequestException" };

/// X-Ray on `traces`.
pub fn service(traces: Traces, clock: Clock) -> System {
    let state = Arc::new(XRay { traces, clock });
    Service::new(DEFINITION, &state, operations::operations()).into()
}

#[cfg(test)]
mod tests;
