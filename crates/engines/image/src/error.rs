//! Why an image can't be had.

use std::io;

use names::Scope;

use crate::{LayerError, ParseManifestError, ParseReferenceError, RepositoriesError, RepositoryId, Selector};

/// Why an image can't be had. The texts follow `CannotPullContainerError: ` in a task's `stoppedReason`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name is no image name.
    #[error(transparent)]
    Reference(#[from] ParseReferenceError),
    /// The name means somebody else's registry.
    #[error(
        "pull access denied for {reference}: images come from the registry at {registry}; create the repository with \
         `aws ecr create-repository`, `docker push` the image to it, and name it {registry}/<repository>"
    )]
    Foreign {
        /// What was asked for.
        reference: String,
        /// Our registry's host and port.
        registry: String,
    },
    /// There is no such repository.
    #[error("pull access denied for {reference}, repository does not exist in {scope}")]
    NoRepository {
        /// What was asked for.
        reference: String,
        /// Where it was looked for.
        scope: Scope,
    },
    /// The repository has no such image.
    #[error("failed to resolve ref {reference}: {reference}: not found; push {selector} to repository {repository}")]
    NoImage {
        /// What was asked for.
        reference: String,
        /// Where it was looked for.
        repository: Box<RepositoryId>,
        /// By what.
        selector: Selector,
    },
    /// It is for other machines.
    #[error(
        "image Manifest does not contain descriptor matching platform 'linux/amd64': {reference} is for {platforms}"
    )]
    Platform {
        /// What was asked for.
        reference: String,
        /// What it is for.
        platforms: String,
    },
    /// What was pushed is no runnable image.
    #[error("{reference} is not a runnable image: {reason}")]
    NotRunnable {
        /// What was asked for.
        reference: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Its manifest can't be read.
    #[error("the manifest of {reference} can't be read: {source}")]
    Manifest {
        /// What was asked for.
        reference: String,
        /// Why.
        source: ParseManifestError,
    },
    /// One of its layers can't be unpacked.
    #[error("failed to extract layer {number} of {reference}: {source}")]
    Layer {
        /// What was asked for.
        reference: String,
        /// Which, from 1, lowest first.
        number: usize,
        /// Why.
        source: LayerError,
    },
    /// The repositories can't be asked.
    #[error(transparent)]
    Repositories(#[from] RepositoriesError),
    /// The disk refused.
    #[error("the image store can't be read or written: {0}")]
    Io(#[from] io::Error),
}

impl Error {
    /// The reason as ECS gives it for a task that could not start.
    pub fn stopped_reason(&self) -> String {
        format!("CannotPullContainerError: {self}")
    }
}
