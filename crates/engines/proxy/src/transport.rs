//! A connection to a client or to a server: bare TCP, or TLS over it.
//!
//! Everything that carries bytes is written for a [`Transport`]. It is an enumeration and no trait object: a bare
//! connection costs one branch more than the socket itself, and its writes stay vectored.
//!
//! TLS differs in one point from a socket: what was written may wait in the session until the socket takes it. Reading
//! sends that on, as flushing does; whoever closes a connection in good order calls [`Transport::finish`] before.

use std::{
    fmt,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsStream;

use crate::tls::{Protocol, Session};

/// How long the last bytes of a connection may take to leave.
const FINISH_MAX: Duration = Duration::from_secs(1);

/// A connection.
pub(crate) enum Transport {
    /// Bytes as they are.
    Plain(TcpStream),
    /// Bytes within TLS.
    Secured(Box<Secured>),
}

/// A connection within TLS.
pub(crate) struct Secured {
    stream: TlsStream<TcpStream>,
    session: Arc<Session>,
}

impl Secured {
    /// A connection whose handshake is done.
    pub(crate) fn new(stream: impl Into<TlsStream<TcpStream>>, session: Session) -> Self {
        Self { stream: stream.into(), session: Arc::new(session) }
    }

    /// Sends on what waits in the session, as far as the socket takes it.
    fn push(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.stream.get_ref().1.wants_write()
            && let Poll::Ready(Err(error)) = Pin::new(&mut self.stream).poll_flush(cx)
        {
            return Err(error);
        }
        Ok(())
    }
}

impl From<TcpStream> for Transport {
    fn from(stream: TcpStream) -> Self {
        Self::Plain(stream)
    }
}

impl From<Secured> for Transport {
    fn from(secured: Secured) -> Self {
        Self::Secured(Box::new(secured))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Plain(_)) { "Plain" } else { "Secured" })
    }
}

impl Transport {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Secured(secured) => secured.stream.get_ref().0,
        }
    }

    /// Our end of it.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        self.socket().local_addr().ok()
    }

    /// What was agreed on with the other side; none if the connection is bare.
    pub(crate) fn session(&self) -> Option<&Arc<Session>> {
        match self {
            Self::Plain(_) => None,
            Self::Secured(secured) => Some(&secured.session),
        }
    }

    /// The protocol that was agreed on by ALPN, if any was.
    pub(crate) fn protocol(&self) -> Option<Protocol> {
        self.session().and_then(|session| session.protocol)
    }

    /// When dropped the connection is reset: the other side must not take what it has for all there is.
    pub(crate) fn set_zero_linger(&self) -> io::Result<()> {
        self.socket().set_zero_linger()
    }

    /// Whether the other side has neither closed it nor sent something nobody asked for.
    ///
    /// Costs no system call as a rule: the event loop knows whether there is something to read.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut bytes = [0];
        match self {
            Self::Plain(stream) => {
                matches!(stream.try_read(&mut bytes), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }
            Self::Secured(secured) => {
                let mut cx = Context::from_waker(Waker::noop());
                let read = Pin::new(&mut secured.stream).poll_read(&mut cx, &mut ReadBuf::new(&mut bytes));
                read.is_pending() && !secured.stream.get_ref().1.wants_write()
            }
        }
    }

    /// Sends what is yet to be sent, and that no more comes. A bare connection has nothing to do: the kernel does it.
    pub(crate) async fn finish(&mut self) {
        if let Self::Secured(secured) = self {
            // A client that takes no more in this time has had its chance.
            let _ = timeout(FINISH_MAX, secured.stream.shutdown()).await;
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Secured(secured) => {
                secured.push(cx)?;
                match Pin::new(&mut secured.stream).poll_read(cx, buffer) {
                    // Many close without saying so within TLS. Envoy takes it for an end, and so is it here.
                    Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
                    read => read,
                }
            }
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Secured(secured) => Pin::new(&mut secured.stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, buffers),
            Self::Secured(secured) => Pin::new(&mut secured.stream).poll_write_vectored(cx, buffers),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Secured(secured) => Pin::new(&mut secured.stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Secured(secured) => Pin::new(&mut secured.stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use names::Clock;
    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;
    use crate::{
        stats::TlsCounters,
        tls::{Store, testing::Authority},
    };

    /// Both ends of a secured connection, the client's first.
    async fn pair(client_offers: &[&str], server_offers: &[&str]) -> (Transport, Transport) {
        let authority = Authority::new("mesh");
        let offers = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let (mut server, mut client) = (authority.server(&["server.example"]), authority.client("server.example"));
        server.common.protocols = offers(server_offers);
        client.common.protocols = offers(client_offers);
        let store = Store::new(Clock::System);
        let (acceptor, connector) = (store.acceptor(&server).unwrap(), store.connector(&client).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bare = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let accepted = listener.accept().await.unwrap().0;
        let counters = TlsCounters::default();
        let (client, server) = tokio::join!(connector.connect(bare, &counters), acceptor.accept(accepted, &counters));
        (client.unwrap(), server.unwrap())
    }

    #[tokio::test]
    async fn both_sides_see_what_was_agreed_on() {
        let (client, server) = pair(&["h2", "http/1.1"], &["h2", "http/1.1"]).await;
        assert_eq!((client.protocol(), server.protocol()), (Some(Protocol::Http2), Some(Protocol::Http2)));
        let session = server.session().unwrap();
        assert_eq!(session.server_name.as_deref(), Some("server.example"));
        assert_eq!((session.version, session.cipher), ("TLSv1.3", "TLS_AES_128_GCM_SHA256"));
        for offered in [&[][..], &["other"]] {
            let (client, server) = pair(offered, &["h2", "http/1.1"]).await;
            assert_eq!((client.protocol(), server.protocol()), (None, None));
        }
    }

    #[tokio::test]
    async fn what_was_written_arrives_however_slowly_it_is_read() {
        const LENGTH: usize = 3_000_000;
        let (mut client, mut server) = pair(&[], &[]).await;
        let writing = async {
            client.write_all(&vec![7; LENGTH]).await.unwrap();
            client.finish().await;
        };
        let reading = async {
            let mut all = Vec::new();
            server.read_to_end(&mut all).await.unwrap();
            assert_eq!(all.len(), LENGTH);
        };
        tokio::join!(writing, reading);
    }

    #[tokio::test]
    async fn a_connection_is_quiet_until_the_other_side_says_something() {
        let (mut client, mut server) = pair(&[], &[]).await;
        client.write_all(b"a").await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), b'a');
        assert!(server.is_quiet());
        client.write_all(b"b").await.unwrap();
        client.flush().await.unwrap();
        while server.is_quiet() {
            tokio::task::yield_now().await;
        }
    }
}
