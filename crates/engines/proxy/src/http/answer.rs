//! Answers of the proxy's own.

use std::borrow::Cow;

use super::{append_field, head::append_number, response::digits};

/// An answer that comes from no server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// What the body is.
    pub(crate) content_type: Cow<'static, str>,
    /// The body; none at all has no `Content-Type` either.
    pub(crate) body: Cow<'static, [u8]>,
    /// More fields.
    pub(crate) fields: Vec<(Cow<'static, str>, String)>,
}

impl Answer {
    /// Plain text, as Envoy answers.
    pub(crate) fn text(status: u16, body: impl Into<Cow<'static, str>>) -> Self {
        let body = match body.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        Self { status, content_type: Cow::Borrowed("text/plain"), body, fields: Vec::new() }
    }

    /// Writes head and body; no body is written for a `HEAD`.
    pub(crate) fn write(&self, server: &str, date: &[u8], close: bool, is_head: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(&digits(self.status));
        out.push(b' ');
        out.extend_from_slice(reason(self.status).as_bytes());
        out.extend_from_slice(b"\r\n");
        for (name, value) in &self.fields {
            append_field(out, name, value.as_bytes());
        }
        if !self.body.is_empty() {
            append_field(out, "content-type", self.content_type.as_bytes());
        }
        if self.status >= 200 && !matches!(self.status, 204 | 304) {
            append_number(out, "content-length", self.body.len() as u64);
        }
        append_field(out, "date", date);
        append_field(out, "server", server.as_bytes());
        if close {
            append_field(out, "connection", b"close");
        }
        out.extend_from_slice(b"\r\n");
        if !is_head && self.status >= 200 && !matches!(self.status, 204 | 304) {
            out.extend_from_slice(&self.body);
        }
    }
}

/// The reason phrase of a status code (RFC 9110, 15).
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Unknown",
    }
}
