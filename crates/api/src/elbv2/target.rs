//! Targets and their health.

use serde::{Deserialize, Serialize};

use super::Empty;
use crate::operation;

operation!(RegisterTargets, "elasticloadbalancing", TargetsRequest, Empty);
operation!(DeregisterTargets, "elasticloadbalancing", TargetsRequest, Empty);
operation!(DescribeTargetHealth, "elasticloadbalancing", DescribeTargetHealthRequest, DescribeTargetHealthResponse);

/// A target.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TargetDescription {
    /// Its address.
    pub id: String,
    /// Its port; the group's where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Its zone; found from the address where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<String>,
}

/// Adds targets to a group or takes them out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TargetsRequest {
    /// The group.
    pub target_group_arn: String,
    /// The targets.
    pub targets: Vec<TargetDescription>,
}

/// Asks for the health of a group's targets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeTargetHealthRequest {
    /// The group.
    pub target_group_arn: String,
    /// Only these; all without any.
    #[serde(default)]
    pub targets: Vec<TargetDescription>,
}

/// The health of targets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeTargetHealthResponse {
    /// One entry a target.
    #[serde(default)]
    pub target_health_descriptions: Vec<TargetHealthDescription>,
}

/// A target's health.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetHealthDescription {
    /// The target.
    pub target: TargetDescription,
    /// The port that is checked.
    pub health_check_port: String,
    /// How it is.
    pub target_health: TargetHealth,
}

/// How a target is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetHealth {
    /// `initial`, `healthy`, `unhealthy`, `unused` or `draining`.
    pub state: String,
    /// Why it is not healthy: `Target.Timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}
