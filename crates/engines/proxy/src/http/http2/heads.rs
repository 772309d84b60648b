//! Heads of HTTP/2 as heads of HTTP/1.1, and back.
//!
//! `h2` has refused by then what RFC 9113, 8 forbids: names with upper case, pseudo fields that are repeated or come late,
//! fields that are about a connection. What remains to be seen to is that nothing that is fine over HTTP/2 means
//! something else as a line of text; so every part is checked before it is written, and the whole is read again by the
//! reader that all of HTTP/1.1 goes through.

use ::http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
    header::{COOKIE, HOST, TE},
    request, response, uri,
};

use super::super::{
    Malformed, Name,
    answer::reason,
    append_field,
    characters::{TARGET, TOKEN, VALUE, all_of},
    response::digits,
};
use crate::format::Lookup;

/// Writes a request's head. `ended` is whether nothing follows it.
pub(in crate::http) fn write_request(parts: &request::Parts, ended: bool) -> Result<Vec<u8>, Malformed> {
    if parts.method == Method::CONNECT {
        return Err(Malformed::Tunnel);
    }
    let target = parts.uri.path_and_query().map(uri::PathAndQuery::as_str).unwrap_or_default();
    let is_path = target.starts_with('/') || (target == "*" && parts.method == Method::OPTIONS);
    if !is_path || !all_of(&TARGET, target.as_bytes()) {
        return Err(Malformed::Target);
    }
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    if let Some(authority) = parts.uri.authority() {
        append_field(&mut out, "host", authority.as_str().as_bytes());
    }
    let named = parts.uri.authority().is_some();
    write_fields(&parts.headers, |name| named && name == HOST, &mut out)?;
    if !ended && !parts.headers.contains_key("content-length") {
        append_field(&mut out, "transfer-encoding", b"chunked");
    }
    out.extend_from_slice(b"\r\n");
    Ok(out)
}

/// Writes a response's head. `ended` is whether nothing follows it.
pub(in crate::http) fn write_response(parts: &response::Parts, ended: bool) -> Result<Vec<u8>, Malformed> {
    let status = parts.status.as_u16();
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(&digits(status));
    out.push(b' ');
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\n");
    write_fields(&parts.headers, |_| false, &mut out)?;
    if !ended && !parts.headers.contains_key("content-length") {
        append_field(&mut out, "transfer-encoding", b"chunked");
    }
    out.extend_from_slice(b"\r\n");
    Ok(out)
}

/// Writes the fields behind a body, a line for each. Those that may not be there are left out.
pub(in crate::http) fn write_trailers(fields: &HeaderMap) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::new();
    write_fields(fields, is_fixed, &mut out)?;
    Ok(out)
}

fn write_fields(
    fields: &HeaderMap,
    left_out: impl Fn(&HeaderName) -> bool,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    for (name, value) in fields {
        if is_of_connection(name.as_str().as_bytes()) {
            return Err(Malformed::ConnectionField);
        }
        if !all_of(&TOKEN, name.as_str().as_bytes()) {
            return Err(Malformed::FieldName);
        }
        if !all_of(&VALUE, value.as_bytes()) {
            return Err(Malformed::FieldValue);
        }
        if name != COOKIE && !left_out(name) {
            append_field(out, name.as_str(), value.as_bytes());
        }
    }
    // RFC 9113, 8.2.3: crumbs of a cookie are one field for whoever does not speak HTTP/2.
    let crumbs: Vec<&[u8]> = fields.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if !crumbs.is_empty() {
        append_field(out, "cookie", &crumbs.join(&b"; "[..]));
    }
    Ok(())
}

/// Fields that are about a connection of HTTP/1.1, and mean nothing over HTTP/2 (RFC 9113, 8.2.2).
fn is_of_connection(name: &[u8]) -> bool {
    matches!(
        Name::of(name),
        Name::Connection
            | Name::KeepAlive
            | Name::ProxyConnection
            | Name::TransferEncoding
            | Name::Upgrade
            | Name::Http2Settings
    )
}

/// Fields that say whom a message is for and how it is framed: behind a body it is too late for them (RFC 9110, 6.5.1).
fn is_fixed(name: &HeaderName) -> bool {
    matches!(Name::of(name.as_str().as_bytes()), Name::Host | Name::ContentLength | Name::Te | Name::Expect)
        || name == COOKIE
}

/// A request's head as it is written, for HTTP/2. `trailers` is whether the client takes them.
pub(in crate::http) fn read_request(head: &[u8], trailers: bool) -> Result<::http::Request<()>, Malformed> {
    let (line, lines) = first_line(head)?;
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target)) = (parts.next(), parts.next()) else { return Err(Malformed::StartLine) };
    let mut fields = HeaderMap::new();
    let (mut authority, mut scheme) = (None, "http");
    for (name, value) in self::lines(lines) {
        match Name::of(name) {
            Name::Host => authority = Some(value),
            Name::Te => {}
            name if name == Name::XForwardedProto && value == b"https" => {
                scheme = "https";
                add(&mut fields, b"x-forwarded-proto", value)?;
            }
            _ if is_of_connection(name) => {}
            _ => add(&mut fields, name, value)?,
        }
    }
    if trailers {
        fields.insert(TE, HeaderValue::from_static("trailers"));
    }
    let mut address = uri::Parts::default();
    address.path_and_query = Some(uri::PathAndQuery::try_from(target).map_err(|_| Malformed::Target)?);
    if let Some(authority) = authority.filter(|authority| !authority.is_empty()) {
        address.authority = Some(uri::Authority::try_from(authority).map_err(|_| Malformed::Host)?);
        address.scheme = Some(scheme.parse().map_err(|_| Malformed::Target)?);
    }
    let mut request = ::http::Request::new(());
    *request.method_mut() = Method::from_bytes(method).map_err(|_| Malformed::StartLine)?;
    *request.uri_mut() = Uri::from_parts(address).map_err(|_| Malformed::Target)?;
    *request.headers_mut() = fields;
    Ok(request)
}

/// A response's head as it is written, for HTTP/2.
pub(in crate::http) fn read_response(head: &[u8]) -> Result<::http::Response<()>, Malformed> {
    let (line, lines) = first_line(head)?;
    let code = line.get(9..12).ok_or(Malformed::StartLine)?;
    let mut response = ::http::Response::new(());
    *response.status_mut() = StatusCode::from_bytes(code).map_err(|_| Malformed::StartLine)?;
    for (name, value) in self::lines(lines) {
        if !is_of_connection(name) && Name::of(name) != Name::Te {
            add(response.headers_mut(), name, value)?;
        }
    }
    Ok(response)
}

/// The fields behind a body, for HTTP/2. Those that may not be there are left out.
pub(in crate::http) fn read_trailers(head: &[u8]) -> Result<HeaderMap, Malformed> {
    let mut fields = HeaderMap::new();
    for (name, value) in lines(head) {
        if !is_of_connection(name) {
            add(&mut fields, name, value)?;
        }
    }
    let fixed: Vec<HeaderName> = fields.keys().filter(|name| is_fixed(name)).cloned().collect();
    for name in fixed {
        fields.remove(name);
    }
    Ok(fields)
}

/// Lines of fields that were checked when they were read or written.
pub(crate) struct Lines<'a>(pub(crate) &'a [u8]);

impl Lookup for Lines<'_> {
    fn each(&self, name: &str, look: &mut dyn FnMut(&[u8])) {
        let named = |(found, _): &(&[u8], &[u8])| found.eq_ignore_ascii_case(name.as_bytes());
        lines(self.0).filter(named).for_each(|(_, value)| look(value));
    }
}

fn add(fields: &mut HeaderMap, name: &[u8], value: &[u8]) -> Result<(), Malformed> {
    let name = HeaderName::from_bytes(name).map_err(|_| Malformed::FieldName)?;
    let value = HeaderValue::from_bytes(value).map_err(|_| Malformed::FieldValue)?;
    fields.try_append(name, value).map_err(|_| Malformed::TooManyFields)?;
    Ok(())
}

fn first_line(head: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let end = head.windows(2).position(|pair| pair == b"\r\n").ok_or(Malformed::StartLine)?;
    Ok((&head[..end], &head[end + 2..]))
}

/// The fields of lines that were checked when they were read or written.
fn lines(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let colon = memchr::memchr(b':', line)?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::super::super::{Framing, Request, Version};
    use super::*;

    fn parts(uri: &str, fields: &[(&str, &str)]) -> request::Parts {
        let mut builder = ::http::Request::builder().method("POST").uri(uri);
        for (name, value) in fields {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    fn read(head: Vec<u8>) -> Result<Request, Malformed> {
        let mut request = Request::default();
        request.read_translated(head)?;
        Ok(request)
    }

    #[test]
    fn a_request_becomes_one_of_http1_and_is_the_same_again() {
        let fields = [("cookie", "a=1"), ("x-one", "1"), ("cookie", "b=2"), ("te", "trailers"), ("host", "other")];
        let head = write_request(&parts("http://api.example:80/a/b?c=d", &fields), false).unwrap();
        let text = String::from_utf8(head.clone()).unwrap();
        assert_eq!(
            text,
            "POST /a/b?c=d HTTP/1.1\r\nhost: api.example:80\r\nx-one: 1\r\nte: trailers\r\ncookie: a=1; b=2\r\n\
             transfer-encoding: chunked\r\n\r\n"
        );
        let request = read(head.clone()).unwrap();
        assert_eq!((request.version, request.framing), (Version::Http2, Framing::Chunked));
        assert_eq!((request.authority(), request.path()), (&b"api.example:80"[..], &b"/a/b"[..]));
        let again = read_request(&head, true).unwrap();
        assert_eq!(again.uri(), "http://api.example:80/a/b?c=d");
        let names: Vec<&str> = again.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-one", "cookie", "te"]);
    }

    #[test]
    fn what_would_be_another_message_over_http1_is_refused() {
        let fields = |fields: &[(&str, &str)]| write_request(&parts("http://a/", fields), true).and_then(read).err();
        assert_eq!(fields(&[("transfer-encoding", "chunked")]), Some(Malformed::ConnectionField));
        assert_eq!(fields(&[("connection", "close")]), Some(Malformed::ConnectionField));
        assert_eq!(fields(&[("content-length", "1"), ("content-length", "2")]), Some(Malformed::ContentLength));
        assert_eq!(fields(&[]), None);
        let uri = |uri: &str| write_request(&parts(uri, &[]), true).and_then(read).err();
        assert_eq!(uri("http://user@a/"), Some(Malformed::Host));
        assert_eq!(uri("/"), Some(Malformed::Host));
        let mut connect = parts("http://a/", &[]);
        connect.method = Method::CONNECT;
        assert_eq!(write_request(&connect, true).unwrap_err(), Malformed::Tunnel);
    }

    #[test]
    fn trailers_do_not_frame_and_do_not_route() {
        let lines = b"grpc-status: 0\r\nContent-Length: 7\r\nhost: b\r\ntransfer-encoding: chunked\r\nX-A:  b \r\n";
        let fields = read_trailers(lines).unwrap();
        assert_eq!(
            (fields.len(), &fields["grpc-status"], &fields["x-a"]),
            (2, &HeaderValue::from_static("0"), &HeaderValue::from_static("b"))
        );
        assert_eq!(write_trailers(&fields).unwrap(), b"grpc-status: 0\r\nx-a: b\r\n");
    }

    proptest! {
        #[test]
        fn whatever_h2_lets_in_is_one_head_of_http1_or_none(
            path in "/[ -~]{0,20}",
            names in vec("[a-z-]{1,12}", 0..8),
            values in vec(vec(any::<u8>(), 0..20), 8),
        ) {
            let Ok(uri) = Uri::builder().scheme("http").authority("a").path_and_query(path).build() else {
                return Ok(());
            };
            let mut request = ::http::Request::new(());
            *request.uri_mut() = uri;
            for (name, value) in names.iter().zip(&values) {
                if let Ok(value) = HeaderValue::from_bytes(value) {
                    request.headers_mut().append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
                }
            }
            let parts = request.into_parts().0;
            let Ok(head) = write_request(&parts, true) else { return Ok(()) };
            let ends = head.windows(4).filter(|window| window == b"\r\n\r\n").count();
            prop_assert_eq!(ends, 1);
            let Ok(request) = read(head.clone()) else { return Ok(()) };
            prop_assert_eq!(Some(request.target()), parts.uri.path_and_query().map(|target| target.as_str().as_bytes()));
            let again = read_request(&head, false).unwrap();
            prop_assert_eq!(again.uri(), &parts.uri);
            for name in parts.headers.keys().filter(|name| *name != TE && *name != COOKIE && *name != HOST) {
                let trimmed = |fields: &HeaderMap| -> Vec<Vec<u8>> {
                    fields.get_all(name).iter().map(|value| value.as_bytes().trim_ascii().to_vec()).collect()
                };
                prop_assert_eq!(trimmed(&parts.headers), trimmed(again.headers()));
            }
        }
    }
}
