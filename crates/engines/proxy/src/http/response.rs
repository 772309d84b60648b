//! A response: what its head says, and how it is written for the client.

use super::{Framing, Head, Malformed, Name, NameSet, Request, Version, head::Span};
use crate::format::Lookup;

/// What a response's head says. Its bytes and fields are kept by whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    /// The status code.
    pub(crate) status: u16,
    /// How the body's end is known.
    pub(crate) framing: Framing,
    /// The server would take another request on this connection.
    pub(crate) keep_alive: bool,
    /// The server switches protocols, and says to which.
    pub(crate) switches: bool,
    reason: Span,
}

impl Response {
    /// What the complete `head`, read from `bytes`, says in answer to `request`.
    pub(crate) fn interpret(bytes: &[u8], head: &mut Head, request: &Request) -> Result<Self, Malformed> {
        let line = head.start_line();
        let (version, status) = status_line(line.of(bytes))?;
        let reason = Span::new((line.range().start + 13).min(line.range().end), line.range().end);
        let options = head.mark_hops(bytes)?;
        let framed = head.framing(bytes)?;
        if framed.chunked && version == Version::Http10 {
            return Err(Malformed::TransferEncoding);
        }
        let bodiless = request.is_head() || status < 200 || matches!(status, 204 | 304);
        let framing = match framed.length {
            _ if bodiless => Framing::None,
            _ if framed.chunked => Framing::Chunked,
            Some(length) => Framing::Length(length),
            None => Framing::Close,
        };
        let persistent = match version {
            Version::Http11 | Version::Http2 => !options.close,
            Version::Http10 => options.keep_alive && !options.close,
        };
        let switches = status == 101 && options.upgrade;
        if status == 101 && !(switches && request.upgrade().is_some()) {
            return Err(Malformed::Switched);
        }
        Ok(Self { status, framing, keep_alive: persistent && framing != Framing::Close, switches, reason })
    }

    /// Whether another response to the same request follows.
    pub(crate) fn is_interim(&self) -> bool {
        self.status < 200 && self.status != 101
    }

    /// Writes the status line and the fields that go on; fields may be appended, and an empty line must be.
    pub(crate) fn write_head(&self, bytes: &[u8], head: &Head, dropped: NameSet, out: &mut Vec<u8>) {
        // RFC 9110, 8.6 and 6.1: no server may frame a body that can't be there.
        const FRAMING: NameSet = NameSet::of(&[Name::ContentLength, Name::TransferEncoding]);
        let dropped = if self.status == 204 || self.status < 200 { dropped.and(FRAMING) } else { dropped };
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(&digits(self.status));
        out.push(b' ');
        out.extend_from_slice(self.reason.of(bytes));
        out.extend_from_slice(b"\r\n");
        head.copy_fields(bytes, dropped, out);
    }
}

/// The fields of a message, however it came: what decisions about it need, and nothing of its framing.
pub(crate) trait Fields: Lookup {
    /// Takes the fields called `name` away; it is in lower case.
    fn remove(&mut self, name: &str);
}

/// The fields of a response that was read from `bytes`.
pub(crate) struct HeadFields<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) head: &'a mut Head,
}

impl Lookup for HeadFields<'_> {
    fn each(&self, name: &str, look: &mut dyn FnMut(&[u8])) {
        self.head.values(self.bytes, name).for_each(look);
    }
}

impl Fields for HeadFields<'_> {
    fn remove(&mut self, name: &str) {
        self.head.remove(self.bytes, name);
    }
}

/// The three digits of a status code.
pub(crate) fn digits(status: u16) -> [u8; 3] {
    [status / 100 % 10, status / 10 % 10, status % 10].map(|digit| b'0' + u8::try_from(digit).unwrap_or(0))
}

fn status_line(line: &[u8]) -> Result<(Version, u16), Malformed> {
    let version = match line.get(..9) {
        Some(b"HTTP/1.1 ") => Version::Http11,
        Some(b"HTTP/1.0 ") => Version::Http10,
        _ => return Err(Malformed::StartLine),
    };
    let (code, rest) = line[9..].split_at_checked(3).ok_or(Malformed::StartLine)?;
    let reasonable = rest.is_empty() || rest[0] == b' ' && super::characters::all_of(&super::characters::VALUE, rest);
    if !reasonable || !code.iter().all(u8::is_ascii_digit) {
        return Err(Malformed::StartLine);
    }
    let status = code.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    if status < 100 { Err(Malformed::StartLine) } else { Ok((version, status)) }
}
