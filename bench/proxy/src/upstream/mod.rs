//! The servers behind the proxies: they answer with as many bytes as the path asks for, and count what they are asked.
//!
//! `GET /todos/todo1?s=1024` is answered with 1024 bytes, and `/counts` with the number of requests each port has had since
//! it was asked last.

pub(crate) mod http2;

use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
};

use anyhow::{Context as _, Result, bail};

use crate::{poll::Poll, ports};

/// The largest body.
pub(crate) const BODY_MAX: usize = 64 * 1024;
/// A request's head, at most.
const HEAD_MAX: usize = 16 * 1024;
/// Where the numbers are asked for.
pub(crate) const COUNTS: &str = "/counts";

/// A connection from a proxy.
struct Connection {
    stream: TcpStream,
    /// Which server it came to.
    server: usize,
    inbound: Vec<u8>,
    /// What the proxy has yet to take.
    outbound: Vec<u8>,
}

/// All servers.
struct Servers {
    poll: Poll,
    listeners: Vec<TcpListener>,
    connections: HashMap<usize, Connection>,
    next: usize,
    counts: Vec<u64>,
    body: Vec<u8>,
    scratch: Vec<u8>,
}

/// Serves HTTP/1.1 and HTTP/2 on their ports for ever.
pub(crate) fn serve() -> Result<()> {
    let http2 = thread::spawn(|| http2::serve(&ports::servers(true)));
    serve_http1(&ports::servers(false))?;
    http2.join().unwrap_or_else(|_| bail!("the servers of HTTP/2 panicked"))
}

fn serve_http1(ports: &[u16]) -> Result<()> {
    let poll = Poll::new()?;
    let mut listeners = Vec::new();
    for (number, port) in ports.iter().enumerate() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).with_context(|| format!("port {port}"))?;
        listener.set_nonblocking(true)?;
        poll.add(&listener, number)?;
        listeners.push(listener);
    }
    let (next, counts) = (listeners.len(), vec![0; listeners.len()]);
    let (body, scratch) = (vec![b'x'; BODY_MAX], vec![0; HEAD_MAX]);
    let mut servers = Servers { poll, listeners, connections: HashMap::new(), next, counts, body, scratch };
    let mut ready = Vec::new();
    loop {
        ready.clear();
        ready.extend(servers.poll.wait(None)?);
        for number in &ready {
            if *number < servers.listeners.len() {
                servers.accept(*number)?;
            } else if !servers.serve(*number) {
                servers.connections.remove(number);
            }
        }
    }
}

impl Servers {
    fn accept(&mut self, server: usize) -> Result<()> {
        loop {
            let stream = match self.listeners[server].accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("cannot accept"),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            self.poll.add(&stream, self.next)?;
            let connection = Connection { stream, server, inbound: Vec::new(), outbound: Vec::new() };
            self.connections.insert(self.next, connection);
            self.next += 1;
        }
    }

    /// Reads and answers; false when the connection is over.
    fn serve(&mut self, number: usize) -> bool {
        let Some(connection) = self.connections.get_mut(&number) else { return true };
        if !connection.outbound.is_empty() && !push(&self.poll, connection, number) {
            return false;
        }
        match connection.stream.read(&mut self.scratch) {
            Ok(0) => return false,
            Ok(length) => connection.inbound.extend_from_slice(&self.scratch[..length]),
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
        while let Some(end) = memchr::memmem::find(&connection.inbound, b"\r\n\r\n") {
            let head: Vec<u8> = connection.inbound.drain(..end + 4).collect();
            answer(&head, connection.server, &mut self.counts, &self.body, &mut connection.outbound);
        }
        if connection.inbound.len() > HEAD_MAX {
            return false;
        }
        connection.outbound.is_empty() || push(&self.poll, connection, number)
    }
}

/// Writes what waits, as far as it is taken.
fn push(poll: &Poll, connection: &mut Connection, number: usize) -> bool {
    let waited = connection.outbound.len() > BODY_MAX;
    match connection.stream.write(&connection.outbound) {
        Ok(length) if length == connection.outbound.len() => {
            connection.outbound.clear();
            connection.outbound.shrink_to(BODY_MAX);
        }
        Ok(length) => drop(connection.outbound.drain(..length)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(_) => return false,
    }
    // Small answers are taken at once, so that what is waited for hardly ever changes.
    let waits = !connection.outbound.is_empty();
    (!waits && !waited) || poll.watch_writes(&connection.stream, number, waits).is_ok()
}

fn answer(head: &[u8], server: usize, counts: &mut [u64], body: &[u8], out: &mut Vec<u8>) {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let target = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let counted;
    let content = if target == COUNTS.as_bytes() {
        // What asked is no request of the contest.
        counted = counts.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
        counts.fill(0);
        counted.as_bytes()
    } else {
        counts[server] += 1;
        &body[..size_of(target)]
    };
    // What an application answers: five fields.
    out.extend_from_slice(
        b"HTTP/1.1 200 OK\r\nserver: todo\r\ncontent-type: application/json\r\ncache-control: no-cache\r\n",
    );
    out.extend_from_slice(b"date: Mon, 23 Nov 2026 12:00:00 GMT\r\n");
    out.extend_from_slice(format!("content-length: {}\r\n\r\n", content.len()).as_bytes());
    out.extend_from_slice(content);
}

/// The size that a path asks for behind `s=`.
pub(crate) fn size_of(target: &[u8]) -> usize {
    let digits = memchr::memmem::find(target, b"s=").map_or(&b""[..], |place| &target[place + 2..]);
    let value = digits.iter().take_while(|byte| byte.is_ascii_digit());
    value.fold(0_usize, |sum, digit| sum.saturating_mul(10) + usize::from(digit - b'0')).min(BODY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_asks_for_a_size() {
        assert_eq!([size_of(b"/todos/todo1?s=1024"), size_of(b"/"), size_of(b"/?s=99999999")], [1024, 0, BODY_MAX]);
    }

    #[test]
    fn the_counts_are_those_since_they_were_asked_for() {
        let (mut counts, mut out) = ([7, 3], Vec::new());
        answer(b"GET / HTTP/1.1\r\n\r\n", 1, &mut counts, &[], &mut out);
        answer(b"GET /counts HTTP/1.1\r\n\r\n", 0, &mut counts, &[], &mut out);
        assert!(out.ends_with(b"\r\n\r\n7 4") && counts == [0, 0]);
    }
}
