//! What happened to a stack and its resources.

use names::Timestamp;
use serde::{Deserialize, Serialize};

use super::StackPageRequest;
use crate::operation;

operation!(DescribeStackEvents, "cloudformation", StackPageRequest, DescribeStackEventsResponse);

/// Events, the latest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStackEventsResponse {
    /// The events.
    #[serde(default)]
    pub stack_events: Vec<StackEvent>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Something that happened to a stack or one of its resources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StackEvent {
    /// The stack's ARN.
    pub stack_id: String,
    /// Names the event.
    pub event_id: String,
    /// The stack's name.
    pub stack_name: String,
    /// The resource's name in the template, or the stack's.
    pub logical_resource_id: String,
    /// The resource's own name or id, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physical_resource_id: Option<String>,
    /// `AWS::AppMesh::Route`, or `AWS::CloudFormation::Stack`.
    pub resource_type: String,
    /// When.
    pub timestamp: Timestamp,
    /// How far it came; a stack's status or a resource's.
    pub resource_status: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_status_reason: Option<String>,
    /// The properties asked for, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_properties: Option<String>,
    /// The token of the request that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_token: Option<String>,
}
