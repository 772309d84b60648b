//! Whom to believe: the verifiers of both sides.
//!
//! As in Envoy, everything that is configured must hold and nothing else is asked for: authorities sign, hashes are
//! among those given, one of the names matches. Without authorities a certificate is taken as it is, but its holder must
//! have the key in any case.

use std::{fmt, sync::Arc, time::Duration};

use regex::Regex;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime},
    server::{
        ParsedCertificate, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use super::{
    certificate::{Certificate, covers},
    hash,
};
use crate::model::{NameKind, NameMatch, TextMatch, TextPattern, expression};

/// Why a certificate is not believed; counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Distrust {
    /// It is for somebody else.
    #[error("the certificate is for none of the names that are believed")]
    Name,
    /// Its hash is another.
    #[error("the certificate is none of those that are believed")]
    Hash,
}

impl Distrust {
    fn error(self) -> Error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(self))))
    }

    /// What a handshake failed of, if it is this.
    pub(crate) fn of(error: &Error) -> Option<Self> {
        match error {
            Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) => cause.downcast_ref().copied(),
            _ => None,
        }
    }
}

/// Whom to believe, ready for use.
#[derive(Default)]
pub(crate) struct Trust {
    /// The authorities. None: anybody may have signed.
    pub(crate) authorities: Option<Vec<CertificateDer<'static>>>,
    pub(crate) revoked: Vec<CertificateRevocationListDer<'static>>,
    pub(crate) names: Vec<Name>,
    /// SHA-256 of certificates.
    pub(crate) hashes: Vec<Vec<u8>>,
    /// SHA-256 of public keys.
    pub(crate) key_hashes: Vec<Vec<u8>>,
    pub(crate) accept_untrusted: bool,
    pub(crate) accept_expired: bool,
}

/// A name, ready to be compared.
pub(crate) struct Name {
    kind: Option<NameKind>,
    text: TextMatch,
    expression: Option<Regex>,
}

impl Name {
    /// Makes a name ready; the error is an expression that is none.
    pub(crate) fn new(name: &NameMatch) -> Result<Self, String> {
        let expression = match &name.text.pattern {
            TextPattern::Expression(text) => {
                let whole = expression::text(&format!("^(?:{text})$"));
                Some(whole.map_err(|error| format!("`{text}` is no expression: {error}"))?)
            }
            _ => None,
        };
        Ok(Self { kind: name.kind, text: name.text.clone(), expression })
    }

    fn is(&self, kind: NameKind, name: &str) -> bool {
        if self.kind.is_some_and(|wanted| wanted != kind) {
            return false;
        }
        let lower = |text: &str| if self.text.ignore_case { text.to_ascii_lowercase() } else { text.to_owned() };
        let folded = lower(name);
        match &self.text.pattern {
            // A certificate's star is for every host below it.
            TextPattern::Exact(text) if kind == NameKind::Dns => covers(name, text),
            TextPattern::Exact(text) => folded == lower(text),
            TextPattern::Prefix(text) => folded.starts_with(&lower(text)),
            TextPattern::Suffix(text) => folded.ends_with(&lower(text)),
            TextPattern::Contains(text) => folded.contains(&lower(text)),
            TextPattern::Expression(_) => self.expression.as_ref().is_some_and(|expression| expression.is_match(name)),
        }
    }
}

impl Trust {
    /// Whether the certificate `own` is believed, but for who signed it.
    fn check(&self, own: &CertificateDer<'_>) -> Result<(), Error> {
        let pinned = !self.hashes.is_empty() || !self.key_hashes.is_empty();
        if self.names.is_empty() && !pinned {
            return Ok(());
        }
        let read = Certificate::read(own).map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let named = self.names.is_empty()
            || self.names.iter().any(|wanted| read.names.iter().any(|(kind, name)| wanted.is(*kind, name)));
        if !named {
            return Err(Distrust::Name.error());
        }
        let known = self.hashes.iter().any(|wanted| *wanted == hash(own))
            || self.key_hashes.iter().any(|wanted| *wanted == hash(&read.public_key));
        if pinned && !known { Err(Distrust::Hash.error()) } else { Ok(()) }
    }

    /// A certificate that is itself among the authorities needs nobody to vouch for it.
    fn is_authority(&self, own: &CertificateDer<'_>, now: UnixTime) -> bool {
        let listed = self.authorities.iter().flatten().any(|authority| authority == own);
        let moment = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        listed
            && Certificate::read(own)
                .is_ok_and(|own| self.accept_expired || (own.not_before <= moment && moment <= own.not_after))
    }

    /// The moment to look at a certificate from.
    fn moment(&self, own: &CertificateDer<'_>, now: UnixTime) -> UnixTime {
        match Certificate::read(own) {
            Ok(own) if self.accept_expired => {
                let end = u64::try_from(own.not_after).unwrap_or(0);
                UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs().min(end)))
            }
            _ => now,
        }
    }
}

/// The authorities as `rustls` wants them; the error is one that can't vouch for anybody.
pub(crate) fn roots(authorities: &[CertificateDer<'static>]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone()).map_err(|error| format!("a trusted certificate cannot be used: {error}"))?;
    }
    Ok(roots)
}

/// What signatures can be checked with.
#[derive(Debug)]
struct Signatures(Arc<CryptoProvider>);

impl Signatures {
    fn tls12(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, own, signed, &self.0.signature_verification_algorithms)
    }

    fn tls13(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, own, signed, &self.0.signature_verification_algorithms)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Believes servers.
pub(crate) struct ServerTrust {
    trust: Trust,
    roots: Option<RootCertStore>,
    server_name: bool,
    signatures: Signatures,
}

impl ServerTrust {
    /// `server_name` is whether the certificate must be for the name that is asked for.
    pub(crate) fn new(trust: Trust, server_name: bool, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        if !trust.revoked.is_empty() {
            return Err("a list of revoked certificates (crl) for servers is not supported by this proxy".to_owned());
        }
        let roots = trust.authorities.as_deref().map(roots).transpose()?;
        Ok(Self { trust, roots, server_name, signatures: Signatures(provider) })
    }
}

impl fmt::Debug for ServerTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTrust")
    }
}

impl ServerCertVerifier for ServerTrust {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.trust.accept_untrusted {
            return Ok(ServerCertVerified::assertion());
        }
        if let Some(roots) = &self.roots
            && !self.trust.is_authority(own, now)
        {
            let algorithms = self.signatures.0.signature_verification_algorithms.all;
            let moment = self.trust.moment(own, now);
            verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(own)?,
                roots,
                others,
                moment,
                algorithms,
            )?;
        }
        if self.server_name {
            let read = Certificate::read(own).map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
            let matches = match name {
                ServerName::DnsName(name) => read.is_for_host(name.as_ref()),
                ServerName::IpAddress(address) => {
                    let address = std::net::IpAddr::from(*address).to_string();
                    read.names_of(NameKind::Ip).any(|own| own == address)
                }
                _ => false,
            };
            if !matches {
                return Err(Distrust::Name.error());
            }
        }
        self.trust.check(own)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures.tls12(message, own, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures.tls13(message, own, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.schemes()
    }
}

/// Believes clients.
pub(crate) struct ClientTrust {
    trust: Trust,
    signers: Option<Arc<dyn ClientCertVerifier>>,
    required: bool,
    signatures: Signatures,
}

impl ClientTrust {
    /// `required` is whether a client must show a certificate.
    pub(crate) fn new(trust: Trust, required: bool, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let signers: Option<Arc<dyn ClientCertVerifier>> = match &trust.authorities {
            Some(authorities) => {
                let builder =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots(authorities)?), Arc::clone(&provider));
                let builder = builder.with_crls(trust.revoked.iter().cloned()).allow_unknown_revocation_status();
                Some(builder.build().map_err(|error| error.to_string())?)
            }
            None => None,
        };
        Ok(Self { trust, signers, required, signatures: Signatures(provider) })
    }
}

impl fmt::Debug for ClientTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientTrust")
    }
}

impl ClientCertVerifier for ClientTrust {
    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.signers.as_ref().map_or(&[], |signers| signers.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.trust.accept_untrusted {
            return Ok(ClientCertVerified::assertion());
        }
        if let Some(signers) = &self.signers
            && !self.trust.is_authority(own, now)
        {
            signers.verify_client_cert(own, others, self.trust.moment(own, now))?;
        }
        self.trust.check(own)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures.tls12(message, own, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures.tls13(message, own, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(kind: Option<NameKind>, pattern: TextPattern, ignore_case: bool) -> Name {
        Name::new(&NameMatch { kind, text: TextMatch { pattern, ignore_case } }).unwrap()
    }

    #[test]
    fn names_are_compared_by_kind_and_pattern() {
        let exact = name(Some(NameKind::Dns), TextPattern::Exact("a.example".to_owned()), false);
        assert!(exact.is(NameKind::Dns, "a.example") && exact.is(NameKind::Dns, "*.example"));
        assert!(!exact.is(NameKind::Uri, "a.example") && !exact.is(NameKind::Dns, "b.example"));
        let any = name(None, TextPattern::Prefix("SPIFFE://mesh/".to_owned()), true);
        assert!(any.is(NameKind::Uri, "spiffe://mesh/api") && !any.is(NameKind::Uri, "spiffe://other/api"));
        let suffix = name(Some(NameKind::Uri), TextPattern::Suffix("/api".to_owned()), false);
        assert!(suffix.is(NameKind::Uri, "spiffe://mesh/api") && !suffix.is(NameKind::Uri, "spiffe://mesh/API"));
        let contains = name(Some(NameKind::Email), TextPattern::Contains("@mesh".to_owned()), false);
        assert!(contains.is(NameKind::Email, "a@mesh.example"));
        let expression = name(Some(NameKind::Uri), TextPattern::Expression("spiffe://[a-z]+/api".to_owned()), false);
        assert!(
            expression.is(NameKind::Uri, "spiffe://mesh/api") && !expression.is(NameKind::Uri, "spiffe://mesh/api2")
        );
        assert!(
            Name::new(&NameMatch {
                kind: None,
                text: TextMatch { pattern: TextPattern::Expression("(".to_owned()), ignore_case: false }
            })
            .is_err()
        );
    }
}
