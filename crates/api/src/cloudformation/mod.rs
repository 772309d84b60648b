//! CloudFormation (2010-05-15): stacks of resources that come, change and go together.
//!
//! Parameters of the published model that steer what is not here (stack policies, imports of existing resources,
//! rollback triggers, notifications) have no member, so that they are refused by name.

mod change_set;
mod event;
mod export;
mod resource;
mod stack;
mod status;
mod template;

pub use change_set::*;
pub use event::*;
pub use export::*;
pub use resource::*;
pub use stack::*;
pub use status::*;
pub use template::*;

use serde::{Deserialize, Serialize};

/// An answer that says nothing but that it is done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// A parameter of a template with the value that a deployment gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Parameter {
    /// Its name.
    pub parameter_key: String,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_value: Option<String>,
    /// Takes the value of the deployment before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_previous_value: Option<bool>,
}

/// A tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    /// Its name.
    pub key: String,
    /// What it says.
    pub value: String,
}

/// An answer that names the stack.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StackIdResponse {
    /// The stack's ARN.
    pub stack_id: String,
}

/// Names a stack, and the page of an answer that may have several.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct StackPageRequest {
    /// The stack's name or ARN.
    pub stack_name: String,
    /// Where the page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}
