//! TLS of listeners and of clients toward their backends.

use serde::{Deserialize, Serialize};

/// TLS of a listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListenerTls {
    /// The certificate to show.
    pub certificate: ListenerTlsCertificate,
    /// Whether TLS is needed.
    pub mode: ListenerTlsMode,
    /// What a client's certificate must be, if one is demanded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<ListenerTlsValidationContext>,
}

/// Whether a listener needs TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ListenerTlsMode {
    /// With TLS alone.
    Strict,
    /// With TLS or without.
    Permissive,
    /// Without TLS alone.
    Disabled,
}

/// The certificate of a listener: one member of the union.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListenerTlsCertificate {
    /// From AWS Certificate Manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acm: Option<ListenerTlsAcmCertificate>,
    /// From files beside the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<ListenerTlsFileCertificate>,
    /// From a secret discovery service beside the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sds: Option<ListenerTlsSdsCertificate>,
}

/// A certificate of AWS Certificate Manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListenerTlsAcmCertificate {
    /// Its ARN.
    pub certificate_arn: String,
}

/// A certificate in files beside the proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListenerTlsFileCertificate {
    /// The file of the chain, in PEM.
    pub certificate_chain: String,
    /// The file of the private key, in PEM.
    pub private_key: String,
}

/// A certificate of a secret discovery service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListenerTlsSdsCertificate {
    /// The secret's name.
    pub secret_name: String,
}

/// What a client's certificate must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListenerTlsValidationContext {
    /// The names it must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_alternative_names: Option<SubjectAlternativeNames>,
    /// Who must have signed it.
    pub trust: ListenerTlsValidationContextTrust,
}

/// Who must have signed a client's certificate: one member of the union.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListenerTlsValidationContextTrust {
    /// The authorities of a file beside the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<TlsValidationContextFileTrust>,
    /// The authorities of a secret discovery service beside the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sds: Option<TlsValidationContextSdsTrust>,
}

/// The names a certificate must have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubjectAlternativeNames {
    /// How they are compared.
    pub r#match: SubjectAlternativeNameMatchers,
}

/// How the names of a certificate are compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubjectAlternativeNameMatchers {
    /// One of these, letter by letter.
    pub exact: Vec<String>,
}

/// How a client speaks to its backends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientPolicy {
    /// With TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientPolicyTls>,
}

/// TLS of a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientPolicyTls {
    /// The certificate to show, if the backend demands one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<ClientTlsCertificate>,
    /// Whether TLS is a must; yes if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforce: Option<bool>,
    /// For which of the backend's ports; for all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<u32>,
    /// What the backend's certificate must be.
    pub validation: TlsValidationContext,
}

/// The certificate of a client: one member of the union.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientTlsCertificate {
    /// From files beside the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<ListenerTlsFileCertificate>,
    /// From a secret discovery service beside the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sds: Option<ListenerTlsSdsCertificate>,
}

/// What a backend's certificate must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsValidationContext {
    /// The names it must have; the backend's host name if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_alternative_names: Option<SubjectAlternativeNames>,
    /// Who must have signed it.
    pub trust: TlsValidationContextTrust,
}

/// Who must have signed a backend's certificate: one member of the union.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsValidationContextTrust {
    /// Authorities of AWS Certificate Manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acm: Option<TlsValidationContextAcmTrust>,
    /// The authorities of a file beside the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<TlsValidationContextFileTrust>,
    /// The authorities of a secret discovery service beside the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sds: Option<TlsValidationContextSdsTrust>,
}

/// Authorities of AWS Certificate Manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsValidationContextAcmTrust {
    /// Their ARNs, 1 to 3.
    pub certificate_authority_arns: Vec<String>,
}

/// Authorities in a file beside the proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsValidationContextFileTrust {
    /// The file, in PEM.
    pub certificate_chain: String,
}

/// Authorities of a secret discovery service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsValidationContextSdsTrust {
    /// The secret's name.
    pub secret_name: String,
}
