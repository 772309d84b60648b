//! The side of a TLS connection that connects.

use std::io;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Session, build::server_name, context::Context, failure};
use crate::{
    model::ClientTls,
    stats::TlsCounters,
    transport::{Secured, Transport},
};

/// Secures connections to servers.
pub(crate) type Connector = Context<ClientTls>;

impl Connector {
    /// Shakes hands with a server. The caller bounds the time.
    pub(crate) async fn connect(&self, stream: TcpStream, counters: &TlsCounters) -> io::Result<Transport> {
        let config = self.config().ok_or_else(|| io::Error::other("the secrets of the cluster have not come"))?;
        let asked = self.settings.server_name.as_str();
        let name = match server_name(asked) {
            Some(name) => name,
            // No name is asked for then; it is what sessions are kept under.
            None => ServerName::IpAddress(stream.peer_addr()?.ip().into()),
        };
        let stream = TlsConnector::from(config).connect(name, stream).await.inspect_err(|error| {
            failure::count(error, counters);
        })?;
        let session = Session::of(stream.get_ref().1, Some(asked).filter(|name| !name.is_empty()), self.identities());
        counters.handshake(&session);
        Ok(Secured::new(stream, session).into())
    }
}
