//! Subnets.

use serde::{Deserialize, Serialize};

use super::{AttributeBooleanValue, Done, Filter, TagItem, TagSpecification};
use crate::operation;

operation!(CreateSubnet, "ec2", CreateSubnetRequest, CreateSubnetResponse);
operation!(DescribeSubnets, "ec2", DescribeSubnetsRequest, DescribeSubnetsResponse);
operation!(ModifySubnetAttribute, "ec2", ModifySubnetAttributeRequest, Done);
operation!(DeleteSubnet, "ec2", DeleteSubnetRequest, Done);

/// Makes a subnet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateSubnetRequest {
    /// Its VPC.
    pub vpc_id: String,
    /// Its addresses, out of the VPC's; between /16 and /28.
    pub cidr_block: String,
    /// Its zone, by name; the VPC's least used one without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<String>,
    /// Its zone, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_zone_id: Option<String>,
    /// Tags of resource type `subnet`.
    #[serde(default, rename = "TagSpecification")]
    pub tag_specifications: Vec<TagSpecification>,
}

/// The subnet that was made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CreateSubnetResponse {
    /// The subnet.
    pub subnet: Subnet,
}

/// Asks for subnets; for all without ids or filters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeSubnetsRequest {
    /// Ids; one that is not there is an error.
    #[serde(default, rename = "SubnetId")]
    pub subnet_ids: Vec<String>,
    /// Filters, all of which must hold.
    #[serde(default, rename = "Filter")]
    pub filters: Vec<Filter>,
    /// Items on a page, 5 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<u32>,
    /// Where the page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Subnets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeSubnetsResponse {
    /// The subnets.
    #[serde(default, rename = "subnetSet")]
    pub subnets: Vec<Subnet>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A subnet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subnet {
    /// Its id.
    pub subnet_id: String,
    /// Its ARN.
    pub subnet_arn: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its account.
    pub owner_id: String,
    /// `available`.
    pub state: String,
    /// Its addresses.
    pub cidr_block: String,
    /// How many of them nobody has.
    pub available_ip_address_count: u32,
    /// Its zone, by name.
    pub availability_zone: String,
    /// Its zone, by id.
    pub availability_zone_id: String,
    /// Whether it is its zone's default subnet; none is here.
    pub default_for_az: bool,
    /// Whether instances in it get public addresses; kept and told, without effect here.
    pub map_public_ip_on_launch: bool,
    /// Whether interfaces in it get IPv6 addresses; never here.
    pub assign_ipv6_address_on_creation: bool,
    /// Tags.
    #[serde(default, rename = "tagSet")]
    pub tags: Vec<TagItem>,
}

/// Changes one attribute of a subnet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ModifySubnetAttributeRequest {
    /// Its id.
    pub subnet_id: String,
    /// Whether instances in it get public addresses; kept and told, without effect here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_public_ip_on_launch: Option<AttributeBooleanValue>,
}

/// Deletes a subnet in which no interface is left.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteSubnetRequest {
    /// Its id.
    pub subnet_id: String,
}
