//! What makes rows true.
//!
//! - [`service`] plans for each service which tasks to start and stop. All it does is write rows, in one transaction.
//! - [`task`] takes each task one step further: network interface, images, shim, registrations, and back.
//! - [`traffic`] tells load balancers the weights that a service's release asks for, [`hooks`] asks its hooks,
//!   [`alarms`] looks at the alarms it is watched by, [`judgement`] begins its canary.
//! - [`links`] puts tasks back on a VPC that was made anew.
//! - [`usage`] writes what tasks use as metrics.
//! - [`sweep`] ends what runs on the machine and has no row any more.

mod alarms;
mod carry;
mod fitness;
mod follow;
mod hooks;
mod judgement;
mod launch;
mod links;
mod prepare;
mod provision;
mod registration;
mod service;
mod spec;
mod sweep;
mod task;
mod traffic;
mod usage;

use std::sync::Arc;

use api::Fault;
use reconcile::{Boxed, boxed};

pub(crate) use prepare::stream_name;

use crate::{Ecs, runtime};

/// A step that failed and is tried again, with backoff.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A neighbour failed.
    #[error("{0}")]
    Neighbour(#[from] Fault),
    /// The machine failed.
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
    /// What tasks use could not be written down.
    #[error(transparent)]
    Telemetry(#[from] telemetry::Error),
    /// The work on that was interrupted.
    #[error("the work on metrics was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
    /// A neighbour's answer lacks what it must have.
    #[error("the answer about {0} can't be understood")]
    Answer(String),
}

/// The controllers of ECS.
pub(crate) fn controllers(ecs: &Arc<Ecs>) -> Vec<Boxed> {
    vec![
        boxed(service::ServiceController::new(Arc::clone(ecs))),
        boxed(task::TaskController::new(Arc::clone(ecs))),
        boxed(traffic::Traffic::new(Arc::clone(ecs))),
        boxed(hooks::Hooks::new(Arc::clone(ecs))),
        boxed(alarms::Alarms::new(Arc::clone(ecs))),
        boxed(judgement::Judgement::new(Arc::clone(ecs))),
        boxed(links::Links::new(Arc::clone(ecs))),
        boxed(usage::Meter::new(Arc::clone(ecs))),
        boxed(sweep::Sweeper::new(Arc::clone(ecs))),
    ]
}

/// Carries what a task that has ended printed last.
pub(crate) async fn carry_all(ecs: Arc<Ecs>, key: store::Key, task: crate::rows::Task) {
    carry::Carrier::new(ecs, key, task).run().await;
}

/// Whether a neighbour's refusal is final: the caller's fault, and not that it has no time or is not there yet.
fn is_final(fault: &Fault) -> bool {
    fault.status < 500 && !fault.code.contains("Throttl")
}

/// The sooner of two waits.
fn sooner(a: Option<std::time::Duration>, b: Option<std::time::Duration>) -> Option<std::time::Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
