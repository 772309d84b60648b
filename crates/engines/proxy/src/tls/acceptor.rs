//! The side of a TLS connection that is connected to.

use std::{io, sync::Arc, time::Duration};

use rustls::server::Acceptor as Hello;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::LazyConfigAcceptor;

use super::{Session, context::Context, failure};
use crate::{
    model::ServerTls,
    stats::TlsCounters,
    transport::{Secured, Transport},
};

/// How long a handshake may take. Envoy has no limit where none is set, and then a client could hold a connection for
/// ever.
const HANDSHAKE_MAX: Duration = Duration::from_secs(15);

/// Secures clients' connections.
pub(crate) type Acceptor = Context<ServerTls>;

impl Acceptor {
    /// Shakes hands with a client.
    pub(crate) async fn accept(&self, stream: TcpStream, counters: &TlsCounters) -> io::Result<Transport> {
        let shaken = timeout(HANDSHAKE_MAX, self.shake(stream)).await;
        match shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok((stream, session)) => {
                counters.handshake(&session);
                if session.peer.is_empty() {
                    counters.no_certificate.increment();
                }
                Ok(Secured::new(stream, session).into())
            }
            Err(error) => {
                failure::count(&error, counters);
                Err(error)
            }
        }
    }

    async fn shake(&self, stream: TcpStream) -> io::Result<(tokio_rustls::server::TlsStream<TcpStream>, Session)> {
        let start = LazyConfigAcceptor::new(Hello::default(), stream).await?;
        let hello = start.client_hello();
        let name = hello.server_name().map(str::to_ascii_lowercase);
        if name.is_none() && self.settings.require_server_name {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the client names no server"));
        }
        let config = self.config().ok_or_else(|| io::Error::other("the secrets of the listener have not come"))?;
        let offered: Vec<&[u8]> = hello.alpn().map(Iterator::collect).unwrap_or_default();
        let agreed = offered.is_empty() || config.alpn_protocols.iter().any(|own| offered.contains(&own.as_slice()));
        let config = if agreed {
            config
        } else {
            // As Envoy: who offers nothing that is known is served without an agreement.
            let mut without = (*config).clone();
            without.alpn_protocols.clear();
            Arc::new(without)
        };
        let stream = start.into_stream(config).await?;
        let session = Session::of(stream.get_ref().1, name.as_deref(), self.identities());
        Ok((stream, session))
    }
}
