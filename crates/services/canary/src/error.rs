//! What can go wrong with a question or a wish.

use api::Fault;

/// A failure of an operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be done so.
    #[error("{0}")]
    Invalid(String),
    /// The policy can't be followed.
    #[error(transparent)]
    Policy(#[from] crate::policy::Error),
    /// There is no such canary.
    #[error("there is no canary `{0}`; `serin canary list` names those that are kept")]
    NotFound(String),
    /// The link is of no gate.
    #[error("this link approves nothing: it was used, or the step that it was for has passed")]
    NoApproval,
    /// There is no such rehearsal.
    #[error("there is no rehearsal `{0}`")]
    NoRehearsal(String),
    /// The name is not clear.
    #[error("several routes or services are called `{0}`; give the canary's id")]
    Ambiguous(String),
    /// The route has one already.
    #[error("the route has a canary or a rehearsal already, {0}: abort it first, or wait until it ends")]
    Conflict(String),
    /// The record can't be read.
    #[error("the record {path} can't be read: {source}")]
    Record {
        /// Its file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A neighbour refused.
    #[error(transparent)]
    Neighbour(#[from] Fault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (code, status) = match &error {
            Error::Invalid(_) | Error::Policy(_) | Error::Ambiguous(_) => ("ValidationException", 400),
            Error::NotFound(_) | Error::NoApproval | Error::NoRehearsal(_) => ("ResourceNotFoundException", 404),
            Error::Conflict(_) => ("ConflictException", 409),
            Error::Record { .. } | Error::Store(_) => ("InternalFailure", 500),
            Error::Neighbour(fault) => return fault.clone(),
        };
        Self::new(code, status, error.to_string())
    }
}
