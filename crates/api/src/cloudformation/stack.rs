//! Stacks.

use names::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Capability, Empty, OnFailure, Parameter, StackIdResponse, StackStatus, Tag};
use crate::operation;

operation!(CreateStack, "cloudformation", CreateStackRequest, StackIdResponse);
operation!(UpdateStack, "cloudformation", UpdateStackRequest, StackIdResponse);
operation!(DeleteStack, "cloudformation", DeleteStackRequest, Empty);
operation!(CancelUpdateStack, "cloudformation", CancelUpdateStackRequest, Empty);
operation!(ContinueUpdateRollback, "cloudformation", ContinueUpdateRollbackRequest, Empty);
operation!(RollbackStack, "cloudformation", RollbackStackRequest, StackIdResponse);
operation!(DescribeStacks, "cloudformation", DescribeStacksRequest, DescribeStacksResponse);
operation!(ListStacks, "cloudformation", ListStacksRequest, ListStacksResponse);
operation!(UpdateTerminationProtection, "cloudformation", UpdateTerminationProtectionRequest, StackIdResponse);

/// Makes a stack.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateStackRequest {
    /// A letter, then letters, digits and hyphens.
    pub stack_name: String,
    /// The template, at most 51,200 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_body: Option<String>,
    /// Where the template lies; refused, since there is no S3.
    #[serde(default, rename = "TemplateURL", skip_serializing_if = "Option::is_none")]
    pub template_url: Option<String>,
    /// Values for the template's parameters.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// Leaves what was created when creation fails; excludes `OnFailure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_rollback: Option<bool>,
    /// Minutes after which creation counts as failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_in_minutes: Option<u32>,
    /// What the caller has understood.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// The role to act as; taken and without effect, since nobody's rights are checked here.
    #[serde(default, rename = "RoleARN", skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// What becomes of it when creation fails; `ROLLBACK` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// Tags of the stack and of every resource that can have tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// Makes a repeated call the same call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_token: Option<String>,
    /// Whether it cannot be deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_termination_protection: Option<bool>,
    /// Deletes even what has `DeletionPolicy: Retain` when creation is rolled back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_except_on_create: Option<bool>,
}

/// Changes a stack.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateStackRequest {
    /// Name or ARN.
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
    /// Leaves what was changed when the update fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_rollback: Option<bool>,
    /// Makes a repeated call the same call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_token: Option<String>,
    /// Deletes even what has `DeletionPolicy: Retain` when what the update created is rolled back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_except_on_create: Option<bool>,
}

/// Deletes a stack and what is in it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteStackRequest {
    /// Name or ARN; one that nobody has is deleted already.
    pub stack_name: String,
    /// Resources to let go without deleting them, of a stack whose deletion failed.
    #[serde(default)]
    pub retain_resources: Vec<String>,
    /// The role to act as; taken and without effect.
    #[serde(default, rename = "RoleARN", skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Makes a repeated call the same call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_token: Option<String>,
}

/// Breaks an update off and restores the state before.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CancelUpdateStackRequest {
    /// Name or ARN.
    pub stack_name: String,
    /// Makes a repeated call the same call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_token: Option<String>,
}

/// Tries again to restore the state before a failed update.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ContinueUpdateRollbackRequest {
    /// Name or ARN.
    pub stack_name: String,
    /// The role to act as; taken and without effect.
    #[serde(default, rename = "RoleARN", skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Resources to leave as they are.
    #[serde(default)]
    pub resources_to_skip: Vec<String>,
    /// Makes a repeated call the same call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_token: Option<String>,
}

/// Rolls back a stack whose creation or update failed and was left standing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RollbackStackRequest {
    /// Name or ARN.
    pub stack_name: String,
    /// The role to act as; taken and without effect.
    #[serde(default, rename = "RoleARN", skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Makes a repeated call the same call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_token: Option<String>,
}

/// Asks for one stack or all.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeStacksRequest {
    /// Name, or the ARN of one that may be deleted; all that are not deleted if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_name: Option<String>,
    /// Where the page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Stacks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStacksResponse {
    /// The stacks.
    #[serde(default)]
    pub stacks: Vec<Stack>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Stack {
    /// Its ARN.
    pub stack_id: String,
    /// Its name.
    pub stack_name: String,
    /// The change set last executed on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_set_id: Option<String>,
    /// Its template's description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The values of its template's parameters; asterisks for those that are not to be shown.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// When it was asked for.
    pub creation_time: Timestamp,
    /// When it was gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_time: Option<Timestamp>,
    /// When an update was last asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_updated_time: Option<Timestamp>,
    /// Nothing; there are no rollback triggers.
    #[serde(default)]
    pub rollback_configuration: Empty,
    /// How far it is.
    pub stack_status: StackStatus,
    /// Why it is not further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_status_reason: Option<String>,
    /// Whether failures leave what they made.
    #[serde(default)]
    pub disable_rollback: bool,
    /// Nobody; there are no notifications.
    #[serde(default, rename = "NotificationARNs")]
    pub notification_arns: Vec<String>,
    /// Minutes after which creation counted as failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_in_minutes: Option<u32>,
    /// What its maker had understood.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// Its outputs, in the template's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    /// The role it acts as, without effect.
    #[serde(default, rename = "RoleARN", skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// Whether it cannot be deleted.
    #[serde(default)]
    pub enable_termination_protection: bool,
    /// Whether it differs from its template: never checked.
    #[serde(default)]
    pub drift_information: DriftInformation,
}

/// Whether something differs from its template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DriftInformation {
    /// `NOT_CHECKED`, always.
    pub stack_drift_status: String,
}

impl Default for DriftInformation {
    fn default() -> Self {
        Self { stack_drift_status: "NOT_CHECKED".to_owned() }
    }
}

/// An output of a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    /// Its name.
    pub output_key: String,
    /// Its value.
    pub output_value: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The name under which other stacks may import it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export_name: Option<String>,
}

/// Asks for all stacks in brief, deleted ones too.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListStacksRequest {
    /// Where the page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// Only those of these statuses; all if empty.
    #[serde(default)]
    pub stack_status_filter: Vec<String>,
}

/// Stacks in brief.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListStacksResponse {
    /// The stacks.
    #[serde(default)]
    pub stack_summaries: Vec<StackSummary>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A stack in brief.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StackSummary {
    /// Its ARN.
    pub stack_id: String,
    /// Its name.
    pub stack_name: String,
    /// Its template's description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_description: Option<String>,
    /// When it was asked for.
    pub creation_time: Timestamp,
    /// When an update was last asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_updated_time: Option<Timestamp>,
    /// When it was gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_time: Option<Timestamp>,
    /// How far it is.
    pub stack_status: StackStatus,
    /// Why it is not further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_status_reason: Option<String>,
    /// Whether it differs from its template: never checked.
    #[serde(default)]
    pub drift_information: DriftInformation,
}

/// Protects a stack from deletion, or ends that.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateTerminationProtectionRequest {
    /// Whether it cannot be deleted.
    pub enable_termination_protection: bool,
    /// Name or ARN.
    pub stack_name: String,
}
