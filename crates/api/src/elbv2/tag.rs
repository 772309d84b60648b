//! Tags.

use serde::{Deserialize, Serialize};

use super::Empty;
use crate::operation;

/// One tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    /// The key.
    pub key: String,
    /// The value; may be empty.
    #[serde(default)]
    pub value: String,
}

operation!(AddTags, "elasticloadbalancing", AddTagsRequest, Empty);
operation!(RemoveTags, "elasticloadbalancing", RemoveTagsRequest, Empty);
operation!(DescribeTags, "elasticloadbalancing", DescribeTagsRequest, DescribeTagsResponse);

/// Adds tags to resources.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AddTagsRequest {
    /// ARNs of load balancers, listeners or target groups.
    pub resource_arns: Vec<String>,
    /// The tags.
    pub tags: Vec<Tag>,
}

/// Removes tags from resources.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RemoveTagsRequest {
    /// ARNs.
    pub resource_arns: Vec<String>,
    /// Keys of the tags to remove.
    pub tag_keys: Vec<String>,
}

/// Asks for the tags of resources.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeTagsRequest {
    /// ARNs.
    pub resource_arns: Vec<String>,
}

/// The tags of resources.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeTagsResponse {
    /// One entry a resource.
    #[serde(default)]
    pub tag_descriptions: Vec<TagDescription>,
}

/// A resource's tags.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagDescription {
    /// The resource.
    pub resource_arn: String,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
}
