//! The way from a VPC to the control plane: `169.254.170.2:4566` in the VPC, carried to its address on the machine.
//!
//! A task's proxy takes its xDS stream this way, and the X-Ray daemon posts its segments. When the control plane is
//! gone, connections are refused at once: a proxy tries again and goes on with what it has.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use nix::sys::socket::{setsockopt, sockopt};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::timeout,
};
use tracing::debug;

/// The port tasks find the control plane at.
pub(crate) const PORT: u16 = 4566;

/// Connections of one VPC at once; each proxy and daemon holds one or two. Those beyond wait to be accepted.
const CONNECTIONS_MAX: usize = 8192;

/// How long the control plane may take to accept: it is on this machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The pause after a failed accept (no descriptors left), so that it does not keep a core busy.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Carries every connection of `listener` to the newest `target`. Never ends by itself; dropping it ends the
/// accepting, and connections with it.
pub(crate) async fn serve(listener: TcpListener, target: watch::Receiver<SocketAddr>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((client, _)) => {
                let target = *target.borrow();
                connections.spawn(async move {
                    if let Err(error) = carry(client, target).await {
                        debug!(%target, %error, "A relayed connection ended early.");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                debug!(%error, "A connection could not be accepted.");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn carry(mut client: TcpStream, target: SocketAddr) -> io::Result<()> {
    let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect(target)).await.map_err(io::Error::from);
    let mut server = match connected.and_then(|connected| connected) {
        Ok(server) => server,
        Err(error) => {
            // A reset says "nobody is there"; an orderly end would say "an empty answer".
            let reset = nix::libc::linger { l_onoff: 1, l_linger: 0 };
            setsockopt(&client, sockopt::Linger, &reset)?;
            return Err(error);
        }
    };
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await.map(|_| ())
}
