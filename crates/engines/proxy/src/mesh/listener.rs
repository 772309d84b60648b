//! A listener on a core: takes connections in and hands each to the chain it belongs to.

use std::{
    cell::RefCell,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use nix::sys::socket::{
    getsockopt,
    sockopt::{Ip6tOriginalDst, OriginalDst},
};
use tokio::{net::TcpStream, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{Redirected, choice, manager::Manager, tcp::Tcp};
use crate::{
    core::{Closing, Core, spawn},
    http::{self, Peer},
    intake::{Closed, Intake},
    model::{FilterChain, Listener as Settings},
    sni,
    stats::{Held, ListenerCounters, TlsCounters},
    tls::Acceptor,
    transport::Transport,
};

/// The most connections of a listener on a core; more are closed at once.
const CONNECTIONS_MAX: i64 = 20_000;

/// How long to wait after a connection could not be taken in, for want of descriptors as a rule.
const PAUSE: Duration = Duration::from_millis(100);

/// A filter chain on a core.
pub(crate) struct Chain {
    pub(crate) settings: FilterChain,
    pub(crate) filter: Filter,
    /// Secures its connections, if they are to be.
    pub(crate) security: Option<Security>,
    /// Its connections shall end after the request they are at.
    pub(crate) closing: Rc<Closing>,
    /// Its connections end now.
    pub(crate) end: CancellationToken,
}

/// How a chain's connections are secured.
pub(crate) struct Security {
    pub(crate) acceptor: Arc<Acceptor>,
    pub(crate) counters: Arc<TlsCounters>,
}

/// What a chain does.
pub(crate) enum Filter {
    Http(Rc<Manager>),
    Tcp(Box<Tcp>),
}

/// A listener on a core.
pub(crate) struct Listener {
    pub(crate) core: Rc<Core>,
    pub(crate) settings: RefCell<Arc<Settings>>,
    pub(crate) chains: RefCell<Vec<Rc<Chain>>>,
    pub(crate) counters: Arc<ListenerCounters>,
    pub(crate) redirected: Redirected,
    /// Gives each connection its number.
    pub(crate) numbers: Arc<AtomicU64>,
    /// No more connections are taken in.
    pub(crate) closed: Closed,
}

impl Listener {
    /// Takes in connections until the listener is closed. Those that have come by then are still served.
    pub(crate) async fn accept(self: Rc<Self>, mut intake: Intake) {
        while let Some(accepted) = intake.next().await {
            match accepted {
                Ok((stream, client)) => self.take(stream, client),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken in");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn take(self: &Rc<Self>, stream: TcpStream, client: SocketAddr) {
        self.counters.cx_total.increment();
        if self.counters.cx_active.get() >= CONNECTIONS_MAX {
            self.counters.cx_overflow.increment();
            return;
        }
        let active = Held::new(Arc::clone(&self.counters), |counters| &counters.cx_active);
        let listener = Rc::clone(self);
        spawn(async move {
            let _active = active;
            if let Err(error) = listener.connection(stream, client).await {
                tracing::debug!(%client, %error, "a connection ended");
            }
        });
    }

    async fn connection(&self, stream: TcpStream, client: SocketAddr) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let (client, local) = (plain(client), plain(stream.local_addr()?));
        let destination =
            if self.settings.borrow().original_destination { self.redirected.destination(&stream)? } else { local };
        let Some(chain) = self.chain_for(&stream, destination.port()).await else {
            self.counters.no_filter_chain_match.increment();
            // The client sees a reset, as from a port nobody listens on.
            return stream.set_zero_linger();
        };
        let served = async {
            let stream: Transport = match &chain.security {
                // What most connections have no use for takes no place in them: a task is moved as it begins, and stays as large.
                Some(security) => Box::pin(security.acceptor.accept(stream, &security.counters)).await?,
                None => stream.into(),
            };
            let number = self.numbers.fetch_add(1, Relaxed);
            let peer = Peer { address: client, destination, local, number, session: stream.session().cloned() };
            match &chain.filter {
                Filter::Http(manager) => {
                    manager.counters.cx_total.increment();
                    let _active = Held::new(Arc::clone(&manager.counters), |counters| &counters.cx_active);
                    http::serve(Rc::clone(manager), stream, peer).await;
                    Ok(())
                }
                Filter::Tcp(tcp) => Box::pin(tcp.pass(&self.core, stream, peer)).await,
            }
        };
        chain.end.run_until_cancelled(served).await.unwrap_or(Ok(()))
    }

    /// The chain of a connection.
    async fn chain_for(&self, stream: &TcpStream, port: u16) -> Option<Rc<Chain>> {
        let candidates = choice::by_port(&self.chains.borrow(), |chain| &chain.settings.matches, port);
        let asks = candidates.iter().any(|chain| choice::is_about_hello(&chain.settings.matches));
        // Who speaks first is only waited for if it makes a difference.
        let hello = if asks { Box::pin(sni::peek(stream)).await } else { None };
        choice::by_hello(candidates, |chain| &chain.settings.matches, hello.as_ref())
    }

    /// Ends connections after the request they are at, and, after `wait`, whatever they are at.
    pub(crate) fn drain(chain: &Rc<Chain>, wait: Duration) {
        chain.closing.set();
        let end = chain.end.clone();
        spawn(async move {
            sleep(wait).await;
            end.cancel();
        });
    }
}

/// Where the kernel says a redirected connection was going to; where it came to if it was not redirected.
pub(crate) fn original_destination(stream: &TcpStream) -> io::Result<SocketAddr> {
    let local = plain(stream.local_addr()?);
    let found = if local.is_ipv4() {
        let four = getsockopt(stream, OriginalDst).map(|address| {
            let ip = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
            SocketAddr::from((ip, u16::from_be(address.sin_port)))
        });
        four.ok()
    } else {
        let six = getsockopt(stream, Ip6tOriginalDst).map(|address| {
            let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
            SocketAddr::from((ip, u16::from_be(address.sin6_port)))
        });
        six.ok()
    };
    Ok(found.unwrap_or(local))
}

/// An address of IPv4 that an IPv6 socket wraps up, as what it is.
fn plain(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::from((ip, address.port())),
        IpAddr::V6(_) => address,
    }
}
