//! Target groups: which targets share the work, and how their health is checked.

use serde::{Deserialize, Serialize};

use super::{Attribute, AttributesResponse, Empty, Tag};
use crate::operation;

operation!(CreateTargetGroup, "elasticloadbalancing", CreateTargetGroupRequest, TargetGroupsResponse);
operation!(DescribeTargetGroups, "elasticloadbalancing", DescribeTargetGroupsRequest, TargetGroupsResponse);
operation!(ModifyTargetGroup, "elasticloadbalancing", ModifyTargetGroupRequest, TargetGroupsResponse);
operation!(DeleteTargetGroup, "elasticloadbalancing", TargetGroupArnRequest, Empty);
operation!(DescribeTargetGroupAttributes, "elasticloadbalancing", TargetGroupArnRequest, AttributesResponse);
operation!(ModifyTargetGroupAttributes, "elasticloadbalancing", ModifyTargetGroupAttributesRequest, AttributesResponse);

/// Makes a target group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateTargetGroupRequest {
    /// Up to 32 letters, digits and hyphens.
    pub name: String,
    /// `HTTP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// `HTTP1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol_version: Option<String>,
    /// The port of targets that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The VPC of its targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// `HTTP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_protocol: Option<String>,
    /// A port or `traffic-port` (default).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_port: Option<String>,
    /// Always true for `ip` targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_enabled: Option<bool>,
    /// `/` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_path: Option<String>,
    /// 5 to 300, 30 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_interval_seconds: Option<u32>,
    /// 2 to 120, 5 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_timeout_seconds: Option<u32>,
    /// 2 to 10, 5 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy_threshold_count: Option<u32>,
    /// 2 to 10, 2 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unhealthy_threshold_count: Option<u32>,
    /// Which statuses are healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matcher: Option<Matcher>,
    /// `ip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_type: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// `ipv4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address_type: Option<String>,
}

/// Which statuses are healthy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Matcher {
    /// `200`, `200,202` or `200-299`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_code: Option<String>,
}

/// Asks for target groups by load balancer, ARN or name; for all without any.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeTargetGroupsRequest {
    /// Those a load balancer forwards to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer_arn: Option<String>,
    /// ARNs.
    #[serde(default)]
    pub target_group_arns: Vec<String>,
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

/// Target groups.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetGroupsResponse {
    /// The groups.
    #[serde(default)]
    pub target_groups: Vec<TargetGroup>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
}

/// A target group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetGroup {
    /// Its ARN.
    pub target_group_arn: String,
    /// Its name.
    pub target_group_name: String,
    /// `HTTP`.
    pub protocol: String,
    /// The port of targets that name none.
    pub port: u16,
    /// Its VPC.
    pub vpc_id: String,
    /// `HTTP`.
    pub health_check_protocol: String,
    /// A port or `traffic-port`.
    pub health_check_port: String,
    /// Always true for `ip` targets.
    pub health_check_enabled: bool,
    /// Time between checks.
    pub health_check_interval_seconds: u32,
    /// How long a check may take.
    pub health_check_timeout_seconds: u32,
    /// Good checks in a row that make a target healthy.
    pub healthy_threshold_count: u32,
    /// Bad checks in a row that make it unhealthy.
    pub unhealthy_threshold_count: u32,
    /// What is asked for.
    pub health_check_path: String,
    /// Which statuses are healthy.
    pub matcher: Matcher,
    /// Who forwards to it.
    #[serde(default)]
    pub load_balancer_arns: Vec<String>,
    /// `ip`.
    pub target_type: String,
    /// `HTTP1`.
    pub protocol_version: String,
    /// `ipv4`.
    pub ip_address_type: String,
}

/// Changes the health checks of a target group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ModifyTargetGroupRequest {
    /// Which.
    pub target_group_arn: String,
    /// `HTTP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_protocol: Option<String>,
    /// A port or `traffic-port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_port: Option<String>,
    /// What is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_path: Option<String>,
    /// Always true for `ip` targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_enabled: Option<bool>,
    /// 5 to 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_interval_seconds: Option<u32>,
    /// 2 to 120.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_timeout_seconds: Option<u32>,
    /// 2 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy_threshold_count: Option<u32>,
    /// 2 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unhealthy_threshold_count: Option<u32>,
    /// Which statuses are healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matcher: Option<Matcher>,
}

/// Names one target group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TargetGroupArnRequest {
    /// Its ARN.
    pub target_group_arn: String,
}

/// Changes attributes of a target group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ModifyTargetGroupAttributesRequest {
    /// Which.
    pub target_group_arn: String,
    /// The attributes to set.
    pub attributes: Vec<Attribute>,
}
