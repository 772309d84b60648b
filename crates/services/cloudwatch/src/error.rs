//! What can go wrong with a call to CloudWatch. The codes are those of the API model for the query protocol, which its
//! clients go by whatever protocol they speak.

use api::Fault;

/// A failure of an operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A member has a value it can't have, or one that nothing here can honour.
    #[error("{0}")]
    InvalidValue(String),
    /// Members that do not go together.
    #[error("{0}")]
    InvalidCombination(String),
    /// A member that is needed is not there.
    #[error("{0}")]
    Missing(String),
    /// A request that says something impossible as a whole.
    #[error("{0}")]
    Validation(String),
    /// The token is none that was given.
    #[error("the NextToken is not valid; ask again without it")]
    BadToken,
    /// The alarm is not there.
    #[error("there is no alarm {0}")]
    NoAlarm(String),
    /// What is to be tagged is not there.
    #[error("there is no alarm {0}")]
    NoResource(String),
    /// There is no room for more.
    #[error("{0}")]
    Limit(String),
    /// Text that should be JSON is none.
    #[error("{0}")]
    Format(String),
    /// The metrics could not be had.
    #[error(transparent)]
    Telemetry(#[from] telemetry::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The thread that worked on it ended early.
    #[error("the work on the metrics was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (code, status) = match &error {
            Error::InvalidValue(_) => ("InvalidParameterValue", 400),
            Error::InvalidCombination(_) => ("InvalidParameterCombination", 400),
            Error::Missing(_) => ("MissingParameter", 400),
            Error::Validation(_) => ("ValidationError", 400),
            Error::BadToken => ("InvalidNextToken", 400),
            Error::NoAlarm(_) => ("ResourceNotFound", 404),
            Error::NoResource(_) => ("ResourceNotFoundException", 404),
            Error::Limit(_) => ("LimitExceeded", 400),
            Error::Format(_) => ("InvalidFormat", 400),
            Error::Telemetry(_) | Error::Store(_) | Error::Interrupted(_) => ("InternalServiceError", 500),
        };
        Self::new(code, status, error.to_string())
    }
}
