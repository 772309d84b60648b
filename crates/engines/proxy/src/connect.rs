//! How connections to servers come about.
//!
//! A sidecar opens them where it is. A load balancer's must be born in the network of its VPC, which this crate knows
//! nothing about: whoever runs the balancer gives it a [`Connect`] that does.

use std::{
    fmt,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
};

use tokio::net::{TcpSocket, TcpStream};

/// A connection on its way.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// What a connection is wanted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    /// The network both ends are in, as the configuration names it; empty is the one this process is in.
    pub network: String,
    /// The address to come from. None: whatever the kernel thinks best.
    pub source: Option<IpAddr>,
    /// The address to go to.
    pub target: SocketAddr,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.target)?;
        if self.network.is_empty() { Ok(()) } else { write!(f, " in {}", self.network) }
    }
}

/// Opens connections.
pub trait Connect: Send + Sync + 'static {
    /// Opens one. The caller bounds the time, and drops the future when it is up.
    ///
    /// Called inside the runtime that will use the connection, which must be registered there: a connection made
    /// elsewhere works, but each wake-up crosses threads.
    fn connect(&self, route: &Route) -> Connecting;
}

/// Connections from the network this process is in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Direct;

impl Connect for Direct {
    fn connect(&self, route: &Route) -> Connecting {
        let (source, target) = (route.source, route.target);
        Box::pin(async move {
            let socket = if target.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            if let Some(source) = source {
                socket.bind(SocketAddr::new(source, 0))?;
            }
            let stream = socket.connect(target).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }
}
