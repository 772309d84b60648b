//! Tags on roles.

use serde::{Deserialize, Serialize};

crate::operation!(TagRole, "iam", TagRoleRequest, TagRoleResponse);
crate::operation!(UntagRole, "iam", UntagRoleRequest, UntagRoleResponse);
crate::operation!(ListRoleTags, "iam", ListRoleTagsRequest, ListRoleTagsResponse);

/// A tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// What [`TagRole`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TagRoleRequest {
    /// The role.
    pub role_name: String,
    /// Tags to add or change.
    pub tags: Vec<Tag>,
}

/// What [`TagRole`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagRoleResponse {}

/// What [`UntagRole`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UntagRoleRequest {
    /// The role.
    pub role_name: String,
    /// Keys of tags to take away.
    pub tag_keys: Vec<String>,
}

/// What [`UntagRole`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UntagRoleResponse {}

/// What [`ListRoleTags`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListRoleTagsRequest {
    /// The role.
    pub role_name: String,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// How many at most, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_items: Option<i32>,
}

/// What [`ListRoleTags`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListRoleTagsResponse {
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// Whether there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_truncated: Option<bool>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
}
