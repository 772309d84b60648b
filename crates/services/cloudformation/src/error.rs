//! Why an operation refuses.

use api::{Fault, cloudformation::StackStatus};

use crate::template::{self, Problem};

/// Why an operation refuses, or a step cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The template or its parameters are not right.
    #[error(transparent)]
    Template(#[from] template::Error),
    /// A property could not be given its value.
    #[error(transparent)]
    Evaluation(#[from] Problem),
    /// A member of the request is not right.
    #[error("{0}")]
    Invalid(String),
    /// No stack of that name, as `DescribeStacks` says it; `aws cloudformation deploy` looks for these words.
    #[error("Stack with id {0} does not exist")]
    NoStackWithId(String),
    /// No stack of that name, as the other operations say it.
    #[error("Stack [{0}] does not exist")]
    NoStack(String),
    /// The stack has no such resource.
    #[error("Resource {resource} does not exist for stack {stack}")]
    NoResource {
        /// The resource's name in the template.
        resource: String,
        /// The stack's name.
        stack: String,
    },
    /// A stack of that name stands.
    #[error("Stack [{0}] already exists")]
    AlreadyExists(String),
    /// The stack is doing something else.
    #[error("Stack:{id} is in {status} state and can not be {done}.")]
    WrongState {
        /// The stack's ARN.
        id: String,
        /// How far it is.
        status: StackStatus,
        /// What was to be done: `updated`.
        done: &'static str,
    },
    /// The update would change nothing.
    #[error("No updates are to be performed.")]
    NoUpdates,
    /// The caller does not say to have understood.
    #[error("Requires capabilities : [{0}]")]
    Capabilities(&'static str),
    /// An update cannot be the canary that is asked for.
    #[error("Resources/{resource}/Metadata/{}: {problem}", crate::target::CANARY)]
    Canary {
        /// The resource's name in the template.
        resource: String,
        /// Why not.
        problem: String,
    },
    /// Another stack imports an export that would go.
    #[error("Export {export} cannot be deleted as it is in use by {}", .users.join(", "))]
    ExportInUse {
        /// The export.
        export: String,
        /// The stacks that import it.
        users: Vec<String>,
    },
    /// The stack is protected.
    #[error("Stack [{0}] cannot be deleted while TerminationProtection is enabled")]
    Protected(String),
    /// No such change set.
    #[error("ChangeSet [{0}] does not exist")]
    NoChangeSet(String),
    /// A change set of that name stands.
    #[error("ChangeSet {0} already exists")]
    ChangeSetExists(String),
    /// The change set cannot be executed.
    #[error("ChangeSet [{id}] cannot be executed in its current status of [{status}]")]
    ChangeSetStatus {
        /// Its ARN.
        id: String,
        /// Why not.
        status: String,
    },
    /// Too much of something.
    #[error("the stack {stack} has {limit} change sets, and more are not kept; delete some")]
    TooManyChangeSets {
        /// The stack.
        stack: String,
        /// How many are kept.
        limit: usize,
    },
    /// The page asked for is not there.
    #[error(transparent)]
    Page(#[from] wire::BadToken),
    /// The rows cannot be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// The code and HTTP status of the API model.
    pub fn code(&self) -> (&'static str, u16) {
        match self {
            Self::AlreadyExists(_) | Self::ChangeSetExists(_) => ("AlreadyExistsException", 400),
            Self::Capabilities(_) => ("InsufficientCapabilitiesException", 400),
            Self::NoChangeSet(_) => ("ChangeSetNotFound", 404),
            Self::ChangeSetStatus { .. } => ("InvalidChangeSetStatus", 400),
            Self::TooManyChangeSets { .. } => ("LimitExceededException", 400),
            Self::Store(_) => ("InternalFailure", 500),
            _ => ("ValidationError", 400),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (code, status) = error.code();
        Self::new(code, status, error.to_string())
    }
}
