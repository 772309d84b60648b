//! VPCs.

use serde::{Deserialize, Serialize};

use super::{AttributeBooleanValue, Done, Filter, TagItem, TagSpecification};
use crate::operation;

operation!(CreateVpc, "ec2", CreateVpcRequest, CreateVpcResponse);
operation!(DescribeVpcs, "ec2", DescribeVpcsRequest, DescribeVpcsResponse);
operation!(DeleteVpc, "ec2", DeleteVpcRequest, Done);
operation!(ModifyVpcAttribute, "ec2", ModifyVpcAttributeRequest, Done);
operation!(DescribeVpcAttribute, "ec2", DescribeVpcAttributeRequest, DescribeVpcAttributeResponse);

/// Makes a VPC, with its main route table and its default security group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateVpcRequest {
    /// Its addresses: `10.0.0.0/16`; between /16 and /28.
    pub cidr_block: String,
    /// `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_tenancy: Option<String>,
    /// Tags of resource type `vpc`.
    #[serde(default, rename = "TagSpecification")]
    pub tag_specifications: Vec<TagSpecification>,
}

/// The VPC that was made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CreateVpcResponse {
    /// The VPC.
    pub vpc: Vpc,
}

/// Asks for VPCs; for all without ids or filters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeVpcsRequest {
    /// Ids; one that is not there is an error.
    #[serde(default, rename = "VpcId")]
    pub vpc_ids: Vec<String>,
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

/// VPCs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeVpcsResponse {
    /// The VPCs.
    #[serde(default, rename = "vpcSet")]
    pub vpcs: Vec<Vpc>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A VPC.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vpc {
    /// Its id.
    pub vpc_id: String,
    /// Its account.
    pub owner_id: String,
    /// `pending` until its namespace is there, then `available`.
    pub state: String,
    /// Its addresses.
    pub cidr_block: String,
    /// The same, as the list that AWS keeps since VPCs can have more than one.
    #[serde(default)]
    pub cidr_block_association_set: Vec<VpcCidrBlockAssociation>,
    /// `default`: the one set of DHCP options there is.
    pub dhcp_options_id: String,
    /// `default`.
    pub instance_tenancy: String,
    /// Whether it is the region's default VPC; none is here.
    pub is_default: bool,
    /// Tags.
    #[serde(default, rename = "tagSet")]
    pub tags: Vec<TagItem>,
}

/// A block of addresses that a VPC has.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VpcCidrBlockAssociation {
    /// The id of the bond between both.
    pub association_id: String,
    /// The block.
    pub cidr_block: String,
    /// Whether it is in force.
    pub cidr_block_state: VpcCidrBlockState,
}

/// Whether a block of addresses is in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct VpcCidrBlockState {
    /// `associated`.
    pub state: String,
}

/// Deletes a VPC in which nothing is left that somebody made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteVpcRequest {
    /// Its id.
    pub vpc_id: String,
}

/// Changes one attribute of a VPC.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ModifyVpcAttributeRequest {
    /// Its id.
    pub vpc_id: String,
    /// Whether its resolver answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_dns_support: Option<AttributeBooleanValue>,
    /// Whether instances get public names; kept and told, without effect here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_dns_hostnames: Option<AttributeBooleanValue>,
}

/// Asks for one attribute of a VPC.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeVpcAttributeRequest {
    /// Its id.
    pub vpc_id: String,
    /// `enableDnsSupport`, `enableDnsHostnames` or `enableNetworkAddressUsageMetrics`.
    pub attribute: String,
}

/// The attribute that was asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeVpcAttributeResponse {
    /// The VPC's id.
    pub vpc_id: String,
    /// Whether its resolver answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_dns_support: Option<BooleanItem>,
    /// Whether instances get public names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_dns_hostnames: Option<BooleanItem>,
    /// Whether address usage is measured; never here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_network_address_usage_metrics: Option<BooleanItem>,
}

/// A boolean inside a structure, as answers have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BooleanItem {
    /// The value.
    pub value: bool,
}
