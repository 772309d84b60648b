//! The head of a message: a start line and fields, each line ended by CR LF, and an empty line.
//!
//! It is read line by line as bytes arrive, so that a message that comes in a thousand pieces is looked at once, and
//! a bad one is refused at the line that is bad. Nothing is copied: fields are spans of the bytes they were read from.

use std::ops::Range;

use memchr::memchr;

use super::{
    Malformed,
    characters::{is_token, is_value, token_length, value_length},
};

/// The largest head, in bytes, as Envoy has it.
pub(crate) const HEAD_MAX: usize = 60 * 1024;

/// The most fields, as Envoy has it.
pub(crate) const FIELDS_MAX: usize = 100;

/// The fields a proxy has to do with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Other,
    Authorization,
    Connection,
    ContentLength,
    ContentType,
    Cookie,
    Date,
    Expect,
    Host,
    Http2Settings,
    KeepAlive,
    ProxyConnection,
    Server,
    Te,
    TransferEncoding,
    Upgrade,
    UserAgent,
    XAmznTraceId,
    /// Any other that begins with `x-envoy-`.
    XEnvoy,
    XEnvoyExpectedRqTimeoutMs,
    XEnvoyUpstreamServiceTime,
    XForwardedClientCert,
    XForwardedFor,
    XForwardedPort,
    XForwardedProto,
    XRequestId,
}

impl Name {
    /// Whether it is the name of one field alone, and not of several.
    fn is_one(self) -> bool {
        !matches!(self, Self::Other | Self::XEnvoy)
    }

    /// What `name` is; the length is looked at first, so that an ordinary field costs one comparison.
    pub(super) fn of(name: &[u8]) -> Self {
        let candidate: (&[u8], Self) = match name.len() {
            2 => (b"te", Self::Te),
            4 if name[0] | 0x20 == b'd' => (b"date", Self::Date),
            4 => (b"host", Self::Host),
            6 if name[0] | 0x20 == b'c' => (b"cookie", Self::Cookie),
            6 if name[0] | 0x20 == b'e' => (b"expect", Self::Expect),
            6 => (b"server", Self::Server),
            7 => (b"upgrade", Self::Upgrade),
            10 if name[0] | 0x20 == b'c' => (b"connection", Self::Connection),
            10 if name[0] | 0x20 == b'u' => (b"user-agent", Self::UserAgent),
            10 => (b"keep-alive", Self::KeepAlive),
            12 if name[0] | 0x20 == b'x' => (b"x-request-id", Self::XRequestId),
            12 => (b"content-type", Self::ContentType),
            13 => (b"authorization", Self::Authorization),
            14 if name[0] | 0x20 == b'h' => (b"http2-settings", Self::Http2Settings),
            14 => (b"content-length", Self::ContentLength),
            15 if name[2] | 0x20 == b'f' => (b"x-forwarded-for", Self::XForwardedFor),
            15 => (b"x-amzn-trace-id", Self::XAmznTraceId),
            16 if name[0] | 0x20 == b'p' => (b"proxy-connection", Self::ProxyConnection),
            16 => (b"x-forwarded-port", Self::XForwardedPort),
            17 if name[0] | 0x20 == b't' => (b"transfer-encoding", Self::TransferEncoding),
            17 => (b"x-forwarded-proto", Self::XForwardedProto),
            23 => (b"x-forwarded-client-cert", Self::XForwardedClientCert),
            29 => (b"x-envoy-upstream-service-time", Self::XEnvoyUpstreamServiceTime),
            30 => (b"x-envoy-expected-rq-timeout-ms", Self::XEnvoyExpectedRqTimeoutMs),
            _ => return Self::envoys(name),
        };
        if is_spelt(name, candidate.0) { candidate.1 } else { Self::envoys(name) }
    }

    fn envoys(name: &[u8]) -> Self {
        let prefix = b"x-envoy-";
        let is_envoys =
            name.len() > prefix.len() && name[2] | 0x20 == b'e' && name[..prefix.len()].eq_ignore_ascii_case(prefix);
        if is_envoys { Self::XEnvoy } else { Self::Other }
    }
}

/// Whether `name` is `lower`, which is in lower case and as long, in any spelling. Eight bytes are compared at once, the last
/// ones again if there are fewer.
fn is_spelt(name: &[u8], lower: &[u8]) -> bool {
    let [Some(last), Some(wanted_last)] = [name, lower].map(|text| text.last_chunk::<8>()) else {
        return name.eq_ignore_ascii_case(lower);
    };
    let (words, _) = name.as_chunks::<8>();
    let (wanted, _) = lower.as_chunks::<8>();
    words.iter().zip(wanted).all(|(word, wanted)| is_word(*word, *wanted)) && is_word(*last, *wanted_last)
}

/// Whether `word` is `lower` in any spelling. What differs may differ in the bit of lower case alone, and only where it makes
/// a letter of a letter.
fn is_word(word: [u8; 8], lower: [u8; 8]) -> bool {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    let (word, lower) = (u64::from_le_bytes(word), u64::from_le_bytes(lower));
    // Of what is in our names letters alone are above 0x60, and have the next bit set.
    let letters = (lower & (EACH * 0x40)) >> 1;
    (word ^ lower) & !letters == 0
}

/// Some of the names.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NameSet(u64);

impl NameSet {
    pub(crate) const fn of(names: &[Name]) -> Self {
        let mut set = 0;
        let mut place = 0;
        while place < names.len() {
            set |= 1 << names[place] as u32;
            place += 1;
        }
        Self(set)
    }

    pub(crate) const fn has(self, name: Name) -> bool {
        self.0 & (1 << name as u32) != 0
    }

    /// Whether it has any of `others`.
    pub(crate) const fn has_any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A part of the bytes a head was read from. A head is smaller than 4 GiB by [`HEAD_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    #[expect(clippy::cast_possible_truncation, reason = "heads are limited to HEAD_MAX")]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.range()]
    }
}

/// A header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Which one it is.
    pub(crate) name: Name,
    /// It is for this connection only and does not go on.
    pub(crate) hop: bool,
    /// It was taken away.
    pub(crate) gone: bool,
    /// From the first byte of the name to the first of the next line.
    line: Span,
    name_end: u32,
    value: Span,
}

impl Field {
    pub(crate) fn value(self, bytes: &[u8]) -> &[u8] {
        self.value.of(bytes)
    }

    pub(crate) fn name_text(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.line.start as usize..self.name_end as usize]
    }
}

/// A head, as far as it was read.
#[derive(Debug, Default)]
pub(crate) struct Head {
    start_line: Option<Span>,
    /// In the order they came.
    pub(crate) fields: Vec<Field>,
    /// Which names the fields have.
    seen_names: NameSet,
    /// Where the next line begins.
    line: usize,
    /// Up to where there is no line feed.
    seen: usize,
}

impl Head {
    /// Forgets what was read.
    pub(crate) fn clear(&mut self) {
        self.start_line = None;
        self.fields.clear();
        self.seen_names = NameSet::default();
        (self.line, self.seen) = (0, 0);
    }

    /// The first line, without its end.
    pub(crate) fn start_line(&self) -> Span {
        self.start_line.unwrap_or_default()
    }

    /// Reads on. `bytes` begins where the head begins and has all that it had before.
    ///
    /// The answer is the length of the head, its empty line included, once all of it is there.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        loop {
            if self.seen == self.line && self.start_line.is_some() {
                self.read_plain_fields(bytes);
            }
            let Some(distance) = memchr(b'\n', &bytes[self.seen..]) else { break };
            let (start, feed) = (self.line, self.seen + distance);
            if feed == start || bytes[feed - 1] != b'\r' {
                return Err(Malformed::BareLineFeed);
            }
            if feed >= HEAD_MAX {
                return Err(Malformed::HeadTooLarge);
            }
            (self.line, self.seen) = (feed + 1, feed + 1);
            if self.start_line.is_none() {
                self.start_line = Some(Span::new(start, feed - 1));
            } else if feed - 1 == start {
                return Ok(Some(feed + 1));
            } else {
                self.read_field(bytes, start, feed - 1)?;
            }
        }
        self.seen = bytes.len();
        if self.seen > HEAD_MAX { Err(Malformed::HeadTooLarge) } else { Ok(None) }
    }

    /// Reads the fields that are there and as they should be, in one pass over their bytes. What is not is left, for
    /// [`Head::read`] to wait for or to refuse.
    fn read_plain_fields(&mut self, bytes: &[u8]) {
        let bytes = &bytes[..bytes.len().min(HEAD_MAX)];
        while self.fields.len() < FIELDS_MAX {
            let start = self.line;
            let colon = start + token_length(&bytes[start..]);
            if colon == start || bytes.get(colon) != Some(&b':') {
                break;
            }
            let end = colon + 1 + value_length(&bytes[colon + 1..]);
            if !bytes[end..].starts_with(b"\r\n") {
                break;
            }
            (self.line, self.seen) = (end + 2, end + 2);
            self.add_field(bytes, start, colon, end);
        }
    }

    fn read_field(&mut self, bytes: &[u8], start: usize, end: usize) -> Result<(), Malformed> {
        if self.fields.len() == FIELDS_MAX {
            return Err(Malformed::TooManyFields);
        }
        let line = &bytes[start..end];
        if matches!(line[0], b' ' | b'\t') {
            return Err(Malformed::FoldedLine);
        }
        let length = memchr(b':', line).ok_or(Malformed::FieldName)?;
        if length == 0 || !is_token(&line[..length]) {
            return Err(Malformed::FieldName);
        }
        if !is_value(&line[length + 1..]) {
            return Err(Malformed::FieldValue);
        }
        self.add_field(bytes, start, start + length, end);
        Ok(())
    }

    /// Takes in the field that is at `start`, whose line ends at `end`.
    fn add_field(&mut self, bytes: &[u8], start: usize, colon: usize, end: usize) {
        let is_space = |byte: u8| matches!(byte, b' ' | b'\t');
        let (mut first, mut last) = (colon + 1, end);
        while first < last && is_space(bytes[first]) {
            first += 1;
        }
        while first < last && is_space(bytes[last - 1]) {
            last -= 1;
        }
        let name = Name::of(&bytes[start..colon]);
        self.seen_names = self.seen_names.and(NameSet::of(&[name]));
        self.fields.push(Field {
            name,
            hop: false,
            gone: false,
            line: Span::new(start, end + 2),
            name_end: Span::new(start, colon).end,
            value: Span::new(first, last),
        });
    }

    /// The fields called `name`.
    pub(crate) fn all(&self, name: Name) -> impl Iterator<Item = &Field> {
        let fields = if self.seen_names.has(name) { self.fields.as_slice() } else { &[] };
        fields.iter().filter(move |field| field.name == name && !field.gone)
    }

    /// Whether there ever was a field called `name`.
    pub(crate) fn has_seen(&self, name: Name) -> bool {
        self.seen_names.has(name)
    }

    /// The values of the fields called `name`, in any spelling.
    pub(crate) fn values<'a>(&'a self, bytes: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let wanted = Name::of(name.as_bytes());
        let fields = if self.seen_names.has(wanted) { self.fields.as_slice() } else { &[] };
        let is_named = move |field: &&Field| {
            field.name == wanted
                && !field.gone
                && (wanted.is_one() || field.name_text(bytes).eq_ignore_ascii_case(name.as_bytes()))
        };
        fields.iter().filter(is_named).map(|field| field.value(bytes))
    }

    /// Takes the fields called `name` away, in any spelling.
    pub(crate) fn remove(&mut self, bytes: &[u8], name: &str) {
        if !self.seen_names.has(Name::of(name.as_bytes())) {
            return;
        }
        for field in &mut self.fields {
            field.gone |= field.name_text(bytes).eq_ignore_ascii_case(name.as_bytes());
        }
    }

    /// Takes the fields away for which `unwanted` holds; it is shown their names in any spelling.
    pub(crate) fn remove_those(&mut self, bytes: &[u8], mut unwanted: impl FnMut(Name, &[u8]) -> bool) {
        for field in &mut self.fields {
            field.gone |= unwanted(field.name, field.name_text(bytes));
        }
    }

    /// The value of the first field called `name`.
    pub(crate) fn value<'a>(&self, bytes: &'a [u8], name: Name) -> Option<&'a [u8]> {
        self.all(name).next().map(|field| field.value(bytes))
    }

    /// Marks the fields that are for this connection only (RFC 9110, 7.6.1), and says what `Connection` has.
    ///
    /// A field that says how the message is framed or whom it is for can't be removed by naming it in `Connection`.
    pub(crate) fn mark_hops(&mut self, bytes: &[u8]) -> Result<Options, Malformed> {
        const HOPS: NameSet = NameSet::of(&[
            Name::Connection,
            Name::KeepAlive,
            Name::ProxyConnection,
            Name::Te,
            Name::Upgrade,
            Name::Http2Settings,
        ]);
        const FIXED: NameSet = NameSet::of(&[Name::ContentLength, Name::TransferEncoding, Name::Host]);
        let mut options = Options::default();
        if !self.seen_names.has_any(HOPS) {
            return Ok(options);
        }
        for field in &mut self.fields {
            field.hop = HOPS.has(field.name);
        }
        for place in 0..self.fields.len() {
            if self.fields[place].name != Name::Connection {
                continue;
            }
            for option in list(self.fields[place].value(bytes)) {
                match option {
                    _ if option.eq_ignore_ascii_case(b"close") => options.close = true,
                    _ if option.eq_ignore_ascii_case(b"keep-alive") => options.keep_alive = true,
                    _ if option.eq_ignore_ascii_case(b"upgrade") => options.upgrade = true,
                    _ if FIXED.has(Name::of(option)) => return Err(Malformed::Nominated),
                    _ => self.mark(bytes, option),
                }
            }
        }
        Ok(options)
    }

    fn mark(&mut self, bytes: &[u8], option: &[u8]) {
        for field in &mut self.fields {
            field.hop |= field.name_text(bytes).eq_ignore_ascii_case(option);
        }
    }

    /// How the body is framed by the fields alone: neither, one or the other; never both.
    pub(crate) fn framing(&self, bytes: &[u8]) -> Result<Framed, Malformed> {
        const FRAMING: NameSet = NameSet::of(&[Name::ContentLength, Name::TransferEncoding]);
        let mut framed = Framed::default();
        let fields = if self.seen_names.has_any(FRAMING) { self.fields.as_slice() } else { &[] };
        for field in fields {
            match field.name {
                Name::ContentLength if framed.length.is_some() => return Err(Malformed::ContentLength),
                Name::ContentLength => framed.length = Some(length(field.value(bytes))?),
                Name::TransferEncoding if framed.chunked => return Err(Malformed::TransferEncoding),
                Name::TransferEncoding if field.value(bytes).eq_ignore_ascii_case(b"chunked") => framed.chunked = true,
                Name::TransferEncoding => return Err(Malformed::TransferEncoding),
                _ => {}
            }
        }
        if framed.chunked && framed.length.is_some() { Err(Malformed::TwoFramings) } else { Ok(framed) }
    }

    /// Copies the fields that go on, without those in `dropped`, in runs.
    pub(crate) fn copy_fields(&self, bytes: &[u8], dropped: NameSet, out: &mut Vec<u8>) {
        let mut run = match self.fields.first() {
            Some(field) => Span { start: field.line.start, end: field.line.start },
            None => return,
        };
        for field in &self.fields {
            if field.hop || field.gone || dropped.has(field.name) {
                out.extend_from_slice(run.of(bytes));
                run.start = field.line.end;
            }
            run.end = field.line.end;
        }
        out.extend_from_slice(run.of(bytes));
    }
}

/// What `Connection` has, besides fields to remove.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
}

/// What the fields say about the body.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Framed {
    pub(crate) length: Option<u64>,
    pub(crate) chunked: bool,
}

/// The members of a comma-separated list.
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

/// A `Content-Length`: digits alone, and not more than fit.
fn length(value: &[u8]) -> Result<u64, Malformed> {
    const DIGITS_MAX: usize = 18;
    if value.is_empty() || value.len() > DIGITS_MAX || !value.iter().all(u8::is_ascii_digit) {
        return Err(Malformed::ContentLength);
    }
    Ok(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// Appends a field line. Inlined, since what is known of a name when it is compiled need not be copied by a call.
#[inline]
pub(crate) fn append_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends a field line with a number.
pub(crate) fn append_number(out: &mut Vec<u8>, name: &str, number: u64) {
    let mut digits = [0_u8; 20];
    let mut place = digits.len();
    let mut rest = number;
    loop {
        place -= 1;
        digits[place] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    append_field(out, name, &digits[place..]);
}
