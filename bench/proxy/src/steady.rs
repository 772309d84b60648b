//! Memory in the long run: requests of all kinds, good and bad, through our proxy, and what it has in memory on the way.
//!
//! Each round does every kind of work for a moment, with connections of its own, so that what a connection, a stream or a
//! failure leaves behind would add up. It is looked at when nothing is under way.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    load::Protocol,
    peers::Running,
    ports::{self, Door},
    process,
    results::Kind,
    run::work_for,
};

/// Milliseconds of a round for HTTP/1.1 as fast as it goes, which is most requests, and for each other kind of work.
const MOST: u64 = 2_000;
const OTHERS: u64 = 200;
/// Bad requests of each sort in a round.
const BAD: usize = 50;
/// After which parts of all requests memory is looked at.
const PARTS: [f64; 4] = [0.1, 0.25, 0.5, 1.0];
/// For so long nothing is under way before it is.
const QUIET: Duration = Duration::from_secs(2);
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Sends `requests`, and a few more to end a round; how many had been sent when memory was looked at, and its KiB.
pub(crate) fn run(proxy: &Running, requests: u64) -> Result<Vec<(u64, u64)>> {
    let (mut sent, mut found) = (0, Vec::new());
    for part in PARTS {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share"
        )]
        let until = (requests as f64 * part) as u64;
        while sent < until {
            sent += round(proxy)?;
        }
        thread::sleep(QUIET);
        let memory = process::resident(&proxy.pids())?;
        eprintln!("{sent} requests: {memory} KiB");
        found.push((sent, memory));
    }
    Ok(found)
}

/// All kinds of work; how many requests that were.
fn round(proxy: &Running) -> Result<u64> {
    let mut sent = 0;
    let others = [Protocol::Http2, Protocol::Http2Tls, Protocol::Grpc, Protocol::Handshakes].map(Kind::of);
    let kinds = [(Kind::http1(1024, 64), MOST), (Kind::http1(65_536, 16), OTHERS)];
    for (kind, millis) in kinds.into_iter().chain(others.map(|kind| (kind, OTHERS))) {
        let outcome = work_for(proxy, kind, millis, 0)?;
        ensure!(outcome.errors == 0, "{} of {kind:?} failed", outcome.errors);
        sent += outcome.requests;
    }
    for _ in 0..BAD {
        for bad in BADS {
            bad.send(proxy.peer.base())?;
            sent += 1;
        }
    }
    Ok(sent)
}

/// A request that goes wrong, on a connection of its own.
struct Bad {
    door: Door,
    text: &'static str,
    /// What is answered before the connection is closed; the client goes away at once where nothing is.
    answer: Option<&'static str>,
}

const BADS: [Bad; 6] = [
    Bad { door: Door::Http1, text: "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", answer: Some("HTTP/1.1 400 ") },
    Bad { door: Door::Http1, text: "GET / HTTP/1.1\r\nhost: a\r\nx : y\r\n\r\n", answer: Some("HTTP/1.1 400 ") },
    Bad { door: Door::Http1, text: "GET /todos/todo1?s=65536 HTTP/1.1\r\nhost: a\r\n\r\n", answer: None },
    Bad { door: Door::Http1, text: "GET /todos/todo1 HTTP/1.1\r\nhost: a\r\nx-half", answer: None },
    Bad { door: Door::Http2, text: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nthis is no frame", answer: None },
    Bad { door: Door::Http1Tls, text: "GET / HTTP/1.1\r\nhost: a\r\n\r\n", answer: None },
];

impl Bad {
    fn send(&self, base: u16) -> Result<()> {
        let port = ports::of(base, self.door);
        let mut stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).with_context(|| format!("no proxy on {port}"))?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        stream.write_all(self.text.as_bytes())?;
        let Some(wanted) = self.answer else { return Ok(()) };
        // A proxy waits until the client has seen that no more comes.
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => return Err(error).context("no answer"),
            _ => {}
        }
        let answer = String::from_utf8_lossy(&answer);
        ensure!(answer.starts_with(wanted), "{:?} was answered with {answer:?}", self.text);
        Ok(())
    }
}
