//! A server, and the connections to it that wait for their next request.
//!
//! Each core has a pool of its own for each server. The connection that was used last is taken first: those that are
//! too many grow old and are closed.

use std::{
    cell::{Cell, RefCell},
    io,
    sync::Arc,
    time::Duration,
};

use tokio::time::{Instant, timeout};

use super::Failure;
use crate::{
    connect::{Connect, Route},
    stats::{ClusterCounters, Held, TlsCounters},
    tls::Connector,
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
    retired: Cell<bool>,
    counters: Arc<ClusterCounters>,
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
    /// It has carried a request before.
    pub(crate) reused: bool,
    _active: Held<ClusterCounters>,
}

impl Upstream {
    pub(crate) fn new(
        route: Route,
        connect: Arc<dyn Connect>,
        connect_timeout: Duration,
        security: Option<Security>,
        counters: Arc<ClusterCounters>,
    ) -> Self {
        let (idle, retired) = (RefCell::default(), Cell::new(false));
        Self { route, connect, connect_timeout, security, idle, retired, counters }
    }

    /// A waiting connection, if there is one that is open. `repeatable` is whether what will be sent could be sent
    /// again if it turns out not to be.
    pub(crate) fn take(&self, repeatable: bool) -> Option<Connection> {
        let now = Instant::now();
        let limit = if repeatable { IDLE_MAX } else { SURELY_OPEN };
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
                Ok(Connection { stream, reused: false, _active: active })
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

    /// Lets a connection wait for its next request.
    pub(crate) fn put(&self, mut connection: Connection, now: Instant) {
        let mut idle = self.idle.borrow_mut();
        if !self.retired.get() && idle.len() < POOL_MAX {
            connection.reused = true;
            idle.push((connection, now));
        }
    }

    /// Closes what has waited too long or was closed by the server.
    pub(crate) fn sweep(&self, now: Instant) {
        self.idle.borrow_mut().retain_mut(|(connection, since)| now - *since <= IDLE_MAX && connection.is_open());
    }

    /// No request goes here any more: closes what waits, and what would come to wait.
    pub(crate) fn retire(&self) {
        self.retired.set(true);
        self.idle.borrow_mut().clear();
    }
}

impl Connection {
    /// Whether the server has neither closed it nor sent something nobody asked for.
    fn is_open(&mut self) -> bool {
        self.stream.is_quiet()
    }
}
