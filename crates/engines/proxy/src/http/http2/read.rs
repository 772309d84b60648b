//! Heads and trailers that come over HTTP/2, written down as those of HTTP/1.1.
//!
//! What RFC 9113, 8 forbids breaks the stream: names with upper case, pseudo fields that are repeated, unknown or late,
//! fields that are about a connection, characters that a line could end by. What is merely wrong is left to the reader that
//! all of HTTP/1.1 goes through, which reads every head again.

use super::{
    super::{
        Malformed, Name, NameSet,
        answer::reason,
        append_field,
        characters::{METHOD, TARGET, TOKEN, all_of, is_value},
        head::{HEAD_MAX, Span},
    },
    hpack::{Broken, Decoder},
};

/// Fields that are about a connection of HTTP/1.1, and mean nothing over HTTP/2 (RFC 9113, 8.2.2).
pub(super) const CONNECTION: NameSet = NameSet::of(&[
    Name::Connection,
    Name::KeepAlive,
    Name::ProxyConnection,
    Name::TransferEncoding,
    Name::Upgrade,
    Name::Http2Settings,
]);

/// Fields that say whom a message is for and how it is framed: behind a body it is too late for them (RFC 9110, 6.5.1).
pub(super) const FIXED: NameSet = NameSet::of(&[Name::Host, Name::ContentLength, Name::Te, Name::Expect]);

/// What a field counts for besides its name and its value.
const OVERHEAD: usize = 32;

/// Characters of names over HTTP/2.
const LOWER: [bool; 256] = {
    let mut table = TOKEN;
    let mut byte = b'A';
    while byte <= b'Z' {
        table[byte as usize] = false;
        byte += 1;
    }
    table
};

/// Places to put something down in, used again and again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pseudo: Vec<u8>,
    cookie: Vec<u8>,
}

/// What is known of a head that came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Arrived {
    /// How long it says that its body is.
    pub(super) length: Option<u64>,
    /// Why it is to be answered with a refusal; there is no head then.
    pub(super) refused: Option<Malformed>,
    /// The status code of a response.
    pub(super) status: u16,
}

/// The stream is to be broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flaw;

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Request,
    Response,
    Trailers,
}

/// Reads blocks, and has what is needed for it.
#[derive(Debug, Default)]
pub(super) struct Reader {
    decoder: Decoder,
    scratch: Scratch,
}

impl Reader {
    /// Writes the head of a request to `text`. `ended` is whether nothing follows it.
    pub(super) fn request(
        &mut self,
        block: &[u8],
        ended: bool,
        text: &mut Vec<u8>,
    ) -> Result<Result<Arrived, Flaw>, Broken> {
        self.read(What::Request, block, ended, text)
    }

    /// Writes the head of a response to `text`. `ended` is whether nothing follows it.
    pub(super) fn response(
        &mut self,
        block: &[u8],
        ended: bool,
        text: &mut Vec<u8>,
    ) -> Result<Result<Arrived, Flaw>, Broken> {
        self.read(What::Response, block, ended, text)
    }

    /// Writes the fields behind a body to `text`, a line for each. Those that may not be there are left out.
    pub(super) fn trailers(&mut self, block: &[u8], text: &mut Vec<u8>) -> Result<Result<Arrived, Flaw>, Broken> {
        self.read(What::Trailers, block, true, text)
    }

    /// Reads a block that nobody wants to know; those that follow need what it says.
    pub(super) fn skip(&mut self, block: &[u8]) -> Result<(), Broken> {
        self.decoder.decode(block, |_, _| {})
    }

    fn read(
        &mut self,
        what: What,
        block: &[u8],
        ended: bool,
        text: &mut Vec<u8>,
    ) -> Result<Result<Arrived, Flaw>, Broken> {
        text.clear();
        self.scratch.pseudo.clear();
        self.scratch.cookie.clear();
        let mut message = Message::new(what, text, &mut self.scratch);
        self.decoder.decode(block, |name, value| message.take(name, value))?;
        Ok(message.finish(ended))
    }
}

/// A message on its way to be text.
struct Message<'a> {
    what: What,
    text: &'a mut Vec<u8>,
    scratch: &'a mut Scratch,
    method: Option<Span>,
    path: Option<Span>,
    authority: Option<Span>,
    scheme: Option<Span>,
    status: Option<Span>,
    /// The first line is written.
    begun: bool,
    flawed: bool,
    size: usize,
    arrived: Arrived,
}

impl<'a> Message<'a> {
    fn new(what: What, text: &'a mut Vec<u8>, scratch: &'a mut Scratch) -> Self {
        let (method, path, authority, scheme, status) = (None, None, None, None, None);
        let (begun, flawed, size, arrived) = (what == What::Trailers, false, 0, Arrived::default());
        Self { what, text, scratch, method, path, authority, scheme, status, begun, flawed, size, arrived }
    }

    fn take(&mut self, name: &[u8], value: &[u8]) {
        self.size += name.len() + value.len() + OVERHEAD;
        if self.size > HEAD_MAX {
            self.arrived.refused = Some(Malformed::HeadTooLarge);
        }
        if self.flawed || self.arrived.refused.is_some() {
            return;
        }
        if name.first() == Some(&b':') {
            self.flawed = !self.take_pseudo(name, value);
        } else {
            self.flawed = !(self.begun || self.begin()) || !self.take_field(name, value);
        }
    }

    /// Whether it may be there.
    fn take_pseudo(&mut self, name: &[u8], value: &[u8]) -> bool {
        let place = match (self.what, name) {
            (What::Request, b":method") => &mut self.method,
            (What::Request, b":path") => &mut self.path,
            (What::Request, b":authority") => &mut self.authority,
            (What::Request, b":scheme") => &mut self.scheme,
            (What::Response, b":status") => &mut self.status,
            _ => return false,
        };
        if self.begun || place.is_some() {
            return false;
        }
        let start = self.scratch.pseudo.len();
        self.scratch.pseudo.extend_from_slice(value);
        *place = Some(Span::new(start, start + value.len()));
        true
    }

    /// Writes the first line; whether the pseudo fields are as they must be.
    fn begin(&mut self) -> bool {
        self.begun = true;
        match self.what {
            What::Request => self.begin_request(),
            What::Response => self.begin_response(),
            What::Trailers => true,
        }
    }

    fn begin_request(&mut self) -> bool {
        let of = |span: Option<Span>| span.map(|span| span.of(&self.scratch.pseudo));
        let Some(method) = of(self.method).filter(|method| !method.is_empty() && all_of(&METHOD, method)) else {
            return false;
        };
        if method == b"CONNECT" {
            self.arrived.refused = Some(Malformed::Tunnel);
            return self.path.is_none() && self.scheme.is_none() && self.authority.is_some();
        }
        let (Some(path), Some(scheme)) = (of(self.path), of(self.scheme)) else { return false };
        if path.is_empty() || scheme.is_empty() || !all_of(&TOKEN, scheme) {
            return false;
        }
        if !all_of(&TARGET, path) || !(path[0] == b'/' || (path == b"*" && method == b"OPTIONS")) {
            self.arrived.refused = Some(Malformed::Target);
            return true;
        }
        let out = &mut *self.text;
        out.extend_from_slice(method);
        out.push(b' ');
        out.extend_from_slice(path);
        out.extend_from_slice(b" HTTP/1.1\r\n");
        if let Some(authority) = of(self.authority) {
            if !all_of(&TARGET, authority) {
                return false;
            }
            append_field(out, "host", authority);
        }
        true
    }

    fn begin_response(&mut self) -> bool {
        let Some([a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9']) =
            self.status.map(|span| span.of(&self.scratch.pseudo))
        else {
            return false;
        };
        let digits = [*a, *b, *c];
        self.arrived.status = digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
        self.text.extend_from_slice(b"HTTP/1.1 ");
        self.text.extend_from_slice(&digits);
        self.text.push(b' ');
        self.text.extend_from_slice(reason(self.arrived.status).as_bytes());
        self.text.extend_from_slice(b"\r\n");
        true
    }

    /// Whether it may be there.
    fn take_field(&mut self, name: &[u8], value: &[u8]) -> bool {
        let padded = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        if name.is_empty() || !all_of(&LOWER, name) || !is_value(value) {
            return false;
        }
        // RFC 9113, 8.2.1.
        if padded(value.first()) || padded(value.last()) {
            return false;
        }
        let known = Name::of(name);
        if CONNECTION.has(known) || (known == Name::Te && !value.eq_ignore_ascii_case(b"trailers")) {
            return false;
        }
        if self.what == What::Trailers && (FIXED.has(known) || name == b"cookie") {
            return true;
        }
        match known {
            Name::Host if self.authority.is_some() => return true,
            // One that is no number is refused by who reads the text.
            Name::ContentLength => {
                self.arrived.length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            }
            _ if name == b"cookie" => {
                // RFC 9113, 8.2.3: crumbs of a cookie are one field for whoever does not speak HTTP/2.
                let cookie = &mut self.scratch.cookie;
                if !cookie.is_empty() {
                    cookie.extend_from_slice(b"; ");
                }
                cookie.extend_from_slice(value);
                return true;
            }
            _ => {}
        }
        line(self.text, name, value);
        true
    }

    fn finish(mut self, ended: bool) -> Result<Arrived, Flaw> {
        if !self.flawed && !self.begun && self.arrived.refused.is_none() {
            self.flawed = !self.begin();
        }
        if self.flawed {
            return Err(Flaw);
        }
        if !self.scratch.cookie.is_empty() {
            line(self.text, b"cookie", &self.scratch.cookie);
        }
        if self.what != What::Trailers {
            if !ended && self.arrived.length.is_none() {
                append_field(self.text, "transfer-encoding", b"chunked");
            }
            self.text.extend_from_slice(b"\r\n");
        }
        Ok(self.arrived)
    }
}

fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::{
        super::{
            super::{Framing, Request, Version},
            write,
        },
        *,
    };

    /// A block of fields, each spelt out.
    fn block(fields: &[(&str, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, value) in fields {
            out.extend_from_slice(&[0, u8::try_from(name.len()).unwrap()]);
            out.extend_from_slice(name.as_bytes());
            out.push(u8::try_from(value.len()).unwrap());
            out.extend_from_slice(value.as_bytes());
        }
        out
    }

    const POST: [(&str, &str); 4] =
        [(":method", "POST"), (":scheme", "http"), (":path", "/a/b?c=d"), (":authority", "api.example:80")];

    fn text(fields: &[(&str, &str)], ended: bool) -> Result<(Arrived, String), Flaw> {
        let mut text = Vec::new();
        let arrived = Reader::default().request(&block(fields), ended, &mut text).unwrap()?;
        Ok((arrived, String::from_utf8(text).unwrap()))
    }

    fn with(more: &[(&str, &str)]) -> Result<(Arrived, String), Flaw> {
        text(&[&POST, more].concat(), true)
    }

    #[test]
    fn a_request_becomes_one_of_http1_and_is_the_same_again() {
        let fields = [("cookie", "a=1"), ("x-one", "1"), ("cookie", "b=2"), ("te", "trailers"), ("host", "other")];
        let (_, head) = text(&[&POST[..], &fields].concat(), false).unwrap();
        assert_eq!(
            head,
            "POST /a/b?c=d HTTP/1.1\r\nhost: api.example:80\r\nx-one: 1\r\nte: trailers\r\ncookie: a=1; b=2\r\n\
             transfer-encoding: chunked\r\n\r\n"
        );
        let mut request = Request::default();
        request.read_translated(&mut head.clone().into_bytes()).unwrap();
        assert_eq!((request.version, request.framing), (Version::Http2, Framing::Chunked));
        assert_eq!((request.authority(), request.path()), (&b"api.example:80"[..], &b"/a/b"[..]));
        let mut again = Vec::new();
        write::request(head.as_bytes(), true, false, &mut again).unwrap();
        let mut names = Vec::new();
        Decoder::default().decode(&again, |name, _| names.push(String::from_utf8(name.to_vec()).unwrap())).unwrap();
        assert_eq!(names, [":method", ":scheme", ":authority", ":path", "x-one", "cookie", "te"]);
    }

    #[test]
    fn what_the_standard_forbids_breaks_the_stream() {
        for field in [
            ("Upper", "a"),
            ("transfer-encoding", "chunked"),
            ("connection", "close"),
            ("keep-alive", "a"),
            ("proxy-connection", "a"),
            ("upgrade", "a"),
            ("te", "gzip"),
            (":path", "/again"),
            (":unknown", "a"),
            (":status", "200"),
            ("", "a"),
            ("a b", "c"),
            ("a", "b\r\nc: d"),
            ("a", "b\0"),
            ("a", " b"),
            ("a", "b\t"),
        ] {
            assert_eq!(with(&[field]).map(|(arrived, _)| arrived), Err(Flaw), "{field:?}");
        }
        assert_eq!(with(&[("a", "b"), (":late", "c")]).map(drop), Err(Flaw));
        for missing in 0..3 {
            let mut fields = POST.to_vec();
            fields.remove(missing);
            assert_eq!(text(&fields, true).map(drop), Err(Flaw), "{fields:?}");
        }
    }

    #[test]
    fn what_is_merely_wrong_is_answered() {
        let refused = |fields: &[(&str, &str)]| text(fields, true).unwrap().0.refused;
        assert_eq!(refused(&[(":method", "CONNECT"), (":authority", "a")]), Some(Malformed::Tunnel));
        let path = |path| [(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "a")];
        assert_eq!((refused(&path("/a b")), refused(&path("*"))), (Some(Malformed::Target), Some(Malformed::Target)));
        let large = "x".repeat(100);
        let many = vec![("a", large.as_str()); 600];
        assert_eq!(with(&many).unwrap().0.refused, Some(Malformed::HeadTooLarge));
    }

    #[test]
    fn trailers_do_not_frame_and_do_not_route() {
        let fields = [("grpc-status", "0"), ("content-length", "7"), ("host", "b"), ("x-a", "b"), ("cookie", "c")];
        let mut text = Vec::new();
        Reader::default().trailers(&block(&fields), &mut text).unwrap().unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "grpc-status: 0\r\nx-a: b\r\n");
        let pseudo = Reader::default().trailers(&block(&[(":path", "/")]), &mut Vec::new()).unwrap();
        assert_eq!(pseudo, Err(Flaw));
    }

    proptest! {
        #[test]
        fn whatever_is_let_in_is_one_head_of_http1(
            path in "[ -~]{0,20}",
            authority in "[ -~]{0,20}",
            names in vec("[a-z:-]{1,12}", 0..8),
            values in vec(vec(any::<u8>(), 0..20), 8),
        ) {
            let mut bytes = block(&[(":method", "GET"), (":scheme", "http"), (":path", &path), (":authority", &authority)]);
            for (name, value) in names.iter().zip(&values) {
                bytes.extend_from_slice(&[0, u8::try_from(name.len()).unwrap()]);
                bytes.extend_from_slice(name.as_bytes());
                bytes.push(u8::try_from(value.len()).unwrap());
                bytes.extend_from_slice(value);
            }
            let mut text = Vec::new();
            let Ok(arrived) = Reader::default().request(&bytes, true, &mut text).unwrap() else { return Ok(()) };
            if arrived.refused.is_none() {
                let ends = text.windows(4).filter(|window| window == b"\r\n\r\n").count();
                let lines = text.split(|byte| *byte == b'\n').count();
                prop_assert_eq!(ends, 1);
                prop_assert!(lines <= names.len() + 4);
            }
        }
    }
}
