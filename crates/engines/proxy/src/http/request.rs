//! A request: what its head says, and how it is written for the next hop.

use std::borrow::Cow;

use super::{
    Framing, Head, Malformed, Name, NameSet, append_field,
    characters::{HOST, METHOD, TARGET, all_of},
    head::{Span, list},
};
use crate::grpc;

/// The protocol version a peer speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Version {
    /// HTTP/1.0: no chunks, and one request per connection unless it asks for more.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2.
    Http2,
}

impl Version {
    /// Its name, as access logs have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// A request's head. One is reused for all requests of a connection.
#[derive(Debug, Default)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    head: Head,
    method: Span,
    target: Span,
    authority: Span,
    /// The target where it is not as it came: it was a URI, or its path was normalised.
    rewritten: Option<Vec<u8>>,
    /// The authority is from the target, which has precedence over `Host` (RFC 9112, 3.2.2).
    absolute: bool,
    /// The authority where it is not as it came.
    host: Option<Vec<u8>>,
    /// Fields that were added, with their names in lower case, and where in `added_values` their values are.
    added: Vec<(Cow<'static, str>, Span)>,
    added_values: Vec<u8>,
    /// The version the client speaks.
    pub(crate) version: Version,
    /// How the body's end is known.
    pub(crate) framing: Framing,
    /// The client would send another request on this connection.
    pub(crate) keep_alive: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
    /// The protocol the client would like to switch to.
    upgrade: Option<Span>,
}

impl Request {
    /// Reads on in `inbound`. Once the head is complete it is moved out of `inbound`, and the answer is true.
    pub(crate) fn read(&mut self, inbound: &mut Vec<u8>) -> Result<bool, Malformed> {
        if self.head.start_line() == Span::default() {
            // The first half of an empty line may have been looked at before.
            if skip_empty_lines(inbound) {
                self.head.clear();
            }
        }
        let Some(length) = self.head.read(inbound)? else { return Ok(false) };
        if length == inbound.len() {
            std::mem::swap(&mut self.bytes, inbound);
            inbound.clear();
        } else {
            self.bytes.clear();
            self.bytes.extend_from_slice(&inbound[..length]);
            inbound.drain(..length);
        }
        self.interpret()?;
        Ok(true)
    }

    /// Takes a complete head that came over HTTP/2 and was written down as one of HTTP/1.1.
    pub(super) fn read_translated(&mut self, head: &mut Vec<u8>) -> Result<(), Malformed> {
        if !self.read(head)? || !head.is_empty() {
            return Err(Malformed::StartLine);
        }
        self.version = Version::Http2;
        Ok(())
    }

    /// Forgets the request, to read the next.
    pub(crate) fn clear(&mut self) {
        /// A larger place than this is given back to the allocator.
        const KEPT_MAX: usize = 4096;
        self.head.clear();
        (self.rewritten, self.host) = (None, None);
        self.added.clear();
        self.added_values.clear();
        self.added_values.shrink_to(KEPT_MAX);
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_MAX);
    }

    fn interpret(&mut self) -> Result<(), Malformed> {
        self.read_request_line()?;
        let options = self.head.mark_hops(&self.bytes)?;
        let framed = self.head.framing(&self.bytes)?;
        if framed.chunked && self.version == Version::Http10 {
            return Err(Malformed::TransferEncoding);
        }
        self.framing = match framed.length {
            _ if framed.chunked => Framing::Chunked,
            None | Some(0) => Framing::None,
            Some(length) => Framing::Length(length),
        };
        self.keep_alive = match self.version {
            Version::Http11 | Version::Http2 => !options.close,
            Version::Http10 => options.keep_alive && !options.close,
        };
        self.read_host()?;
        self.read_expectation();
        // A switch of protocols begins after the request, so one with a body can't be switched; h2c is of no use to
        // a proxy that speaks HTTP/1.1 to its servers. Both are answered without the switch, as the standard allows.
        let plain = options.upgrade && self.framing == Framing::None && self.version == Version::Http11;
        self.upgrade = self
            .head
            .all(Name::Upgrade)
            .next()
            .map(|field| self.span_of(field.value(&self.bytes)))
            .filter(|span| plain && !span.of(&self.bytes).eq_ignore_ascii_case(b"h2c"));
        Ok(())
    }

    fn span_of(&self, part: &[u8]) -> Span {
        let start = part.as_ptr() as usize - self.bytes.as_ptr() as usize;
        Span::new(start, start + part.len())
    }

    fn read_request_line(&mut self) -> Result<(), Malformed> {
        let line = self.head.start_line();
        let text = line.of(&self.bytes);
        let split = |text| memchr::memchr(b' ', text).map(|end| (&text[..end], &text[end + 1..]));
        let Some((method, (target, version))) = split(text).and_then(|(method, rest)| Some((method, split(rest)?)))
        else {
            return Err(Malformed::StartLine);
        };
        self.version = match version {
            b"HTTP/1.1" => Version::Http11,
            b"HTTP/1.0" => Version::Http10,
            _ if version.contains(&b' ') => return Err(Malformed::StartLine),
            _ if version.starts_with(b"HTTP/") => return Err(Malformed::Version),
            _ => return Err(Malformed::StartLine),
        };
        if method.is_empty() || !all_of(&METHOD, method) {
            return Err(Malformed::StartLine);
        }
        if target.is_empty() || !all_of(&TARGET, target) || target.contains(&b'#') {
            return Err(Malformed::Target);
        }
        let (method, target) = (self.span_of(method), self.span_of(target));
        (self.method, self.target) = (method, target);
        self.read_target()
    }

    fn read_target(&mut self) -> Result<(), Malformed> {
        const SCHEMES: [&[u8]; 2] = [b"http://", b"https://"];
        self.absolute = false;
        let target = self.target.of(&self.bytes);
        if self.method() == b"CONNECT" {
            return Err(Malformed::Tunnel);
        }
        if target[0] == b'/' || (target == b"*" && self.method() == b"OPTIONS") {
            return Ok(());
        }
        let scheme = SCHEMES
            .iter()
            .find(|scheme| target.len() > scheme.len() && target[..scheme.len()].eq_ignore_ascii_case(scheme))
            .ok_or(Malformed::Target)?;
        let rest = &target[scheme.len()..];
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let path = if path.first() == Some(&b'/') { path.to_vec() } else { [b"/", path].concat() };
        self.authority = self.span_of(authority);
        (self.absolute, self.rewritten) = (true, Some(path));
        Ok(())
    }

    fn read_host(&mut self) -> Result<(), Malformed> {
        let mut hosts = self.head.all(Name::Host);
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.value(&self.bytes),
            (None, None) if self.version == Version::Http10 => b"",
            _ => return Err(Malformed::Host),
        };
        if !all_of(&HOST, host) {
            return Err(Malformed::Host);
        }
        if self.absolute {
            let authority = self.authority.of(&self.bytes);
            return if is_authority(authority) { Ok(()) } else { Err(Malformed::Target) };
        }
        self.authority = if host.is_empty() { Span::default() } else { self.span_of(host) };
        Ok(())
    }

    fn read_expectation(&mut self) {
        let expects = |field: &super::head::Field| field.value(&self.bytes).eq_ignore_ascii_case(b"100-continue");
        let found = self.head.all(Name::Expect).any(expects);
        if found {
            // We say `100 Continue` ourselves, so the next hop must not.
            for field in &mut self.head.fields {
                field.hop |= field.name == Name::Expect;
            }
        }
        self.expects_continue = found && self.version == Version::Http11 && self.framing != Framing::None;
    }

    /// The method, as it is spelt.
    pub(crate) fn method(&self) -> &[u8] {
        self.method.of(&self.bytes)
    }

    /// Path and query, as they go on.
    pub(crate) fn target(&self) -> &[u8] {
        self.rewritten.as_deref().unwrap_or_else(|| self.target.of(&self.bytes))
    }

    /// The path alone.
    pub(crate) fn path(&self) -> &[u8] {
        let target = self.target();
        &target[..memchr::memchr(b'?', target).unwrap_or(target.len())]
    }

    /// Whom the request is for: host, and port where one is given. Empty if nobody is named.
    pub(crate) fn authority(&self) -> &[u8] {
        self.host.as_deref().unwrap_or_else(|| self.authority.of(&self.bytes))
    }

    /// Names another authority to the server.
    pub(crate) fn set_authority(&mut self, authority: Vec<u8>) {
        self.host = Some(authority);
    }

    /// Asks the server for another path and query.
    pub(crate) fn set_target(&mut self, target: Vec<u8>) {
        self.rewritten = Some(target);
    }

    /// Adds a field. `name` is in lower case.
    pub(crate) fn append(&mut self, name: impl Into<Cow<'static, str>>, value: &[u8]) {
        let start = self.added_values.len();
        self.added_values.extend_from_slice(value);
        self.added.push((name.into(), Span::new(start, self.added_values.len())));
    }

    /// Takes the fields called `name` away.
    pub(crate) fn remove(&mut self, name: &str) {
        self.head.remove(&self.bytes, name);
        if !self.added.is_empty() {
            self.added.retain(|(added, _)| added != name);
        }
    }

    /// Takes the fields away that came and for which `unwanted` holds; it is shown their names in any spelling.
    pub(crate) fn remove_those(&mut self, unwanted: impl FnMut(Name, &[u8]) -> bool) {
        self.head.remove_those(&self.bytes, unwanted);
    }

    /// Has `value` alone in the field called `name`, which is in lower case.
    pub(crate) fn set(&mut self, name: impl Into<Cow<'static, str>>, value: &[u8]) {
        let name = name.into();
        self.remove(&name);
        self.append(name, value);
    }

    /// Whether a field called `name` came.
    pub(crate) fn has_seen(&self, name: Name) -> bool {
        self.head.has_seen(name)
    }

    /// The value of the first field called `name`.
    pub(crate) fn value(&self, name: Name) -> Option<&[u8]> {
        self.head.value(&self.bytes, name)
    }

    /// The values of all fields called `name`, in any spelling.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let added = self.added.iter().filter(move |(added, _)| added.eq_ignore_ascii_case(name));
        self.head.values(&self.bytes, name).chain(added.map(|(_, value)| value.of(&self.added_values)))
    }

    /// Whether its content type is gRPC's.
    pub(crate) fn is_grpc(&self) -> bool {
        self.value(Name::ContentType).is_some_and(grpc::is_grpc)
    }

    /// The protocol the client would like to switch to.
    pub(crate) fn upgrade(&self) -> Option<&[u8]> {
        self.upgrade.map(|span| span.of(&self.bytes))
    }

    /// Whether it is a `HEAD`, whose response has no body.
    pub(crate) fn is_head(&self) -> bool {
        self.method() == b"HEAD"
    }

    /// Whether sending it twice is like sending it once (RFC 9110, 9.2.2).
    pub(crate) fn is_idempotent(&self) -> bool {
        matches!(self.method(), b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE" | b"PUT" | b"DELETE")
    }

    /// Resolves dot segments and joins slashes, so that what is routed by is what the server will see.
    pub(crate) fn normalize(&mut self, dots: bool, slashes: bool) -> Result<(), BadPath> {
        if let Some(path) = normalized(self.path(), dots, slashes)? {
            let target = self.target();
            let query = memchr::memchr(b'?', target).map_or(&b""[..], |start| &target[start..]);
            self.rewritten = Some([&path, query].concat());
        }
        Ok(())
    }

    /// Whether the client says that it takes trailers.
    pub(super) fn takes_trailers(&self) -> bool {
        let trailers = |member: &[u8]| member.eq_ignore_ascii_case(b"trailers");
        self.head.all(Name::Te).any(|field| list(field.value(&self.bytes)).any(trailers))
    }

    /// Writes the request line and the fields that go on; fields may be appended, and an empty line must be.
    pub(crate) fn write_head(&self, dropped: NameSet, out: &mut Vec<u8>) {
        self.write_lines(dropped, out);
        if let Some(protocol) = self.upgrade() {
            append_field(out, "connection", b"upgrade");
            append_field(out, "upgrade", protocol);
        }
    }

    /// As [`Request::write_head`], for a server that is not asked to switch protocols.
    pub(super) fn write_lines(&self, dropped: NameSet, out: &mut Vec<u8>) {
        out.extend_from_slice(self.method());
        out.push(b' ');
        out.extend_from_slice(self.target());
        out.extend_from_slice(b" HTTP/1.1\r\n");
        let renamed = self.absolute || self.host.is_some();
        let whole = dropped;
        let dropped = if renamed { dropped.and(NameSet::of(&[Name::Host])) } else { dropped };
        self.head.copy_fields(&self.bytes, dropped, out);
        if renamed && !whole.has(Name::Host) {
            append_field(out, "host", self.authority());
        }
        for (name, value) in &self.added {
            append_field(out, name, value.of(&self.added_values));
        }
    }
}

/// Empty lines before a request are a mistake of old clients that is to be overlooked (RFC 9112, 2.2).
/// The answer is whether there were any.
fn skip_empty_lines(inbound: &mut Vec<u8>) -> bool {
    let empty = inbound.chunks_exact(2).take_while(|pair| pair == b"\r\n").count();
    inbound.drain(..2 * empty);
    empty > 0
}

/// Why a path has no normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadPath;

/// What has to be looked at in a path: what is escaped, and what should be.
const ODD: [bool; 256] = {
    let mut table = [false; 256];
    let odd = b"%\\\"<>^`{|}";
    let mut at = 0;
    while at < odd.len() {
        table[odd[at] as usize] = true;
        at += 1;
    }
    table
};

/// The path in its normal form, as Envoy has it; none if it has that already.
///
/// `dots`: what need not be escaped is not, what must be is, a backslash is a slash, and `.` and `..` are followed. Then,
/// for `slashes`, doubled slashes are one.
fn normalized(path: &[u8], dots: bool, slashes: bool) -> Result<Option<Vec<u8>>, BadPath> {
    let suspect = |pair: &[u8]| (pair[0] == b'/' && matches!(pair[1], b'/' | b'.')) || ODD[usize::from(pair[1])];
    if path.first() != Some(&b'/') || !path.windows(2).any(suspect) {
        return Ok(None);
    }
    let resolved = if dots { without_dots(&unescaped(path)?) } else { path.to_vec() };
    let merged = if slashes { without_doubled_slashes(&resolved) } else { resolved };
    Ok((merged != path).then_some(merged))
}

/// The path with those bytes escaped that must be, and no others but those that came so and mean something else then.
///
/// Behind a percent sign that escapes nothing no escape is resolved: `%%361` would become `%61`, which is an `a` to the
/// next reader and was none to this one.
fn unescaped(path: &[u8]) -> Result<Vec<u8>, BadPath> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path;
    // The length of `plain` from which on escapes are resolved.
    let mut guarded = 0;
    while let [byte, behind @ ..] = rest {
        rest = behind;
        match byte {
            b'\\' => plain.push(b'/'),
            b'%' => match escaped_byte(behind) {
                Some(0) => return Err(BadPath),
                Some(byte)
                    if plain.len() >= guarded
                        && (byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')) =>
                {
                    plain.push(byte);
                    rest = &behind[2..];
                }
                Some(_) => {
                    plain.extend_from_slice(&[b'%', behind[0], behind[1]]);
                    rest = &behind[2..];
                }
                None => {
                    plain.push(b'%');
                    guarded = plain.len() + 2;
                }
            },
            odd if ODD[usize::from(*odd)] => {
                let digit = |half: u8| DIGITS[usize::from(half)];
                plain.extend_from_slice(&[b'%', digit(odd >> 4), digit(odd & 15)]);
            }
            plain_one => plain.push(*plain_one),
        }
    }
    Ok(plain)
}

/// Whether it is a host, and behind a colon a port.
fn is_authority(text: &[u8]) -> bool {
    let end = match text.first() {
        Some(b'[') => memchr::memchr(b']', text).map_or(0, |last| last + 1),
        _ => memchr::memchr(b':', text).unwrap_or(text.len()),
    };
    let (host, port) = text.split_at(end);
    let is_port = port.is_empty() || port[0] == b':' && port[1..].iter().all(u8::is_ascii_digit);
    !host.is_empty() && all_of(&HOST, host) && is_port
}

/// The byte that two hexadecimal digits stand for.
fn escaped_byte(text: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match text {
        [high, low, ..] => Some(digit(*high)? * 16 + digit(*low)?),
        _ => None,
    }
}

/// Follows dot segments. One with a parameter (`..;x`) is one to Envoy and to servlet containers, so it is here.
fn without_dots(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut directory = false;
    for segment in path[1..].split(|byte| *byte == b'/') {
        directory = true;
        match &segment[..memchr::memchr(b';', segment).unwrap_or(segment.len())] {
            b"." => {}
            b".." => drop(kept.pop()),
            _ => {
                kept.push(segment);
                directory = false;
            }
        }
    }
    if directory {
        kept.push(b"");
    }
    [&b"/"[..], &kept.join(&b'/')].concat()
}

fn without_doubled_slashes(path: &[u8]) -> Vec<u8> {
    let mut merged = path.to_vec();
    merged.dedup_by(|next, previous| *next == b'/' && *previous == b'/');
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_as_envoy_does() {
        for (path, wanted) in [
            ("/a/b", None),
            ("/", None),
            ("/a/", None),
            ("/a/./b", Some("/a/b")),
            ("/a/../b", Some("/b")),
            ("/../../b", Some("/b")),
            ("/a/..", Some("/")),
            ("/a/b/..", Some("/a/")),
            ("/a/b/.", Some("/a/b/")),
            ("/a/%2e%2E/b", Some("/b")),
            ("//a///b//", Some("/a/b/")),
            ("/...", None),
            ("/a//../b", Some("/a/b")),
            ("/%61%2Dz%7E%2e%5F%30", Some("/a-z~._0")),
            ("/a%2Fb%3f%25%20%c3%A9%5c", None),
            ("/%zz%4%", None),
            ("/%2541", None),
            ("/%%361", None),
            ("/%3%36%31", Some("/%3%361")),
            ("/a\\..\\b", Some("/b")),
            ("/a\"|^{}<>`", Some("/a%22%7C%5E%7B%7D%3C%3E%60")),
            ("/a/..%2fb", None),
            ("/a/..;x/b", Some("/b")),
            ("/a/.;/b/..;", Some("/a/")),
            ("/a;x/...;/b", None),
        ] {
            let found = normalized(path.as_bytes(), true, true).unwrap();
            let found = found.map(|path| String::from_utf8(path).unwrap());
            assert_eq!(found.as_deref(), wanted, "{path}");
        }
        assert_eq!(normalized(b"/a//b/../c", false, true), Ok(Some(b"/a/b/../c".to_vec())));
        assert_eq!(normalized(b"/a//b/../c", true, false), Ok(Some(b"/a//c".to_vec())));
        assert_eq!(normalized(b"/%61", false, true), Ok(None));
        assert_eq!(normalized(b"/a%00", true, true), Err(BadPath));
    }
}
