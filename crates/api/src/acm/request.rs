//! How certificates come: asked for, or brought.

use serde::{Deserialize, Serialize};

use super::{CertificateOptions, Done, KeyAlgorithm, Tag, ValidationMethod};
use crate::{Blob, operation};

/// Asks for a new certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RequestCertificateRequest {
    /// The first domain: a host name, or `*.` and one.
    pub domain_name: String,
    /// How to show that the domains are one's own; nobody asks here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_method: Option<ValidationMethod>,
    /// Other domains, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_alternative_names: Option<Vec<String>>,
    /// Makes a repeated request the same request, for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_token: Option<String>,
    /// Whose mailboxes to ask, where a mail is the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_validation_options: Option<Vec<DomainValidationOption>>,
    /// What may be done with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<CertificateOptions>,
    /// The private authority that is to issue it; the built-in one if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_authority_arn: Option<String>,
    /// Tags to hang on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
    /// The kind of its key; RSA of 2048 bits if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_algorithm: Option<KeyAlgorithm>,
}

/// Whose mailbox to ask for a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DomainValidationOption {
    /// The domain.
    pub domain_name: String,
    /// The domain of the mailbox: the same, or one above it.
    pub validation_domain: String,
}

/// The new certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RequestCertificateResponse {
    /// Its ARN.
    pub certificate_arn: String,
}

/// Brings a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ImportCertificateRequest {
    /// The imported certificate that this one takes the place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_arn: Option<String>,
    /// In PEM.
    pub certificate: Blob,
    /// In PEM, not encrypted.
    pub private_key: Blob,
    /// The authorities above it, nearest first, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_chain: Option<Blob>,
    /// Tags to hang on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
}

/// The imported certificate.
pub type ImportCertificateResponse = RequestCertificateResponse;

/// Asks to change what may be done with a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateCertificateOptionsRequest {
    /// The certificate.
    pub certificate_arn: String,
    /// What may be done from now on.
    pub options: CertificateOptions,
}

operation!(RequestCertificate, "acm", RequestCertificateRequest, RequestCertificateResponse);
operation!(ImportCertificate, "acm", ImportCertificateRequest, ImportCertificateResponse);
operation!(UpdateCertificateOptions, "acm", UpdateCertificateOptionsRequest, Done);
