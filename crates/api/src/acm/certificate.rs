//! A certificate: what is known of it, and the certificate itself.

use names::Timestamp;
use serde::{Deserialize, Serialize};

use crate::operation;

/// How a certificate came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CertificateType {
    /// Somebody else issued it.
    Imported,
    /// The built-in authority did, which stands for Amazon's.
    AmazonIssued,
    /// A private authority did.
    Private,
}

/// How far a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the words of the API; here there are only ISSUED and EXPIRED")]
pub enum CertificateStatus {
    PendingValidation,
    Issued,
    Inactive,
    Expired,
    ValidationTimedOut,
    Revoked,
    Failed,
}

/// The kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words of the API")]
pub enum KeyAlgorithm {
    #[serde(rename = "RSA_1024")]
    Rsa1024,
    #[serde(rename = "RSA_2048")]
    Rsa2048,
    #[serde(rename = "RSA_3072")]
    Rsa3072,
    #[serde(rename = "RSA_4096")]
    Rsa4096,
    #[serde(rename = "EC_prime256v1")]
    EcPrime256v1,
    #[serde(rename = "EC_secp384r1")]
    EcSecp384r1,
    #[serde(rename = "EC_secp521r1")]
    EcSecp521r1,
}

/// How it is shown that a domain is one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ValidationMethod {
    /// By a mail.
    Email,
    /// By a record.
    Dns,
    /// By a page.
    Http,
}

/// How far the proof is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the words of the API; here there is only SUCCESS")]
pub enum DomainStatus {
    PendingValidation,
    Success,
    Failed,
}

/// The proof for one domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DomainValidation {
    /// The domain.
    pub domain_name: String,
    /// The domain whose owner is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_domain: Option<String>,
    /// How far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_status: Option<DomainStatus>,
    /// The record that proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_record: Option<ResourceRecord>,
    /// How it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_method: Option<ValidationMethod>,
}

/// A DNS record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResourceRecord {
    /// Its name.
    pub name: String,
    /// `CNAME`.
    pub r#type: RecordType,
    /// What it says.
    pub value: String,
}

/// The kinds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordType {
    /// Another name.
    Cname,
}

/// What may be done with a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CertificateOptions {
    /// Whether it is written into public logs; there are none here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_transparency_logging_preference: Option<Preference>,
    /// Whether its private key may be exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<Preference>,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Preference {
    /// Yes.
    Enabled,
    /// No.
    Disabled,
}

/// Whether a certificate is renewed by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RenewalEligibility {
    /// It is.
    Eligible,
    /// It is not.
    Ineligible,
}

/// How far a renewal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the words of the API; here there are only SUCCESS and FAILED")]
pub enum RenewalStatus {
    PendingAutoRenewal,
    PendingValidation,
    Success,
    Failed,
}

/// Why a renewal failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureReason {
    /// The private authority is not active.
    PcaInvalidState,
    /// The private authority is gone.
    PcaResourceNotFound,
    /// Something else.
    Other,
}

/// The last renewal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RenewalSummary {
    /// How far it is.
    pub renewal_status: RenewalStatus,
    /// The proofs of its domains.
    pub domain_validation_options: Vec<DomainValidation>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal_status_reason: Option<FailureReason>,
    /// When that was.
    pub updated_at: Timestamp,
}

/// What a key may be used for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyUsage {
    /// The use.
    pub name: KeyUsageName,
}

/// The uses of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KeyUsageName {
    /// To sign.
    DigitalSignature,
    /// To encrypt keys.
    KeyEncipherment,
}

/// What a certificate may be used for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExtendedKeyUsage {
    /// The use.
    pub name: ExtendedKeyUsageName,
    /// Its number.
    #[serde(rename = "OID")]
    pub oid: String,
}

/// The uses of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExtendedKeyUsageName {
    /// By a server.
    TlsWebServerAuthentication,
    /// By a client.
    TlsWebClientAuthentication,
}

/// All that is known of a certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CertificateDetail {
    /// Its ARN.
    pub certificate_arn: String,
    /// Its first domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_name: Option<String>,
    /// All its domains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_alternative_names: Vec<String>,
    /// The proofs of its domains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domain_validation_options: Vec<DomainValidation>,
    /// Its number.
    pub serial: String,
    /// Whom it is for.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// When it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Timestamp>,
    /// When it was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported_at: Option<Timestamp>,
    /// How far it is.
    pub status: CertificateStatus,
    /// From when it holds.
    pub not_before: Timestamp,
    /// Until when it holds.
    pub not_after: Timestamp,
    /// The kind of its key.
    pub key_algorithm: KeyAlgorithm,
    /// How it is signed.
    pub signature_algorithm: String,
    /// The ARNs of what uses it.
    pub in_use_by: Vec<String>,
    /// How it came to be.
    pub r#type: CertificateType,
    /// The last renewal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal_summary: Option<RenewalSummary>,
    /// What its key may be used for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_usages: Vec<KeyUsage>,
    /// What it may be used for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extended_key_usages: Vec<ExtendedKeyUsage>,
    /// The private authority that issued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_authority_arn: Option<String>,
    /// Whether it is renewed by itself.
    pub renewal_eligibility: RenewalEligibility,
    /// What may be done with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<CertificateOptions>,
}

/// Names a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeCertificateRequest {
    /// Its ARN.
    pub certificate_arn: String,
}

/// All that is known of a certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeCertificateResponse {
    /// The certificate.
    pub certificate: CertificateDetail,
}

/// Asks for the certificate itself.
pub type GetCertificateRequest = DescribeCertificateRequest;

/// The certificate itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetCertificateResponse {
    /// In PEM.
    pub certificate: String,
    /// The authorities above it, nearest first, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_chain: Option<String>,
}

/// Asks to delete a certificate.
pub type DeleteCertificateRequest = DescribeCertificateRequest;

/// Asks to renew a certificate now.
pub type RenewCertificateRequest = DescribeCertificateRequest;

/// It is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}

/// Asks for a certificate with its private key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ExportCertificateRequest {
    /// The certificate.
    pub certificate_arn: String,
    /// What to encrypt the private key with, 4 to 128 bytes.
    pub passphrase: crate::Blob,
}

/// A certificate with its private key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExportCertificateResponse {
    /// In PEM.
    pub certificate: String,
    /// The authorities above it, nearest first, in PEM.
    pub certificate_chain: String,
    /// In PKCS#8, encrypted, in PEM.
    pub private_key: String,
}

operation!(DescribeCertificate, "acm", DescribeCertificateRequest, DescribeCertificateResponse);
operation!(GetCertificate, "acm", GetCertificateRequest, GetCertificateResponse);
operation!(DeleteCertificate, "acm", DeleteCertificateRequest, Done);
operation!(RenewCertificate, "acm", RenewCertificateRequest, Done);
operation!(ExportCertificate, "acm", ExportCertificateRequest, ExportCertificateResponse);
