//! Both sides of a connection without a socket between them.

use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};

use super::{
    connection::{Connection, OUT_MAX},
    frame::{self, Head, Reason, kind},
    streams::Fault,
    trial,
};
use crate::model::Http2;

const POST: &[u8] = b"POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nx-a: b\r\n\r\n";

fn windows(stream_window: u32, connection_window: u32) -> Http2 {
    Http2 { stream_window, connection_window, ..Http2::default() }
}

/// Both sides, which have heard of each other's settings.
fn pair(settings: &Http2) -> (Connection, Connection) {
    let (mut client, mut server) = (Connection::client(settings), Connection::server(settings));
    move_all(&mut client, &mut server, 1000);
    (client, server)
}

/// Moves what is to be written until there is nothing, `step` bytes at a time.
fn move_all(client: &mut Connection, server: &mut Connection, step: usize) {
    while client.unwritten() + server.unwritten() > 0 {
        for _ in 0..2 {
            let bytes = std::mem::take(&mut client.out);
            client.flushed();
            bytes.chunks(step).for_each(|piece| server.receive(piece).unwrap());
            std::mem::swap(client, server);
        }
    }
}

/// Reads what came on a stream; true at its end.
fn read(connection: &mut Connection, place: usize, body: &mut Vec<u8>) -> bool {
    let stream = connection.streams.at(place);
    let came = std::mem::take(&mut stream.inbound);
    body.extend_from_slice(&came);
    let ended = stream.ended_in;
    connection.release_stream(place, came.len());
    ended
}

fn body(length: usize) -> Bytes {
    (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bodies_go_both_ways_in_any_windows(
        lengths in vec(0_usize..300_000, 1..6), step in 1_usize..20_000,
        stream_window in 1_u32..200_000, connection_window in 1_u32..400_000,
    ) {
        let (mut client, mut server) = pair(&windows(stream_window, connection_window));
        let cx = Context::from_waker(Waker::noop());
        let mut streams = Vec::new();
        for length in &lengths {
            let place = client.begin(POST, true, false, false).unwrap();
            streams.push((place, None, body(*length), Vec::new(), Vec::new(), body(*length), false));
        }
        for round in 0.. {
            prop_assert!(round < 100_000, "it does not come to an end");
            for (place, there, to, heard, back, answer, answered) in &mut streams {
                if !to.is_empty() || there.is_none() {
                    let _ = client.poll_body(&cx, *place, to, true);
                }
                if let Some(there) = *there {
                    let ended = read(&mut server, there, heard);
                    if ended && !*answered {
                        server.respond(there, OK, false).unwrap();
                        *answered = true;
                    }
                    if *answered && !answer.is_empty()
                        && server.poll_body(&cx, there, answer, false) == Poll::Ready(Ok(())) {
                        server.put_trailers(there, b"grpc-status: 0\r\n").unwrap().unwrap();
                    }
                }
                read(&mut client, *place, back);
            }
            prop_assert!(client.unwritten() < OUT_MAX + 20_000 && server.unwritten() < OUT_MAX + 20_000);
            move_all(&mut client, &mut server, step);
            while let Some(place) = server.accept() {
                let next = streams.iter_mut().find(|stream| stream.1.is_none()).unwrap();
                next.1 = Some(place);
            }
            let wanted = lengths.iter().filter(|length| **length > 0).count();
            let done = streams.iter().zip(&lengths).filter(|(stream, length)| stream.4.len() == **length && **length > 0);
            if done.count() == wanted {
                break;
            }
        }
        for ((place, there, _, heard, back, _, _), length) in streams.iter().zip(&lengths) {
            prop_assert_eq!(heard, &body(*length));
            prop_assert_eq!(back, &body(*length));
            if *length > 0 {
                prop_assert_eq!(&client.streams.at(*place).trailers[..], b"grpc-status: 0\r\n");
                prop_assert!(client.streams.at(*place).head.starts_with(b"HTTP/1.1 200 OK\r\n"));
            }
            client.let_go(*place);
            server.let_go(there.unwrap());
        }
        prop_assert_eq!(client.streams.count(), 0);
    }

    #[test]
    fn frames_are_the_same_in_any_pieces(
        frames in vec((0_u8..11, any::<u8>(), 0_u32..8, vec(any::<u8>(), 0..40)), 0..30), step in 1_usize..50,
    ) {
        let mut bytes = Vec::new();
        for (kind, flags, stream, payload) in &frames {
            frame::put(*kind, *flags, *stream, payload, &mut bytes);
        }
        prop_assert_eq!(trial::serve(&bytes, bytes.len() + 100), trial::serve(&bytes, step));
        prop_assert_eq!(trial::ask(&bytes, bytes.len() + 100), trial::ask(&bytes, step));
    }
}

/// The frames that wait in a connection, with their payloads.
fn frames(connection: &mut Connection) -> Vec<(Head, Vec<u8>)> {
    let bytes = std::mem::take(&mut connection.out);
    connection.flushed();
    let (mut rest, mut frames) = (&bytes[..], Vec::new());
    while let Some(head) = Head::read(rest) {
        let (whole, more) = rest.split_at(frame::HEAD + head.length);
        frames.push((head, whole[frame::HEAD..].to_vec()));
        rest = more;
    }
    frames
}

#[test]
fn a_large_head_goes_in_pieces() {
    let (mut client, mut server) = pair(&Http2::default());
    let head = format!("GET / HTTP/1.1\r\nhost: a\r\nx-a: {}\r\nx-b: {0}\r\n\r\n", "x".repeat(20_000));
    client.begin(head.as_bytes(), false, false, true).unwrap();
    let kinds: Vec<u8> = frames(&mut client).iter().map(|(head, _)| head.kind).collect();
    assert_eq!(kinds, [kind::HEADERS, kind::CONTINUATION, kind::CONTINUATION]);
    client.begin(head.as_bytes(), false, false, true).unwrap();
    move_all(&mut client, &mut server, 7);
    let place = server.accept().unwrap();
    assert!(server.streams.at(place).head.len() > 40_000);
}

#[test]
fn what_is_broken_off_is_broken_off_at_both_ends() {
    let (mut client, mut server) = pair(&Http2::default());
    let place = client.begin(POST, false, false, false).unwrap();
    move_all(&mut client, &mut server, 100);
    let there = server.accept().unwrap();
    client.let_go(place);
    move_all(&mut client, &mut server, 100);
    assert_eq!(server.streams.at(there).fault, Some(Fault::Reset(Reason::CANCEL)));
    server.let_go(there);
    // Who has answered need not read the rest.
    let place = client.begin(POST, false, false, false).unwrap();
    move_all(&mut client, &mut server, 100);
    let there = server.accept().unwrap();
    server.respond(there, OK, true).unwrap();
    server.let_go(there);
    move_all(&mut client, &mut server, 100);
    let stream = client.streams.at(place);
    assert_eq!((stream.ended_in, stream.fault), (true, Some(Fault::Reset(Reason::NO_ERROR))));
}

#[test]
fn a_draining_connection_takes_what_was_on_its_way_and_nothing_after() {
    let (mut client, mut server) = pair(&Http2::default());
    server.drain();
    let place = client.begin(POST, false, false, true).unwrap();
    move_all(&mut client, &mut server, 100);
    let there = server.accept().unwrap();
    assert!(client.closed && !server.is_over());
    assert!(client.begin(POST, false, false, true).is_err());
    server.respond(there, OK, true).unwrap();
    server.let_go(there);
    move_all(&mut client, &mut server, 100);
    assert!(server.is_over() && client.is_over());
    assert_eq!(client.streams.at(place).fault, None);
}

#[test]
fn who_gets_no_room_waits_in_line_and_is_called() {
    let (mut client, _) = pair(&Http2::default());
    let cx = Context::from_waker(Waker::noop());
    let place = client.begin(POST, false, false, false).unwrap();
    let mut bytes = body(200_000);
    // The window is the standard's until the server says something else; it said a megabyte.
    assert!(client.poll_body(&cx, place, &mut bytes, true).is_pending());
    assert!(client.unwritten() <= OUT_MAX + 100 && client.streams.at(place).waiting);
    let mut rounds = 0;
    while client.unwritten() > 0 {
        client.flushed();
        assert!(!client.streams.at(place).waiting);
        if !bytes.is_empty() {
            let _ = client.poll_body(&cx, place, &mut bytes, true);
        }
        rounds += 1;
    }
    assert!(bytes.is_empty() && rounds > 2);
}

#[test]
fn a_body_is_as_long_as_it_says() {
    let head = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n";
    for (body, ended, good) in [("abc", true, true), ("ab", true, false), ("abcd", false, false), ("abc", false, true)]
    {
        let (mut client, mut server) = pair(&Http2::default());
        let place = client.begin(head, false, false, false).unwrap();
        let cx = Context::from_waker(Waker::noop());
        let _ = client.poll_body(&cx, place, &mut Bytes::from(body), ended);
        move_all(&mut client, &mut server, 100);
        let there = server.accept().unwrap();
        assert_eq!(server.streams.at(there).fault.is_none(), good, "{body}");
    }
    let (mut client, mut server) = pair(&Http2::default());
    client.begin(head, false, false, true).unwrap();
    move_all(&mut client, &mut server, 100);
    assert!(server.accept().is_none());
}
