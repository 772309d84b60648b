//! CloudFormation: stacks of resources that come, change and go together.
//!
//! A **template** is a text that lists **resources** (a network, a mesh, a service), with **parameters** to fill in and
//! **outputs** to read off. A **stack** is what a template has become: each resource in it has a *logical id* in the
//! template and a *physical id* in the service that owns it. Whoever wants something changed changes the template and
//! updates the stack; what is no longer in the template goes, and when anything fails, all goes back to what it was. A
//! **change set** is an update that is looked at before it is made. Stacks hand values to each other as **exports**.
//!
//! Here a stack is made by calling the other services of the house as any client would, through `wire`'s in-process
//! caller. Nothing remembers how to undo: an update is planned as two graphs of steps ([`plan`]), and going back is
//! planned in the same way toward the template before. The steps stand in the store as a *ledger* ([`rows::Progress`]),
//! each written down before it is taken and after, so that a crash at any moment is taken up where it was.
//!
//! | to find | look in |
//! |---|---|
//! | what a template can say | [`template`] |
//! | what a change amounts to | [`plan`], [`predict`] |
//! | how it is done, and undone | [`controller`] |
//! | what a resource type is | [`resources`] |

pub mod controller;
pub mod error;
mod explain;
mod exports;
mod operations;
pub mod plan;
pub mod predict;
pub mod resources;
pub mod rows;
pub mod target;
pub mod template;
#[cfg(test)]
mod testing;

pub use explain::EXPLAINED;

use std::sync::Arc;

use names::{Clock, Ids};
use reconcile::System;
use resources::Catalogue;
use store::Store;
use wire::{Caller, Definition, Protocol, Service};

/// What the operations work with.
pub(crate) struct Cloudformation {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) catalogue: Catalogue,
    /// How the canary service is asked about policies.
    pub(crate) caller: Caller,
}

/// CloudFormation over `store`, which makes what it is asked for by calling the other services through `caller`.
pub fn service(store: Store, clock: Clock, ids: Ids, caller: Caller) -> System {
    with_types(store, clock, ids, caller, resources::catalogue())
}

/// [`service`] with other resource types than the house's own: for tests.
pub fn with_types(store: Store, clock: Clock, ids: Ids, caller: Caller, catalogue: Catalogue) -> System {
    let definition = Definition {
        signing_name: "cloudformation",
        protocol: Protocol::Query { namespace: "http://cloudformation.amazonaws.com/doc/2010-05-15/" },
        invalid: "ValidationError",
    };
    let controller =
        controller::Stacks::new(store.clone(), clock.clone(), ids.clone(), caller.clone(), catalogue.clone());
    let state = Arc::new(Cloudformation { store, clock, ids, catalogue, caller });
    System {
        service: Service::new(definition, &state, operations::operations()),
        controllers: vec![reconcile::boxed(controller)],
    }
}
