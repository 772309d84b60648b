//! What authorities sign.

use serde::{Deserialize, Serialize};

use super::{Asn1Subject, GeneralName, SigningAlgorithm};
use crate::{Blob, operation};

/// Asks an authority to sign a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct IssueCertificateRequest {
    /// What to take instead of what the request says; only with a template whose name says `APIPassthrough`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_passthrough: Option<ApiPassthrough>,
    /// The authority.
    pub certificate_authority_arn: String,
    /// The request (PKCS#10) in PEM.
    pub csr: Blob,
    /// How to sign: with the authority's own kind of key.
    pub signing_algorithm: SigningAlgorithm,
    /// What kind of certificate; `EndEntityCertificate/V1` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_arn: Option<String>,
    /// Until when it is to hold.
    pub validity: Validity,
    /// From when it is to hold, `END_DATE` or `ABSOLUTE`; from an hour ago if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity_not_before: Option<Validity>,
    /// Makes a repeated request the same request, for five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_token: Option<String>,
}

/// What to take instead of what a request says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ApiPassthrough {
    /// The names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Extensions>,
    /// The subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Asn1Subject>,
}

/// Extensions of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Extensions {
    /// The names it speaks for, 1 to 150.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_alternative_names: Option<Vec<GeneralName>>,
}

/// A length of time, or an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Validity {
    /// How many, or which moment.
    pub value: u64,
    /// What `value` counts.
    pub r#type: ValidityPeriodType,
}

/// What a [`Validity`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ValidityPeriodType {
    /// A moment in UTC, as digits: `YYYYMMDDHHMMSS`, or `YYMMDDHHMMSS`.
    EndDate,
    /// A moment, in seconds since 1970.
    Absolute,
    /// Days.
    Days,
    /// Months, of thirty days.
    Months,
    /// Years, of 365 days.
    Years,
}

/// What was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IssueCertificateResponse {
    /// The certificate's ARN.
    pub certificate_arn: String,
}

/// Asks for what was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetCertificateRequest {
    /// The authority.
    pub certificate_authority_arn: String,
    /// The certificate.
    pub certificate_arn: String,
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetCertificateResponse {
    /// In PEM.
    pub certificate: String,
    /// The authorities above it, nearest first, in PEM; a root has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_chain: Option<String>,
}

operation!(IssueCertificate, "acm-pca", IssueCertificateRequest, IssueCertificateResponse);
operation!(GetCertificate, "acm-pca", GetCertificateRequest, GetCertificateResponse);
