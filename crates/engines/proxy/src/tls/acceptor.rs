//! The side of a TLS connection that is connected to.

use std::{
    io,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::ServerConfig;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsAcceptor;

use super::Session;
use crate::transport::{Secured, Transport};

/// How long a handshake may take; Envoy's `transport_socket_connect_timeout` has no limit where none is set, and then a
/// client could hold a connection for ever.
const HANDSHAKE_MAX: Duration = Duration::from_secs(15);

/// Secures clients' connections.
#[derive(Debug, Default)]
pub(crate) struct Acceptor {
    current: RwLock<Option<Arc<ServerConfig>>>,
}

impl Acceptor {
    /// What new connections go by from now on.
    pub(crate) fn set(&self, config: Arc<ServerConfig>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(config);
    }

    /// Whether there is something to go by.
    pub(crate) fn is_ready(&self) -> bool {
        self.current.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Shakes hands with a client.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<Transport> {
        let config = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        let config = config.ok_or_else(|| io::Error::other("the secrets of the listener have not come"))?;
        let accepted = timeout(HANDSHAKE_MAX, TlsAcceptor::from(config).accept(stream)).await;
        let stream = accepted.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let state = stream.get_ref().1;
        let session = Session::of(state, state.server_name());
        Ok(Secured::new(stream, session).into())
    }
}
