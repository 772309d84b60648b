//! HTTP/1.1 over kept connections, each with one request under way, as fast as it goes.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::Instant,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{Outcome, Samples, Window, Work};
use crate::poll::Poll;

/// What is read at once.
const SCRATCH: usize = 128 * 1024;
/// A response's head, at most.
const HEAD_MAX: usize = 16 * 1024;

/// A connection to the proxy.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// When the request under way was sent, or was due.
    pub(crate) since: Option<Instant>,
    /// A head that came in part.
    head: Vec<u8>,
    /// Bytes of the body that are still to come; none while the head is.
    rest: Option<usize>,
}

impl Connection {
    pub(crate) fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).with_context(|| format!("no proxy on {port}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, since: None, head: Vec::new(), rest: None })
    }

    /// Sends a request that counts from `since` on.
    pub(crate) fn send(&mut self, request: &[u8], since: Instant) -> Result<()> {
        let written = self.stream.write(request).context("the proxy takes no request")?;
        // A socket with nothing under way has place for a head.
        ensure!(written == request.len(), "the proxy took half a request");
        (self.since, self.rest) = (Some(since), None);
        Ok(())
    }

    /// Reads; whether the response is complete, and if so whether it is a good one.
    pub(crate) fn receive(&mut self, scratch: &mut [u8]) -> Result<Option<bool>> {
        let length = match self.stream.read(scratch) {
            Ok(0) => bail!("the proxy closed a connection"),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error).context("the proxy broke a connection"),
        };
        let bytes = &scratch[..length];
        if let Some(rest) = self.rest {
            return self.take(rest, length);
        }
        if self.head.is_empty()
            && let Some((end, rest)) = head(bytes)?
        {
            let good = bytes.starts_with(b"HTTP/1.1 200 ");
            return Ok(self.take(rest, length - end)?.map(|whole| whole && good));
        }
        self.head.extend_from_slice(bytes);
        ensure!(self.head.len() <= HEAD_MAX, "a response's head is too long");
        let Some((end, rest)) = head(&self.head)? else { return Ok(None) };
        let (length, good) = (self.head.len() - end, self.head.starts_with(b"HTTP/1.1 200 "));
        self.head.clear();
        Ok(self.take(rest, length)?.map(|whole| whole && good))
    }

    fn take(&mut self, rest: usize, came: usize) -> Result<Option<bool>> {
        ensure!(came <= rest, "more came than a response");
        self.rest = Some(rest - came);
        Ok((came == rest).then_some(true))
    }
}

/// Where the head ends and how long the body behind it is; none if the head is not whole.
fn head(bytes: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    for line in bytes[..end].split(|byte| *byte == b'\n').skip(1) {
        if line.len() > 15 && line[..15].eq_ignore_ascii_case(b"content-length:") {
            let value = std::str::from_utf8(line[15..].trim_ascii()).context("a length that is no text")?;
            return Ok(Some((end + 4, value.parse().context("a length that is no number")?)));
        }
    }
    bail!("a response without a length: {}", String::from_utf8_lossy(&bytes[..end]))
}

/// Whether a response is all there.
pub(super) fn is_whole(bytes: &[u8]) -> Result<bool> {
    Ok(head(bytes)?.is_some_and(|(end, rest)| bytes.len() >= end + rest))
}

/// The request: what a browser or a service asks with.
pub(crate) fn request(size: usize) -> Vec<u8> {
    format!(
        "GET /todos/todo1?s={size} HTTP/1.1\r\nhost: todo.example\r\nuser-agent: contest/1\r\naccept: application/json\r\n\
         accept-encoding: identity\r\ncookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark\r\n\r\n"
    )
    .into_bytes()
}

/// Opens connections, and waits for each.
pub(crate) fn connections(work: &Work, poll: &Poll) -> Result<Vec<Connection>> {
    let open = |number| {
        let connection = Connection::open(work.port)?;
        poll.add(&connection.stream, number)?;
        Ok(connection)
    };
    (0..work.connections).map(open).collect()
}

/// Does the work.
pub(crate) fn run(work: &Work) -> Result<Outcome> {
    let (mut poll, request) = (Poll::new()?, request(work.size));
    let mut connections = connections(work, &poll)?;
    let (mut samples, mut errors, mut scratch) = (Samples::default(), 0, vec![0; SCRATCH]);
    let mut window = Window::new(work);
    for connection in &mut connections {
        connection.send(&request, Instant::now())?;
    }
    loop {
        for number in poll.wait(None)? {
            let connection = &mut connections[number];
            let Some(good) = connection.receive(&mut scratch)? else { continue };
            let now = Instant::now();
            let Some(counts) = window.counts(now)? else { return window.outcome(&mut samples, errors) };
            let since = connection.since.take();
            match since.filter(|_| counts) {
                Some(since) if good => samples.add(now - since),
                Some(_) => errors += 1,
                None => {}
            }
            connection.send(&request, now)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_whole_or_waited_for() {
        let text = b"HTTP/1.1 200 OK\r\nserver: x\r\nContent-Length: 12\r\n\r\nhello";
        assert_eq!(head(text).unwrap(), Some((text.len() - 5, 12)));
        assert_eq!(head(&text[..30]).unwrap(), None);
        assert!(head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
