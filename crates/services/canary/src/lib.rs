//! Canaries: a new version gets a few of the requests, is compared with the old one, and then gets all of them or none.
//!
//! AWS's App Mesh could split traffic by weight, and left it to the reader what weights and when. This system decides.
//! Like Google's Canary Analysis Service it keeps apart who looks and who acts: the [`judge`] is given counts of both
//! versions and answers whether the new one is worse, good enough, or neither yet; the [`plan`] follows a [`policy`]
//! and says which part of the traffic the new version gets next. The [`rehearsal`] says what faults a proxy is to make,
//! for who wants to see a canary fail. All are pure: what judge and plan saw is recorded, and a replay of it gives the
//! same decision.
//!
//! A controller reads counts from the proxies ([`reading`]), keeps the record (`live.rs`), and moves traffic (`subject`):
//! of routes by App Mesh's own API (`shift.rs`), as a user would, so that whoever changes a route in the middle of its
//! canary ends that; of deployments by ECS, which keeps the tasks and tells the load balancer.
//! Programs elsewhere are asked before it goes on (`webhook`), and people told of it (`notices.rs`), where the policy
//! says so.

mod approval;
mod audience;
mod controller;
mod error;
pub mod judge;
mod live;
mod notices;
mod operations;
pub mod plan;
pub mod policy;
pub mod reading;
pub mod rehearsal;
mod rows;
mod shift;
mod show;
mod subject;
mod webhook;

use std::{path::PathBuf, sync::Arc};

use names::{Clock, Ids};
use reconcile::{System, boxed};
use store::Store;
use wire::{Caller, Definition, Protocol, Service};

pub use error::Error;
use reading::Proxies;

/// The service's state.
pub struct Canaries {
    /// Where rows are kept.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// Where ids come from.
    pub ids: Ids,
    /// How App Mesh, ECS and load balancing are called.
    pub caller: Caller,
    /// Who knows what proxies have counted.
    pub proxies: Arc<dyn Proxies>,
    /// The folder of the records.
    pub records: PathBuf,
}

/// Canaries, as the binary takes them.
pub fn service(canaries: Canaries) -> System {
    let state = Arc::new(canaries);
    let definition =
        Definition { signing_name: "canary", protocol: Protocol::RestJson, invalid: "ValidationException" };
    let own = operations::operations().into_iter().chain(approval::operations());
    let all = own.chain(rehearsal::operations()).collect();
    let service = Service::new(definition, &state, all);
    let rehearser = rehearsal::Rehearser::new(Arc::clone(&state));
    let messenger = notices::Messenger::new(Arc::clone(&state));
    let watcher = controller::Watcher::new(state);
    System { service, controllers: vec![boxed(watcher), boxed(messenger), boxed(rehearser)] }
}
