//! Templates.

use serde::{Deserialize, Serialize};

use super::Capability;
use crate::operation;

operation!(GetTemplate, "cloudformation", GetTemplateRequest, GetTemplateResponse);
operation!(GetTemplateSummary, "cloudformation", GetTemplateSummaryRequest, GetTemplateSummaryResponse);
operation!(ValidateTemplate, "cloudformation", ValidateTemplateRequest, ValidateTemplateResponse);

/// Asks for the template of a stack or change set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetTemplateRequest {
    /// The stack's name or ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_name: Option<String>,
    /// The change set's name or ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_set_name: Option<String>,
    /// `Original` or `Processed`, which are the same without macros.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_stage: Option<String>,
}

/// A template.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetTemplateResponse {
    /// The template, letter by letter as it was given.
    pub template_body: String,
    /// `Original` and `Processed`.
    #[serde(default)]
    pub stages_available: Vec<String>,
}

/// Asks what a template needs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetTemplateSummaryRequest {
    /// The template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_body: Option<String>,
    /// Where the template lies; refused, since there is no S3.
    #[serde(default, rename = "TemplateURL", skip_serializing_if = "Option::is_none")]
    pub template_url: Option<String>,
    /// The stack whose template it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_name: Option<String>,
}

/// What a template needs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetTemplateSummaryResponse {
    /// Its parameters.
    #[serde(default)]
    pub parameters: Vec<ParameterDeclaration>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What its deployer must have understood.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities_reason: Option<String>,
    /// The types of its resources.
    #[serde(default)]
    pub resource_types: Vec<String>,
    /// `2010-09-09`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// For tools, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
}

/// A parameter that a template declares.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ParameterDeclaration {
    /// Its name.
    pub parameter_key: String,
    /// The value it takes when none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_value: Option<String>,
    /// Its type.
    pub parameter_type: String,
    /// Whether its value is not to be shown.
    #[serde(default)]
    pub no_echo: bool,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What its values are held to.
    #[serde(default)]
    pub parameter_constraints: ParameterConstraints,
}

/// What a parameter's values are held to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ParameterConstraints {
    /// The values it may take; empty means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_values: Vec<String>,
}

/// Asks whether a template could be right.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ValidateTemplateRequest {
    /// The template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_body: Option<String>,
    /// Where the template lies; refused, since there is no S3.
    #[serde(default, rename = "TemplateURL", skip_serializing_if = "Option::is_none")]
    pub template_url: Option<String>,
}

/// A template could be right.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ValidateTemplateResponse {
    /// Its parameters.
    #[serde(default)]
    pub parameters: Vec<TemplateParameter>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What its deployer must have understood.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities_reason: Option<String>,
}

/// A parameter that a template declares, in brief.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TemplateParameter {
    /// Its name.
    pub parameter_key: String,
    /// The value it takes when none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_value: Option<String>,
    /// Whether its value is not to be shown.
    #[serde(default)]
    pub no_echo: bool,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}
