//! A server, and the connections to it that wait for their next request.
//!
//! Each core has a pool of its own for each server. The connection that was used last is taken first: those that are
//! too many grow old and are closed.

use std::{
    cell::{Cell, RefCell},
    io,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use tokio::time::{Instant, timeout};

use super::{
    Failure,
    http2::{Found, Sessions},
};
use crate::{
    connect::{Connect, Route},
    core::Core,
    model::{Protocol, ServerVersion},
    stats::{ClusterCounters, Held, TlsCounters},
    tls::{self, Connector},
    transport::Transport,
};

/// How long a connection waits for its next request.
pub(crate) const IDLE_MAX: Duration = Duration::from_mins(1);

/// A request that must not be sent twice is not sent on a connection that has waited longer: the server may be about
/// to close it, and then nobody could say whether the request was seen.
const SURELY_OPEN: Duration = Duration::from_secs(1);

/// The most connections that wait for one server.
const POOL_MAX: usize = 512;

/// A server, as one core knows it.
pub(crate) struct Upstream {
    /// How to get there.
    pub(crate) route: Route,
    connect: Arc<dyn Connect>,
    connect_timeout: Duration,
    /// How connections are secured, if they are.
    security: Option<Security>,
    /// Latest last.
    idle: RefCell<Vec<(Connection, Instant)>>,
    sessions: Sessions,
    retired: Cell<bool>,
    pub(super) protocol: Arc<Protocol>,
    pub(super) counters: Arc<ClusterCounters>,
}

/// How connections to a server are secured.
#[derive(Clone)]
pub(crate) struct Security {
    pub(crate) connector: Arc<Connector>,
    pub(crate) counters: Arc<TlsCounters>,
}

/// A connection to a server.
pub(crate) struct Connection {
    pub(crate) stream: Transport,
    /// Our end of it.
    pub(crate) local: Option<SocketAddr>,
    /// It has carried a request before.
    pub(crate) reused: bool,
    /// Requests it has carried.
    carried: u32,
    active: Held<ClusterCounters>,
}

impl Upstream {
    pub(crate) fn new(
        route: Route,
        connect: Arc<dyn Connect>,
        connect_timeout: Duration,
        security: Option<Security>,
        protocol: Arc<Protocol>,
        counters: Arc<ClusterCounters>,
    ) -> Self {
        let (idle, sessions, retired) = (RefCell::default(), Sessions::default(), Cell::new(false));
        Self { route, connect, connect_timeout, security, idle, sessions, retired, protocol, counters }
    }

    /// A waiting connection, if there is one that is open. `repeatable` is whether what will be sent could be sent
    /// again if it turns out not to be.
    pub(crate) fn take(&self, now: Instant, repeatable: bool) -> Option<Connection> {
        let limit = if repeatable { self.idle_max() } else { SURELY_OPEN };
        let mut idle = self.idle.borrow_mut();
        while let Some((mut connection, since)) = idle.pop() {
            if now - since > limit {
                if repeatable {
                    idle.clear();
                } else {
                    idle.push((connection, since));
                }
                return None;
            }
            if connection.is_open() {
                return Some(connection);
            }
        }
        None
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Result<Connection, Failure> {
        self.counters.cx_total.increment();
        let counters = &self.counters;
        match timeout(self.connect_timeout, self.open()).await {
            Ok(Ok(stream)) => {
                let active = Held::new(Arc::clone(counters), |counters| &counters.cx_active);
                let local = stream.local_addr();
                Ok(Connection { stream, local, reused: false, carried: 0, active })
            }
            Ok(Err(error)) => {
                counters.cx_connect_fail.increment();
                Err(Failure::Connect(error))
            }
            Err(_) => {
                counters.cx_connect_fail.increment();
                counters.cx_connect_timeout.increment();
                Err(Failure::ConnectTimeout)
            }
        }
    }

    async fn open(&self) -> io::Result<Transport> {
        let stream = self.connect.connect(&self.route).await?;
        match &self.security {
            Some(security) => security.connector.connect(stream, &security.counters).await,
            None => Ok(stream.into()),
        }
    }

    /// Whether HTTP/2 is spoken on a new connection, now that it is known what the server agrees to.
    pub(super) fn speaks_http2(&self, connection: &Connection) -> bool {
        self.protocol.version != ServerVersion::Agreed || connection.stream.protocol() == Some(tls::Protocol::Http2)
    }

    /// Whether no request goes here any more.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.get()
    }

    /// A place for a request of a client that speaks HTTP/2, or does not; `repeatable` is as for [`Upstream::take`].
    pub(super) async fn find(&self, core: &Rc<Core>, client_http2: bool, repeatable: bool) -> Result<Found, Failure> {
        let one_by_one = match self.protocol.version {
            ServerVersion::Http1 => true,
            ServerVersion::Http2 => false,
            ServerVersion::Client => !client_http2,
            // A server that did not want HTTP/2 the last time has left a connection behind.
            ServerVersion::Agreed => return self.find_agreed(core, repeatable).await,
        };
        if !one_by_one {
            return self.sessions.lease(core, self).await;
        }
        match self.take(core.now(), repeatable) {
            Some(connection) => Ok(Found::Connection(connection)),
            None => self.connect().await.map(Found::Connection),
        }
    }

    async fn find_agreed(&self, core: &Rc<Core>, repeatable: bool) -> Result<Found, Failure> {
        match self.take(core.now(), repeatable) {
            Some(connection) => Ok(Found::Connection(connection)),
            None => self.sessions.lease(core, self).await,
        }
    }

    /// Lets a connection wait for its next request.
    pub(crate) fn put(&self, mut connection: Connection, now: Instant) {
        let mut idle = self.idle.borrow_mut();
        connection.carried = connection.carried.saturating_add(1);
        let spent = self.protocol.requests_per_connection.is_some_and(|limit| connection.carried >= limit);
        if !self.retired.get() && !spent && idle.len() < POOL_MAX {
            connection.reused = true;
            idle.push((connection, now));
        }
    }

    /// Closes what has waited too long or was closed by the server.
    pub(crate) fn sweep(&self, now: Instant) {
        let limit = self.idle_max();
        self.idle.borrow_mut().retain_mut(|(connection, since)| now - *since <= limit && connection.is_open());
        self.sessions.sweep(now, limit);
    }

    fn idle_max(&self) -> Duration {
        self.protocol.idle_timeout.map_or(IDLE_MAX, |limit| limit.min(IDLE_MAX))
    }

    /// No request goes here any more: closes what waits, and what would come to wait.
    pub(crate) fn retire(&self) {
        self.retired.set(true);
        self.idle.borrow_mut().clear();
        self.sessions.clear();
    }
}

impl Connection {
    /// Its bytes, and what counts it while it is there.
    pub(super) fn into_parts(self) -> (Transport, Held<ClusterCounters>) {
        (self.stream, self.active)
    }

    /// Whether the server has neither closed it nor sent something nobody asked for.
    fn is_open(&mut self) -> bool {
        self.stream.is_quiet()
    }
}
