//! Tags of alarms.

use serde::{Deserialize, Serialize};

use super::Done;

crate::operation!(TagResource, "monitoring", TagResourceRequest, Done);
crate::operation!(UntagResource, "monitoring", UntagResourceRequest, Done);
crate::operation!(ListTagsForResource, "monitoring", ListTagsForResourceRequest, ListTagsForResourceResponse);

/// A tag.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    /// Its key, 1 to 128 characters.
    pub key: String,
    /// Its value, up to 256 characters.
    pub value: String,
}

/// What [`TagResource`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TagResourceRequest {
    /// The alarm's ARN.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
    /// Tags to add or change.
    pub tags: Vec<Tag>,
}

/// What [`UntagResource`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UntagResourceRequest {
    /// The alarm's ARN.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
    /// Keys of tags to take away.
    pub tag_keys: Vec<String>,
}

/// What [`ListTagsForResource`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListTagsForResourceRequest {
    /// The alarm's ARN.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
}

/// What [`ListTagsForResource`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagsForResourceResponse {
    /// Its tags, by key.
    pub tags: Vec<Tag>,
}
