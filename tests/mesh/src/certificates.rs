//! Certificates of the test's own: an authority, another that nobody trusts, and what the first has signed. Every
//! proxy finds them as files in the folder it shares with the test.

use std::{fs, path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer},
        server::WebPkiClientVerifier,
    },
};

/// An authority and its own certificate.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

/// A certificate with its key.
struct Leaf {
    pem: String,
    key_pem: String,
    der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

/// All of them.
pub struct Certificates {
    authority: Authority,
    /// Signed by nobody that anyone knows.
    stranger: Authority,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        // A name of its own: chains are found by names, and an authority of the same name as what it signs is none.
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = params.self_signed(&key).expect("a certificate");
        Self { pem: own.pem(), der: own.der().clone(), issuer: Issuer::new(params, key) }
    }

    fn sign(&self, name: &str) -> Leaf {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        let leaf = params.signed_by(&key, &self.issuer).expect("a certificate");
        let (key_pem, der) = (key.serialize_pem(), leaf.der().clone());
        let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        Leaf { pem: leaf.pem(), key_pem, der, key: private }
    }
}

impl Certificates {
    /// New ones.
    pub(crate) fn new() -> Self {
        Self { authority: Authority::new("authority"), stranger: Authority::new("stranger") }
    }

    /// Writes what proxies need: `ca.pem`, `stranger.pem`, and certificates `server` and `client` of `client.local`.
    pub(crate) fn write(&self, folder: &Path) {
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("a file");
        write("ca.pem", &self.authority.pem);
        write("stranger.pem", &self.stranger.pem);
        for name in ["server", "client"] {
            let leaf = self.authority.sign("client.local");
            write(&format!("{name}.pem"), &leaf.pem);
            write(&format!("{name}.key"), &leaf.key_pem);
        }
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

    /// How clients speak TLS; `shows`: with a certificate of their own. `protocol` is what they offer to speak inside.
    pub(crate) fn connector(&self, shows: bool, protocol: &[u8]) -> TlsConnector {
        let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_root_certificates(self.roots());
        let mut config = if shows {
            let leaf = self.authority.sign("tester.local");
            config.with_client_auth_cert(vec![leaf.der], leaf.key).expect("a certificate")
        } else {
            config.with_no_client_auth()
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

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
