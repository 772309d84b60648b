//! Security groups and their rules.

use serde::{Deserialize, Serialize};

use super::{Filter, TagItem, TagSpecification};
use crate::operation;

operation!(CreateSecurityGroup, "ec2", CreateSecurityGroupRequest, CreateSecurityGroupResponse);
operation!(DescribeSecurityGroups, "ec2", DescribeSecurityGroupsRequest, DescribeSecurityGroupsResponse);
operation!(DeleteSecurityGroup, "ec2", DeleteSecurityGroupRequest, DeleteSecurityGroupResponse);
operation!(AuthorizeSecurityGroupIngress, "ec2", AuthorizeSecurityGroupRequest, AuthorizeSecurityGroupResponse);
operation!(AuthorizeSecurityGroupEgress, "ec2", AuthorizeSecurityGroupRequest, AuthorizeSecurityGroupResponse);
operation!(RevokeSecurityGroupIngress, "ec2", RevokeSecurityGroupRequest, RevokeSecurityGroupResponse);
operation!(RevokeSecurityGroupEgress, "ec2", RevokeSecurityGroupRequest, RevokeSecurityGroupResponse);
operation!(DescribeSecurityGroupRules, "ec2", DescribeSecurityGroupRulesRequest, DescribeSecurityGroupRulesResponse);

/// Makes a security group that lets nothing in and everything out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateSecurityGroupRequest {
    /// Its name, unique in its VPC.
    pub group_name: String,
    /// What it is for.
    pub group_description: String,
    /// Its VPC. It must be given: no region has a default VPC here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// Tags of resource type `security-group`.
    #[serde(default, rename = "TagSpecification")]
    pub tag_specifications: Vec<TagSpecification>,
}

/// The group that was made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateSecurityGroupResponse {
    /// Its id.
    pub group_id: String,
    /// Its ARN.
    pub security_group_arn: String,
    /// Tags.
    #[serde(default, rename = "tagSet")]
    pub tags: Vec<TagItem>,
}

/// Asks for security groups; for all without ids or filters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeSecurityGroupsRequest {
    /// Ids; one that is not there is an error.
    #[serde(default, rename = "GroupId")]
    pub group_ids: Vec<String>,
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

/// Security groups.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeSecurityGroupsResponse {
    /// The groups.
    #[serde(default, rename = "securityGroupInfo")]
    pub security_groups: Vec<SecurityGroup>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A security group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroup {
    /// Its id.
    pub group_id: String,
    /// Its ARN.
    pub security_group_arn: String,
    /// Its name.
    pub group_name: String,
    /// What it is for.
    pub group_description: String,
    /// Its account.
    pub owner_id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// What it lets in.
    #[serde(default)]
    pub ip_permissions: Vec<IpPermissionItem>,
    /// What it lets out.
    #[serde(default)]
    pub ip_permissions_egress: Vec<IpPermissionItem>,
    /// Tags.
    #[serde(default, rename = "tagSet")]
    pub tags: Vec<TagItem>,
}

/// Rules of one protocol and range of ports, as requests spell them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct IpPermission {
    /// `tcp`, `udp`, `icmp`, a number, or `-1` for all.
    pub ip_protocol: String,
    /// The first port, or ICMP's type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_port: Option<i32>,
    /// The last port, or ICMP's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_port: Option<i32>,
    /// IPv4 networks.
    #[serde(default)]
    pub ip_ranges: Vec<IpRange>,
    /// IPv6 networks.
    #[serde(default)]
    pub ipv6_ranges: Vec<Ipv6Range>,
    /// Groups.
    #[serde(default)]
    pub groups: Vec<UserIdGroupPair>,
}

/// An IPv4 network in a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct IpRange {
    /// The network.
    pub cidr_ip: String,
    /// What the rule is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// An IPv6 network in a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Ipv6Range {
    /// The network.
    pub cidr_ipv6: String,
    /// What the rule is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A group in a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UserIdGroupPair {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// Its name, looked up in the VPC of the group that the rule is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// Its account; only the caller's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Its VPC; only that of the group that the rule is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// What the rule is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Rules of one protocol and range of ports, as answers spell them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IpPermissionItem {
    /// `tcp`, `udp`, `icmp`, a number, or `-1` for all.
    pub ip_protocol: String,
    /// The first port, or ICMP's type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_port: Option<i32>,
    /// The last port, or ICMP's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_port: Option<i32>,
    /// Groups.
    #[serde(default)]
    pub groups: Vec<UserIdGroupPairItem>,
    /// IPv4 networks.
    #[serde(default)]
    pub ip_ranges: Vec<IpRangeItem>,
    /// IPv6 networks.
    #[serde(default)]
    pub ipv6_ranges: Vec<Ipv6RangeItem>,
    /// Prefix lists; there are none here.
    #[serde(default)]
    pub prefix_list_ids: Vec<PrefixListId>,
}

/// A list of networks under one id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrefixListId {
    /// Its id.
    pub prefix_list_id: String,
    /// What the rule is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// An IPv4 network in an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IpRangeItem {
    /// The network.
    pub cidr_ip: String,
    /// What the rule is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// An IPv6 network in an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ipv6RangeItem {
    /// The network.
    pub cidr_ipv6: String,
    /// What the rule is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A group in an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserIdGroupPairItem {
    /// Its id.
    pub group_id: String,
    /// Its account.
    pub user_id: String,
    /// What the rule is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Adds rules to a group. A single rule may be told by the members beside `ip_permissions`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AuthorizeSecurityGroupRequest {
    /// The group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// The rules.
    #[serde(default)]
    pub ip_permissions: Vec<IpPermission>,
    /// The single rule's protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_protocol: Option<String>,
    /// The single rule's first port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_port: Option<i32>,
    /// The single rule's last port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_port: Option<i32>,
    /// The single rule's IPv4 network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr_ip: Option<String>,
    /// Tags of resource type `security-group-rule`.
    #[serde(default, rename = "TagSpecification")]
    pub tag_specifications: Vec<TagSpecification>,
}

/// The rules that were added.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizeSecurityGroupResponse {
    /// Always true.
    #[serde(rename = "return")]
    pub done: bool,
    /// The rules.
    #[serde(default, rename = "securityGroupRuleSet")]
    pub security_group_rules: Vec<SecurityGroupRule>,
}

/// Takes rules away: those that are exactly as told, or those with these ids.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RevokeSecurityGroupRequest {
    /// The group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// The rules.
    #[serde(default)]
    pub ip_permissions: Vec<IpPermission>,
    /// The rules' ids.
    #[serde(default, rename = "SecurityGroupRuleId")]
    pub security_group_rule_ids: Vec<String>,
    /// A single rule's protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_protocol: Option<String>,
    /// A single rule's first port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_port: Option<i32>,
    /// A single rule's last port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_port: Option<i32>,
    /// A single rule's IPv4 network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr_ip: Option<String>,
}

/// The rules that were taken away.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevokeSecurityGroupResponse {
    /// Always true.
    #[serde(rename = "return")]
    pub done: bool,
    /// The rules.
    #[serde(default, rename = "revokedSecurityGroupRuleSet")]
    pub revoked_security_group_rules: Vec<RevokedSecurityGroupRule>,
}

/// A rule that is no more.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevokedSecurityGroupRule {
    /// Its id.
    pub security_group_rule_id: String,
    /// The group it was of.
    pub group_id: String,
    /// Whether it was about what leaves.
    pub is_egress: bool,
    /// `tcp`, `udp`, `icmp`, a number, or `-1` for all.
    pub ip_protocol: String,
    /// The first port, or ICMP's type; -1 for all.
    pub from_port: i32,
    /// The last port, or ICMP's code; -1 for all.
    pub to_port: i32,
    /// The IPv4 network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr_ipv4: Option<String>,
    /// The IPv6 network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr_ipv6: Option<String>,
    /// The group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referenced_group_id: Option<String>,
    /// What it was for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Asks for rules; for all without ids or filters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeSecurityGroupRulesRequest {
    /// Ids; one that is not there is an error.
    #[serde(default, rename = "SecurityGroupRuleId")]
    pub security_group_rule_ids: Vec<String>,
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

/// Rules.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeSecurityGroupRulesResponse {
    /// The rules.
    #[serde(default, rename = "securityGroupRuleSet")]
    pub security_group_rules: Vec<SecurityGroupRule>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// One rule.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroupRule {
    /// Its id.
    pub security_group_rule_id: String,
    /// Its ARN.
    pub security_group_rule_arn: String,
    /// The group it is of.
    pub group_id: String,
    /// That group's account.
    pub group_owner_id: String,
    /// Whether it is about what leaves.
    pub is_egress: bool,
    /// `tcp`, `udp`, `icmp`, a number, or `-1` for all.
    pub ip_protocol: String,
    /// The first port, or ICMP's type; -1 for all.
    pub from_port: i32,
    /// The last port, or ICMP's code; -1 for all.
    pub to_port: i32,
    /// The IPv4 network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr_ipv4: Option<String>,
    /// The IPv6 network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr_ipv6: Option<String>,
    /// The group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referenced_group_info: Option<ReferencedSecurityGroup>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Tags.
    #[serde(default, rename = "tagSet")]
    pub tags: Vec<TagItem>,
}

/// A group that a rule speaks of.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferencedSecurityGroup {
    /// Its id.
    pub group_id: String,
    /// Its account.
    pub user_id: String,
}

/// Deletes a group that nobody is in and no other group speaks of.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteSecurityGroupRequest {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
}

/// The group that is no more.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteSecurityGroupResponse {
    /// Always true.
    #[serde(rename = "return")]
    pub done: bool,
    /// Its id.
    pub group_id: String,
}
