//! What can go wrong, with ECR's own codes.

use api::Fault;
use image::{PutManifestError, RepositoriesError};

/// A refusal of ECR.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A member has a value it cannot have.
    #[error("Invalid parameter at '{member}' failed to satisfy constraint: '{constraint}'")]
    InvalidParameter {
        /// Which member.
        member: &'static str,
        /// What it must be.
        constraint: String,
    },
    /// There is no such repository.
    #[error("The repository with name '{name}' does not exist in the registry with id '{registry}'")]
    RepositoryNotFound {
        /// The repository.
        name: String,
        /// The account.
        registry: String,
    },
    /// There is one of that name already.
    #[error("The repository with name '{name}' already exists in the registry with id '{registry}'")]
    RepositoryAlreadyExists {
        /// The repository.
        name: String,
        /// The account.
        registry: String,
    },
    /// It still holds images.
    #[error(
        "The repository with name '{name}' in registry with id '{registry}' cannot be deleted because it still contains images"
    )]
    RepositoryNotEmpty {
        /// The repository.
        name: String,
        /// The account.
        registry: String,
    },
    /// There is no such image.
    #[error("The image with imageId {image} does not exist within the repository with name '{repository}'")]
    ImageNotFound {
        /// What was asked for.
        image: String,
        /// The repository.
        repository: String,
    },
    /// The same image is there under the same tag.
    #[error("Image with digest '{digest}' and tag '{tag}' already exists in the repository with name '{repository}'")]
    ImageAlreadyExists {
        /// The manifest.
        digest: String,
        /// The tag.
        tag: String,
        /// The repository.
        repository: String,
    },
    /// The tag may not move.
    #[error("{0}")]
    ImageTagAlreadyExists(String),
    /// The manifest names layers that are not there.
    #[error("{0}")]
    LayersNotFound(String),
    /// The manifest names images that are not there.
    #[error("{0}")]
    ReferencedImagesNotFound(String),
    /// The manifest hashes to something else.
    #[error("{0}")]
    ImageDigestDoesNotMatch(String),
    /// The tags can't be had.
    #[error("{0}")]
    InvalidTag(String),
    /// There would be too many tags.
    #[error(
        "The list of tags on the repository is over the limit. The maximum number of tags that can be applied to a repository is {0}"
    )]
    TooManyTags(usize),
    /// The repository has no lifecycle policy.
    #[error("Lifecycle policy does not exist for the repository with name '{0}'")]
    LifecyclePolicyNotFound(String),
    /// The repository has no resource policy.
    #[error("Repository policy does not exist for the repository with name '{0}'")]
    RepositoryPolicyNotFound(String),
    /// The store or the disk failed.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    fn code(&self) -> (&'static str, u16) {
        match self {
            Self::InvalidParameter { .. } => ("InvalidParameterException", 400),
            Self::RepositoryNotFound { .. } => ("RepositoryNotFoundException", 400),
            Self::RepositoryAlreadyExists { .. } => ("RepositoryAlreadyExistsException", 400),
            Self::RepositoryNotEmpty { .. } => ("RepositoryNotEmptyException", 400),
            Self::ImageNotFound { .. } => ("ImageNotFoundException", 400),
            Self::ImageAlreadyExists { .. } => ("ImageAlreadyExistsException", 400),
            Self::ImageTagAlreadyExists(_) => ("ImageTagAlreadyExistsException", 400),
            Self::LayersNotFound(_) => ("LayersNotFoundException", 400),
            Self::ReferencedImagesNotFound(_) => ("ReferencedImagesNotFoundException", 400),
            Self::ImageDigestDoesNotMatch(_) => ("ImageDigestDoesNotMatchException", 400),
            Self::InvalidTag(_) => ("InvalidTagParameterException", 400),
            Self::TooManyTags(_) => ("TooManyTagsException", 400),
            Self::LifecyclePolicyNotFound(_) => ("LifecyclePolicyNotFoundException", 400),
            Self::RepositoryPolicyNotFound(_) => ("RepositoryPolicyNotFoundException", 400),
            Self::Internal(_) => ("ServerException", 500),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (code, status) = error.code();
        Self::new(code, status, error.to_string())
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<wire::BadToken> for Error {
    fn from(error: wire::BadToken) -> Self {
        Self::InvalidParameter { member: "nextToken", constraint: error.to_string() }
    }
}

impl From<RepositoriesError> for Error {
    fn from(error: RepositoriesError) -> Self {
        match error {
            RepositoriesError::NotFound(id) => {
                Self::RepositoryNotFound { name: id.name, registry: id.scope.account.to_string() }
            }
            RepositoriesError::TagImmutable { .. } => Self::ImageTagAlreadyExists(error.to_string()),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<PutManifestError> for Error {
    fn from(error: PutManifestError) -> Self {
        match error {
            PutManifestError::Repositories(error) => error.into(),
            PutManifestError::MissingLayers(_) => Self::LayersNotFound(error.to_string()),
            PutManifestError::MissingImages(_) => Self::ReferencedImagesNotFound(error.to_string()),
            PutManifestError::Digest { .. } => Self::ImageDigestDoesNotMatch(error.to_string()),
            PutManifestError::Io(error) => error.into(),
            other => Self::InvalidParameter { member: "imageManifest", constraint: other.to_string() },
        }
    }
}
