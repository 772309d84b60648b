//! What was agreed on with the other side of a TLS connection.

use rustls::{CommonState, ProtocolVersion, pki_types::CertificateDer};

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
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The protocol that was agreed on, if any was.
    pub(crate) protocol: Option<Protocol>,
    /// The server's name that the client asked for.
    pub(crate) server_name: Option<String>,
    /// The version, in Envoy's words.
    pub(crate) version: &'static str,
    /// The cipher suite, in OpenSSL's words.
    pub(crate) cipher: &'static str,
    /// The other side's certificates, its own first; none if it showed none.
    pub(crate) peer: Vec<CertificateDer<'static>>,
}

impl Session {
    /// What `state`, whose handshake is done, says.
    pub(crate) fn of(state: &CommonState, server_name: Option<&str>) -> Self {
        Self {
            protocol: state.alpn_protocol().map(Protocol::of),
            server_name: server_name.map(str::to_owned),
            version: match state.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "",
            },
            cipher: state.negotiated_cipher_suite().map_or("", |suite| super::suites::name(suite.suite())),
            peer: state.peer_certificates().map(<[_]>::to_vec).unwrap_or_default(),
        }
    }
}
