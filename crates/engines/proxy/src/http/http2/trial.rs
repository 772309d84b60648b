//! Connections without sockets, for fuzzers and properties.

use super::{PREFACE, connection::Connection};
use crate::model::Http2;

/// SETTINGS that say nothing.
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";

/// What a client's frames come to, if they come `step` bytes at a time: everything that is said to it, and the heads of its
/// requests.
pub(crate) fn serve(frames: &[u8], step: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut connection = Connection::server(&Http2 { concurrent_streams: 8, ..Http2::default() });
    let bytes = [PREFACE, SETTINGS, frames].concat();
    for piece in bytes.chunks(step.max(1)) {
        if let Err(reason) = connection.receive(piece) {
            connection.abandon(reason);
            break;
        }
    }
    let mut heads = Vec::new();
    while let Some(place) = connection.accept() {
        heads.push(std::mem::take(&mut connection.streams.at(place).head));
        connection.let_go(place);
    }
    assert!(connection.streams.count() == 0, "a stream is left that nobody has");
    (connection.out, heads)
}

/// What a server's frames come to in answer to a request, if they come `step` bytes at a time.
pub(crate) fn ask(frames: &[u8], step: usize) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let mut connection = Connection::client(&Http2::default());
    let begun = connection.begin(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", true, false, true);
    let Ok(place) = begun else { return Default::default() };
    let bytes = [SETTINGS, frames].concat();
    for piece in bytes.chunks(step.max(1)) {
        if let Err(reason) = connection.receive(piece) {
            connection.abandon(reason);
            break;
        }
    }
    let stream = connection.streams.at(place);
    let (head, body) = (std::mem::take(&mut stream.head), std::mem::take(&mut stream.inbound));
    connection.let_go(place);
    (connection.out, head, body)
}

/// Reads blocks of fields, one behind the other.
#[cfg(feature = "fuzzing")]
pub(crate) fn blocks(blocks: &[u8]) {
    let mut decoder = super::hpack::Decoder::default();
    for block in blocks.split(|byte| *byte == b'\n') {
        let mut size = 0;
        // What is refused is refused.
        let _ = decoder.decode(block, |name, value| size += name.len() + value.len());
    }
}
