//! Tags of authorities, and who may use them.

use names::Timestamp;
use serde::{Deserialize, Serialize};

use super::Done;
use crate::operation;

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    /// Its key, 1 to 128 characters.
    pub key: String,
    /// Its value, up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Asks to hang tags on an authority, beside those it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TagCertificateAuthorityRequest {
    /// The authority.
    pub certificate_authority_arn: String,
    /// The tags, 1 to 50; one whose key is there already replaces it.
    pub tags: Vec<Tag>,
}

/// Asks to take tags off an authority: by key, and where a value is given only if it is that.
pub type UntagCertificateAuthorityRequest = TagCertificateAuthorityRequest;

/// Asks for the tags of an authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListTagsRequest {
    /// The authority.
    pub certificate_authority_arn: String,
    /// How many to answer at most, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<u32>,
    /// Where the answer before this one ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Tags of an authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagsResponse {
    /// The tags, by key.
    pub tags: Vec<Tag>,
    /// Where to go on, if there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Lets a service use an authority: ACM may use every one here, so that it is kept and told, and changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreatePermissionRequest {
    /// The authority.
    pub certificate_authority_arn: String,
    /// The service: `acm.amazonaws.com`.
    pub principal: String,
    /// The account it acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_account: Option<String>,
    /// What it may do, 1 to 3 of these.
    pub actions: Vec<ActionType>,
}

/// What a service may do with an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "operations")]
pub enum ActionType {
    IssueCertificate,
    GetCertificate,
    ListPermissions,
}

/// Takes a service's permission away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeletePermissionRequest {
    /// The authority.
    pub certificate_authority_arn: String,
    /// The service.
    pub principal: String,
    /// The account it acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_account: Option<String>,
}

/// Asks who may use an authority.
pub type ListPermissionsRequest = ListTagsRequest;

/// Who may use an authority.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListPermissionsResponse {
    /// The permissions, by service.
    pub permissions: Vec<Permission>,
    /// Where to go on, if there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A service's permission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Permission {
    /// The authority.
    pub certificate_authority_arn: String,
    /// When it was given.
    pub created_at: Timestamp,
    /// The service.
    pub principal: String,
    /// The account it acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_account: Option<String>,
    /// What it may do.
    pub actions: Vec<ActionType>,
}

operation!(TagCertificateAuthority, "acm-pca", TagCertificateAuthorityRequest, Done);
operation!(UntagCertificateAuthority, "acm-pca", UntagCertificateAuthorityRequest, Done);
operation!(ListTags, "acm-pca", ListTagsRequest, ListTagsResponse);
operation!(CreatePermission, "acm-pca", CreatePermissionRequest, Done);
operation!(DeletePermission, "acm-pca", DeletePermissionRequest, Done);
operation!(ListPermissions, "acm-pca", ListPermissionsRequest, ListPermissionsResponse);
