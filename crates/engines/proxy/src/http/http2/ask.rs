//! One request over a connection of its own: what health checks need.

use std::{
    io,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{connection::Connection, frame::Reason};
use crate::{model::Http2, transport::Transport};

/// The most of an answer's body that is read.
const BODY_MAX: usize = 64 * 1024;
/// How much is read at once.
const READ: usize = 4096;

/// A question: a head of HTTP/1.1, and what is behind it.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) head: String,
    pub(crate) body: Bytes,
    /// Trailers are taken.
    pub(crate) trailers: bool,
}

/// An answer, with all that belongs to it.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// The status code.
    pub(crate) status: u16,
    /// The head, as one of HTTP/1.1.
    pub(crate) head: Vec<u8>,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// The lines of the fields behind it.
    pub(crate) trailers: Vec<u8>,
}

/// Asks, and closes the connection after the answer. The caller bounds the time.
pub(crate) async fn ask(mut transport: Transport, question: Question) -> io::Result<Reply> {
    let secured = transport.session().is_some();
    let Question { head, mut body, trailers } = question;
    let mut connection = Connection::client(&Http2::default());
    let begun = connection.begin(head.as_bytes(), trailers, secured, body.is_empty());
    let place = begun.map_err(|_| io::ErrorKind::InvalidInput)?;
    let (mut scratch, mut reply) = (vec![0; READ], Reply::default());
    loop {
        if !body.is_empty() {
            // Nobody needs to be told of room: whatever comes, it is looked for again.
            let cx = Context::from_waker(Waker::noop());
            if let Poll::Ready(Err(fault)) = connection.poll_body(&cx, place, &mut body, true) {
                return Err(io::Error::other(format!("the stream ended: {fault:?}")));
            }
        }
        transport.write_all(&connection.out).await?;
        transport.flush().await?;
        connection.flushed();
        if take_answer(&mut connection, place, &mut reply)? {
            return Ok(reply);
        }
        let length = transport.read(&mut scratch).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let broken = |reason: Reason| io::Error::other(format!("no HTTP/2: {reason:?}"));
        connection.receive(&scratch[..length]).map_err(broken)?;
    }
}

/// Takes what came of the answer; whether it is all.
fn take_answer(connection: &mut Connection, place: usize, reply: &mut Reply) -> io::Result<bool> {
    let stream = connection.streams.at(place);
    if let (Some(fault), false) = (stream.fault, stream.ended_in) {
        return Err(io::Error::other(format!("the stream ended: {fault:?}")));
    }
    if stream.has_head && reply.status == 0 {
        reply.head = std::mem::take(&mut stream.head);
        let digits = reply.head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
        reply.status = digits.and_then(|digits| digits.parse().ok()).unwrap_or(0);
    }
    let (came, ended) = (std::mem::take(&mut stream.inbound), stream.ended_in);
    if ended {
        reply.trailers = std::mem::take(&mut stream.trailers);
    }
    connection.release_stream(place, came.len());
    if reply.body.len() + came.len() <= BODY_MAX {
        reply.body.extend_from_slice(&came);
    }
    Ok(ended)
}
