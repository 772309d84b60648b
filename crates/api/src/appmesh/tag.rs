//! Tags of any resource, by its ARN.

use serde::{Deserialize, Serialize};

use super::TagRef;
use crate::{Http, operation};

/// Asks to hang tags on a resource, beside those it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TagResourceRequest {
    /// The resource.
    pub resource_arn: String,
    /// The tags; one whose key is there already replaces it.
    pub tags: Vec<TagRef>,
}

/// The tags are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TagResourceResponse {}

/// Asks to take tags off a resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UntagResourceRequest {
    /// The resource.
    pub resource_arn: String,
    /// The keys of the tags to take off.
    pub tag_keys: Vec<String>,
}

/// The tags are off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UntagResourceResponse {}

/// Asks for the tags of a resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListTagsForResourceRequest {
    /// The resource.
    pub resource_arn: String,
    /// How many to answer at most, 1 to 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the answer before this one ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Tags of a resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTagsForResourceResponse {
    /// The tags, by key.
    pub tags: Vec<TagRef>,
    /// Where to go on, if there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

operation!(
    TagResource,
    "appmesh",
    TagResourceRequest,
    TagResourceResponse,
    Http::new("PUT", "/v20190125/tag").query(&["resourceArn"])
);
operation!(
    UntagResource,
    "appmesh",
    UntagResourceRequest,
    UntagResourceResponse,
    Http::new("PUT", "/v20190125/untag").query(&["resourceArn"])
);
operation!(
    ListTagsForResource,
    "appmesh",
    ListTagsForResourceRequest,
    ListTagsForResourceResponse,
    Http::new("GET", "/v20190125/tags").query(&["resourceArn", "limit", "nextToken"])
);
