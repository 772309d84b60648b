//! What stacks give each other.

use serde::{Deserialize, Serialize};

use crate::operation;

operation!(ListExports, "cloudformation", ListExportsRequest, ListExportsResponse);
operation!(ListImports, "cloudformation", ListImportsRequest, ListImportsResponse);

/// Asks for all exports.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListExportsRequest {
    /// Where the page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Exports.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListExportsResponse {
    /// The exports, by name.
    #[serde(default)]
    pub exports: Vec<Export>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// An output that other stacks may import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Export {
    /// The ARN of the stack it is an output of.
    pub exporting_stack_id: String,
    /// Its name, which no other export has.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Asks who imports an export.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListImportsRequest {
    /// The export's name.
    pub export_name: String,
    /// Where the page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Who imports an export.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListImportsResponse {
    /// The stacks' names.
    #[serde(default)]
    pub imports: Vec<String>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}
