//! What can go wrong, with EC2's own codes and, where known, its own words.

use api::Fault;

/// A refusal of EC2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No such resource.
    #[error("The {} '{id}' does not exist", .kind.words())]
    NotFound { kind: Kind, id: String },
    /// The group is there, in another VPC.
    #[error("The security group '{group}' does not exist in VPC '{vpc}'")]
    GroupElsewhere { group: String, vpc: String },
    /// There is no route like that.
    #[error("no route with destination-cidr-block {destination} in route table {table}")]
    NoRoute { destination: String, table: String },
    /// A route like that is there.
    #[error("The route identified by {0} already exists.")]
    RouteExists(String),
    /// A parameter that must be there is not.
    #[error("The request must contain the parameter {0}")]
    Missing(&'static str),
    /// A parameter has a value it can't have.
    #[error("{0}")]
    Value(String),
    /// Parameters that don't go together.
    #[error("{0}")]
    Combination(String),
    /// Something that is there needs this resource.
    #[error("{0}")]
    Dependency(String),
    /// The VPC's block of addresses can't be one.
    #[error("The CIDR '{0}' is invalid.")]
    VpcRange(String),
    /// The subnet's block of addresses is none of its VPC's, or too large or small.
    #[error("The CIDR '{0}' is invalid.")]
    SubnetRange(String),
    /// The subnet's block of addresses meets another's.
    #[error("The CIDR '{0}' conflicts with another subnet")]
    SubnetConflict(String),
    /// The gateway is attached already, or the VPC has one.
    #[error("resource {0} is already attached to network {1}")]
    AlreadyAttached(String, String),
    /// The gateway is not attached there.
    #[error("resource {0} is not attached to network {1}")]
    NotAttached(String, String),
    /// The subnet has a route table of its own.
    #[error("the specified association for route table {0} conflicts with an existing association")]
    AlreadyAssociated(String),
    /// A group of that name is there.
    #[error("The security group '{name}' already exists for VPC '{vpc}'")]
    GroupDuplicate { name: String, vpc: String },
    /// `default` is the name of the group that comes with the VPC.
    #[error("Cannot use reserved security group name: {0}")]
    GroupReserved(String),
    /// The default group goes with its VPC.
    #[error("the specified group: \"{0}\" name: \"default\" cannot be deleted by a user")]
    CannotDelete(String),
    /// The rule is there.
    #[error("the specified rule \"{0}\" already exists")]
    RuleDuplicate(String),
    /// The rule is not there.
    #[error("The specified rule does not exist in this security group.")]
    RuleNotFound,
    /// No VPC was named, and there is no default one.
    #[error("No default VPC for this user; name one by VpcId")]
    NoDefaultVpc,
    /// Somebody has that address.
    #[error("The address {0} is already in use.")]
    AddressInUse(String),
    /// Nobody has no address.
    #[error("The subnet '{0}' does not have enough free addresses to satisfy the request.")]
    SubnetFull(String),
    /// The same token with other parameters.
    #[error("The client token '{0}' was used before with other parameters")]
    TokenReused(String),
    /// A service manages the interface.
    #[error("The network interface '{id}' is managed by {operator} and can't be changed by others")]
    Managed { id: String, operator: String },
    /// A resource has at most fifty.
    #[error("More than {0} tags on '{1}'")]
    TagLimit(usize, String),
    /// There is no such operation for whoever asks.
    #[error("The action {0} is not valid for this web service")]
    InvalidAction(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Kinds of resources, as their absence is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Vpc,
    Subnet,
    InternetGateway,
    Gateway,
    RouteTable,
    Association,
    SecurityGroup,
    SecurityGroupRule,
    NetworkInterface,
    AnyId,
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Self::Vpc => "vpc ID",
            Self::Subnet => "subnet ID",
            Self::InternetGateway => "internetGateway ID",
            Self::Gateway => "gateway ID",
            Self::RouteTable => "routeTable ID",
            Self::Association => "association ID",
            Self::SecurityGroup => "security group",
            Self::SecurityGroupRule => "security group rule ID",
            Self::NetworkInterface => "networkInterface ID",
            Self::AnyId => "ID",
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Vpc => "InvalidVpcID.NotFound",
            Self::Subnet => "InvalidSubnetID.NotFound",
            Self::InternetGateway => "InvalidInternetGatewayID.NotFound",
            Self::Gateway => "InvalidGatewayID.NotFound",
            Self::RouteTable => "InvalidRouteTableID.NotFound",
            Self::Association => "InvalidAssociationID.NotFound",
            Self::SecurityGroup => "InvalidGroup.NotFound",
            Self::SecurityGroupRule => "InvalidSecurityGroupRuleId.NotFound",
            Self::NetworkInterface => "InvalidNetworkInterfaceID.NotFound",
            Self::AnyId => "InvalidID",
        }
    }

    /// That there is none with this id.
    pub(crate) fn not_found(self, id: &str) -> Error {
        Error::NotFound { kind: self, id: id.to_owned() }
    }
}

impl Error {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound { kind, .. } => kind.code(),
            Self::GroupElsewhere { .. } => "InvalidGroup.NotFound",
            Self::NoRoute { .. } => "InvalidRoute.NotFound",
            Self::RouteExists(_) => "RouteAlreadyExists",
            Self::Missing(_) => "MissingParameter",
            Self::Value(_) => "InvalidParameterValue",
            Self::Combination(_) => "InvalidParameterCombination",
            Self::Dependency(_) => "DependencyViolation",
            Self::VpcRange(_) => "InvalidVpc.Range",
            Self::SubnetRange(_) => "InvalidSubnet.Range",
            Self::SubnetConflict(_) => "InvalidSubnet.Conflict",
            Self::AlreadyAttached(..) | Self::AlreadyAssociated(_) => "Resource.AlreadyAssociated",
            Self::NotAttached(..) => "Gateway.NotAttached",
            Self::GroupDuplicate { .. } => "InvalidGroup.Duplicate",
            Self::GroupReserved(_) => "InvalidGroup.Reserved",
            Self::CannotDelete(_) => "CannotDelete",
            Self::RuleDuplicate(_) => "InvalidPermission.Duplicate",
            Self::RuleNotFound => "InvalidPermission.NotFound",
            Self::NoDefaultVpc => "VPCIdNotSpecified",
            Self::AddressInUse(_) => "InvalidIPAddress.InUse",
            Self::SubnetFull(_) => "InsufficientFreeAddressesInSubnet",
            Self::TokenReused(_) => "IdempotentParameterMismatch",
            Self::Managed { .. } => "OperationNotPermitted",
            Self::TagLimit(..) => "TagLimitExceeded",
            Self::InvalidAction(_) => "InvalidAction",
            Self::Store(_) => "InternalError",
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let status = if matches!(error, Error::Store(_)) { 500 } else { 400 };
        Self::new(error.code(), status, error.to_string())
    }
}
