//! What can go wrong, in App Mesh's words where they are known.

use api::Fault;

/// Why an operation did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A member breaks a constraint of the model or a rule of the service.
    #[error("{0}")]
    Invalid(String),
    /// The mesh is not there.
    #[error("Mesh with name {mesh} is not present for account {account}")]
    NoMesh {
        /// The mesh asked for.
        mesh: String,
        /// Whose mesh it would be.
        account: String,
    },
    /// The resource itself is not there.
    #[error("{noun} with name {name} is not present under mesh {mesh} for account {account}")]
    NotPresent {
        /// What it would be: `VirtualNode`.
        noun: &'static str,
        /// Its name.
        name: String,
        /// The mesh it would be in.
        mesh: String,
        /// Whose mesh that is.
        account: String,
    },
    /// A resource that the request refers to is not there.
    #[error("{noun} with name {name} is missing")]
    Missing {
        /// What it would be: `VirtualNode`.
        noun: &'static str,
        /// Its name.
        name: String,
    },
    /// No resource has that ARN.
    #[error("Resource with ARN {0} is not present")]
    NoArn(String),
    /// A resource of that name is there already.
    #[error("{noun} with name {name} already exists")]
    Exists {
        /// What it is: `VirtualNode`.
        noun: &'static str,
        /// Its name.
        name: String,
    },
    /// The client token stands for another request.
    #[error(
        "The request contains a client token that was used for a previous request with different specifications. \
         Try the request again with a new client token."
    )]
    TokenReused,
    /// Something else needs the resource.
    #[error("{0}")]
    InUse(String),
    /// A quota of the service is used up.
    #[error("The limit of {limit} {nouns} is exceeded")]
    LimitExceeded {
        /// The quota.
        limit: usize,
        /// Of what: `VirtualNodes per Mesh`.
        nouns: &'static str,
    },
    /// More tags than a resource can have.
    #[error("The request exceeds the maximum allowed number of tags per resource: {0}")]
    TooManyTags(usize),
    /// The mesh belongs to somebody else.
    #[error("Mesh {mesh} of account {owner} is not shared with account {account}")]
    NotShared {
        /// The mesh.
        mesh: String,
        /// Whose it is said to be.
        owner: String,
        /// Who asks.
        account: String,
    },
    /// The store failed.
    #[error("the mesh could not be read or written: {0}")]
    Store(#[from] store::Error),
}

impl Error {
    /// The code and HTTP status of the API model.
    pub fn code(&self) -> (&'static str, u16) {
        match self {
            Self::Invalid(_) => ("BadRequestException", 400),
            Self::NoMesh { .. } | Self::NotPresent { .. } | Self::Missing { .. } | Self::NoArn(_) => {
                ("NotFoundException", 404)
            }
            Self::Exists { .. } | Self::TokenReused => ("ConflictException", 409),
            Self::InUse(_) => ("ResourceInUseException", 409),
            Self::LimitExceeded { .. } => ("LimitExceededException", 400),
            Self::TooManyTags(_) => ("TooManyTagsException", 400),
            Self::NotShared { .. } => ("ForbiddenException", 403),
            Self::Store(_) => ("InternalServerErrorException", 500),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (code, status) = error.code();
        Self::new(code, status, error.to_string())
    }
}
