//! The `x-forwarded-client-cert` field: who the client is, by its certificate, for whoever is behind the proxy.
//!
//! Word for word Envoy's (*HTTP header manipulation* of its documentation), as applications take it apart.

use crate::{
    http::{Name, Request, append_field},
    model::{ClientCertificate, ForwardClientCertificate as Forward, NameKind},
    tls::{Session, url_encoded_pem},
};

/// Whether the field a request came with goes on as it is.
pub(crate) fn goes_on(settings: &ClientCertificate, session: Option<&Session>) -> bool {
    match settings.forward {
        Forward::Always => true,
        Forward::Only => is_mutual(session),
        Forward::Sanitize | Forward::Append | Forward::Set => false,
    }
}

/// Appends the field to a request, from which what it came with was dropped, unless it [`goes_on`].
pub(crate) fn append(settings: &ClientCertificate, session: Option<&Session>, request: &Request, out: &mut Vec<u8>) {
    let Some(session) = session.filter(|session| is_mutual(Some(session))) else { return };
    let element = || session.element(|| element(settings, session));
    match settings.forward {
        Forward::Sanitize | Forward::Only | Forward::Always => {}
        Forward::Set => append_field(out, "x-forwarded-client-cert", element().as_bytes()),
        Forward::Append => {
            let mut value: Vec<&[u8]> = request.values("x-forwarded-client-cert").collect();
            value.push(element().as_bytes());
            append_field(out, "x-forwarded-client-cert", &value.join(&b","[..]));
        }
    }
}

/// The field's name, to be dropped from a request.
pub(crate) const NAME: Name = Name::XForwardedClientCert;

fn is_mutual(session: Option<&Session>) -> bool {
    session.is_some_and(|session| !session.peer.is_empty())
}

fn element(settings: &ClientCertificate, session: &Session) -> String {
    let mut parts = Vec::new();
    if let Some(own) = session.own() {
        parts.extend(own.names_of(NameKind::Uri).map(|uri| format!("By={uri}")));
    }
    parts.extend(session.peer_hash().map(|hash| format!("Hash={hash}")));
    if settings.certificate {
        parts
            .extend(session.peer.first().map(|own| format!("Cert=\"{}\"", url_encoded_pem(std::slice::from_ref(own)))));
    }
    if settings.chain {
        parts.push(format!("Chain=\"{}\"", url_encoded_pem(&session.peer)));
    }
    let Some(peer) = session.peer() else { return parts.join(";") };
    if settings.subject {
        parts.push(format!("Subject=\"{}\"", peer.subject));
    }
    if settings.uri {
        match peer.names_of(NameKind::Uri).collect::<Vec<_>>().as_slice() {
            [] => parts.push("URI=".to_owned()),
            some => parts.extend(some.iter().map(|uri| format!("URI={uri}"))),
        }
    }
    if settings.dns {
        parts.extend(peer.names_of(NameKind::Dns).map(|name| format!("DNS={name}")));
    }
    parts.join(";")
}
