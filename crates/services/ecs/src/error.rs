//! What can go wrong with a call to ECS.

use api::Fault;

/// A failure of an operation. The codes are those of the API model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is for neighbours in this house, and came over a socket.
    #[error("Unknown operation: {0}")]
    InProcess(&'static str),
    /// The cluster is not there, or was deleted.
    #[error("Cluster not found.")]
    ClusterNotFound,
    /// A cluster can't go while it has services.
    #[error("The Cluster cannot be deleted while Services are active.")]
    ClusterContainsServices,
    /// A cluster can't go while it has tasks.
    #[error("The Cluster cannot be deleted while Tasks are active.")]
    ClusterContainsTasks,
    /// The service is not there.
    #[error("Service not found.")]
    ServiceNotFound,
    /// The service was deleted.
    #[error("Service was not ACTIVE.")]
    ServiceNotActive,
    /// The service was deleted, but its tasks are not gone yet.
    #[error("Unable to Start a service that is still Draining.")]
    ServiceDraining,
    /// A service of this name exists and is otherwise.
    #[error("Creation of service was not idempotent.")]
    ServiceExists,
    /// A service can't go while it wants tasks, unless forced.
    #[error("The service cannot be stopped while it is scaled above 0.")]
    ServiceScaled,
    /// The service deployment is not there.
    #[error("The service deployment was not found.")]
    ServiceDeploymentNotFound,
    /// The service deployment can't be stopped any more.
    #[error("The service deployment is not in progress, or is at its end.")]
    DeploymentNotInProgress,
    /// There is nothing that a deployment could go back to.
    #[error("There is no completed service revision to roll back to; stop it with the stop type ABORT.")]
    NothingToRollBackTo,
    /// The task definition is not there.
    #[error("TaskDefinition not found.")]
    TaskDefinitionNotFound,
    /// The task definition is not there, in the words that describing it uses.
    #[error("Unable to describe task definition.")]
    TaskDefinitionUndescribed,
    /// The task definition was deregistered.
    #[error("TaskDefinition is inactive")]
    TaskDefinitionInactive,
    /// The task is not there.
    #[error("The referenced task was not found.")]
    TaskNotFound,
    /// A caller repeats a client token with another request.
    #[error("The client token {0} was used before for another request; use a new one.")]
    ClientTokenReused(String),
    /// There is no such version of the Fargate platform.
    #[error("The specified platform does not exist: {0}; LATEST, 1.4.0 and 1.3.0 do.")]
    PlatformUnknown(String),
    /// What has the tags is not there.
    #[error("The resource {0} cannot be found.")]
    ResourceNotFound(String),
    /// A member or value of the model that nothing here can honour.
    #[error("{member} is not supported by Serin: {reason}.")]
    Unsupported {
        /// The member by its path, and the value if only that is at fault.
        member: String,
        /// Why not, and what does it instead.
        reason: &'static str,
    },
    /// A task definition that can't be.
    #[error("{0}")]
    Definition(String),
    /// A member's value that can't be.
    #[error("{0}")]
    InvalidParameter(String),
    /// The token of a page is not ours.
    #[error("Invalid token: {0}")]
    Page(#[from] wire::BadToken),
    /// A neighbour refused what the operation needs of it.
    #[error("{}", .0.message)]
    Neighbour(Fault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// The code and HTTP status of the API model.
    pub fn code(&self) -> (&'static str, u16) {
        match self {
            Self::InProcess(_) => ("ClientException", 400),
            Self::ClusterNotFound => ("ClusterNotFoundException", 400),
            Self::ClusterContainsServices => ("ClusterContainsServicesException", 400),
            Self::ClusterContainsTasks => ("ClusterContainsTasksException", 400),
            Self::ServiceNotFound => ("ServiceNotFoundException", 400),
            Self::ServiceNotActive => ("ServiceNotActiveException", 400),
            Self::ResourceNotFound(_) => ("ResourceNotFoundException", 400),
            Self::PlatformUnknown(_) => ("PlatformUnknownException", 400),
            Self::ServiceDeploymentNotFound => ("ServiceDeploymentNotFoundException", 400),
            Self::ClientTokenReused(_) | Self::DeploymentNotInProgress => ("ConflictException", 400),
            Self::TaskDefinitionNotFound
            | Self::TaskDefinitionUndescribed
            | Self::TaskDefinitionInactive
            | Self::Unsupported { .. }
            | Self::Definition(_) => ("ClientException", 400),
            Self::ServiceDraining
            | Self::ServiceExists
            | Self::ServiceScaled
            | Self::NothingToRollBackTo
            | Self::TaskNotFound
            | Self::InvalidParameter(_)
            | Self::Page(_) => ("InvalidParameterException", 400),
            Self::Neighbour(fault) if fault.status >= 500 => ("ServerException", 500),
            Self::Neighbour(_) => ("InvalidParameterException", 400),
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
