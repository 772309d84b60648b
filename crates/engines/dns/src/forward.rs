//! Questions about names that are of none of our zones, passed on word by word to servers that know more.
//!
//! Each is asked from a socket of its own, so its port is the kernel's choice and hard to guess; an answer counts if it
//! comes from the server that was asked and carries the question's number. Nothing is kept.

use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpStream, UdpSocket},
    time::timeout,
};
use tracing::debug;

use crate::serve::{read_message, write_message};

/// How many servers are asked, as by other resolvers (`MAXNS` of resolv.conf(5)).
const SERVERS_MAX: usize = 3;
/// How often all of them are asked over UDP, since datagrams get lost.
const ROUNDS: usize = 2;
/// How long one server may take over UDP. All rounds end before a client of the usual patience, 5 s, asks again.
const DATAGRAM_TIMEOUT: Duration = Duration::from_millis(800);
/// How long one server may take over TCP.
const STREAM_TIMEOUT: Duration = Duration::from_secs(3);
/// A longer datagram is no answer.
const DATAGRAM_MAX: usize = 4096;
/// The beginning of every message: its number, and whether it is a response.
const HEAD: usize = 3;

/// Who is asked about other names; asked for anew for each question.
#[derive(Clone)]
pub struct Upstreams(Arc<dyn Fn() -> Vec<SocketAddr> + Send + Sync>);

impl fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Upstreams").field(&self.now()).finish()
    }
}

impl Upstreams {
    /// Those that `now` names. None means that other names are refused.
    pub fn new(now: impl Fn() -> Vec<SocketAddr> + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Nobody.
    pub fn none() -> Self {
        Self::new(Vec::new)
    }

    pub(crate) fn now(&self) -> Vec<SocketAddr> {
        let mut servers = (self.0)();
        servers.truncate(SERVERS_MAX);
        servers
    }
}

/// What the first of `servers` that answers says to `question`.
pub(crate) async fn over_udp(servers: &[SocketAddr], question: &[u8]) -> Option<Vec<u8>> {
    for server in std::iter::repeat_n(servers, ROUNDS).flatten() {
        match timeout(DATAGRAM_TIMEOUT, ask(*server, question)).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => debug!(%server, %error, "A resolver could not be asked."),
            Err(_) => debug!(%server, "A resolver does not answer."),
        }
    }
    None
}

async fn ask(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut buffer = vec![0; DATAGRAM_MAX];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if is_answer(&buffer[..length], question) {
            buffer.truncate(length);
            return Ok(buffer);
        }
    }
}

/// The same over TCP.
pub(crate) async fn over_tcp(servers: &[SocketAddr], question: &[u8]) -> Option<Vec<u8>> {
    for server in servers {
        let answer = async {
            let mut stream = TcpStream::connect(server).await?;
            write_message(&mut stream, question).await?;
            read_message(&mut stream).await
        };
        match timeout(STREAM_TIMEOUT, answer).await {
            Ok(Ok(Some(answer))) if is_answer(&answer, question) => return Some(answer),
            other => debug!(%server, ?other, "A resolver could not be asked."),
        }
    }
    None
}

/// Whether `message` is a response with the number of `question`.
fn is_answer(message: &[u8], question: &[u8]) -> bool {
    message.len() > HEAD && message.get(..2) == question.get(..2) && message[2] & 0x80 != 0
}
