//! Shapes that many operations share.

use serde::{Deserialize, Serialize};

/// A tag, as requests spell it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    /// The key.
    pub key: String,
    /// The value; empty if left out.
    #[serde(default)]
    pub value: String,
}

/// Tags for what an operation makes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TagSpecification {
    /// What the tags are for: `vpc`, `subnet`, `security-group`.
    pub resource_type: String,
    /// The tags.
    #[serde(default, rename = "Tag")]
    pub tags: Vec<Tag>,
}

/// A tag, as answers spell it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagItem {
    /// The key.
    pub key: String,
    /// The value.
    #[serde(default)]
    pub value: String,
}

/// Narrows what is described to what has one of the values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Filter {
    /// The filter's name: `vpc-id`, `tag:Name`.
    pub name: String,
    /// The values, any of which will do; `*` and `?` stand for any text and any letter.
    #[serde(default, rename = "Value")]
    pub values: Vec<String>,
}

/// A boolean inside a structure, as attributes have it in requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AttributeBooleanValue {
    /// The value.
    pub value: bool,
}

/// The answer of an operation that has nothing more to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Always true.
    #[serde(rename = "return")]
    pub done: bool,
}

impl Default for Done {
    fn default() -> Self {
        Self { done: true }
    }
}

/// A security group, named in passing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupIdentifier {
    /// Its id.
    pub group_id: String,
    /// Its name.
    pub group_name: String,
}
