//! The connections to one server that carry many requests at once.
//!
//! Requests go to the first connection that has room, so that those which are too many grow old and are closed. When
//! there is none, one request opens a connection and the others wait for it, as the next may have room for all of them.

use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};

use super::{
    super::{Failure, Upstream},
    session::{Lease, Session},
};
use crate::core::Core;

/// The connections to a server.
#[derive(Default)]
pub(crate) struct Sessions {
    open: RefCell<Vec<Rc<Session>>>,
    connecting: Mutex<()>,
    /// How often a connection did not come about.
    failures: Cell<u64>,
    /// Why the last one did not.
    why: RefCell<Option<Why>>,
}

/// Why a connection did not come about, for all who waited for it.
struct Why {
    timed_out: bool,
    kind: io::ErrorKind,
    text: String,
}

impl Why {
    fn of(failure: &Failure) -> Self {
        match failure {
            Failure::Connect(error) => Self { timed_out: false, kind: error.kind(), text: error.to_string() },
            Failure::ConnectTimeout => Self { timed_out: true, kind: io::ErrorKind::TimedOut, text: String::new() },
            other => Self { timed_out: false, kind: io::ErrorKind::Other, text: format!("{other:?}") },
        }
    }

    fn failure(&self) -> Failure {
        if self.timed_out {
            Failure::ConnectTimeout
        } else {
            Failure::Connect(io::Error::new(self.kind, self.text.clone()))
        }
    }
}

/// What there is for a request.
pub(crate) enum Found {
    /// A connection that carries many.
    Session(Lease),
    /// A connection that carries one at a time: the server does not speak HTTP/2.
    Connection(super::super::Connection),
}

impl Sessions {
    /// Leave to send a request on a connection that is there.
    fn take(&self) -> Option<Lease> {
        let mut open = self.open.borrow_mut();
        open.retain(|session| !session.is_spent());
        open.iter().find(|session| session.has_room()).map(|session| session.lease(true))
    }

    /// Leave to send a request, on a connection that is opened if none has room.
    pub(crate) async fn lease(&self, core: &Rc<Core>, upstream: &Upstream) -> Result<Found, Failure> {
        if let Some(lease) = self.take() {
            return Ok(Found::Session(lease));
        }
        let failures = self.failures.get();
        let _connecting = self.connecting.lock().await;
        if let Some(lease) = self.take() {
            return Ok(Found::Session(lease));
        }
        if self.failures.get() != failures
            && let Some(why) = &*self.why.borrow()
        {
            return Err(why.failure());
        }
        match self.connect(core, upstream).await {
            Ok(found) => Ok(found),
            Err(failure) => {
                self.failures.set(self.failures.get() + 1);
                *self.why.borrow_mut() = Some(Why::of(&failure));
                Err(failure)
            }
        }
    }

    async fn connect(&self, core: &Rc<Core>, upstream: &Upstream) -> Result<Found, Failure> {
        let connection = upstream.connect().await?;
        if !upstream.speaks_http2(&connection) {
            return Ok(Found::Connection(connection));
        }
        let session = Session::start(core, connection, &upstream.protocol, &upstream.counters);
        let lease = session.lease(false);
        if !upstream.is_retired() {
            self.open.borrow_mut().push(session);
        }
        Ok(Found::Session(lease))
    }

    /// Lets go of connections that have waited too long or take no more requests; those under way go on on them.
    pub(crate) fn sweep(&self, now: Instant, limit: Duration) {
        let waits = |session: &Rc<Session>| session.idle_since().is_some_and(|since| now - since > limit);
        self.open.borrow_mut().retain(|session| !session.is_spent() && !waits(session));
    }

    /// Lets go of all connections; what is under way goes on on them.
    pub(crate) fn clear(&self) {
        self.open.borrow_mut().clear();
    }
}
