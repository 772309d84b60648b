//! Tags on clusters, task definitions, services and tasks.

use serde::{Deserialize, Serialize};

use super::Tag;

crate::operation!(TagResource, "ecs", TagResourceRequest, TagResourceResponse);
crate::operation!(UntagResource, "ecs", UntagResourceRequest, UntagResourceResponse);
crate::operation!(ListTagsForResource, "ecs", ListTagsForResourceRequest, ListTagsForResourceResponse);

/// What [`TagResource`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TagResourceRequest {
    /// A cluster, task definition, service or task.
    pub resource_arn: String,
    /// Tags to add or change.
    pub tags: Vec<Tag>,
}

/// What [`TagResource`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TagResourceResponse {}

/// What [`UntagResource`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UntagResourceRequest {
    /// A cluster, task definition, service or task.
    pub resource_arn: String,
    /// Keys of tags to take away.
    pub tag_keys: Vec<String>,
}

/// What [`UntagResource`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UntagResourceResponse {}

/// What [`ListTagsForResource`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListTagsForResourceRequest {
    /// A cluster, task definition, service or task.
    pub resource_arn: String,
}

/// What [`ListTagsForResource`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTagsForResourceResponse {
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
}
