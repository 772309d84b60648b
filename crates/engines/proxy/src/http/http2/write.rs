//! Heads and trailers of HTTP/1.1, as they go over HTTP/2.

use super::{
    super::{
        Malformed, Name, NameSet,
        characters::{is_token, is_value},
    },
    hpack::encode,
    read::{CONNECTION, FIXED},
};
use crate::format::Lookup;

/// What goes on as pseudo fields, or not at all.
const REPLACED: NameSet = NameSet::of(&[Name::Host, Name::Te]);

/// Appends the block of a request's head. `trailers` is whether the client takes them, `secured` whether the connection
/// is; a field of the head that says so counts as well.
pub(super) fn request(head: &[u8], trailers: bool, secured: bool, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let (line, rest) = first_line(head)?;
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target)) = (parts.next(), parts.next()) else { return Err(Malformed::StartLine) };
    let start = out.len();
    let (mut authority, mut secured) = (&b""[..], secured);
    for (name, value) in lines(rest) {
        let known = Name::of(name);
        match known {
            Name::Host => authority = value,
            Name::XForwardedProto => secured |= value == b"https",
            _ => {}
        }
        if !REPLACED.has(known) && !CONNECTION.has(known) {
            field(name, value, out)?;
        }
    }
    if trailers {
        encode::field(b"te", b"trailers", out);
    }
    // Pseudo fields come first, and are known last.
    let fields = out.len();
    encode::method(method, out);
    encode::scheme(secured, out);
    if !authority.is_empty() {
        encode::authority(authority, out);
    }
    encode::path(target, out);
    let pseudo = out.len() - fields;
    out[start..].rotate_right(pseudo);
    Ok(())
}

/// Appends the block of a response's head.
pub(super) fn response(head: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let (line, rest) = first_line(head)?;
    encode::status(line.get(9..12).ok_or(Malformed::StartLine)?, out);
    for (name, value) in lines(rest) {
        let known = Name::of(name);
        if known != Name::Te && !CONNECTION.has(known) {
            field(name, value, out)?;
        }
    }
    Ok(())
}

/// Appends the block of an interim response that has no fields.
pub(super) fn interim(digits: &[u8], out: &mut Vec<u8>) {
    encode::status(digits, out);
}

/// Appends the block of the fields behind a body. Those that may not be there are left out.
pub(super) fn trailers(text: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    for (name, value) in lines(text) {
        let known = Name::of(name);
        if !CONNECTION.has(known) && !FIXED.has(known) && !name.eq_ignore_ascii_case(b"cookie") {
            field(name, value, out)?;
        }
    }
    Ok(())
}

fn field(name: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    if name.is_empty() || !is_token(name) {
        return Err(Malformed::FieldName);
    }
    if !is_value(value) {
        return Err(Malformed::FieldValue);
    }
    encode::field(name, value, out);
    Ok(())
}

/// Lines of fields that were checked when they were read or written.
pub(crate) struct Lines<'a>(pub(crate) &'a [u8]);

impl Lookup for Lines<'_> {
    fn each(&self, name: &str, look: &mut dyn FnMut(&[u8])) {
        let named = |(found, _): &(&[u8], &[u8])| found.eq_ignore_ascii_case(name.as_bytes());
        lines(self.0).filter(named).for_each(|(_, value)| look(value));
    }
}

fn first_line(head: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let end = memchr::memchr(b'\n', head).ok_or(Malformed::StartLine)?;
    Ok((head[..end].strip_suffix(b"\r").unwrap_or(&head[..end]), &head[end + 1..]))
}

/// The fields of lines that were checked when they were read or written.
fn lines(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len().checked_sub(1)?);
            let (line, more) = rest.split_at(end + 1);
            rest = more;
            if let Some(colon) = memchr::memchr(b':', line) {
                return Some((&line[..colon], line[colon + 1..].trim_ascii()));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{super::hpack::Decoder, *};

    fn shown(block: &[u8]) -> String {
        let mut text = String::new();
        let show = |name: &[u8], value: &[u8]| {
            text += &format!("{}: {}\n", String::from_utf8_lossy(name), String::from_utf8_lossy(value));
        };
        Decoder::default().decode(block, show).unwrap();
        text
    }

    #[test]
    fn a_request_goes_without_what_is_about_its_connection() {
        let head = b"PUT /x?y HTTP/1.1\r\nAccept: a\r\nHost: b:80\r\nConnection: close, x\r\nTE: gzip\r\nX-Y:  z \r\n\
            x-forwarded-proto: https\r\n\r\n";
        let mut out = b"before".to_vec();
        request(head, false, false, &mut out).unwrap();
        assert_eq!(
            shown(&out[6..]),
            ":method: PUT\n:scheme: https\n:authority: b:80\n:path: /x?y\naccept: a\nx-y: z\nx-forwarded-proto: https\n"
        );
    }

    #[test]
    fn a_response_and_its_trailers_go() {
        let mut out = Vec::new();
        response(b"HTTP/1.1 418 Teapot\r\nContent-Length: 3\r\nKeep-Alive: 5\r\nSet-Cookie: a\r\n\r\n", &mut out)
            .unwrap();
        assert_eq!(shown(&out), ":status: 418\ncontent-length: 3\nset-cookie: a\n");
        out.clear();
        trailers(
            b"grpc-status: 0\r\nContent-Length: 7\r\nhost: b\r\ntransfer-encoding: chunked\r\nX-A:  b \r\n",
            &mut out,
        )
        .unwrap();
        assert_eq!(shown(&out), "grpc-status: 0\nx-a: b\n");
    }

    #[test]
    fn what_can_be_no_field_is_not_sent() {
        let head = |field: &str| format!("GET / HTTP/1.1\r\nhost: a\r\n{field}\r\n\r\n").into_bytes();
        assert_eq!(request(&head("a b: c"), false, false, &mut Vec::new()), Err(Malformed::FieldName));
        assert_eq!(request(&head("a: \u{1}"), false, false, &mut Vec::new()), Err(Malformed::FieldValue));
    }
}
