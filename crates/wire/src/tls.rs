//! TLS on the port, for those who call from other machines, and what their certificates say.

use std::{fs::File, io, path::Path, sync::Arc};

use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio_rustls::TlsAcceptor;
use x509_parser::{extensions::GeneralName, prelude::FromDer};

/// The first byte of a TLS connection: a record of the handshake.
pub(crate) const HANDSHAKE: u8 = 0x16;

/// How connections are secured.
#[derive(Clone)]
pub struct Tls(pub(crate) TlsAcceptor);

/// Why connections cannot be secured.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds no PEM of that sort.
    #[error("{path}: {reason}; it must be PEM")]
    File {
        /// Which one.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The certificate does not go with the key, or the authorities are none.
    #[error("the TLS certificate, its key and the client authorities do not go together: {0}")]
    Unfit(String),
}

impl Tls {
    /// Secures connections with the chain in the file `certificate` and its `key`. Clients that show a certificate must
    /// show one of an authority in `clients`; without that file none is asked for.
    pub fn read(certificate: &Path, key: &Path, clients: Option<&Path>) -> Result<Self, TlsError> {
        let chain = certificates(certificate)?;
        let key = PrivateKeyDer::from_pem_reader(&mut open(key)?).map_err(|error| broken(key, error))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let unfit = |error: &dyn std::fmt::Display| TlsError::Unfit(error.to_string());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| unfit(&error))?;
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(path)? {
                    roots.add(authority).map_err(|error| unfit(&error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = verifier.allow_unauthenticated().build().map_err(|error| unfit(&error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| unfit(&error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

fn open(path: &Path) -> Result<io::BufReader<File>, TlsError> {
    File::open(path).map(io::BufReader::new).map_err(|error| broken(path, error))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_reader_iter(&mut open(path)?).collect();
    all.map_err(|error| broken(path, error))
}

fn broken(path: &Path, reason: impl ToString) -> TlsError {
    TlsError::File { path: path.display().to_string(), reason: reason.to_string() }
}

/// The certificate of a client, verified. It is in the extensions of each request of its connection.
#[derive(Clone, Debug)]
pub struct PeerCertificate(CertificateDer<'static>);

impl PeerCertificate {
    /// What `connection`'s client showed, if it showed anything.
    pub(crate) fn of(connection: &rustls::ServerConnection) -> Option<Self> {
        connection.peer_certificates()?.first().map(|certificate| Self(certificate.clone().into_owned()))
    }

    /// The subject's alternative names that are URIs or DNS names.
    pub fn names(&self) -> Vec<String> {
        let Ok((_, certificate)) = x509_parser::certificate::X509Certificate::from_der(&self.0) else {
            return Vec::new();
        };
        let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
        let texts = names.value.general_names.iter().filter_map(|name| match name {
            GeneralName::URI(text) | GeneralName::DNSName(text) => Some((*text).to_owned()),
            _ => None,
        });
        texts.collect()
    }
}
