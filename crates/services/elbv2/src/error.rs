//! What can go wrong, with `ELBv2`'s own codes.

use api::Fault;

/// A refusal of Elastic Load Balancing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A member has a value it cannot have.
    #[error("{0}")]
    Validation(String),
    /// No such load balancer.
    #[error("One or more load balancers not found: {0}")]
    LoadBalancerNotFound(String),
    /// No such listener.
    #[error("One or more listeners not found: {0}")]
    ListenerNotFound(String),
    /// No such rule.
    #[error("One or more rules not found: {0}")]
    RuleNotFound(String),
    /// No such target group.
    #[error("One or more target groups not found: {0}")]
    TargetGroupNotFound(String),
    /// A load balancer of that name exists with other settings.
    #[error("A load balancer with the same name '{0}' exists, but with different settings")]
    DuplicateLoadBalancerName(String),
    /// A target group of that name exists with other settings.
    #[error("A target group with the same name '{0}' exists, but with different settings")]
    DuplicateTargetGroupName(String),
    /// The port is taken on this load balancer.
    #[error("A listener already exists on this port for this load balancer '{0}'")]
    DuplicateListener(String),
    /// Another rule of the listener has this priority.
    #[error("Priority '{0}' is currently in use")]
    PriorityInUse(u32),
    /// The listener has as many rules as it may have.
    #[error("The maximum number of rules has been reached on listener '{0}'")]
    TooManyRules(String),
    /// The rule stands for the default actions of a listener.
    #[error("Default rule '{0}' cannot be changed, moved or deleted: change its listener's default actions")]
    DefaultRule(String),
    /// Somebody forwards to it.
    #[error("Target group '{0}' is currently in use by a listener or a rule")]
    ResourceInUse(String),
    /// Deletion protection is on.
    #[error("Load balancer '{0}' cannot be deleted because deletion protection is enabled")]
    OperationNotPermitted(String),
    /// The subnet is none of this VPC.
    #[error("The subnet ID '{0}' is not valid")]
    SubnetNotFound(String),
    /// Too few subnets or zones.
    #[error("{0}")]
    InvalidSubnet(String),
    /// The security group is none of this VPC.
    #[error("One or more security groups are invalid: {0}")]
    InvalidSecurityGroup(String),
    /// The target cannot be one.
    #[error("{0}")]
    InvalidTarget(String),
    /// The action cannot be done.
    #[error("{0}")]
    InvalidLoadBalancerAction(String),
    /// The setting is none of ours.
    #[error("{0}")]
    InvalidConfigurationRequest(String),
    /// The protocol is none of ours.
    #[error("Protocol '{0}' is not supported by Serin: HTTP and HTTPS are")]
    UnsupportedProtocol(String),
    /// No such certificate.
    #[error("Certificate '{0}' not found")]
    CertificateNotFound(String),
    /// The listener has as many certificates as it may have.
    #[error("A listener can have {0} certificates besides its default one")]
    TooManyCertificates(usize),
    /// The default certificate stands with the listener.
    #[error("Certificate '{0}' is the default of its listener and cannot be removed: modify the listener")]
    DefaultCertificate(String),
    /// Somebody else was quicker.
    #[error("Listener '{0}' was modified by somebody else in the same moment: try again")]
    Changed(String),
    /// No such policy.
    #[error("One or more SSL policies not found: {0}")]
    SslPolicyNotFound(String),
    /// The edge does not answer.
    #[error("the edge could not be told: {0}")]
    Edge(#[source] edge::ClientError),
    /// The edge answers what makes no sense.
    #[error("the edge sees what cannot be read: {0}")]
    Strange(String),
    /// The metrics could not be written.
    #[error("what the balancers count could not be written")]
    Metrics(#[from] telemetry::Error),
    /// The thread that wrote them ended early.
    #[error("the work on the metrics was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
    /// A neighbour refused.
    #[error(transparent)]
    Neighbour(#[from] Fault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    fn code(&self) -> (&'static str, u16) {
        match self {
            Self::Validation(_) | Self::Neighbour(_) => ("ValidationError", 400),
            Self::LoadBalancerNotFound(_) => ("LoadBalancerNotFound", 400),
            Self::ListenerNotFound(_) => ("ListenerNotFound", 400),
            Self::RuleNotFound(_) => ("RuleNotFound", 400),
            Self::PriorityInUse(_) => ("PriorityInUse", 400),
            Self::TooManyRules(_) => ("TooManyRules", 400),
            Self::TargetGroupNotFound(_) => ("TargetGroupNotFound", 400),
            Self::DuplicateLoadBalancerName(_) => ("DuplicateLoadBalancerName", 400),
            Self::DuplicateTargetGroupName(_) => ("DuplicateTargetGroupName", 400),
            Self::DuplicateListener(_) => ("DuplicateListener", 400),
            Self::ResourceInUse(_) => ("ResourceInUse", 400),
            Self::OperationNotPermitted(_) | Self::DefaultRule(_) | Self::DefaultCertificate(_) => {
                ("OperationNotPermitted", 400)
            }
            Self::Changed(_) => ("ResourceInUse", 400),
            Self::CertificateNotFound(_) => ("CertificateNotFound", 400),
            Self::TooManyCertificates(_) => ("TooManyCertificates", 400),
            Self::SslPolicyNotFound(_) => ("SSLPolicyNotFound", 400),
            Self::SubnetNotFound(_) => ("SubnetNotFound", 400),
            Self::InvalidSubnet(_) => ("InvalidSubnet", 400),
            Self::InvalidSecurityGroup(_) => ("InvalidSecurityGroup", 400),
            Self::InvalidTarget(_) => ("InvalidTarget", 400),
            Self::InvalidLoadBalancerAction(_) => ("InvalidLoadBalancerAction", 400),
            Self::InvalidConfigurationRequest(_) => ("InvalidConfigurationRequest", 400),
            Self::UnsupportedProtocol(_) => ("UnsupportedProtocol", 400),
            Self::Edge(_) | Self::Strange(_) | Self::Store(_) | Self::Metrics(_) | Self::Interrupted(_) => {
                ("InternalFailure", 500)
            }
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
        Self::Validation(error.to_string())
    }
}
