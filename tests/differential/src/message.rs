//! Messages as a reader takes them that knows no more than it must: a head, and a body that ends where the head says.
//!
//! It is used on what proxies send, which should be well formed. What is not is kept as it came.

use std::collections::VecDeque;

/// A message, or what there was of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// The first line.
    pub(crate) start: String,
    /// Names in lower case, and values.
    pub(crate) fields: Vec<(String, String)>,
    /// Its content, framing removed, trailers behind it.
    pub(crate) body: Vec<u8>,
    /// How its end is known.
    pub(crate) framing: Framing,
    /// It ended before its end.
    pub(crate) cut: bool,
}

/// How a body's end is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    #[default]
    None,
    Length,
    Chunked,
    Close,
}

impl Message {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The status code, of a response.
    pub(crate) fn status(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or("?")
    }

    /// How the body's end is known from the head, of a request.
    pub(crate) fn framing_of_request(&self) -> Framing {
        match (self.field("transfer-encoding"), self.field("content-length")) {
            (Some(_), _) => Framing::Chunked,
            (None, Some(_)) => Framing::Length,
            (None, None) => Framing::None,
        }
    }

    /// How the body's end is known from the head, of a response.
    pub(crate) fn framing_of_response(&self, to_head: bool) -> Framing {
        let status = self.status();
        match self.framing_of_request() {
            _ if to_head || status.starts_with('1') || status == "204" || status == "304" => Framing::None,
            Framing::None => Framing::Close,
            framed => framed,
        }
    }
}

/// Text with a character for each byte.
pub(crate) fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Takes a head off the front of `bytes`, if all of it is there.
pub(crate) fn take_head(bytes: &mut Vec<u8>) -> Option<Message> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = latin(&bytes[..end]);
    bytes.drain(..end + 4);
    let mut lines: VecDeque<&str> = text.split("\r\n").collect();
    let start = lines.pop_front().unwrap_or_default().to_owned();
    let field = |line: &str| match line.split_once(':') {
        Some((name, value)) => (name.to_ascii_lowercase(), value.trim().to_owned()),
        None => (line.to_owned(), String::new()),
    };
    Some(Message { start, fields: lines.into_iter().map(field).collect(), ..Message::default() })
}

/// Takes the body off the front of `bytes`, if all of it is there; without `ended`, one that lasts as long as its
/// connection is never.
pub(crate) fn take_body(bytes: &mut Vec<u8>, message: &Message, framing: Framing, ended: bool) -> Option<Vec<u8>> {
    match framing {
        Framing::None => Some(Vec::new()),
        Framing::Length => {
            let length = message.field("content-length")?.parse().ok()?;
            (bytes.len() >= length).then(|| bytes.drain(..length).collect())
        }
        Framing::Close => ended.then(|| std::mem::take(bytes)),
        Framing::Chunked => {
            let (body, length) = unchunked(bytes)?;
            bytes.drain(..length);
            Some(body)
        }
    }
}

/// The content of chunks with their trailers behind it, and how long it all was.
fn unchunked(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut place) = (Vec::new(), 0);
    let line_at = |place: usize| {
        let rest = bytes.get(place..)?;
        rest.windows(2).position(|window| window == b"\r\n").map(|length| (&rest[..length], place + length + 2))
    };
    loop {
        let (line, after) = line_at(place)?;
        let digits = latin(line).split(';').next().unwrap_or_default().trim().to_owned();
        let size = usize::from_str_radix(&digits, 16).ok()?;
        if size == 0 {
            place = after;
            break;
        }
        body.extend_from_slice(bytes.get(after..after + size)?);
        place = after + size + 2;
    }
    loop {
        let (line, after) = line_at(place)?;
        place = after;
        if line.is_empty() {
            return Some((body, place));
        }
        body.extend_from_slice(b" | ");
        body.extend_from_slice(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_apart_where_it_ends() {
        let mut bytes =
            b"POST / HTTP/1.1\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nab\r\n0\r\nT: u\r\n\r\nmore".to_vec();
        let head = take_head(&mut bytes).expect("a head");
        assert_eq!((head.start.as_str(), head.field("a")), ("POST / HTTP/1.1", Some("b")));
        let framing = head.framing_of_request();
        assert_eq!(take_body(&mut bytes, &head, framing, false), Some(b"ab | T: u".to_vec()));
        assert_eq!(bytes, b"more");
    }

    #[test]
    fn what_is_not_all_there_is_not_taken() {
        let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc".to_vec();
        let head = take_head(&mut bytes).expect("a head");
        let framing = head.framing_of_response(false);
        assert_eq!((framing, take_body(&mut bytes, &head, framing, true)), (Framing::Length, None));
        assert_eq!(head.framing_of_response(true), Framing::None);
    }
}
