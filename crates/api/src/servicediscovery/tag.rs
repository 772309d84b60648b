//! Tags on namespaces and services.

use serde::{Deserialize, Serialize};

crate::operation!(TagResource, "servicediscovery", TagResourceRequest, TagResourceResponse);
crate::operation!(UntagResource, "servicediscovery", UntagResourceRequest, UntagResourceResponse);
crate::operation!(ListTagsForResource, "servicediscovery", ListTagsForResourceRequest, ListTagsForResourceResponse);

/// A tag.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// What [`TagResource`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TagResourceRequest {
    /// A namespace or service.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
    /// Tags to add or change.
    pub tags: Vec<Tag>,
}

/// What [`TagResource`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResourceResponse {}

/// What [`UntagResource`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UntagResourceRequest {
    /// A namespace or service.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
    /// Keys of tags to take away.
    pub tag_keys: Vec<String>,
}

/// What [`UntagResource`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UntagResourceResponse {}

/// What [`ListTagsForResource`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListTagsForResourceRequest {
    /// A namespace or service.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
}

/// What [`ListTagsForResource`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagsForResourceResponse {
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
}
