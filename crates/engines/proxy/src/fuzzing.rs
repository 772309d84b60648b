//! What fuzzers may call: each takes any bytes, and panics where a promise is broken. `tests/fuzz` drives them.

use std::collections::BTreeMap;

use envoy_types::pb::google::protobuf::Any;

use crate::{
    format::{Facts, Template},
    http::{Decoder, Framing, Head, NameSet, Request, Response, trial},
    mesh::fuzzing::Routing,
    sni, xds,
};

/// The most requests that are read from one connection.
const REQUESTS_MAX: usize = 64;

/// The head of a request: what is accepted is passed on as the same request, and as one.
pub fn request_head(data: &[u8]) {
    let mut request = Request::default();
    if request.read(&mut data.to_vec()) != Ok(true) {
        return;
    }
    let mut out = Vec::new();
    request.write_head(NameSet::default(), &mut out);
    out.extend_from_slice(b"\r\n");
    let mut again = Request::default();
    let mut rest = out.clone();
    // A request of HTTP/1.0 may come without a host, and goes on as one of HTTP/1.1.
    if request.authority().is_empty() && again.read(&mut rest).is_err() {
        return;
    }
    let mut rest = out.clone();
    again = Request::default();
    assert_eq!(again.read(&mut rest), Ok(true), "what is passed on can't be read: {:?}", String::from_utf8_lossy(&out));
    assert!(rest.is_empty(), "one request has become two");
    assert_eq!((again.method(), again.target()), (request.method(), request.target()));
    assert_eq!((again.authority(), again.framing), (request.authority(), request.framing));
    assert_eq!(again.upgrade(), request.upgrade());
}

/// The head of a response: what is accepted is passed on as the same response.
pub fn response_head(data: &[u8]) {
    let mut request = Request::default();
    assert_eq!(request.read(&mut b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()), Ok(true));
    let mut head = Head::default();
    let Ok(Some(length)) = head.read(data) else { return };
    assert!(length <= data.len());
    let Ok(response) = Response::interpret(data, &mut head, &request) else { return };
    let mut out = Vec::new();
    response.write_head(data, &head, NameSet::default(), &mut out);
    out.extend_from_slice(b"\r\n");
    let mut head = Head::default();
    assert_eq!(head.read(&out), Ok(Some(out.len())), "{:?}", String::from_utf8_lossy(&out));
    let again = Response::interpret(&out, &mut head, &request).expect("what is passed on is a response");
    assert_eq!((again.status, again.framing), (response.status, response.framing));
}

/// Chunks: whatever pieces they come in, they have the same content and the same end, or the same fault.
pub fn chunks(data: &[u8]) {
    let Some((step, bytes)) = data.split_first() else { return };
    let whole = unchunked(bytes, bytes.len().max(1));
    let pieces = unchunked(bytes, usize::from(*step).max(1));
    assert_eq!(whole.0, pieces.0, "the ends differ");
    if whole.0.is_ok() {
        assert_eq!(whole.1, pieces.1, "the contents differ");
        assert!(whole.1.len() <= bytes.len());
    }
}

/// How many bytes belong to the body, or the fault; and the content.
fn unchunked(bytes: &[u8], step: usize) -> (Result<(usize, bool), String>, Vec<u8>) {
    let (mut decoder, mut content, mut taken) = (Decoder::new(Framing::Chunked), Vec::new(), 0);
    for piece in bytes.chunks(step) {
        match decoder.decode(piece, |part| content.extend_from_slice(part)) {
            Ok(length) => taken += length,
            Err(malformed) => return (Err(malformed.to_string()), content),
        }
        if decoder.done() {
            break;
        }
    }
    (Ok((taken, decoder.done())), content)
}

/// A connection's bytes: in any pieces they are the same requests with the same bodies, and then the same fault.
pub fn connection(data: &[u8]) {
    let Some((step, bytes)) = data.split_first() else { return };
    let whole = requests(bytes, bytes.len().max(1));
    let pieces = requests(bytes, usize::from(*step).max(1));
    assert_eq!(whole, pieces, "in pieces of {step}");
}

/// What a client's bytes come to, if they come `step` at a time.
fn requests(bytes: &[u8], step: usize) -> Vec<String> {
    let (mut seen, mut inbound) = (Vec::new(), Vec::new());
    let mut pieces = bytes.chunks(step);
    let mut request = Request::default();
    while seen.len() < REQUESTS_MAX {
        loop {
            match request.read(&mut inbound) {
                Ok(true) => break,
                Ok(false) => {}
                Err(malformed) => {
                    seen.push(malformed.to_string());
                    return seen;
                }
            }
            let Some(piece) = pieces.next() else { return seen };
            inbound.extend_from_slice(piece);
        }
        let mut out = Vec::new();
        request.write_head(NameSet::default(), &mut out);
        let mut decoder = Decoder::new(request.framing);
        while !decoder.done() {
            match decoder.decode(&inbound, |part| out.extend_from_slice(part)) {
                Ok(length) => drop(inbound.drain(..length)),
                Err(malformed) => {
                    seen.push(malformed.to_string());
                    return seen;
                }
            }
            if decoder.done() {
                break;
            }
            let Some(piece) = pieces.next() else { return seen };
            inbound.extend_from_slice(piece);
        }
        seen.push(String::from_utf8_lossy(&out).into_owned());
        request.clear();
    }
    seen
}

/// A client's frames of HTTP/2: in any pieces they are the same requests, and get the same answers. No request is two.
pub fn http2_client(data: &[u8]) {
    let Some((step, bytes)) = data.split_first() else { return };
    let whole = trial::serve(bytes, bytes.len() + 1);
    assert_eq!(whole, trial::serve(bytes, usize::from(*step)), "in pieces of {step}");
    for mut head in whole.1 {
        let mut request = Request::default();
        if request.read(&mut head) == Ok(true) {
            assert!(head.is_empty(), "one request has become two");
        }
    }
}

/// A server's frames of HTTP/2: in any pieces they are the same response.
pub fn http2_server(data: &[u8]) {
    let Some((step, bytes)) = data.split_first() else { return };
    let whole = trial::ask(bytes, bytes.len() + 1);
    assert_eq!(whole, trial::ask(bytes, usize::from(*step)), "in pieces of {step}");
}

/// Blocks of compressed fields: they are read, or refused.
pub fn field_blocks(data: &[u8]) {
    trial::blocks(data);
}

/// The path of a request: its normal form has no dots and no doubled slashes left, and is its own normal form.
pub fn path(data: &[u8]) {
    let head = [b"GET /", data, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    let Some(path) = normal(&head) else { return };
    let text = String::from_utf8_lossy(&path).into_owned();
    let dots = path.split(|byte| *byte == b'/').any(|segment| segment == b"." || segment == b"..");
    assert!(!dots && !text.contains("//") && !text.contains('\\'), "{text} is not normal");
    let again = normal(&[b"GET ", &path[..], b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat());
    assert_eq!(again.as_deref(), Some(&path[..]), "the normal form of {text} is another");
}

fn normal(head: &[u8]) -> Option<Vec<u8>> {
    let mut request = Request::default();
    if request.read(&mut head.to_vec()) != Ok(true) {
        return None;
    }
    request.normalize(true, true).ok()?;
    Some(request.path().to_vec())
}

/// The way a request finds its route, by a table that has one of every kind of match.
pub fn route(data: &[u8]) {
    thread_local!(static ROUTING: Routing = Routing::new());
    let mut request = Request::default();
    if request.read(&mut data.to_vec()) == Ok(true) && request.normalize(true, true).is_ok() {
        ROUTING.with(|routing| routing.follow(&request));
    }
}

/// A format of an access log: it is refused, or it can be written.
pub fn log_format(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(template) = Template::parse(text) {
        template.write(&Facts::default(), "-", &mut Vec::new());
        template.response_fields().for_each(drop);
    }
}

/// Resources of a control plane, whose first byte says what they are: they are refused, or translated.
pub fn resources(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    xds::try_all(*kind, &Any { type_url: String::new(), value: bytes.to_vec() });
}

/// What a TLS connection begins with.
pub fn hello(data: &[u8]) {
    sni::try_hello(data);
}

/// All of them, by name.
pub fn targets() -> BTreeMap<&'static str, fn(&[u8])> {
    let all: [(&'static str, fn(&[u8])); 12] = [
        ("request-head", request_head),
        ("response-head", response_head),
        ("chunks", chunks),
        ("connection", connection),
        ("http2-client", http2_client),
        ("http2-server", http2_server),
        ("field-blocks", field_blocks),
        ("path", path),
        ("route", route),
        ("log-format", log_format),
        ("resources", resources),
        ("hello", hello),
    ];
    all.into()
}
