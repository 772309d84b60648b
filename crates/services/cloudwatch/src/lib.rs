//! Amazon CloudWatch: numbers that workloads report, and alarms on them.
//!
//! A *metric* is a name in a namespace with dimensions: `RequestCount` of `AWS/ApplicationELB` for one load balancer.
//! Whoever asks gets a *statistic* of it over *periods*: its sum in each minute, its 99th percentile in each five.
//! *Metric math* calculates a series from others, such as a rate of errors. An *alarm* compares the last few values of
//! such a series with a threshold and is `OK`, in `ALARM`, or has `INSUFFICIENT_DATA`; deployments are taken back on it.
//!
//! Numbers and what became of alarms are history, so the telemetry engine keeps them; alarms themselves are asked for
//! and seen, and stand in the store. One controller evaluates them all. Nothing here takes an alarm's actions (there is
//! no SNS and no Lambda): that they could not be taken is said in the alarm's history.

mod controller;
mod error;
mod expression;
mod metric;
mod operations;
mod plan;
mod query;
mod rows;
mod series;
mod show;
mod statistic;

use std::sync::Arc;

use names::Clock;
use reconcile::System;
use store::Store;
use telemetry::Metrics;
use wire::{Definition, Protocol, Service};

pub use error::Error;

/// The service's state.
pub struct CloudWatch {
    store: Store,
    metrics: Metrics,
    clock: Clock,
}

const DEFINITION: Definition = Definition {
    signing_name: "monitoring",
    protocol: Protocol::Json10 { target_prefix: "GraniteServiceVersion20100801" },
    invalid: "ValidationError",
};

/// CloudWatch on `metrics`.
pub fn service(store: Store, metrics: Metrics, clock: Clock) -> System {
    let state = Arc::new(CloudWatch { store, metrics, clock });
    System {
        service: Service::new(DEFINITION, &state, operations::operations()),
        controllers: vec![reconcile::boxed(controller::Alarms::new(state))],
    }
}

#[cfg(test)]
mod tests;
