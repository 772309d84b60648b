//! Sockets that live in a VPC, for a program that lives outside of it.
//!
//! A socket belongs for ever to the namespace of the thread that made it. So a thread inside the VPC makes them, bare,
//! and hands them out; bound, connected and polled they are by whoever asked, in its own runtime.
//!
//! **The check.** A socket made in the wrong namespace does not fail: it talks to whatever answers at `10.0.0.10` out
//! there. So before each bind or connect the kernel is asked in which namespace the socket is (`SIOCGSKNS`), and it
//! is closed unless that is the one.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    thread,
    time::Duration,
};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socket, sockopt};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, UdpSocket},
    sync::{mpsc, oneshot},
};

use crate::{Error, Identity, Namespace};

/// Connections that may wait to be accepted by a listener.
const BACKLOG: u32 = 1024;

/// Tries for an address that is in use, and the wait between two: a process that was killed gives its lock free a moment
/// before its sockets, so whoever follows it may come too early.
const ADDRESS_TRIES: u32 = 200;
const ADDRESS_PAUSE: Duration = Duration::from_millis(10);

/// Requests that may wait for the thread inside. It needs microseconds for each; whoever comes next waits its turn.
const REQUESTS_WAITING_MAX: usize = 64;

/// A maker of sockets inside one VPC. Cheap to clone; its thread ends with the last clone.
#[derive(Clone, Debug)]
pub struct Sockets {
    requests: mpsc::Sender<Request>,
    identity: Identity,
}

/// What the thread inside is asked for.
#[derive(Debug)]
struct Request {
    kind: SockType,
    answer: oneshot::Sender<nix::Result<OwnedFd>>,
}

impl Sockets {
    /// A maker of sockets in `namespace`.
    pub fn of(namespace: &Namespace) -> Result<Self, Error> {
        let (requests, mut waiting) = mpsc::channel::<Request>(REQUESTS_WAITING_MAX);
        let (inside, identity) = (namespace.try_clone()?, namespace.identity());
        let (entered, has_entered) = std::sync::mpsc::sync_channel(1);
        thread::Builder::new()
            .name("sockets".to_owned())
            .spawn(move || {
                let result = inside.enter();
                // The thread keeps the namespace alive by being in it; the descriptor has done its work.
                drop(inside);
                let ready = result.is_ok();
                if entered.send(result).is_ok() && ready {
                    while let Some(request) = waiting.blocking_recv() {
                        // Whoever asked may have given up; then the socket is closed.
                        let _ = request.answer.send(make(request.kind));
                    }
                }
            })
            .map_err(|source| Error::Namespace { doing: "enter", name: identity.to_string(), source })?;
        has_entered.recv().map_err(|_| Error::Thread("make sockets"))??;
        Ok(Self { requests, identity })
    }

    /// The namespace the sockets are in.
    pub fn namespace(&self) -> Identity {
        self.identity
    }

    /// A listener at `address`, which the VPC must have. Port 0 lets the kernel choose. An address in use is waited for,
    /// two seconds at most.
    pub async fn listen(&self, address: SocketAddrV4) -> Result<TcpListener, Error> {
        let mut tries = Tries::default();
        loop {
            match self.listen_now(address).await {
                Err(error) if tries.again(&error).await => {}
                done => return done,
            }
        }
    }

    /// A UDP socket bound to `address`, which is waited for as by [`Sockets::listen`].
    pub async fn udp(&self, address: SocketAddrV4) -> Result<UdpSocket, Error> {
        let mut tries = Tries::default();
        loop {
            match self.udp_now(address).await {
                Err(error) if tries.again(&error).await => {}
                done => return done,
            }
        }
    }

    async fn listen_now(&self, address: SocketAddrV4) -> Result<TcpListener, Error> {
        let socket = self.tcp().await?;
        let listen = || {
            socket.set_reuseaddr(true)?;
            // Accepted connections inherit it.
            keep_alive(&socket)?;
            socket.bind(SocketAddr::V4(address))?;
            socket.listen(BACKLOG)
        };
        listen().map_err(|source| failed("listen on", &address, source))
    }

    async fn udp_now(&self, address: SocketAddrV4) -> Result<UdpSocket, Error> {
        let descriptor = self.make(SockType::Datagram).await?;
        let bind = || {
            let to = nix::sys::socket::SockaddrIn::from(address);
            nix::sys::socket::bind(descriptor.as_raw_fd(), &to)?;
            UdpSocket::from_std(descriptor.into())
        };
        bind().map_err(|source| failed("bind to", &address, source))
    }

    /// A connection to `target`, from `source` if one is given (the VPC must have it), or an error after `within`.
    pub async fn connect(
        &self,
        source: Option<Ipv4Addr>,
        target: SocketAddrV4,
        within: Duration,
    ) -> Result<TcpStream, Error> {
        let socket = self.tcp().await?;
        let connect = async {
            keep_alive(&socket)?;
            if let Some(source) = source {
                // The port is chosen with the target known, so that one source has 28,000 ports for each target.
                setsockopt(&socket.as_fd(), sockopt::IpBindAddressNoPort, &true)?;
                socket.bind(SocketAddr::V4(SocketAddrV4::new(source, 0)))?;
            }
            let stream = tokio::time::timeout(within, socket.connect(SocketAddr::V4(target))).await??;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        connect.await.map_err(|source| failed("connect to", &target, source))
    }

    async fn tcp(&self) -> Result<TcpSocket, Error> {
        let descriptor = self.make(SockType::Stream).await?;
        Ok(TcpSocket::from_std_stream(descriptor.into()))
    }

    /// A bare socket that is known to be in the namespace.
    async fn make(&self, kind: SockType) -> Result<OwnedFd, Error> {
        let (answer, answered) = oneshot::channel();
        let gone = |_| Error::Thread("make sockets");
        self.requests.send(Request { kind, answer }).await.map_err(|_| Error::Thread("make sockets"))?;
        let refused = |source: nix::Error| failed("make a socket in", &self.identity, source.into());
        let descriptor = answered.await.map_err(gone)?.map_err(refused)?;
        let found = namespace_of(descriptor.as_fd()).map_err(|e| failed("look into", &self.identity, e))?;
        if found == self.identity {
            Ok(descriptor)
        } else {
            Err(Error::WrongNamespace { wanted: self.identity, found })
        }
    }
}

fn failed(doing: &'static str, address: &impl ToString, source: io::Error) -> Error {
    Error::Socket { doing, address: address.to_string(), source }
}

/// The patience for an address in use.
#[derive(Default)]
struct Tries(u32);

impl Tries {
    /// Whether to try again after `error`; waits a little if so.
    async fn again(&mut self, error: &Error) -> bool {
        self.0 += 1;
        let used = error.io().is_some_and(|source| source.kind() == io::ErrorKind::AddrInUse);
        let again = used && self.0 < ADDRESS_TRIES;
        if again {
            tokio::time::sleep(ADDRESS_PAUSE).await;
        }
        again
    }
}

/// Lets a connection to a task that vanished without a word end within a minute: a namespace that is torn down sends
/// no farewell.
fn keep_alive(socket: &impl AsFd) -> nix::Result<()> {
    setsockopt(socket, sockopt::KeepAlive, &true)?;
    setsockopt(socket, sockopt::TcpKeepIdle, &30)?;
    setsockopt(socket, sockopt::TcpKeepInterval, &10)?;
    setsockopt(socket, sockopt::TcpKeepCount, &3)
}

fn make(kind: SockType) -> nix::Result<OwnedFd> {
    socket(AddressFamily::Inet, kind, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, None)
}

/// The request that answers with a descriptor of a socket's namespace; see `socket(7)`, `linux/sockios.h`.
const SIOCGSKNS: libc::Ioctl = 0x894C;

/// The namespace that `socket` is in.
pub(crate) fn namespace_of(socket: BorrowedFd<'_>) -> io::Result<Identity> {
    // SAFETY: the descriptor is open, since it is borrowed, and this request takes no argument: the kernel touches no
    // memory of ours.
    let descriptor = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCGSKNS) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened this descriptor for us, and nobody else knows of it.
    let namespace = unsafe { OwnedFd::from_raw_fd(descriptor) };
    Identity::of(namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_where_its_maker_is() {
        let namespace = Namespace::create().await.unwrap();
        let sockets = Sockets::of(&namespace).unwrap();
        let bare = sockets.make(SockType::Stream).await.unwrap();
        assert_eq!(namespace_of(bare.as_fd()).unwrap(), namespace.identity());
    }

    #[tokio::test]
    async fn a_socket_from_elsewhere_is_refused() {
        let namespace = Namespace::create().await.unwrap();
        let mut sockets = Sockets::of(&namespace).unwrap();
        sockets.identity = Identity::of_thread().unwrap();
        let result = sockets.connect(None, "127.0.0.1:9".parse().unwrap(), Duration::from_secs(1)).await;
        assert!(matches!(result, Err(Error::WrongNamespace { .. })), "{result:?}");
    }
}
