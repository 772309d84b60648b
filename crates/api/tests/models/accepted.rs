//! Where we differ from the models on purpose, and why.

/// Modules that no published model describes.
pub(crate) const UNPUBLISHED: &[&str] = &["canary", "serin"];

/// Operations of our own among those of a published service: module, name, what they are for.
pub(crate) const OWN: &[(&str, &str, &str)] = &[
    ("acm", "DescribeTrust", "the certificates of authorities, for neighbours in process"),
    ("acm", "GetKeyPair", "a certificate with its private key, for neighbours in process"),
    ("acm", "IssueIdentity", "the certificate of a task, for neighbours in process"),
    ("appmesh", "DescribeRouteStatus", "which proxies have taken a route's present weights"),
    ("appmesh", "InjectFault", "a fault on purpose, which ends by itself"),
    ("appmesh", "ListFaults", "the faults on purpose that have not ended"),
    ("appmesh", "ListProxies", "the proxies that are connected"),
    ("appmesh", "ListTrials", "who goes first to new versions"),
    ("appmesh", "ListTurnedAwayProxies", "the proxies that ask in vain, and why"),
    ("appmesh", "PutTrial", "says who goes first to a new version"),
    ("appmesh", "RemoveFault", "ends a fault on purpose"),
    ("appmesh", "RemoveTrial", "lets nobody go first any more"),
    ("ec2", "DescribeVpcNamespaces", "the network namespaces that stand for VPCs, for neighbours in process"),
    ("ecs", "DescribeTaskNamespaces", "the network namespaces of tasks, for neighbours in process"),
    ("ecs", "DescribeSteering", "how far a deployment is that is steered by a judge"),
    ("ecs", "PutServiceSteering", "who decides how users come to new deployments of a service"),
    ("ecs", "SteerDeployment", "what the judge of a deployment decides"),
    ("elbv2", "DescribeLoadBalancerUrls", "where a load balancer's listeners answer on this machine"),
    ("elbv2", "DescribeRuleStates", "whether requests go by a rule's present actions"),
    ("elbv2", "DescribeTargetGroupCounts", "requests, failures and latencies of target groups"),
];

const TAG: &str = "AWS refuses a tag without a key too";
const RULE: &str = "AWS refuses a rule without it too";
const ONLY: &str = "the model's other ways to say it are not here, so nothing is said without it";
const OWN_CODE: &str = "the service refuses by a code of its own, MissingParameter, as AWS does";
const SHARED: &str = "one type answers Create, Describe and Modify; only Describe sets it";

/// Other differences: module, how the line about them ends, why they are meant.
pub(crate) const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("cloudformation", "Parameters[].ParameterKey: required here alone", "a value for no parameter says nothing"),
    ("ec2", "Filter[].Name: required here alone", "a filter without a name narrows nothing; AWS refuses it too"),
    ("ec2", "TagSpecification[].ResourceType: required here alone", "AWS refuses tags for nothing too"),
    ("ec2", "Tag[].Key: required here alone", TAG),
    ("ec2", "IpPermissions[].IpProtocol: required here alone", RULE),
    ("ec2", "IpRanges[].CidrIp: required here alone", RULE),
    ("ec2", "Ipv6Ranges[].CidrIpv6: required here alone", RULE),
    ("ec2", "Operator.Principal: required here alone", "an operator without a name is nobody"),
    ("ec2", "AssociateRouteTable: request.SubnetId: required here alone", ONLY),
    ("ec2", "CreateSubnet: request.CidrBlock: required here alone", ONLY),
    ("ec2", "CreateVpc: request.CidrBlock: required here alone", ONLY),
    ("ec2", "Route: request.DestinationCidrBlock: required here alone", ONLY),
    ("ec2", "Route: request.GatewayId: required here alone", ONLY),
    ("ec2", "MapPublicIpOnLaunch.Value: required here alone", ONLY),
    ("ec2", "EnableDnsSupport.Value: required here alone", ONLY),
    ("ec2", "EnableDnsHostnames.Value: required here alone", ONLY),
    (
        "ec2",
        "request.AssociatePublicIpAddress: the model has no such member",
        "what a service that manages an interface says of it, in process",
    ),
    ("ec2", "request.GroupId: required in the model", OWN_CODE),
    ("ec2", "Tags: request.ResourceId: required in the model", OWN_CODE),
    ("ec2", "Tags: request.Tag: required in the model", OWN_CODE),
    ("ec2", "response.return: the model has no members here", "AWS answers it, whatever its model says"),
    ("ecs", "tags[].key: required here alone", TAG),
    ("elbv2", "TargetGroups[].TargetGroupArn: required here alone", "there is nothing to forward to without it"),
    ("elbv2", "SubnetMappings[].SubnetId: required here alone", ONLY),
    ("elbv2", "Attributes[].Key: required here alone", "a value for no attribute says nothing"),
    ("elbv2", "response.NextMarker: the model has no such member", SHARED),
];
