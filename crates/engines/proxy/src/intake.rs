//! A socket that connections come in at, until it closes without losing one.
//!
//! Closing a listening socket resets every connection that the kernel has completed and nobody has taken: to the client
//! it was there, and its request is lost. So a socket that is to close first turns newcomers away by a filter that drops
//! what begins a connection (a client tries again, and then finds the port closed, or open at its new place); those
//! under way come about, and are taken in until there are none.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    task::{Context, Poll, Waker},
    time::Duration,
};

use socket2::{SockFilter, SockRef};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// How long connections that were begun may take to come about once no more are begun. It is milliseconds as a rule;
/// who needs longer is far away.
pub(crate) const CLOSING: Duration = Duration::from_millis(300);

/// Says that no more connections shall be taken in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Closed {
    /// The socket closes.
    pub(crate) closing: CancellationToken,
    /// Somebody else has the socket now, and everybody who is in line at it.
    pub(crate) handed_over: CancellationToken,
}

impl From<CancellationToken> for Closed {
    fn from(closing: CancellationToken) -> Self {
        Self { closing, handed_over: CancellationToken::new() }
    }
}

/// A socket that connections come in at.
pub(crate) struct Intake {
    socket: TcpListener,
    closed: Closed,
    /// When it closes for good.
    end: Option<Instant>,
}

impl Intake {
    /// Takes connections in at `socket` until it is `closed`.
    pub(crate) fn new(socket: std::net::TcpListener, closed: impl Into<Closed>) -> io::Result<Self> {
        Ok(Self { socket: TcpListener::from_std(socket)?, closed: closed.into(), end: None })
    }

    /// The next connection; none once it is closed and nobody is left.
    pub(crate) async fn next(&mut self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        if self.end.is_none() {
            tokio::select! {
                biased;
                () = self.closed.handed_over.cancelled() => return None,
                accepted = self.socket.accept() => return Some(accepted),
                () = self.closed.closing.cancelled() => {}
            }
            if let Err(error) = turn_away(&self.socket) {
                tracing::debug!(%error, "newcomers cannot be turned away; the last of them may be lost");
            }
        }
        let end = *self.end.get_or_insert_with(|| Instant::now() + CLOSING);
        if let Ok(accepted) = timeout_at(end, poll_fn(|cx| self.socket.poll_accept(cx))).await {
            return Some(accepted);
        }
        match self.socket.poll_accept(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(accepted) => Some(accepted),
            Poll::Pending => None,
        }
    }
}

/// Lets no more connections begin: packets with SYN are dropped before the socket sees them.
fn turn_away(socket: &TcpListener) -> io::Result<()> {
    /// Classic BPF over the TCP header: `A = header[13]; if A & SYN drop else take all`.
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_SET: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    SockRef::from(socket).attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(JUMP_IF_SET, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::testing::soon;

    #[tokio::test]
    async fn who_is_in_line_when_it_closes_is_served_and_later_ones_are_not() {
        const IN_LINE: usize = 100;
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let closed = CancellationToken::new();
        let mut intake = Intake::new(socket, closed.clone()).unwrap();
        let mut clients = Vec::new();
        for _ in 0..IN_LINE {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        closed.cancel();
        let serving = async {
            let mut served = 0;
            while let Some(accepted) = intake.next().await {
                accepted.unwrap().0.write_all(b"served").await.unwrap();
                served += 1;
            }
            drop(intake);
            served
        };
        assert_eq!(soon("all of them", serving).await, clients.len());
        for mut client in clients {
            let mut said = String::new();
            client.read_to_string(&mut said).await.unwrap();
            assert_eq!(said, "served");
        }
        assert!(soon("a refusal", TcpStream::connect(address)).await.is_err());
    }
}
