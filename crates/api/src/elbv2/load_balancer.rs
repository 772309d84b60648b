//! Load balancers.

use names::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Attribute, AttributesResponse, Empty, Tag};
use crate::operation;

operation!(CreateLoadBalancer, "elasticloadbalancing", CreateLoadBalancerRequest, LoadBalancersResponse);
operation!(DescribeLoadBalancers, "elasticloadbalancing", DescribeLoadBalancersRequest, LoadBalancersResponse);
operation!(DeleteLoadBalancer, "elasticloadbalancing", LoadBalancerArnRequest, Empty);
operation!(SetSecurityGroups, "elasticloadbalancing", SetSecurityGroupsRequest, SetSecurityGroupsResponse);
operation!(DescribeLoadBalancerAttributes, "elasticloadbalancing", LoadBalancerArnRequest, AttributesResponse);
operation!(
    ModifyLoadBalancerAttributes,
    "elasticloadbalancing",
    ModifyLoadBalancerAttributesRequest,
    AttributesResponse
);

/// Makes a load balancer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateLoadBalancerRequest {
    /// Up to 32 letters, digits and hyphens.
    pub name: String,
    /// At least two subnets, of different zones.
    #[serde(default)]
    pub subnets: Vec<String>,
    /// The same, with addresses; only the subnet is taken.
    #[serde(default)]
    pub subnet_mappings: Vec<SubnetMapping>,
    /// Security groups; the VPC's default where there is none.
    #[serde(default)]
    pub security_groups: Vec<String>,
    /// `internet-facing` (default) or `internal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// `application`.
    #[serde(default, rename = "Type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `ipv4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address_type: Option<String>,
}

/// A subnet of a load balancer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SubnetMapping {
    /// The subnet.
    pub subnet_id: String,
}

/// Asks for load balancers by ARN or name; for all without either.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeLoadBalancersRequest {
    /// ARNs.
    #[serde(default)]
    pub load_balancer_arns: Vec<String>,
    /// Names.
    #[serde(default)]
    pub names: Vec<String>,
    /// Where the page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// Items on a page, 1 to 400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u32>,
}

/// Load balancers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoadBalancersResponse {
    /// The load balancers.
    #[serde(default)]
    pub load_balancers: Vec<LoadBalancer>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
}

/// A load balancer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoadBalancer {
    /// Its ARN.
    pub load_balancer_arn: String,
    /// The name it answers at.
    #[serde(rename = "DNSName")]
    pub dns_name: String,
    /// The hosted zone of that name; a fixed one here.
    pub canonical_hosted_zone_id: String,
    /// When it was made.
    pub created_time: Timestamp,
    /// Its name.
    pub load_balancer_name: String,
    /// `internet-facing` or `internal`.
    pub scheme: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Whether it answers yet.
    pub state: LoadBalancerState,
    /// `application`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Its subnets.
    #[serde(default)]
    pub availability_zones: Vec<AvailabilityZone>,
    /// Its security groups.
    #[serde(default)]
    pub security_groups: Vec<String>,
    /// `ipv4`.
    pub ip_address_type: String,
}

/// Whether a load balancer answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoadBalancerState {
    /// `provisioning`, `active`, `active_impaired` or `failed`.
    pub code: String,
    /// Why it is not active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A subnet a load balancer stands in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AvailabilityZone {
    /// The subnet's zone.
    pub zone_name: String,
    /// The subnet.
    pub subnet_id: String,
}

/// Names one load balancer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct LoadBalancerArnRequest {
    /// Its ARN.
    pub load_balancer_arn: String,
}

/// Gives a load balancer other security groups.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SetSecurityGroupsRequest {
    /// Its ARN.
    pub load_balancer_arn: String,
    /// All its groups from now on.
    pub security_groups: Vec<String>,
}

/// The groups a load balancer has now.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetSecurityGroupsResponse {
    /// The groups.
    #[serde(default)]
    pub security_group_ids: Vec<String>,
}

/// Changes attributes of a load balancer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ModifyLoadBalancerAttributesRequest {
    /// Its ARN.
    pub load_balancer_arn: String,
    /// The attributes to set.
    pub attributes: Vec<Attribute>,
}

operation!(
    /// Ours, beside Amazon's: where each listener really answers on this machine.
    DescribeLoadBalancerUrls,
    "elasticloadbalancing",
    DescribeLoadBalancerUrlsRequest,
    DescribeLoadBalancerUrlsResponse
);

/// Asks where the load balancers of the account and region answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeLoadBalancerUrlsRequest {}

/// Where load balancers answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeLoadBalancerUrlsResponse {
    /// One entry a listener that answers.
    #[serde(default)]
    pub urls: Vec<ListenerUrl>,
}

/// Where a listener answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListenerUrl {
    /// Its load balancer.
    pub load_balancer_arn: String,
    /// Its port, as asked.
    pub port: u16,
    /// `http://<name>`, with the port of the API where the listener's own could not be had on this machine.
    pub url: String,
}
