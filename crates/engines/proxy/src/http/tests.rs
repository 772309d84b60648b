//! Messages, good and bad, whole and in pieces.

use proptest::prelude::*;

use super::{Decoder, Framing, Head, Malformed, Name, NameSet, Request, Response};

fn read(bytes: &[u8]) -> Result<(Request, Vec<u8>), Malformed> {
    let (mut request, mut inbound) = (Request::default(), bytes.to_vec());
    if request.read(&mut inbound)? { Ok((request, inbound)) } else { Err(Malformed::Interim) }
}

fn refused(text: &str) -> Malformed {
    read(text.as_bytes()).map(drop).expect_err(text)
}

fn passed_on(text: &str) -> String {
    let (request, _) = read(text.as_bytes()).expect(text);
    let mut out = Vec::new();
    request.write_head(NameSet::default(), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_request_is_passed_on_as_it_is_but_for_what_is_of_this_connection() {
    let text = "POST /todos?x=1 HTTP/1.1\r\nHost: api:3000\r\nConnection: keep-alive, X-Mine\r\nX-A:  1 \r\nX-Mine: 2\r\n\
                Keep-Alive: 5\r\nTE: trailers\r\nContent-Length: 4\r\n\r\nbodynext";
    let (request, rest) = read(text.as_bytes()).unwrap();
    assert_eq!(
        (request.method(), request.path(), request.authority()),
        (&b"POST"[..], &b"/todos"[..], &b"api:3000"[..])
    );
    assert_eq!((request.framing, request.keep_alive), (Framing::Length(4), true));
    assert_eq!(rest, b"bodynext");
    assert_eq!(passed_on(text), "POST /todos?x=1 HTTP/1.1\r\nHost: api:3000\r\nX-A:  1 \r\nContent-Length: 4\r\n");
}

#[test]
fn an_absolute_target_has_precedence_over_host() {
    let text = "GET http://api:80/a?b HTTP/1.1\r\nHost: other\r\nX: y\r\n\r\n";
    assert_eq!(passed_on(text), "GET /a?b HTTP/1.1\r\nX: y\r\nhost: api:80\r\n");
    assert_eq!(passed_on("GET HTTP://api?b HTTP/1.1\r\nHost: x\r\n\r\n"), "GET /?b HTTP/1.1\r\nhost: api\r\n");
}

#[test]
fn persistence_is_as_the_version_has_it() {
    for (line, connection, wanted) in [
        ("HTTP/1.1", "", true),
        ("HTTP/1.1", "Connection: close\r\n", false),
        ("HTTP/1.0", "", false),
        ("HTTP/1.0", "Connection: Keep-Alive\r\n", true),
    ] {
        let (request, _) = read(format!("GET / {line}\r\nHost: a\r\n{connection}\r\n").as_bytes()).unwrap();
        assert_eq!(request.keep_alive, wanted, "{line} {connection}");
    }
}

#[test]
fn what_one_reader_could_take_for_something_else_is_refused() {
    use Malformed as M;
    let head = |fields: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    for (text, wanted) in [
        (head("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"), M::TwoFramings),
        (head("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"), M::TwoFramings),
        (head("Content-Length: 4\r\nContent-Length: 4\r\n"), M::ContentLength),
        (head("Content-Length: 4\r\nContent-Length: 5\r\n"), M::ContentLength),
        (head("Content-Length: 4, 4\r\n"), M::ContentLength),
        (head("Content-Length: +4\r\n"), M::ContentLength),
        (head("Content-Length: 0x4\r\n"), M::ContentLength),
        (head("Content-Length: 4 4\r\n"), M::ContentLength),
        (head("Content-Length:\r\n"), M::ContentLength),
        (head("Content-Length: -1\r\n"), M::ContentLength),
        (head("Content-Length: 99999999999999999999\r\n"), M::ContentLength),
        (head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), M::TransferEncoding),
        (head("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), M::TransferEncoding),
        (head("Transfer-Encoding: identity\r\n"), M::TransferEncoding),
        (head("Transfer-Encoding: gzip, chunked\r\n"), M::TransferEncoding),
        (head("Transfer-Encoding: chunked, chunked\r\n"), M::TransferEncoding),
        (head("Transfer-Encoding: \u{b}chunked\r\n"), M::FieldValue),
        (head("Transfer-Encoding: xchunked\r\n"), M::TransferEncoding),
        (head("Transfer-Encoding : chunked\r\n"), M::FieldName),
        (head(" Transfer-Encoding: chunked\r\n"), M::FoldedLine),
        (head("X: a\r\n Transfer-Encoding: chunked\r\n"), M::FoldedLine),
        (head("X: a\nTransfer-Encoding: chunked\r\n"), M::BareLineFeed),
        (head("X: a\rTransfer-Encoding: chunked\r\n"), M::FieldValue),
        (head("X: a\0b\r\n"), M::FieldValue),
        (head("X\u{e9}: a\r\n"), M::FieldName),
        (head(": a\r\n"), M::FieldName),
        (head("no colon\r\n"), M::FieldName),
        (head("Connection: content-length\r\nContent-Length: 4\r\n"), M::Nominated),
        (head("Connection: close, Host\r\n"), M::Nominated),
        (head("Host: b\r\n"), M::Host),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), M::Host),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n".to_owned(), M::Host),
        ("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n".to_owned(), M::Host),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n".to_owned(), M::Host),
        ("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), M::Target),
        ("GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), M::Target),
        ("GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), M::Target),
        ("GET http://a:b/x HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), M::Target),
        ("GET http://[::1/x HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), M::Target),
        ("get / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), M::StartLine),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), M::Target),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), M::Target),
        ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), M::Target),
        ("GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), M::Target),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), M::Tunnel),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), M::StartLine),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n".to_owned(), M::StartLine),
        ("GET /\tHTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), M::StartLine),
        ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), M::StartLine),
        ("GET /\r\n\r\n".to_owned(), M::StartLine),
        ("GET / http/1.1\r\nHost: a\r\n\r\n".to_owned(), M::StartLine),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n".to_owned(), M::Version),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), M::Version),
        ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(), M::TransferEncoding),
    ] {
        assert_eq!(refused(&text), wanted, "{text:?}");
    }
}

#[test]
fn a_head_is_bounded_in_size_and_fields() {
    let many = "X: a\r\n".repeat(100);
    assert_eq!(refused(&format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n")), Malformed::TooManyFields);
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(61 * 1024));
    assert_eq!(refused(&long), Malformed::HeadTooLarge);
    assert_eq!(refused(&format!("{long}\r\n\r\n")), Malformed::HeadTooLarge);
    assert_eq!(Malformed::HeadTooLarge.status(), 431);
}

#[test]
fn empty_lines_before_a_request_are_overlooked() {
    assert!(passed_on("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("GET / HTTP/1.1\r\n"));
    assert_eq!(refused("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), Malformed::BareLineFeed);
}

#[test]
fn an_empty_line_before_a_request_may_come_in_two_pieces() {
    let (mut request, mut inbound) = (Request::default(), b"\r".to_vec());
    assert!(!request.read(&mut inbound).unwrap());
    inbound.push(b'\n');
    assert!(!request.read(&mut inbound).unwrap());
    inbound.extend_from_slice(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(request.read(&mut inbound).unwrap());
    assert_eq!(request.path(), b"/a");
}

#[test]
fn a_switch_of_protocols_needs_both_fields_and_no_body() {
    let upgrade = |fields: &str| {
        let (request, _) = read(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes()).unwrap();
        request.upgrade().map(|protocol| String::from_utf8_lossy(protocol).into_owned())
    };
    assert_eq!(upgrade("Connection: Upgrade\r\nUpgrade: websocket\r\n").as_deref(), Some("websocket"));
    assert_eq!(upgrade("Upgrade: websocket\r\n"), None);
    assert_eq!(upgrade("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n"), None);
    assert_eq!(upgrade("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"), None);
    let kept = passed_on("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(kept, "GET / HTTP/1.1\r\nHost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n");
}

fn respond(text: &str, request: &str) -> Result<Response, Malformed> {
    let (request, _) = read(format!("{request} / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
    let mut head = Head::default();
    head.read(text.as_bytes())?.expect(text);
    Response::interpret(text.as_bytes(), &mut head, &request)
}

#[test]
fn the_framing_of_a_response_depends_on_the_request_and_the_status() {
    for (method, text, framing, keep_alive) in [
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", Framing::Length(3), true),
        ("GET", "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", Framing::Chunked, true),
        ("GET", "HTTP/1.1 200 OK\r\n\r\n", Framing::Close, false),
        ("GET", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", Framing::Length(3), false),
        ("GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\n", Framing::Length(3), true),
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", Framing::None, true),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", Framing::None, true),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", Framing::None, true),
        ("GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", Framing::Length(0), false),
    ] {
        let response = respond(text, method).expect(text);
        assert_eq!((response.framing, response.keep_alive), (framing, keep_alive), "{method} {text:?}");
    }
    for (text, wanted) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", Malformed::ContentLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", Malformed::TwoFramings),
        ("HTTP/1.1 20 OK\r\n\r\n", Malformed::StartLine),
        ("HTTP/1.1 2000 OK\r\n\r\n", Malformed::StartLine),
        ("HTTP/2 200 OK\r\n\r\n", Malformed::StartLine),
        ("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", Malformed::Switched),
    ] {
        assert_eq!(respond(text, "GET"), Err(wanted), "{text:?}");
    }
}

const CHUNKED: &[u8] = b"5;a=\"b c\"\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-T: 1\r\nY: \r\n\r\n";

#[test]
fn bad_chunks_are_refused() {
    for bad in [
        "\r\n",
        "g\r\n",
        "5\nhello\r\n",
        "5 \r\nhello\r\n",
        "0x5\r\nhello\r\n",
        "5\r\nhelloX\r\n",
        "5\r\nhello\n",
        "5;a\nb\r\n",
        "5;a\u{0}b\r\n",
        "fffffffffffffffff\r\n",
        "0\r\nbad trailer\r\n\r\n",
        "0\r\n X: folded\r\n\r\n",
        "0\r\nX: a\nY: b\r\n\r\n",
        "0\r\n\n",
    ] {
        assert_eq!(Decoder::new(Framing::Chunked).feed(bad.as_bytes()), Err(Malformed::Chunk), "{bad:?}");
    }
    for name in ["Content-Length", "transfer-encoding", "Host", "X-Forwarded-Client-Cert"] {
        let late = format!("0\r\nX: y\r\n{name}: z\r\n\r\n");
        assert_eq!(Decoder::new(Framing::Chunked).feed(late.as_bytes()), Err(Malformed::Trailer), "{name}");
    }
    let endless = [&b"0\r\nX: "[..], &b"a".repeat(20_000)].concat();
    assert_eq!(Decoder::new(Framing::Chunked).feed(&endless), Err(Malformed::TrailerTooLarge));
}

#[test]
fn a_name_is_known_in_any_spelling_and_by_no_other_byte() {
    for (lower, name) in [
        ("te", Name::Te),
        ("host", Name::Host),
        ("cookie", Name::Cookie),
        ("connection", Name::Connection),
        ("authorization", Name::Authorization),
        ("content-length", Name::ContentLength),
        ("proxy-connection", Name::ProxyConnection),
        ("transfer-encoding", Name::TransferEncoding),
        ("x-forwarded-client-cert", Name::XForwardedClientCert),
        ("x-envoy-upstream-service-time", Name::XEnvoyUpstreamServiceTime),
    ] {
        assert_eq!(Name::of(lower.to_ascii_uppercase().as_bytes()), name, "{lower}");
        for (place, byte) in (0..lower.len()).flat_map(|place| (0..=u8::MAX).map(move |byte| (place, byte))) {
            let mut text = lower.as_bytes().to_vec();
            text[place] = byte;
            let is_same = text.eq_ignore_ascii_case(lower.as_bytes());
            assert_eq!(Name::of(&text) == name, is_same, "{lower}: {byte} at {place}");
        }
    }
}

/// What comes at once is read in one pass over each line, and what comes by and by is looked at when its line is whole: both
/// must take the same heads for the same, and refuse the same.
#[test]
fn a_head_is_read_or_refused_alike_whether_it_comes_at_once_or_byte_by_byte() {
    let good = b"GET / HTTP/1.1\r\nHost: api\r\nX-Long-Name:  a value\t\r\nY:\r\n\r\n";
    let odd = (0..=b' ').chain([b':', b'"', b'a', 0x7f, 0x80, 0xff]);
    for (place, byte) in (0..good.len()).flat_map(|place| odd.clone().map(move |byte| (place, byte))) {
        let mut text = good.to_vec();
        text[place] = byte;
        let (mut whole, mut grown) = (Head::default(), Head::default());
        let at_once = whole.read(&text);
        let by_and_by = (1..=text.len()).map(|end| grown.read(&text[..end])).find(|read| *read != Ok(None));
        assert_eq!(at_once, by_and_by.unwrap_or(Ok(None)), "{byte} at {place}");
        assert_eq!(whole.fields, grown.fields, "{byte} at {place}");
    }
}

proptest! {
    #[test]
    fn a_request_in_any_pieces_is_the_same_request(cuts in proptest::collection::vec(1_usize..40, 0..40)) {
        let text = b"\r\nPUT /a?b HTTP/1.1\r\nHost: api\r\nConnection: X-B\r\nX-A: 1\r\nX-B: 2\r\n\
                     Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
        let (whole, rest) = read(text).unwrap();
        let (mut request, mut inbound) = (Request::default(), Vec::new());
        let mut place = 0;
        let mut cuts = cuts.into_iter();
        loop {
            let end = cuts.next().map_or(text.len(), |cut| (place + cut).min(text.len()));
            inbound.extend_from_slice(&text[place..end]);
            place = end;
            if request.read(&mut inbound).unwrap() {
                break;
            }
        }
        inbound.extend_from_slice(&text[place..]);
        prop_assert_eq!(&inbound, &rest);
        let (mut one, mut other) = (Vec::new(), Vec::new());
        whole.write_head(NameSet::default(), &mut one);
        request.write_head(NameSet::default(), &mut other);
        prop_assert_eq!(one, other);
        prop_assert_eq!(whole.framing, request.framing);
    }

    #[test]
    fn chunks_in_any_pieces_end_at_the_same_place(cuts in proptest::collection::vec(1_usize..20, 0..30)) {
        let text = [CHUNKED, b"NEXT"].concat();
        let mut decoder = Decoder::new(Framing::Chunked);
        let (mut place, mut taken, mut content) = (0, 0, Vec::new());
        let mut cuts = cuts.into_iter();
        while !decoder.done() {
            let end = cuts.next().map_or(text.len(), |cut| (place + cut).min(text.len()));
            taken += decoder.decode(&text[place..end], |bytes| content.extend_from_slice(bytes)).unwrap();
            place = end;
        }
        prop_assert_eq!(taken, CHUNKED.len());
        prop_assert_eq!(content, b"hello0123456789");
        prop_assert_eq!(decoder.content(), 15);
    }

    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
        let _ = Decoder::new(Framing::Chunked).feed(&bytes);
        let mut head = Head::default();
        if let Ok(Some(_)) = head.read(&bytes) {
            let _ = Response::interpret(&bytes, &mut head, &Request::default());
        }
    }

    #[test]
    fn almost_good_bytes_do_not_break_it_either(place in 0_usize..60, byte in any::<u8>()) {
        let mut text = b"GET /a?b HTTP/1.1\r\nHost: api\r\nContent-Length: 1\r\nX: y\r\n\r\n1".to_vec();
        let place = place.min(text.len() - 1);
        text[place] = byte;
        if let Ok((request, _)) = read(&text) {
            // Whatever was accepted is passed on as one request.
            let mut out = Vec::new();
            request.write_head(NameSet::default(), &mut out);
            out.extend_from_slice(b"\r\n");
            let (again, rest) = read(&out).unwrap();
            prop_assert!(rest.is_empty());
            prop_assert_eq!(again.framing, request.framing);
            prop_assert_eq!(again.authority(), request.authority());
        }
    }
}
