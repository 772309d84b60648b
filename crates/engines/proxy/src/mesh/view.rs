//! A request's and a response's fields, as routes, edits and access logs look them up.

use std::time::Duration;

use crate::{
    format::Lookup,
    http::{Name, Request},
};

/// A request as it goes on.
pub(super) struct RequestView<'a> {
    pub(super) request: &'a Request,
    /// What the connection is: `http`, or `https` with TLS.
    pub(super) scheme: &'static str,
    /// An id for a request that came without.
    pub(super) id: Option<&'a [u8]>,
}

impl RequestView<'_> {
    /// The scheme: what the hop before says it was, or else what the connection is.
    pub(super) fn scheme(&self) -> &[u8] {
        let said = self.request.value(Name::XForwardedProto);
        said.filter(|said| matches!(*said, b"http" | b"https")).unwrap_or(self.scheme.as_bytes())
    }
}

impl Lookup for RequestView<'_> {
    fn each(&self, name: &str, look: &mut dyn FnMut(&[u8])) {
        let request = self.request;
        match (name, self.id) {
            (":method", _) => look(request.method()),
            (":path", _) => look(request.target()),
            (":scheme", _) => look(self.scheme()),
            (":authority" | "host", _) => {
                if !request.authority().is_empty() {
                    look(request.authority());
                }
            }
            ("x-request-id", Some(id)) => look(id),
            ("x-forwarded-proto", _) if request.value(Name::XForwardedProto).is_none() => look(self.scheme.as_bytes()),
            _ => request.values(name).for_each(look),
        }
    }
}

/// A response as it goes on.
pub(super) struct ResponseView<'a> {
    pub(super) status: u16,
    pub(super) fields: &'a dyn Lookup,
    pub(super) service_time: Option<Duration>,
    /// Fields that were added.
    pub(super) added: &'a [(String, Vec<u8>)],
}

impl Lookup for ResponseView<'_> {
    fn each(&self, name: &str, look: &mut dyn FnMut(&[u8])) {
        match (name, self.service_time) {
            (":status", _) => look(self.status.to_string().as_bytes()),
            ("server", _) => look(b"envoy"),
            ("x-envoy-upstream-service-time", Some(time)) => look(time.as_millis().to_string().as_bytes()),
            _ => {
                self.fields.each(name, look);
                self.added.iter().filter(|(added, _)| added == name).for_each(|(_, value)| look(value));
            }
        }
    }
}
