//! Amazon ECS, version 2014-11-13: clusters, task definitions, services and tasks, by JSON 1.1.
//!
//! Members are those of the published model. A member that can't be honoured on a machine of one's own is still read,
//! as [`Unsupported`], so that it is refused by its own name and not as an unknown word.

mod cluster;
mod common;
mod container;
mod deployment;
mod namespace;
mod service;
mod service_deployment;
mod service_revision;
mod setting;
mod steering;
mod strategy;
mod tag;
mod task;
mod task_definition;
mod unsupported;

pub use cluster::*;
pub use common::*;
pub use container::*;
pub use deployment::*;
pub use namespace::*;
pub use service::*;
pub use service_deployment::*;
pub use service_revision::*;
pub use setting::*;
pub use steering::*;
pub use strategy::*;
pub use tag::*;
pub use task::*;
pub use task_definition::*;
pub use unsupported::Unsupported;
