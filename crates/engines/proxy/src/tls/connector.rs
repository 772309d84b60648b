//! The side of a TLS connection that connects.

use std::{
    io,
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Session;
use crate::transport::{Secured, Transport};

/// Secures connections to servers.
#[derive(Debug)]
pub(crate) struct Connector {
    /// The name that is asked for; none is asked for if it is empty.
    server_name: String,
    current: RwLock<Option<Arc<ClientConfig>>>,
}

impl Connector {
    pub(crate) fn new(server_name: &str) -> Self {
        Self { server_name: server_name.to_owned(), current: RwLock::default() }
    }

    /// What new connections go by from now on. Whether the server is told a name, `config` says too.
    pub(crate) fn set(&self, config: Arc<ClientConfig>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(config);
    }

    /// Whether there is something to go by.
    pub(crate) fn is_ready(&self) -> bool {
        self.current.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Shakes hands with a server. The caller bounds the time.
    pub(crate) async fn connect(&self, stream: TcpStream) -> io::Result<Transport> {
        let config = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        let config = config.ok_or_else(|| io::Error::other("the secrets of the cluster have not come"))?;
        let name = if self.server_name.is_empty() {
            ServerName::IpAddress(stream.peer_addr()?.ip().into())
        } else {
            ServerName::try_from(self.server_name.clone()).map_err(io::Error::other)?
        };
        let stream = TlsConnector::from(config).connect(name, stream).await?;
        let session = Session::of(stream.get_ref().1, Some(self.server_name.as_str()).filter(|name| !name.is_empty()));
        Ok(Secured::new(stream, session).into())
    }
}
