//! Tags on what is there already.

use serde::{Deserialize, Serialize};

use super::{Done, Filter, Tag};
use crate::operation;

operation!(CreateTags, "ec2", CreateTagsRequest, Done);
operation!(DeleteTags, "ec2", DeleteTagsRequest, Done);
operation!(DescribeTags, "ec2", DescribeTagsRequest, DescribeTagsResponse);

/// Hangs tags on resources; a key that is there gets the new value.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateTagsRequest {
    /// The resources' ids.
    #[serde(default, rename = "ResourceId")]
    pub resources: Vec<String>,
    /// The tags.
    #[serde(default, rename = "Tag")]
    pub tags: Vec<Tag>,
}

/// A tag to take away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TagToDelete {
    /// The key.
    pub key: String,
    /// Only if it has this value; whatever its value without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Takes tags from resources; all of them without `tags`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteTagsRequest {
    /// The resources' ids.
    #[serde(default, rename = "ResourceId")]
    pub resources: Vec<String>,
    /// The tags.
    #[serde(default, rename = "Tag")]
    pub tags: Vec<TagToDelete>,
}

/// Asks for tags; for all without filters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeTagsRequest {
    /// Filters, all of which must hold: `key`, `value`, `resource-id`, `resource-type`, `tag:<key>`.
    #[serde(default, rename = "Filter")]
    pub filters: Vec<Filter>,
    /// Items on a page, 5 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<u32>,
    /// Where the page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Tags and what they hang on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeTagsResponse {
    /// The tags.
    #[serde(default, rename = "tagSet")]
    pub tags: Vec<TagDescription>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A tag and what it hangs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TagDescription {
    /// The key.
    pub key: String,
    /// The value.
    #[serde(default)]
    pub value: String,
    /// The resource's id.
    pub resource_id: String,
    /// What the resource is: `vpc`, `subnet`.
    pub resource_type: String,
}
