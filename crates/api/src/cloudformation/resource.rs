//! The resources of a stack.

use names::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ResourceStatus, StackPageRequest};
use crate::operation;

operation!(DescribeStackResource, "cloudformation", DescribeStackResourceRequest, DescribeStackResourceResponse);
operation!(DescribeStackResources, "cloudformation", DescribeStackResourcesRequest, DescribeStackResourcesResponse);
operation!(ListStackResources, "cloudformation", StackPageRequest, ListStackResourcesResponse);

/// Asks for one resource.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeStackResourceRequest {
    /// The stack's name or ARN.
    pub stack_name: String,
    /// The resource's name in the template.
    pub logical_resource_id: String,
}

/// One resource.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStackResourceResponse {
    /// The resource.
    pub stack_resource_detail: StackResourceDetail,
}

/// A resource in full.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StackResourceDetail {
    /// Its stack's name.
    pub stack_name: String,
    /// Its stack's ARN.
    pub stack_id: String,
    /// Its name in the template.
    pub logical_resource_id: String,
    /// Its own name or id, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physical_resource_id: Option<String>,
    /// `AWS::AppMesh::Route`.
    pub resource_type: String,
    /// When its status last changed.
    pub last_updated_timestamp: Timestamp,
    /// How far it is.
    pub resource_status: ResourceStatus,
    /// Why it is not further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_status_reason: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// For tools, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
    /// Whether it differs from its template: never checked.
    #[serde(default)]
    pub drift_information: ResourceDriftInformation,
}

/// Whether a resource differs from its template.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResourceDriftInformation {
    /// `NOT_CHECKED`, always.
    pub stack_resource_drift_status: String,
}

impl Default for ResourceDriftInformation {
    fn default() -> Self {
        Self { stack_resource_drift_status: "NOT_CHECKED".to_owned() }
    }
}

/// Asks for the resources of a stack, or for the stack of a resource.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeStackResourcesRequest {
    /// The stack's name or ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_name: Option<String>,
    /// Only the resource of this name in the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logical_resource_id: Option<String>,
    /// The resource's own name or id, in place of the stack's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physical_resource_id: Option<String>,
}

/// Resources.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStackResourcesResponse {
    /// The resources.
    #[serde(default)]
    pub stack_resources: Vec<StackResource>,
}

/// A resource of a stack.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StackResource {
    /// Its stack's name.
    pub stack_name: String,
    /// Its stack's ARN.
    pub stack_id: String,
    /// Its name in the template.
    pub logical_resource_id: String,
    /// Its own name or id, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physical_resource_id: Option<String>,
    /// `AWS::AppMesh::Route`.
    pub resource_type: String,
    /// When its status last changed.
    pub timestamp: Timestamp,
    /// How far it is.
    pub resource_status: ResourceStatus,
    /// Why it is not further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_status_reason: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it differs from its template: never checked.
    #[serde(default)]
    pub drift_information: ResourceDriftInformation,
}

/// Resources in brief.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListStackResourcesResponse {
    /// The resources.
    #[serde(default)]
    pub stack_resource_summaries: Vec<StackResourceSummary>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A resource in brief.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StackResourceSummary {
    /// Its name in the template.
    pub logical_resource_id: String,
    /// Its own name or id, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physical_resource_id: Option<String>,
    /// `AWS::AppMesh::Route`.
    pub resource_type: String,
    /// When its status last changed.
    pub last_updated_timestamp: Timestamp,
    /// How far it is.
    pub resource_status: ResourceStatus,
    /// Why it is not further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_status_reason: Option<String>,
    /// Whether it differs from its template: never checked.
    #[serde(default)]
    pub drift_information: ResourceDriftInformation,
}
