//! Certificates of the test's own: an authority, another that nobody trusts, and what the first has signed. Every
//! proxy finds them as files in the folder it shares with the test. What the house issues is kept here too, so that
//! clients can believe and show it.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{
        CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme,
        client::{
            WebPkiServerVerifier,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        },
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
        server::WebPkiClientVerifier,
    },
};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

/// An authority and its own certificate.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
    der: CertificateDer<'static>,
}

/// A certificate with its key.
pub(crate) struct Leaf {
    pub(crate) pem: String,
    pub(crate) key_pem: String,
    der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

/// All of them.
pub struct Certificates {
    authority: Authority,
    /// Signed by nobody that anyone knows.
    stranger: Authority,
    house: Mutex<House>,
}

/// What the house has issued.
#[derive(Default)]
struct House {
    /// Its authorities.
    authorities: Vec<CertificateDer<'static>>,
    /// Chains and keys by SPIFFE id, in PEM.
    identities: BTreeMap<String, (String, String)>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        // A name of its own: chains are found by names, and an authority of the same name as what it signs is none.
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = params.self_signed(&key).expect("a certificate");
        Self { pem: own.pem(), der: own.der().clone(), issuer: Issuer::new(params, key) }
    }

    /// A certificate for `name`, a host's or a SPIFFE id.
    pub(crate) fn sign(&self, name: &str) -> Leaf {
        self.sign_until(name, rcgen::date_time_ymd(2096, 1, 1))
    }

    fn sign_until(&self, name: &str, end: time::OffsetDateTime) -> Leaf {
        let key = KeyPair::generate().expect("a key");
        let mut params = if name.contains("://") {
            let mut params = CertificateParams::new(Vec::new()).expect("no names");
            params.subject_alt_names = vec![SanType::URI(name.try_into().expect("plain characters"))];
            params
        } else {
            CertificateParams::new(vec![name.to_owned()]).expect("a name")
        };
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_after = end;
        let leaf = params.signed_by(&key, &self.issuer).expect("a certificate");
        let (key_pem, der) = (key.serialize_pem(), leaf.der().clone());
        let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        Leaf { pem: leaf.pem(), key_pem, der, key: private }
    }
}

impl Certificates {
    /// New ones.
    pub(crate) fn new() -> Self {
        let (authority, stranger) = (Authority::new("authority"), Authority::new("stranger"));
        Self { authority, stranger, house: Mutex::default() }
    }

    fn house(&self) -> MutexGuard<'_, House> {
        self.house.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has clients believe these authorities of the house, in PEM, and no others of it.
    pub(crate) fn believe(&self, authorities: &str) {
        self.house().authorities = chain(authorities);
    }

    /// Keeps the house's certificate for the SPIFFE id `uri`, with its key, both in PEM.
    pub(crate) fn keep(&self, uri: &str, chain: &str, key: &str) {
        self.house().identities.insert(uri.to_owned(), (chain.to_owned(), key.to_owned()));
    }

    /// Writes what proxies need: `ca.pem`, `stranger.pem`, and certificates `server`, `client` and `expired` of
    /// `client.local`.
    pub(crate) fn write(&self, folder: &Path) {
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("a file");
        write("ca.pem", &self.authority.pem);
        write("stranger.pem", &self.stranger.pem);
        for name in ["server", "client"] {
            let leaf = self.authority.sign("client.local");
            write(&format!("{name}.pem"), &leaf.pem);
            write(&format!("{name}.key"), &leaf.key_pem);
        }
        let expired = self.authority.sign_until("client.local", rcgen::date_time_ymd(2001, 1, 1));
        write("expired.pem", &expired.pem);
        write("expired.key", &expired.key_pem);
    }

    /// How the backend `name` speaks TLS: clients may show a certificate, which must then be of the authority.
    pub(crate) fn acceptor(&self, name: &str) -> TlsAcceptor {
        let leaf = self.authority.sign(&format!("{name}.local"));
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots()), provider());
        let clients = clients.allow_unauthenticated().build().expect("an authority");
        let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_client_cert_verifier(clients);
        let mut config = config.with_single_cert(vec![leaf.der], leaf.key).expect("a certificate");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    /// How clients speak TLS; they show what `shows` names: `own`, or a SPIFFE id whose certificate is kept. `protocol` is
    /// what they offer to speak inside.
    pub(crate) fn connector(&self, shows: Option<&str>, protocol: &[u8]) -> TlsConnector {
        let mut roots = self.roots();
        self.house().authorities.iter().for_each(|root| roots.add(root.clone()).expect("an authority's certificate"));
        let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let config = config.expect("versions").dangerous().with_custom_certificate_verifier(Arc::new(Chain::of(roots)));
        let mut config = match shows {
            Some("own") => {
                let leaf = self.authority.sign("tester.local");
                config.with_client_auth_cert(vec![leaf.der], leaf.key).expect("a certificate")
            }
            Some(uri) => {
                let (own, key) = self.house().identities.get(uri).cloned().expect("a certificate that is kept");
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
                config.with_client_auth_cert(chain(&own), key).expect("a certificate")
            }
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![protocol.to_vec()];
        TlsConnector::from(Arc::new(config))
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der.clone()).expect("an authority's certificate");
        roots
    }
}

/// Demands that a server's certificate is of an authority. Whose it is, the case says: SPIFFE's are no host's.
#[derive(Debug)]
struct Chain(Arc<WebPkiServerVerifier>);

impl Chain {
    fn of(roots: RootCertStore) -> Self {
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
        Self(verifier.expect("authorities"))
    }
}

impl ServerCertVerifier for Chain {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // The name is looked at last.
        match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// All certificates in `pem`.
fn chain(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().expect("certificates in PEM")
}

/// What a certificate says: its `names`, its `issuer`, its `serial`.
pub(crate) fn read(certificate: &CertificateDer<'_>) -> BTreeMap<String, String> {
    let (_, certificate) = X509Certificate::from_der(certificate).expect("a certificate");
    let extension = certificate.subject_alternative_name().expect("names that can be read");
    let names = extension.iter().flat_map(|extension| &extension.value.general_names);
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) | GeneralName::URI(name) => Some(*name),
        _ => None,
    });
    let facts = [
        ("names", names.collect::<Vec<_>>().join(",")),
        ("issuer", certificate.issuer().to_string()),
        ("serial", certificate.raw_serial_as_string()),
    ];
    facts.map(|(name, fact)| (name.to_owned(), fact)).into()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
