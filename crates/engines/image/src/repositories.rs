//! What the registry needs to know of repositories, and does not keep itself.
//!
//! Names, tags and "this image is in that repository" are rows of ECR, in the one store, in its transactions; this
//! engine keeps content alone. So there is one truth: after a crash a tag names an image whose content was on the disk
//! before the tag was written, and content without a row is garbage that the collector takes.

use std::{collections::HashSet, error::Error as StdError, fmt};

use names::{Scope, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Digest;

/// A repository: whose, where, and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RepositoryId {
    /// Account and region.
    pub scope: Scope,
    /// The name, which may hold slashes: `project/api`.
    pub name: String,
}

impl RepositoryId {
    /// The repository `name` in `scope`.
    pub fn new(scope: Scope, name: impl Into<String>) -> Self {
        Self { scope, name: name.into() }
    }
}

impl fmt::Display for RepositoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scope, self.name)
    }
}

/// How a manifest is asked for inside a repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// By tag.
    Tag(String),
    /// By digest.
    Digest(Digest),
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// What is remembered of a pushed manifest beside its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestRecord {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// The media type of its configuration; none for an index.
    pub config_media_type: Option<String>,
    /// The bytes of its layers and configuration; for an index, of the largest image in it.
    pub size: u64,
    /// The manifests an index names.
    pub children: Vec<Digest>,
}

/// Why a repository can't do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RepositoriesError {
    /// It does not exist.
    #[error(
        "The repository with name '{}' does not exist in the registry with id '{}'; create it with \
         `aws ecr create-repository --region {} --repository-name {}`",
        .0.name, .0.scope.account, .0.scope.region, .0.name
    )]
    NotFound(RepositoryId),
    /// Its tags stay where they are, and this one is taken by another image.
    #[error(
        "The image tag '{tag}' already exists in the '{}' repository and cannot be overwritten because the tag is \
         immutable.",
        repository.name
    )]
    TagImmutable {
        /// Which repository.
        repository: Box<RepositoryId>,
        /// Which tag.
        tag: String,
    },
    /// An index of the repository names the manifest.
    #[error("the image {digest} is named by the manifest list {by}: delete that first")]
    Referenced {
        /// What was to be deleted.
        digest: Digest,
        /// What names it.
        by: Digest,
    },
    /// The rows can't be read or written.
    #[error("the rows of the repositories can't be read or written: {0}")]
    Store(#[source] Box<dyn StdError + Send + Sync>),
}

/// The keeper of repositories, tags and images: ECR's rows in the binary, a map in tests. Each call is one
/// transaction, and what it wrote is on the disk when it returns.
pub trait Repositories: Send + Sync + 'static {
    /// The scopes that have a repository of this name.
    fn scopes_with(&self, name: &str) -> Result<Vec<Scope>, RepositoriesError>;

    /// Whether the repository is there.
    fn exists(&self, repository: &RepositoryId) -> Result<bool, RepositoriesError>;

    /// Records that the repository holds this content of `size` bytes, or that it is wanted once more.
    fn link(&self, repository: &RepositoryId, content: &Digest, size: u64) -> Result<(), RepositoriesError>;

    /// Whether the repository holds this content.
    fn is_linked(&self, repository: &RepositoryId, content: &Digest) -> Result<bool, RepositoriesError>;

    /// Records a pushed manifest, and moves `tag` to it.
    fn put(
        &self,
        repository: &RepositoryId,
        manifest: &ManifestRecord,
        tag: Option<&str>,
    ) -> Result<(), RepositoriesError>;

    /// Looks a manifest up.
    fn find(&self, repository: &RepositoryId, selector: &Selector)
    -> Result<Option<ManifestRecord>, RepositoriesError>;

    /// Removes a tag, or a manifest with its tags. `false` if there was none.
    fn remove(&self, repository: &RepositoryId, selector: &Selector) -> Result<bool, RepositoriesError>;

    /// The repository's tags in lexical order.
    fn tags(&self, repository: &RepositoryId) -> Result<Vec<String>, RepositoriesError>;

    /// Every manifest of every repository.
    fn manifests(&self) -> Result<Vec<(RepositoryId, Digest)>, RepositoriesError>;

    /// Forgets each link of content that is not among its repository's `used` and was last wanted before `before`;
    /// answers all content that is still linked somewhere.
    fn unlink_unused(
        &self,
        used: &HashSet<(RepositoryId, Digest)>,
        before: Timestamp,
    ) -> Result<HashSet<Digest>, RepositoriesError>;
}
