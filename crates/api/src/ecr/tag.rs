//! Tags of a repository.

use serde::{Deserialize, Serialize};

crate::operation!(TagResource, "ecr", TagResourceRequest, TagResourceResponse);
crate::operation!(UntagResource, "ecr", UntagResourceRequest, UntagResourceResponse);
crate::operation!(ListTagsForResource, "ecr", ListTagsForResourceRequest, ListTagsForResourceResponse);

/// A key and a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    /// The key, 1 to 128 characters.
    pub key: String,
    /// The value, at most 256 characters.
    pub value: String,
}

/// What [`TagResource`] takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TagResourceRequest {
    /// The repository.
    pub resource_arn: String,
    /// What to set.
    pub tags: Vec<Tag>,
}

/// What [`TagResource`] answers: nothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TagResourceResponse {}

/// What [`UntagResource`] takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UntagResourceRequest {
    /// The repository.
    pub resource_arn: String,
    /// Which keys to take off.
    pub tag_keys: Vec<String>,
}

/// What [`UntagResource`] answers: nothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct UntagResourceResponse {}

/// What [`ListTagsForResource`] takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListTagsForResourceRequest {
    /// The repository.
    pub resource_arn: String,
}

/// What [`ListTagsForResource`] answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTagsForResourceResponse {
    /// The tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
}
