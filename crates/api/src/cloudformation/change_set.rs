//! Change sets: an update that is looked at before it is made.

use names::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Capability, ChangeSetStatus, Empty, ExecutionStatus, OnFailure, Parameter, StackPageRequest, Tag};
use crate::operation;

operation!(CreateChangeSet, "cloudformation", CreateChangeSetRequest, CreateChangeSetResponse);
operation!(DescribeChangeSet, "cloudformation", DescribeChangeSetRequest, DescribeChangeSetResponse);
operation!(ExecuteChangeSet, "cloudformation", ExecuteChangeSetRequest, Empty);
operation!(DeleteChangeSet, "cloudformation", DeleteChangeSetRequest, Empty);
operation!(ListChangeSets, "cloudformation", StackPageRequest, ListChangeSetsResponse);

/// Makes a change set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateChangeSetRequest {
    /// The stack's name, or its ARN.
    pub stack_name: String,
    /// The template, at most 51,200 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_body: Option<String>,
    /// Where the template lies; refused, since there is no S3.
    #[serde(default, rename = "TemplateURL", skip_serializing_if = "Option::is_none")]
    pub template_url: Option<String>,
    /// Takes the template that stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_previous_template: Option<bool>,
    /// Values for the template's parameters.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// What the caller has understood.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// The role to act as; taken and without effect.
    #[serde(default, rename = "RoleARN", skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Tags; those that stand if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
    /// A letter, then letters, digits and hyphens.
    pub change_set_name: String,
    /// Makes a repeated call the same call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `CREATE` or `UPDATE` (default); `IMPORT` is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_set_type: Option<String>,
    /// Whether nested stacks are looked into; there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_nested_stacks: Option<bool>,
    /// What becomes of the stack when its creation fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_stack_failure: Option<OnFailure>,
}

/// A change set is made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateChangeSetResponse {
    /// Its ARN.
    pub id: String,
    /// The stack's ARN.
    pub stack_id: String,
}

/// Asks for a change set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeChangeSetRequest {
    /// Its name or ARN.
    pub change_set_name: String,
    /// The stack's name or ARN; needed with a change set's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_name: Option<String>,
    /// Where the page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A change set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeChangeSetResponse {
    /// Its name.
    pub change_set_name: String,
    /// Its ARN.
    pub change_set_id: String,
    /// The stack's ARN.
    pub stack_id: String,
    /// The stack's name.
    pub stack_name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The values of the template's parameters.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// When it was made.
    pub creation_time: Timestamp,
    /// Whether it can be executed.
    pub execution_status: ExecutionStatus,
    /// How far it is.
    pub status: ChangeSetStatus,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// Nobody; there are no notifications.
    #[serde(default, rename = "NotificationARNs")]
    pub notification_arns: Vec<String>,
    /// Nothing; there are no rollback triggers.
    #[serde(default)]
    pub rollback_configuration: Empty,
    /// What its maker has understood.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// Tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// What it would do.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// Whether nested stacks are looked into.
    #[serde(default)]
    pub include_nested_stacks: bool,
    /// What becomes of the stack when its creation fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_stack_failure: Option<OnFailure>,
}

/// One thing that a change set would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Change {
    /// `Resource`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// To which resource, and what.
    pub resource_change: ResourceChange,
}

/// What would be done to a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResourceChange {
    /// What becomes of the thing that is let go: `Delete`, `Retain`, `ReplaceAndDelete`, `ReplaceAndRetain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_action: Option<String>,
    /// `Add`, `Modify` or `Remove`.
    pub action: String,
    /// Its name in the template.
    pub logical_resource_id: String,
    /// Its own name or id, if it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physical_resource_id: Option<String>,
    /// `AWS::AppMesh::Route`.
    pub resource_type: String,
    /// Whether a change makes a new one: `True`, `False` or `Conditional`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
    /// What changes: `Properties`, `Tags`, `Metadata`, `DeletionPolicy`, `UpdateReplacePolicy`.
    #[serde(default)]
    pub scope: Vec<String>,
    /// Each change.
    #[serde(default)]
    pub details: Vec<ResourceChangeDetail>,
}

/// One change of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResourceChangeDetail {
    /// What changes.
    pub target: ResourceTargetDefinition,
    /// `Static` if it certainly changes, `Dynamic` if that depends on another resource.
    pub evaluation: String,
    /// `DirectModification`, `ParameterReference`, `ResourceReference` or `ResourceAttribute`.
    pub change_source: String,
    /// The parameter or resource that leads to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causing_entity: Option<String>,
}

/// What of a resource changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResourceTargetDefinition {
    /// `Properties`, `Tags`, `Metadata`, `DeletionPolicy` or `UpdateReplacePolicy`.
    pub attribute: String,
    /// The property.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether its change makes a new one: `Never`, `Conditionally` or `Always`.
    pub requires_recreation: String,
}

/// Executes a change set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ExecuteChangeSetRequest {
    /// Its name or ARN.
    pub change_set_name: String,
    /// The stack's name or ARN; needed with a change set's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_name: Option<String>,
    /// Makes a repeated call the same call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_token: Option<String>,
    /// Leaves what was made when it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_rollback: Option<bool>,
    /// Deletes even what has `DeletionPolicy: Retain` when what it created is rolled back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_except_on_create: Option<bool>,
}

/// Throws a change set away.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteChangeSetRequest {
    /// Its name or ARN.
    pub change_set_name: String,
    /// The stack's name or ARN; needed with a change set's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_name: Option<String>,
}

/// Change sets in brief.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListChangeSetsResponse {
    /// The change sets.
    #[serde(default)]
    pub summaries: Vec<ChangeSetSummary>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A change set in brief.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChangeSetSummary {
    /// The stack's ARN.
    pub stack_id: String,
    /// The stack's name.
    pub stack_name: String,
    /// Its ARN.
    pub change_set_id: String,
    /// Its name.
    pub change_set_name: String,
    /// Whether it can be executed.
    pub execution_status: ExecutionStatus,
    /// How far it is.
    pub status: ChangeSetStatus,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// When it was made.
    pub creation_time: Timestamp,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether nested stacks are looked into.
    #[serde(default)]
    pub include_nested_stacks: bool,
}
