//! What can go wrong with a call to IAM or STS.

use api::Fault;

/// A failure of an operation. The codes are those that IAM sends, which lack the `Exception` of the model's names.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A member has a value it can't have.
    #[error("{0}")]
    Validation(String),
    /// Something can't be asked of this thing.
    #[error("{0}")]
    InvalidInput(String),
    /// The role is not there.
    #[error("The role with name {0} cannot be found.")]
    NoSuchRole(String),
    /// The role has no such policy.
    #[error("The role policy with name {0} cannot be found.")]
    NoSuchRolePolicy(String),
    /// The policy is not there, or not on the role.
    #[error("Policy {0} was not found.")]
    NoSuchPolicy(String),
    /// Nothing was deleted under that name.
    #[error("Deletion task {0} cannot be found.")]
    NoSuchDeletion(String),
    /// The name is taken.
    #[error("Role with name {0} already exists.")]
    RoleExists(String),
    /// The document is none.
    #[error("{0}")]
    MalformedPolicyDocument(String),
    /// Something is still in it.
    #[error("Cannot delete entity, must {0} policies first.")]
    DeleteConflict(&'static str),
    /// There is no room for more.
    #[error("Cannot exceed quota for {name}: {max}")]
    LimitExceeded {
        /// What there is too much of.
        name: &'static str,
        /// How much there can be.
        max: usize,
    },
    /// Only the service the role is for changes it.
    #[error("Cannot perform the operation on the protected role '{0}' - this role is only modifiable by AWS")]
    Unmodifiable(String),
    /// The role can't be taken on.
    #[error("{0}")]
    AccessDenied(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    fn code(&self) -> (&'static str, u16) {
        match self {
            Self::Validation(_) => ("ValidationError", 400),
            Self::InvalidInput(_) => ("InvalidInput", 400),
            Self::NoSuchRole(_) | Self::NoSuchRolePolicy(_) | Self::NoSuchPolicy(_) | Self::NoSuchDeletion(_) => {
                ("NoSuchEntity", 404)
            }
            Self::RoleExists(_) => ("EntityAlreadyExists", 409),
            Self::MalformedPolicyDocument(_) => ("MalformedPolicyDocument", 400),
            Self::DeleteConflict(_) => ("DeleteConflict", 409),
            Self::LimitExceeded { .. } => ("LimitExceeded", 409),
            Self::Unmodifiable(_) => ("UnmodifiableEntity", 400),
            Self::AccessDenied(_) => ("AccessDenied", 403),
            Self::Store(_) => ("InternalFailure", 500),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (code, status) = error.code();
        Self::new(code, status, error.to_string())
    }
}

impl From<wire::BadToken> for Error {
    fn from(error: wire::BadToken) -> Self {
        Self::Validation(error.to_string())
    }
}
