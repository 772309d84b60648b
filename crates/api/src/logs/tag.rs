//! Tags on log groups, in the old and in the new spelling.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

crate::operation!(TagResource, "logs", TagResourceRequest, TagResourceResponse);
crate::operation!(UntagResource, "logs", UntagResourceRequest, UntagResourceResponse);
crate::operation!(ListTagsForResource, "logs", ListTagsForResourceRequest, ListTagsForResourceResponse);
crate::operation!(TagLogGroup, "logs", TagLogGroupRequest, TagLogGroupResponse);
crate::operation!(UntagLogGroup, "logs", UntagLogGroupRequest, UntagLogGroupResponse);
crate::operation!(ListTagsLogGroup, "logs", ListTagsLogGroupRequest, ListTagsLogGroupResponse);

/// What [`TagResource`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TagResourceRequest {
    /// The group's ARN.
    pub resource_arn: String,
    /// Tags to add or change.
    pub tags: BTreeMap<String, String>,
}

/// What [`TagResource`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TagResourceResponse {}

/// What [`UntagResource`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UntagResourceRequest {
    /// The group's ARN.
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
    /// The group's ARN.
    pub resource_arn: String,
}

/// What [`ListTagsForResource`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTagsForResourceResponse {
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// What [`TagLogGroup`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TagLogGroupRequest {
    /// The group.
    pub log_group_name: String,
    /// Tags to add or change.
    pub tags: BTreeMap<String, String>,
}

/// What [`TagLogGroup`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TagLogGroupResponse {}

/// What [`UntagLogGroup`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UntagLogGroupRequest {
    /// The group.
    pub log_group_name: String,
    /// Keys of tags to take away.
    pub tags: Vec<String>,
}

/// What [`UntagLogGroup`] answers: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UntagLogGroupResponse {}

/// What [`ListTagsLogGroup`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListTagsLogGroupRequest {
    /// The group.
    pub log_group_name: String,
}

/// What [`ListTagsLogGroup`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTagsLogGroupResponse {
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}
