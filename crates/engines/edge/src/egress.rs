//! The way out of a VPC: what its rules let leave is turned to a listener in it (see [`network::egress`]), and carried
//! from here to where it was meant to go, by a connection of the machine's own namespace.
//!
//! The machine is not changed for it: no link, no route, no rule. To the outside it is this process that connects, so
//! whatever the machine may reach can be reached, and no more. Where nobody may be dialled, for the machine's own
//! addresses above all, the connection is reset at once.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use network::egress::{LISTENER, Reach};
use nix::sys::socket::{getsockopt, setsockopt, sockopt};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::timeout,
};
use tracing::debug;

/// Connections of one VPC at once. Those beyond are reset.
const CONNECTIONS_MAX: usize = 4096;

/// How long whoever is dialled may take to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection on which nothing is said for this long is reset; it may last twice as long.
const IDLE_TIMEOUT: Duration = Duration::from_mins(30);

/// What is read at once, in bytes. Two of these are held by each connection.
const BUFFER: usize = 16 << 10;

/// The pause after a failed accept (no descriptors left), so that it does not keep a core busy.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The port of DNS.
const DNS_PORT: u16 = 53;

/// Carries every connection of `listener` that `reach` allows. Never ends by itself; dropping it ends all of them.
pub(crate) async fn serve(listener: TcpListener, reach: watch::Receiver<Reach>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let mut client = match listener.accept().await {
            Ok((client, _)) => client,
            Err(error) => {
                debug!(%error, "A connection could not be accepted.");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            reset(&client);
            continue;
        };
        let reach = *reach.borrow();
        connections.spawn(async move {
            if let Err(error) = carry(&mut client, reach).await {
                debug!(%error, "A connection to the outside ended early.");
                reset(&client);
            }
            drop(place);
        });
    }
}

/// Lets `stream` end by a reset, which says "nobody is there" where an orderly end would say "an empty answer".
fn reset(stream: &TcpStream) {
    let at_once = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    // Where it cannot be set, the connection ends all the same.
    let _ = setsockopt(stream, sockopt::Linger, &at_once);
}

async fn carry(client: &mut TcpStream, reach: Reach) -> io::Result<()> {
    let target = meant_for(client)?;
    if target == LISTENER || !reach.allows(*target.ip()) || is_own(*target.ip())? {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{target} is not dialled from a VPC")));
    }
    let mut server = timeout(CONNECT_TIMEOUT, TcpStream::connect(SocketAddr::V4(target))).await??;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let done = relay(client, &mut server, IDLE_TIMEOUT).await;
    if done.is_err() {
        reset(&server);
    }
    done
}

/// Where the connection was meant to go before it was turned to us.
fn meant_for(client: &TcpStream) -> io::Result<SocketAddrV4> {
    let raw = getsockopt(client, sockopt::OriginalDst)?;
    Ok(SocketAddrV4::new(u32::from_be(raw.sin_addr.s_addr).into(), u16::from_be(raw.sin_port)))
}

/// Whether `address` is one of the machine's own: toward those, and those alone, the kernel chooses the address itself
/// as the source. Nothing is sent.
fn is_own(address: Ipv4Addr) -> io::Result<bool> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect((address, DNS_PORT))?;
    Ok(socket.local_addr()?.ip() == IpAddr::V4(address))
}

/// Carries both directions until both have ended, one has failed, or nothing was said for `idle`.
async fn relay(client: &mut TcpStream, server: &mut TcpStream, idle: Duration) -> io::Result<()> {
    let said = AtomicU64::new(0);
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (client.split(), server.split());
    let both = async {
        let there = pump(&mut from_client, &mut to_server, &said);
        let back = pump(&mut from_server, &mut to_client, &said);
        tokio::try_join!(there, back)
    };
    tokio::select! {
        done = both => done.map(|_| ()),
        () = silence(&said, idle) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Carries one direction to its end, and counts in `said` how often something came.
async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    said: &AtomicU64,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
        said.fetch_add(1, Ordering::Relaxed);
    }
}

/// Ends once `said` has not changed for `idle`.
async fn silence(said: &AtomicU64, idle: Duration) {
    let mut before = said.load(Ordering::Relaxed);
    loop {
        tokio::time::sleep(idle).await;
        let now = said.load(Ordering::Relaxed);
        if now == before {
            return;
        }
        before = now;
    }
}

/// Whom the machine asks about names: the servers of the file at `path`, in the form of resolv.conf(5).
pub(crate) fn resolvers(path: &Path) -> Vec<SocketAddr> {
    // Without the file there is nobody to ask, and names are refused.
    servers(&std::fs::read_to_string(path).unwrap_or_default())
}

fn servers(text: &str) -> Vec<SocketAddr> {
    let words = text.lines().map(str::split_ascii_whitespace);
    let named = words.filter_map(|mut words| words.next().filter(|word| *word == "nameserver").and(words.next()));
    named.filter_map(|address| address.parse().ok()).map(|address: IpAddr| (address, DNS_PORT).into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (near.unwrap(), far.unwrap().0)
    }

    #[test]
    fn servers_are_those_that_the_file_names() {
        let text =
            "# nameserver 1.1.1.1\nsearch lan\nnameserver 192.0.2.53\n nameserver ::1 \nnameserver fe80::1%eth0\n";
        let expected: [SocketAddr; 2] = ["192.0.2.53:53".parse().unwrap(), "[::1]:53".parse().unwrap()];
        assert_eq!(servers(text), expected);
        assert!(resolvers(Path::new("/nonexistent/resolv.conf")).is_empty());
    }

    #[test]
    fn the_machines_own_addresses_are_known() {
        assert!(is_own(Ipv4Addr::LOCALHOST).unwrap());
        assert!(is_own(Ipv4Addr::new(127, 9, 9, 9)).is_ok());
    }

    #[tokio::test]
    async fn both_directions_are_carried_and_each_ends_by_itself() {
        let ((mut user, mut client), (mut server, mut service)) = (pair().await, pair().await);
        let carried = tokio::spawn(async move { relay(&mut client, &mut server, Duration::from_hours(1)).await });
        user.write_all(b"question").await.unwrap();
        user.shutdown().await.unwrap();
        let mut heard = String::new();
        service.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "question");
        service.write_all(b"answer").await.unwrap();
        drop(service);
        let mut answered = String::new();
        user.read_to_string(&mut answered).await.unwrap();
        assert_eq!(answered, "answer");
        carried.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_connection_on_which_nothing_is_said_ends() {
        let ((_user, mut client), (mut server, _service)) = (pair().await, pair().await);
        let error = relay(&mut client, &mut server, Duration::from_millis(1)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
