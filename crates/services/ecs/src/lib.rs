//! ECS: what runs a team's containers, as many as asked, and replaces them without a gap.
//!
//! - A *cluster* is a name under which the rest is kept together.
//! - A *task definition* is a recipe: containers, their images, ports, checks and limits. Each registration is a new
//!   *revision* of its *family*, and never changes again.
//! - A *task* is one run of a revision: its containers share a network interface of their own (`awsvpc`), start in the
//!   order of their dependencies and live and die together.
//! - A *service* keeps a number of equal tasks running, makes them known to load balancers and Cloud Map, and goes from
//!   one *service revision* to the next by *service deployments*: rolling updates within percentages, or a release beside
//!   what serves that moves users over by weights, at once, in steps, or as a canary judges. A circuit breaker gives one up
//!   whose tasks don't start, alarms one that does harm.
//!
//! Operations write what is wanted (`rows`), two controllers make it true: one plans for services which tasks to
//! start and stop and where users go, one takes each task from station to station (`plan`). What touches the machine goes through
//! [`Runtime`]; addresses, targets and names through the APIs of EC2, load balancing and Cloud Map, as on AWS.
//!
//! **What a task finds in its environment**, unless its definition sets it otherwise: `AWS_REGION`,
//! `AWS_DEFAULT_REGION`, `AWS_EXECUTION_ENV` as on Fargate; `AWS_ENDPOINT_URL=http://169.254.170.2:4566`, so that what
//! its SDKs call is this house and not AWS; with a task role, an access key of its account, and
//! `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`; and `ECS_CONTAINER_METADATA_URI_V4` ([`agent`]). A container that is an App Mesh
//! proxy by its variables also gets `APPMESH_XDS_ENDPOINT` and `SERIN_TASK_ARN`.
//!
//! **Stricter than AWS** in one thing: a task without any health check counts as fit only after two seconds, so that
//! one that ends at once does not replace one that works.

mod caller;
mod controller;
mod definition;
mod error;
mod explain;
mod metadata;
mod operations;
mod placement;
mod plan;
mod read;
mod refer;
mod release;
mod rows;
pub mod runtime;
#[cfg(test)]
mod samples;
mod show;
mod state;
mod suspend;
mod tags;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;

use reconcile::System;
use wire::{Definition, Protocol};

pub use caller::{CallingTask, task_at};
pub use error::Error;
pub use explain::EXPLAINED;
pub use metadata::agent;
pub use placement::Machine;
pub use runtime::{MachineRuntime, Runtime};
pub use state::Ecs;
pub use suspend::Suspender;
pub(crate) use words::Words;

/// ECS, as the binary takes it.
pub fn service(ecs: &Arc<Ecs>) -> System {
    let definition = Definition {
        signing_name: "ecs",
        protocol: Protocol::Json11 { target_prefix: "AmazonEC2ContainerServiceV20141113" },
        invalid: "InvalidParameterException",
    };
    let service = wire::Service::new(definition, ecs, operations::operations());
    System { service, controllers: controller::controllers(ecs) }
}
