//! What can go wrong with a call to Cloud Map.

use api::Fault;

/// A failure of an operation. The codes are those of the API model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A member has a value it can't have, or one that nothing here can honour.
    #[error("{0}")]
    InvalidInput(String),
    /// The namespace is not there.
    #[error("Namespace {0} not found.")]
    NamespaceNotFound(String),
    /// The service is not there.
    #[error("Service not found: {0}")]
    ServiceNotFound(String),
    /// The instance is not there.
    #[error("Instance not found: {0}")]
    InstanceNotFound(String),
    /// The operation is not there.
    #[error("Operation not found: {0}")]
    OperationNotFound(String),
    /// What has the tags is not there.
    #[error("The resource {0} cannot be found.")]
    ResourceNotFound(String),
    /// The name is taken where it would count.
    #[error("The namespace that you're trying to create already exists: {name} is {id}.")]
    NamespaceAlreadyExists {
        /// The name.
        name: String,
        /// The namespace that has it.
        id: String,
    },
    /// The name is taken in the namespace.
    #[error("Service already exists: {name} is {id}.")]
    ServiceAlreadyExists {
        /// The name.
        name: String,
        /// The service that has it.
        id: String,
    },
    /// Something is still in it.
    #[error("{0}")]
    ResourceInUse(String),
    /// A caller repeats a request id with another request.
    #[error("The request id {0} was used before for another request.")]
    DuplicateRequest(String),
    /// Health can be reported only for services that were made so.
    #[error("The service {0} has no HealthCheckCustomConfig, so no health can be reported for its instances.")]
    CustomHealthNotFound(String),
    /// There is no room for more.
    #[error("{0}")]
    ResourceLimitExceeded(String),
    /// There is no room for more notes.
    #[error("A service can have at most {0} attributes.")]
    ServiceAttributesLimitExceeded(usize),
    /// There is no room for more tags.
    #[error("A resource can have at most {0} tags.")]
    TooManyTags(usize),
    /// A neighbour could not say.
    #[error(transparent)]
    Neighbour(Fault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    fn code(&self) -> (&'static str, u16) {
        match self {
            Self::InvalidInput(_) => ("InvalidInput", 400),
            Self::NamespaceNotFound(_) => ("NamespaceNotFound", 404),
            Self::ServiceNotFound(_) => ("ServiceNotFound", 404),
            Self::InstanceNotFound(_) => ("InstanceNotFound", 404),
            Self::OperationNotFound(_) => ("OperationNotFound", 404),
            Self::ResourceNotFound(_) => ("ResourceNotFoundException", 404),
            Self::NamespaceAlreadyExists { .. } => ("NamespaceAlreadyExists", 400),
            Self::ServiceAlreadyExists { .. } => ("ServiceAlreadyExists", 400),
            Self::ResourceInUse(_) => ("ResourceInUse", 409),
            Self::DuplicateRequest(_) => ("DuplicateRequest", 409),
            Self::CustomHealthNotFound(_) => ("CustomHealthNotFound", 404),
            Self::ResourceLimitExceeded(_) => ("ResourceLimitExceeded", 400),
            Self::ServiceAttributesLimitExceeded(_) => ("ServiceAttributesLimitExceededException", 400),
            Self::TooManyTags(_) => ("TooManyTagsException", 400),
            Self::Neighbour(_) | Self::Store(_) => ("InternalFailure", 500),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Neighbour(fault) => fault,
            error => {
                let (code, status) = error.code();
                Self::new(code, status, error.to_string())
            }
        }
    }
}

impl From<wire::BadToken> for Error {
    fn from(error: wire::BadToken) -> Self {
        Self::InvalidInput(error.to_string())
    }
}
