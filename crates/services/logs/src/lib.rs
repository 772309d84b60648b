//! Amazon CloudWatch Logs: what workloads say, kept and found again.
//!
//! A *log group* is what belongs together and is kept equally long, such as all containers of an environment; a *log
//! stream* is what one source wrote, such as one container of one task; an *event* is a line with its time. ECS writes
//! what containers print; people read it, follow it and search it.
//!
//! Groups, streams and events live in the telemetry engine's own file, not in the store: they are history and steer
//! nothing. So operations speak to the engine, and the one controller here lets go of what is past its time, for traces
//! too, since both share the file. Queries (Logs Insights) and what they found live in memory: whoever asked is there.

mod controller;
mod error;
mod identifier;
mod operations;
mod queries;
mod token;

use std::sync::Arc;

use names::{Clock, Ids};
use reconcile::System;
use telemetry::Telemetry;
use wire::{Definition, Protocol, Service};

pub use error::Error;

/// The service's state.
pub struct Logs {
    logs: telemetry::Logs,
    clock: Clock,
    ids: Ids,
    queries: queries::Queries,
}

const DEFINITION: Definition = Definition {
    signing_name: "logs",
    protocol: Protocol::Json11 { target_prefix: "Logs_20140328" },
    invalid: "InvalidParameterException",
};

/// CloudWatch Logs on `telemetry`, whose logs and traces it also keeps within their limits.
pub fn service(telemetry: Telemetry, clock: Clock, ids: Ids) -> System {
    let (logs, queries) = (telemetry.logs(), queries::Queries::default());
    let state = Arc::new(Logs { logs, clock: clock.clone(), ids, queries });
    System {
        service: Service::new(DEFINITION, &state, operations::operations()),
        controllers: vec![reconcile::boxed(controller::Retention::new(telemetry, clock))],
    }
}

#[cfg(test)]
mod tests;
