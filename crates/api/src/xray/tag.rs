//! Tags of groups and of sampling rules.

use serde::{Deserialize, Serialize};

crate::operation!(
    TagResource,
    "xray",
    TagResourceRequest,
    TagResourceResponse,
    crate::Http::new("POST", "/TagResource")
);
crate::operation!(
    UntagResource,
    "xray",
    UntagResourceRequest,
    UntagResourceResponse,
    crate::Http::new("POST", "/UntagResource")
);
crate::operation!(
    ListTagsForResource,
    "xray",
    ListTagsForResourceRequest,
    ListTagsForResourceResponse,
    crate::Http::new("POST", "/ListTagsForResource")
);

/// What [`TagResource`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TagResourceRequest {
    /// The group or the sampling rule.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
    /// What is added, or changed.
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
    /// The group or the sampling rule.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
    /// What is taken away.
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
    /// The group or the sampling rule.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// What [`ListTagsForResource`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagsForResourceResponse {
    /// The tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A word and what it says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    /// The word.
    pub key: String,
    /// What it says.
    pub value: String,
}
