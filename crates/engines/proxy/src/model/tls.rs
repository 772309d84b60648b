//! Who is who: certificates, keys, and whom to believe.
//!
//! A certificate can be given outright, in files, or by name: then it is a secret that comes apart from what uses it (SDS),
//! and comes again when it changes.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// How clients' connections are secured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServerTls {
    /// What both sides have alike.
    pub common: CommonTls,
    /// A client must show a certificate.
    pub require_client_certificate: bool,
    /// A client that names no server is refused.
    pub require_server_name: bool,
}

/// How connections to servers are secured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClientTls {
    /// What both sides have alike.
    pub common: CommonTls,
    /// The server's name that is asked for; none is if it is empty.
    pub server_name: String,
    /// The server's certificate must be for the name that is asked for.
    pub validate_server_name: bool,
}

/// What both sides of TLS have alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CommonTls {
    /// Our certificates; a client needs none, and has one at most.
    pub certificates: Vec<CertificateSource>,
    /// Whom to believe. None: whoever is there.
    pub validation: Option<ValidationSource>,
    /// What may be spoken, the best first (ALPN). Empty: it is not agreed on.
    pub protocols: Vec<String>,
    /// The versions there may be.
    pub versions: Versions,
    /// The cipher suites of TLS 1.2, by OpenSSL's names, the best first. Empty: all that are safe.
    pub cipher_suites: Vec<String>,
    /// The groups for key exchange, by OpenSSL's names, the best first. Empty: all that are safe.
    pub groups: Vec<String>,
}

/// Versions of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Versions {
    /// 1.2 and 1.3.
    #[default]
    All,
    /// 1.2 alone.
    Tls12,
    /// 1.3 alone.
    Tls13,
}

/// Where a certificate is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum CertificateSource {
    /// Here.
    Given(Certificate),
    /// It comes by name.
    Secret(SecretName),
}

/// Where it is said whom to believe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ValidationSource {
    /// What is said here.
    pub given: Validation,
    /// More comes by name: authorities instead of those given, names besides those given.
    pub secret: Option<SecretName>,
}

/// The name of a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SecretName {
    /// Who has it.
    pub keeper: Keeper,
    /// What it is called there.
    pub name: String,
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.keeper {
            Keeper::ControlPlane => f.write_str(&self.name),
            Keeper::Cluster(cluster) => write!(f, "{} of {cluster}", self.name),
        }
    }
}

/// Who has secrets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Keeper {
    /// Whoever sends all the rest.
    ControlPlane,
    /// A server of its own, known by the name of a cluster.
    Cluster(String),
}

/// A secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Secret {
    /// A certificate with its key.
    Certificate(Certificate),
    /// Whom to believe.
    Validation(Validation),
}

/// A certificate with its key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// It, and those that vouch for it.
    pub chain: Material,
    /// Its key.
    #[serde(serialize_with = "redacted")]
    pub key: Material,
}

/// Some PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Material {
    /// It.
    Inline(String),
    /// The file it is in, which is read again when it changes.
    File(String),
}

fn redacted<S: Serializer>(key: &Material, serializer: S) -> Result<S::Ok, S::Error> {
    match key {
        Material::Inline(_) => Material::Inline("[redacted]".to_owned()).serialize(serializer),
        file @ Material::File(_) => file.serialize(serializer),
    }
}

/// Whom to believe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Validation {
    /// The authorities. None: any certificate is believed as far as these go.
    pub authorities: Option<Material>,
    /// Certificates that were taken back (CRL).
    pub revoked: Option<Material>,
    /// The certificate must be for one of these; for any if there are none.
    pub names: Vec<NameMatch>,
    /// SHA-256 of the certificates that are believed, in hexadecimal digits. Empty: any.
    pub hashes: Vec<String>,
    /// SHA-256 of the public keys that are believed, in base64. Empty: any.
    pub key_hashes: Vec<String>,
    /// A client without, or with a wrong certificate is let in all the same.
    pub accept_untrusted: bool,
    /// When a certificate ends does not matter.
    pub accept_expired: bool,
}

/// A name a certificate can be for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NameMatch {
    /// What kind of name. None: any.
    pub kind: Option<NameKind>,
    /// Which one.
    pub text: TextMatch,
}

/// The kinds of names a certificate can be for (RFC 5280, 4.2.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum NameKind {
    /// A host name; in the certificate it may be `*.example.com`.
    Dns,
    /// A URI, as SPIFFE has them.
    Uri,
    /// A mail address.
    Email,
    /// An address.
    Ip,
}

/// Which text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TextMatch {
    /// How it is compared.
    pub pattern: TextPattern,
    /// Upper and lower case letters are the same; an expression says so itself.
    pub ignore_case: bool,
}

/// How a text is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum TextPattern {
    /// It is this.
    Exact(String),
    /// It begins so.
    Prefix(String),
    /// It ends so.
    Suffix(String),
    /// It has this in it.
    Contains(String),
    /// All of it is what the expression says.
    Expression(String),
}

/// What servers are told of a client's certificate, in `x-forwarded-client-cert`. Its hash is always among it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is one of Envoy's set_current_client_cert_details")]
pub struct ClientCertificate {
    /// What becomes of the field.
    pub forward: ForwardClientCertificate,
    /// Whom the certificate is for.
    pub subject: bool,
    /// All of the certificate.
    pub certificate: bool,
    /// All certificates the client showed.
    pub chain: bool,
    /// The host names it is for.
    pub dns: bool,
    /// The URIs it is for.
    pub uri: bool,
}

/// What becomes of the `x-forwarded-client-cert` field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum ForwardClientCertificate {
    /// It is dropped.
    #[default]
    Sanitize,
    /// What came goes on, if the client has shown a certificate.
    Only,
    /// It is appended to what came, if the client has shown a certificate.
    Append,
    /// It takes the place of what came, if the client has shown a certificate.
    Set,
    /// What came goes on.
    Always,
}

impl CommonTls {
    /// The secrets it needs.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretName> {
        let certificates = self.certificates.iter().filter_map(|source| match source {
            CertificateSource::Secret(name) => Some(name),
            CertificateSource::Given(_) => None,
        });
        certificates.chain(self.validation.iter().filter_map(|source| source.secret.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_shown() {
        let certificate =
            Certificate { chain: Material::Inline("open".to_owned()), key: Material::Inline("hidden".to_owned()) };
        let shown = serde_json::to_string(&Secret::Certificate(certificate)).unwrap();
        assert!(shown.contains("open") && shown.contains("[redacted]") && !shown.contains("hidden"), "{shown}");
    }
}
