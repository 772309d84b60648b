//! Lists of certificates.

use names::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CertificateStatus, CertificateType, KeyAlgorithm, RenewalEligibility};
use crate::operation;

/// Asks for certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListCertificatesRequest {
    /// Of these states alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_statuses: Option<Vec<CertificateStatus>>,
    /// Of these kinds alone; those with keys of RSA of 1024 and 2048 bits if nothing is said of keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub includes: Option<Filters>,
    /// Where the answer before this one ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many to answer at most, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_items: Option<u32>,
    /// What to sort by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort_by: Option<SortBy>,
    /// Which way to sort; needed where `sort_by` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort_order: Option<SortOrder>,
}

/// Which certificates are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filters {
    /// With keys of these kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_types: Option<Vec<KeyAlgorithm>>,
}

/// What certificates can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SortBy {
    /// When they were created.
    CreatedAt,
}

/// Which way things are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SortOrder {
    /// The first comes first.
    Ascending,
    /// The last comes first.
    Descending,
}

/// Certificates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListCertificatesResponse {
    /// Where to go on, if there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// The certificates.
    pub certificate_summary_list: Vec<CertificateSummary>,
}

/// A certificate in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CertificateSummary {
    /// Its ARN.
    pub certificate_arn: String,
    /// Its first domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_name: Option<String>,
    /// Its domains, the first hundred.
    pub subject_alternative_name_summaries: Vec<String>,
    /// Whether it has more.
    pub has_additional_subject_alternative_names: bool,
    /// How far it is.
    pub status: CertificateStatus,
    /// How it came to be.
    pub r#type: CertificateType,
    /// The kind of its key.
    pub key_algorithm: KeyAlgorithm,
    /// Whether its key was ever exported.
    pub exported: bool,
    /// Whether it is renewed by itself.
    pub renewal_eligibility: RenewalEligibility,
    /// From when it holds.
    pub not_before: Timestamp,
    /// Until when it holds.
    pub not_after: Timestamp,
    /// When it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Timestamp>,
    /// When it was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported_at: Option<Timestamp>,
}

operation!(ListCertificates, "acm", ListCertificatesRequest, ListCertificatesResponse);
