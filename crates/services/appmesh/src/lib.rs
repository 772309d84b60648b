//! AWS App Mesh: who speaks to whom, by which names, and in which shares.
//!
//! A *mesh* is a boundary. In it, a *virtual node* stands for a group of tasks: where they listen, how they are found, and
//! which *virtual services* they speak to. A virtual service is a name, such as `api.flask.sample`; behind it stands a
//! virtual node, or a *virtual router*, whose *routes* spread requests over virtual nodes by weight. That is what a canary
//! moves: the weights of a route. A *virtual gateway* lets requests in from outside, by *gateway routes* that lead to
//! virtual services.
//!
//! Nobody routes anything here. Every task carries a proxy; operations write what is asked, the [`Mesher`] translates it
//! ([`plan`]) into what the proxies of each virtual node and gateway are to do, and hands that to the xDS cache, with the
//! instances that Cloud Map knows and the certificates that ACM has. The [`Observer`] reads what the proxies have
//! acknowledged, and writes for each route which weights are *applied*: those that every connected proxy carrying the
//! route has taken. App Mesh never told; `DescribeRouteStatus`, an operation of ours, does.

mod board;
mod check;
mod controller;
mod error;
mod explain;
mod expression;
mod identity;
mod observer;
mod operations;
pub mod plan;
mod rows;
mod secrets;
mod snapshot;

use std::{collections::BTreeSet, sync::Arc};

use names::{Clock, Ids};
use reconcile::System;
use store::Store;
use wire::{Caller, Definition, Protocol, Service};

use board::Board;
pub use controller::Mesher;
pub use error::Error;
pub use explain::EXPLAINED;
pub use identity::{identify, node_name, task_arn};
pub use observer::Observer;
pub use rows::{MeshObserved, Resource, RouteObserved, Spec};

/// What App Mesh needs of the house.
pub struct State {
    /// Where the mesh is written.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// Where ids come from.
    pub ids: Ids,
    /// How Cloud Map is asked for instances.
    pub caller: Caller,
    /// What proxies are told, and have acknowledged. It must have been made with [`identify`].
    pub cache: xds::Cache,
    /// Trust domains of SPIFFE whose identities agents beside the proxies keep, and not ACM.
    pub agents: BTreeSet<String>,
}

/// What App Mesh is to the wire.
const DEFINITION: Definition =
    Definition { signing_name: "appmesh", protocol: Protocol::RestJson, invalid: "BadRequestException" };

/// App Mesh: its operations, and the controllers that make them true.
pub fn service(state: State) -> System {
    let state = Arc::new(state);
    let board = Arc::new(Board::default());
    let mesher = Mesher::new(Arc::clone(&state), Arc::clone(&board));
    let observer = Observer::new(Arc::clone(&state), board);
    System {
        service: Service::new(DEFINITION, &state, operations::operations()),
        controllers: vec![reconcile::boxed(mesher), reconcile::boxed(observer)],
    }
}
