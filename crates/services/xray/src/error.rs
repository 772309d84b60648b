//! What can go wrong with a call to X-Ray.

use api::Fault;

/// A failure of an operation. The codes are those of the API model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A member has a value it can't have, or one that nothing here can honour.
    #[error("{0}")]
    InvalidRequest(String),
    /// There are as many sampling rules as there may be.
    #[error("there can be at most {0} sampling rules beside Default; delete one first")]
    RuleLimit(usize),
    /// What is to be tagged is not there.
    #[error("there is no {0} here")]
    NoResource(String),
    /// There would be too many tags.
    #[error("a resource can have at most {0} tags")]
    TooManyTags(usize),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The traces could not say.
    #[error(transparent)]
    Telemetry(#[from] telemetry::Error),
    /// The thread that worked on it ended early.
    #[error("the work on the traces was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidRequest(message) => Self::client("InvalidRequestException", message),
            Error::RuleLimit(_) => Self::client("RuleLimitExceededException", error.to_string()),
            Error::NoResource(_) => Self::new("ResourceNotFoundException", 404, error.to_string()),
            Error::TooManyTags(_) => Self::client("TooManyTagsException", error.to_string()),
            Error::Store(error) => Self::internal(error),
            Error::Telemetry(error) => Self::internal(error),
            Error::Interrupted(error) => Self::internal(error),
        }
    }
}

impl From<wire::BadToken> for Error {
    fn from(error: wire::BadToken) -> Self {
        Self::InvalidRequest(error.to_string())
    }
}
