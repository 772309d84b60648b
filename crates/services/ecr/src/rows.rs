//! Repositories and what they hold. Names of rows: a repository by its name, a tag by `<name>:<tag>`, a manifest and a
//! link by `<name>@<digest>`.

use api::ecr::{EncryptionConfiguration, ExclusionFilter, ImageScanningConfiguration};
use image::{Digest, ManifestRecord};
use names::{Arn, Scope, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row};

/// A repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Repository {
    pub(crate) created: Timestamp,
    pub(crate) mutability: String,
    pub(crate) exclusions: Vec<ExclusionFilter>,
    pub(crate) scanning: ImageScanningConfiguration,
    pub(crate) encryption: EncryptionConfiguration,
    pub(crate) tags: Tags,
    pub(crate) lifecycle_policy: Option<String>,
    pub(crate) policy: Option<String>,
}

impl Row for Repository {
    const KIND: &'static str = "ecr/repository";
}

/// A manifest that was pushed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) record: ManifestRecord,
    pub(crate) pushed: Timestamp,
}

impl Row for Manifest {
    const KIND: &'static str = "ecr/manifest";
}

/// A tag, and what it stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ImageTag {
    pub(crate) digest: Digest,
}

impl Row for ImageTag {
    const KIND: &'static str = "ecr/tag";
}

/// Content that a repository holds, whether or not a manifest names it yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) wanted: Timestamp,
}

impl Row for Link {
    const KIND: &'static str = "ecr/link";
}

/// When a repository's lifecycle policy was last applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Evaluation {
    pub(crate) evaluated: Timestamp,
    /// The hash of the policy's text: another one is applied at once.
    pub(crate) policy: Digest,
}

impl Row for Evaluation {
    const KIND: &'static str = "ecr/lifecycle.observed";
}

/// The key of a tag.
pub(crate) fn tag_key(scope: &Scope, repository: &str, tag: &str) -> Key {
    Key::new(scope, format!("{repository}:{tag}"))
}

/// The key of a manifest or a link.
pub(crate) fn content_key(scope: &Scope, repository: &str, digest: &Digest) -> Key {
    Key::new(scope, format!("{repository}@{digest}"))
}

/// A repository's ARN.
pub(crate) fn arn(scope: &Scope, repository: &str) -> String {
    Arn::new("ecr", scope, format!("repository/{repository}")).to_string()
}
