//! Authorities.

use names::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Asn1Subject, Tag};
use crate::{Blob, operation};

/// What an authority is made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CertificateAuthorityConfiguration {
    /// The kind of its key.
    pub key_algorithm: KeyAlgorithm,
    /// How it signs.
    pub signing_algorithm: SigningAlgorithm,
    /// Who it is.
    pub subject: Asn1Subject,
}

/// The kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words of the API")]
pub enum KeyAlgorithm {
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
}

/// The ways of signing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the words of the API")]
pub enum SigningAlgorithm {
    Sha256WithEcdsa,
    Sha384WithEcdsa,
    Sha256WithRsa,
    Sha384WithRsa,
    Sha512WithRsa,
}

/// Whether an authority stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CertificateAuthorityType {
    /// It signs itself.
    Root,
    /// Another one signs it.
    Subordinate,
}

/// How far an authority is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CertificateAuthorityStatus {
    /// Its key is being made; never seen here.
    Creating,
    /// It has a key and no certificate yet.
    PendingCertificate,
    /// It signs.
    Active,
    /// It is deleted, and can be restored for a while.
    Deleted,
    /// It was told not to sign.
    Disabled,
    /// Its certificate is at its end.
    Expired,
    /// It could not be made; never seen here.
    Failed,
}

/// How long what an authority signs may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CertificateAuthorityUsageMode {
    /// As long as the authority itself.
    GeneralPurpose,
    /// Seven days.
    ShortLivedCertificate,
}

/// How its key is kept: told, and the same here whatever it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words of the API")]
pub enum KeyStorageSecurityStandard {
    #[serde(rename = "FIPS_140_2_LEVEL_2_OR_HIGHER")]
    Fips1402Level2OrHigher,
    #[serde(rename = "FIPS_140_2_LEVEL_3_OR_HIGHER")]
    Fips1402Level3OrHigher,
    #[serde(rename = "CCPC_LEVEL_1_OR_HIGHER")]
    CcpcLevel1OrHigher,
}

/// How it is told that a certificate holds no longer; nothing is revoked here, so neither way may be enabled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RevocationConfiguration {
    /// By lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crl_configuration: Option<RevocationWay>,
    /// By asking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ocsp_configuration: Option<RevocationWay>,
}

/// A way to tell that a certificate holds no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RevocationWay {
    /// Whether it is gone.
    pub enabled: bool,
}

/// Asks for a new authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateCertificateAuthorityRequest {
    /// What it is made with.
    pub certificate_authority_configuration: CertificateAuthorityConfiguration,
    /// How it tells that a certificate holds no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_configuration: Option<RevocationConfiguration>,
    /// Whether it stands alone.
    pub certificate_authority_type: CertificateAuthorityType,
    /// Makes a repeated request the same request, for five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_token: Option<String>,
    /// How its key is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_storage_security_standard: Option<KeyStorageSecurityStandard>,
    /// Tags to hang on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
    /// How long what it signs may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_mode: Option<CertificateAuthorityUsageMode>,
}

/// The new authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateCertificateAuthorityResponse {
    /// Its ARN.
    pub certificate_authority_arn: String,
}

/// Names an authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeCertificateAuthorityRequest {
    /// Its ARN.
    pub certificate_authority_arn: String,
}

/// All that is known of an authority.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeCertificateAuthorityResponse {
    /// The authority.
    pub certificate_authority: CertificateAuthority,
}

/// An authority.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CertificateAuthority {
    /// Its ARN.
    pub arn: String,
    /// Whose it is.
    pub owner_account: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its status changed last.
    pub last_state_change_at: Timestamp,
    /// Whether it stands alone.
    pub r#type: CertificateAuthorityType,
    /// The number of its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// How far it is.
    pub status: CertificateAuthorityStatus,
    /// From when its certificate holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Until when its certificate holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// What it was made with.
    pub certificate_authority_configuration: CertificateAuthorityConfiguration,
    /// How it tells that a certificate holds no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_configuration: Option<RevocationConfiguration>,
    /// Until when it can be restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restorable_until: Option<Timestamp>,
    /// How its key is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_storage_security_standard: Option<KeyStorageSecurityStandard>,
    /// How long what it signs may hold.
    pub usage_mode: CertificateAuthorityUsageMode,
}

/// Asks for an authority's request for a certificate of its own.
pub type GetCertificateAuthorityCsrRequest = DescribeCertificateAuthorityRequest;

/// An authority's request for a certificate of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetCertificateAuthorityCsrResponse {
    /// In PEM.
    pub csr: String,
}

/// Asks for an authority's certificate.
pub type GetCertificateAuthorityCertificateRequest = DescribeCertificateAuthorityRequest;

/// Gives an authority its certificate, which makes it active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ImportCertificateAuthorityCertificateRequest {
    /// The authority.
    pub certificate_authority_arn: String,
    /// In PEM.
    pub certificate: Blob,
    /// The authorities above it, nearest first, in PEM; a root has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_chain: Option<Blob>,
}

/// Asks for authorities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListCertificateAuthoritiesRequest {
    /// How many to answer at most, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<u32>,
    /// Where the answer before this one ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// Whose; one's own if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_owner: Option<ResourceOwner>,
}

/// Whose authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ResourceOwner {
    /// One's own.
    #[serde(rename = "SELF")]
    Own,
    /// Those that others share; nobody shares any here.
    OtherAccounts,
}

/// Authorities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListCertificateAuthoritiesResponse {
    /// Where to go on, if there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// The authorities.
    pub certificate_authorities: Vec<CertificateAuthority>,
}

/// Asks to delete an authority, for good after a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteCertificateAuthorityRequest {
    /// The authority.
    pub certificate_authority_arn: String,
    /// For how long it can be restored, in days, 7 to 30; 30 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permanent_deletion_time_in_days: Option<u32>,
}

/// Asks to bring a deleted authority back.
pub type RestoreCertificateAuthorityRequest = DescribeCertificateAuthorityRequest;

/// Asks to change an authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateCertificateAuthorityRequest {
    /// The authority.
    pub certificate_authority_arn: String,
    /// How it tells that a certificate holds no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_configuration: Option<RevocationConfiguration>,
    /// `ACTIVE` or `DISABLED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<CertificateAuthorityStatus>,
}

/// It is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}

operation!(
    CreateCertificateAuthority,
    "acm-pca",
    CreateCertificateAuthorityRequest,
    CreateCertificateAuthorityResponse
);
operation!(
    DescribeCertificateAuthority,
    "acm-pca",
    DescribeCertificateAuthorityRequest,
    DescribeCertificateAuthorityResponse
);
operation!(
    GetCertificateAuthorityCsr,
    "acm-pca",
    GetCertificateAuthorityCsrRequest,
    GetCertificateAuthorityCsrResponse
);
operation!(
    GetCertificateAuthorityCertificate,
    "acm-pca",
    GetCertificateAuthorityCertificateRequest,
    super::GetCertificateResponse
);
operation!(ImportCertificateAuthorityCertificate, "acm-pca", ImportCertificateAuthorityCertificateRequest, Done);
operation!(
    ListCertificateAuthorities,
    "acm-pca",
    ListCertificateAuthoritiesRequest,
    ListCertificateAuthoritiesResponse
);
operation!(DeleteCertificateAuthority, "acm-pca", DeleteCertificateAuthorityRequest, Done);
operation!(RestoreCertificateAuthority, "acm-pca", RestoreCertificateAuthorityRequest, Done);
operation!(UpdateCertificateAuthority, "acm-pca", UpdateCertificateAuthorityRequest, Done);
