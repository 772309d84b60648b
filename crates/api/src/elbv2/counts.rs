//! Ours, not AWS's: what was counted of target groups, for who compares two of them.

use serde::{Deserialize, Serialize};

use crate::operation;

operation!(
    DescribeTargetGroupCounts,
    "elasticloadbalancing",
    DescribeTargetGroupCountsRequest,
    DescribeTargetGroupCountsResponse
);

/// Asks what was counted of target groups.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeTargetGroupCountsRequest {
    /// Which; one that no load balancer forwards to is left out of the answer.
    #[serde(default)]
    pub target_group_arns: Vec<String>,
}

/// What was counted of target groups.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeTargetGroupCountsResponse {
    /// Each of those that are forwarded to.
    #[serde(default)]
    pub target_group_counts: Vec<TargetGroupCounts>,
}

/// What was counted of a target group. Counts only grow, and begin anew with the process that counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetGroupCounts {
    /// Which.
    pub target_group_arn: String,
    /// All requests that were answered.
    pub all: AnsweredRequests,
    /// The part of them whose users are in the first of two random halves.
    pub half: AnsweredRequests,
    /// Its healthy targets.
    pub healthy: u32,
}

/// Requests that were answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AnsweredRequests {
    /// How many.
    pub requests: u64,
    /// Those with a status of 500 or above.
    pub errors: u64,
    /// How long their answers took to begin; of those that no target answered it is not known.
    #[serde(default)]
    pub latency: Vec<Latency>,
}

/// How many requests took about as long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Latency {
    /// How long, in microseconds, to a part in a hundred.
    pub microseconds: u64,
    /// How many.
    pub count: u64,
}
