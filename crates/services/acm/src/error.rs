//! What can go wrong with a call to ACM or to ACM-PCA.

use api::Fault;

/// Why an operation did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A member has a value it can't have.
    #[error("{0}")]
    Validation(String),
    /// The text is no ARN of the right kind.
    #[error("The ARN {0} is not valid: it must be {1}")]
    Arn(String, &'static str),
    /// The certificate is not there.
    #[error("Could not find certificate {0}.")]
    NoCertificate(String),
    /// The authority is not there.
    #[error("Could not find Certificate Authority {0}.")]
    NoAuthority(String),
    /// What is asked cannot be done as asked.
    #[error("{0}")]
    Parameter(String),
    /// An argument of ACM-PCA is not right.
    #[error("{0}")]
    Arguments(String),
    /// The thing is not in a state for this.
    #[error("{0}")]
    Condition(String),
    /// Something uses the certificate.
    #[error("Certificate {0} is in use by {1}")]
    InUse(String, String),
    /// There is no room for more.
    #[error("The limit of {0} {1} is reached")]
    Limit(usize, &'static str),
    /// More tags than a thing can have.
    #[error("A resource can have at most {0} tags")]
    TooManyTags(usize),
    /// A tag is not right.
    #[error("{0}")]
    Tag(String),
    /// The request to sign cannot be read.
    #[error("{0}")]
    Csr(String),
    /// A certificate cannot be read, or its chain does not hold.
    #[error("{0}")]
    MalformedCertificate(String),
    /// The certificate is not of the authority's key.
    #[error("The certificate does not match the Certificate Authority's private key")]
    CertificateMismatch,
    /// The permission is there already.
    #[error("{0} has a permission already")]
    PermissionExists(String),
    /// The page's token is not ours.
    #[error("{0}")]
    NextToken(#[from] wire::BadToken),
    /// An operation that is for neighbours in process alone.
    #[error("{0} hands out private keys, so it is for services in process alone")]
    Inside(&'static str),
    /// The store failed.
    #[error("certificates could not be read or written: {0}")]
    Store(#[from] store::Error),
    /// Signing failed.
    #[error("a certificate could not be made: {0}")]
    Signing(#[from] certificate::Error),
    /// The work was broken off.
    #[error("the work on a key was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl Error {
    fn code(&self) -> (&'static str, u16) {
        match self {
            Self::Validation(_) => ("ValidationException", 400),
            Self::Arn(..) => ("InvalidArnException", 400),
            Self::NoCertificate(_) | Self::NoAuthority(_) => ("ResourceNotFoundException", 400),
            Self::Parameter(_) => ("InvalidParameterException", 400),
            Self::Arguments(_) => ("InvalidArgsException", 400),
            Self::Condition(_) => ("InvalidStateException", 400),
            Self::InUse(..) => ("ResourceInUseException", 400),
            Self::Limit(..) => ("LimitExceededException", 400),
            Self::TooManyTags(_) => ("TooManyTagsException", 400),
            Self::Tag(_) => ("InvalidTagException", 400),
            Self::Csr(_) => ("MalformedCSRException", 400),
            Self::MalformedCertificate(_) => ("MalformedCertificateException", 400),
            Self::CertificateMismatch => ("CertificateMismatchException", 400),
            Self::PermissionExists(_) => ("PermissionAlreadyExistsException", 400),
            Self::NextToken(_) => ("InvalidNextTokenException", 400),
            Self::Inside(_) => ("AccessDeniedException", 400),
            Self::Store(_) | Self::Signing(_) | Self::Interrupted(_) => ("InternalFailure", 500),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (code, status) = error.code();
        Self::new(code, status, error.to_string())
    }
}
