//! The way from a VPC to the control plane: two ports of `169.254.170.2` in the VPC, carried to its address on the machine.
//!
//! A task's proxy takes its xDS stream this way, and the X-Ray daemon posts its segments, by port 4566; on port 80 tasks
//! ask for their metadata and credentials, as on AWS. The control plane is told which of the two was called. When the control plane is
//! gone, connections are refused at once: a proxy tries again and goes on with what it has.
//!
//! To the control plane all these connections come from this machine, so each begins with the binary header of HAProxy's
//! *PROXY protocol*, version 2, which says what a task cannot choose: its address, and, in a field of our own, its VPC.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use nix::sys::socket::{setsockopt, sockopt};
use tokio::{
    io::{AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::timeout,
};
use tracing::debug;

/// The port at which tasks look for what ECS's agent tells them.
pub const AGENT_PORT: u16 = 80;

/// The ports tasks find the control plane at: that of everything, and the agent's.
pub(crate) const PORTS: [u16; 2] = [4566, AGENT_PORT];

/// Connections of one VPC at once; each proxy and daemon holds one or two. Those beyond wait to be accepted.
const CONNECTIONS_MAX: usize = 8192;

/// How long the control plane may take to accept: it is on this machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The pause after a failed accept (no descriptors left), so that it does not keep a core busy.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How a header begins: the signature, version 2 and the command `PROXY`, TCP over IPv4.
const HEADER: [u8; 14] = *b"\r\n\r\n\0\r\nQUIT\n\x21\x11";

/// The type of the field that names the VPC, of those left to applications.
const NETWORK_FIELD: u8 = 0xe0;

/// Carries every connection of `listener`, at `port` in the VPC `network`, to the newest `target`. Never ends by itself; dropping
/// it ends the accepting, and connections with it.
pub(crate) async fn serve(listener: TcpListener, port: u16, network: String, target: watch::Receiver<SocketAddr>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((client, peer)) => {
                let target = *target.borrow();
                let header = header(&network, peer, port);
                connections.spawn(async move {
                    if let Err(error) = carry(client, header, target).await {
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

/// The header of a connection of `peer` in the VPC `network` to `port`. A VPC has IPv4 addresses alone.
fn header(network: &str, peer: SocketAddr, port: u16) -> Vec<u8> {
    let address = match peer.ip() {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    };
    let (to, name) = (network::CONTROL_PLANE, network.as_bytes());
    // A VPC's id is a few bytes; one that were not would be cut, and known to nobody.
    let name = &name[..name.len().min(u8::MAX.into())];
    let length = u16::try_from(name.len()).unwrap_or(0);
    let mut header = HEADER.to_vec();
    header.extend((12 + 3 + length).to_be_bytes());
    header.extend(address.octets());
    header.extend(to.octets());
    header.extend(peer.port().to_be_bytes());
    header.extend(port.to_be_bytes());
    header.push(NETWORK_FIELD);
    header.extend(length.to_be_bytes());
    header.extend(name);
    header
}

async fn carry(mut client: TcpStream, header: Vec<u8>, target: SocketAddr) -> io::Result<()> {
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
    server.write_all(&header).await?;
    copy_bidirectional(&mut client, &mut server).await.map(|_| ())
}
