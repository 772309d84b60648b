//! What can go wrong with a call to CloudWatch Logs.

use api::Fault;
use telemetry::logs;

/// A failure of an operation. The codes are those of the API model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A member has a value it can't have, or one that nothing here can honour.
    #[error("{0}")]
    InvalidParameter(String),
    /// There is no room for more tags.
    #[error("A log group can have at most {0} tags.")]
    TooManyTags(usize),
    /// A query that is none.
    #[error(transparent)]
    Query(#[from] telemetry::logs::insights::QueryError),
    /// There is no such query, or none any more.
    #[error("There is no query {0}: it was never started, or is among the oldest, or was before the last start.")]
    NoQuery(String),
    /// Enough queries are under way.
    #[error("{0} queries are under way already, which are as many as may be at once. Try again when one has ended.")]
    TooManyQueries(usize),
    /// The logs could not do it.
    #[error(transparent)]
    Logs(#[from] logs::Error),
    /// The thread that worked on it ended early.
    #[error("the work on the logs was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        use logs::Error as Logs;
        let message = error.to_string();
        match error {
            Error::InvalidParameter(_) => Self::client("InvalidParameterException", message),
            Error::TooManyTags(_) => Self::client("TooManyTagsException", message),
            Error::Query(_) => Self::client("MalformedQueryException", message),
            Error::NoQuery(_) => Self::client("ResourceNotFoundException", message),
            Error::TooManyQueries(_) => Self::client("LimitExceededException", message),
            Error::Logs(Logs::NoGroup(_)) => {
                Self::client("ResourceNotFoundException", "The specified log group does not exist.")
            }
            Error::Logs(Logs::NoStream { .. }) => {
                Self::client("ResourceNotFoundException", "The specified log stream does not exist.")
            }
            Error::Logs(Logs::GroupExists(_)) => {
                Self::client("ResourceAlreadyExistsException", "The specified log group already exists")
            }
            Error::Logs(Logs::StreamExists { .. }) => {
                Self::client("ResourceAlreadyExistsException", "The specified log stream already exists")
            }
            Error::Logs(Logs::Protected(name)) => Self::client(
                "ValidationException",
                format!("The log group {name} has deletion protection enabled; disable it first."),
            ),
            Error::Logs(Logs::Database(error)) => Self::internal(error),
            Error::Interrupted(error) => Self::internal(error),
        }
    }
}
