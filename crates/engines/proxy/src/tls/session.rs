//! What was agreed on with the other side of a TLS connection.

use std::sync::{Arc, OnceLock};

use rustls::{CommonState, HandshakeKind, ProtocolVersion, pki_types::CertificateDer};

use super::{certificate::Certificate, hash, material::Identity};

/// What is spoken within TLS, as agreed on by ALPN (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `http/1.1` or `http/1.0`.
    Http1,
    /// `h2`.
    Http2,
    /// Something else.
    Other,
}

impl Protocol {
    fn of(name: &[u8]) -> Self {
        match name {
            b"h2" => Self::Http2,
            b"http/1.1" | b"http/1.0" => Self::Http1,
            _ => Self::Other,
        }
    }
}

/// What was agreed on.
#[derive(Debug)]
pub(crate) struct Session {
    /// The protocol that was agreed on, if any was.
    #[allow(dead_code, reason = "there is one codec yet, and nobody chooses")]
    pub(crate) protocol: Option<Protocol>,
    /// The server's name that the client asked for.
    pub(crate) server_name: Option<String>,
    /// The version, in Envoy's words.
    pub(crate) version: &'static str,
    /// The cipher suite, in OpenSSL's words.
    pub(crate) cipher: &'static str,
    /// It goes on from an earlier connection.
    pub(crate) resumed: bool,
    /// The other side's certificates, its own first; none if it showed none.
    pub(crate) peer: Vec<CertificateDer<'static>>,
    read: OnceLock<Option<Certificate>>,
    own: Vec<Identity>,
    element: OnceLock<String>,
}

impl Session {
    /// What `state`, whose handshake is done, says.
    pub(crate) fn of(state: &CommonState, server_name: Option<&str>, own: Vec<Identity>) -> Self {
        Self {
            protocol: state.alpn_protocol().map(Protocol::of),
            server_name: server_name.map(str::to_owned),
            version: match state.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "",
            },
            cipher: state.negotiated_cipher_suite().map_or("", |suite| super::suites::name(suite.suite())),
            resumed: state.handshake_kind() == Some(HandshakeKind::Resumed),
            peer: state.peer_certificates().map(<[_]>::to_vec).unwrap_or_default(),
            read: OnceLock::new(),
            own,
            element: OnceLock::new(),
        }
    }

    /// What the other side's certificate says; none if it showed none.
    pub(crate) fn peer(&self) -> Option<&Certificate> {
        self.read.get_or_init(|| self.peer.first().and_then(|der| Certificate::read(der).ok())).as_ref()
    }

    /// The SHA-256 of the other side's certificate, in hexadecimal digits.
    pub(crate) fn peer_hash(&self) -> Option<String> {
        self.peer.first().map(|der| hex::encode(hash(der)))
    }

    /// The SHA-256 of each certificate that the other side showed.
    pub(crate) fn peer_hashes(&self) -> Vec<String> {
        self.peer.iter().map(|der| hex::encode(hash(der))).collect()
    }

    /// The other side's certificate in PEM, encoded as in a URL.
    pub(crate) fn peer_pem(&self) -> Option<String> {
        self.peer.first().map(|der| url_encoded_pem(std::slice::from_ref(der)))
    }

    /// What is told of the other side in a field of each request; made once for all of them.
    pub(crate) fn element(&self, make: impl FnOnce() -> String) -> &str {
        self.element.get_or_init(make)
    }

    /// What our own certificate says: the one for the name that was asked for, or the first.
    pub(crate) fn own(&self) -> Option<Arc<Certificate>> {
        let named = |name: &str| self.own.iter().find(|identity| identity.certificate.is_for_host(name));
        let own = self.server_name.as_deref().and_then(named).or_else(|| self.own.first());
        own.map(|identity| Arc::clone(&identity.certificate))
    }
}

/// Certificates in PEM, encoded as in a URL.
pub(crate) fn url_encoded_pem(certificates: &[CertificateDer<'_>]) -> String {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    const LINE: usize = 64;
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let encoded = BASE64_STANDARD.encode(certificate);
        for at in (0..encoded.len()).step_by(LINE) {
            text.push_str(&encoded[at..encoded.len().min(at + LINE)]);
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    let escape = |character| match character {
        '\n' => "%0A".to_owned(),
        ' ' => "%20".to_owned(),
        '+' => "%2B".to_owned(),
        '/' => "%2F".to_owned(),
        '=' => "%3D".to_owned(),
        other => String::from(other),
    };
    text.chars().map(escape).collect()
}
