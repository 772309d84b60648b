//! Elastic Container Registry: where images are pushed and pulled.
//!
//! A *repository* holds the images of one name; an image is a *manifest* that names its configuration and layers by their
//! hashes, and *tags* are names for manifests. `docker login` takes a password from [`GetAuthorizationToken`] that says
//! whose repositories it opens, so that one registry at one address serves every account and region.
//!
//! This service keeps the names; what they stand for is kept by the `image` engine, which also is the registry that
//! clients push to. It reaches the names through [`Records`].
//!
//! Lifecycle policies are applied, by a controller. What is kept and answered without an effect is in [`EXPLAINED`].
//!
//! [`GetAuthorizationToken`]: api::ecr::GetAuthorizationToken

mod controller;
mod error;
mod explain;
mod operations;
mod plan;
mod records;
mod rows;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use image::Images;
use names::Clock;
use reconcile::System;
use store::Store;
use wire::{Definition, Protocol, Service};

pub use explain::EXPLAINED;
pub use records::Records;

/// The service's state.
pub struct Registry {
    store: Store,
    clock: Clock,
    images: Images,
    records: Arc<Records>,
}

const DEFINITION: Definition = Definition {
    signing_name: "ecr",
    protocol: Protocol::Json11 { target_prefix: "AmazonEC2ContainerRegistry_V20150921" },
    invalid: "InvalidParameterException",
};

/// ECR on `store`, whose [`Records`] `images` was opened with.
pub fn service(store: Store, clock: Clock, images: Images) -> System {
    let records = Arc::new(Records::new(store.clone(), clock.clone()));
    let lifecycle = controller::Lifecycle { store: store.clone(), clock: clock.clone() };
    let state = Arc::new(Registry { store, clock, images, records });
    System {
        service: Service::new(DEFINITION, &state, operations::operations()),
        controllers: vec![reconcile::boxed(lifecycle)],
    }
}
