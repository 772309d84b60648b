//! Tags of certificates.

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

/// Asks to hang tags on a certificate, beside those it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AddTagsToCertificateRequest {
    /// The certificate.
    pub certificate_arn: String,
    /// The tags, 1 to 50; one whose key is there already replaces it.
    pub tags: Vec<Tag>,
}

/// Asks to take tags off a certificate: by key, and where a value is given only if it is that.
pub type RemoveTagsFromCertificateRequest = AddTagsToCertificateRequest;

/// Asks for the tags of a certificate.
pub type ListTagsForCertificateRequest = super::DescribeCertificateRequest;

/// Tags of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagsForCertificateResponse {
    /// The tags, by key.
    pub tags: Vec<Tag>,
}

operation!(AddTagsToCertificate, "acm", AddTagsToCertificateRequest, Done);
operation!(RemoveTagsFromCertificate, "acm", RemoveTagsFromCertificateRequest, Done);
operation!(ListTagsForCertificate, "acm", ListTagsForCertificateRequest, ListTagsForCertificateResponse);
