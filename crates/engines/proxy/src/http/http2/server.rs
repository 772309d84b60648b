//! A client's connection that carries many requests at once.
//!
//! Each stream is a task of its own; this one takes streams in and moves the connection's bytes.

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    super::{Application, Peer, Version, relay},
    connection::{Connection, Shared},
    driver::Driver,
    keepalive::Keepalive,
};
use crate::{alarm::Alarm, core::spawn, transport::Transport};

/// How long a client that has nothing under way may take to see that its connection ends.
const FAREWELL_MAX: Duration = Duration::from_secs(5);

/// Serves a connection to its end. `inbound` was read from it already.
pub(in crate::http) async fn serve<A: Application>(
    application: Rc<A>,
    stream: Transport,
    peer: Peer,
    inbound: Vec<u8>,
) {
    let connection = Rc::new(RefCell::new(Connection::server(application.http2())));
    let pings = application.http2().keepalive.map(Keepalive::new);
    let mut driver = Driver::new(stream, &connection, pings);
    driver.receive(&inbound);
    drop(inbound);
    let mut drained = pin!(application.drained());
    let begun = Instant::now();
    let serving = Serving {
        application: Rc::clone(&application),
        peer: Rc::new(peer),
        connection,
        greeted: false,
        draining: false,
        since: begun,
        alarm: Alarm::default(),
    };
    serving.run(&mut driver, drained.as_mut()).await;
    driver.finish().await;
}

/// A connection that is served.
struct Serving<A> {
    application: Rc<A>,
    peer: Rc<Peer>,
    connection: Shared,
    /// The client has said what it speaks.
    greeted: bool,
    /// The client was told that no more requests are taken.
    draining: bool,
    /// Since when it has waited for what it waits for.
    since: Instant,
    alarm: Alarm,
}

impl<A: Application> Serving<A> {
    async fn run(mut self, driver: &mut Driver, mut drained: Pin<&mut impl Future<Output = ()>>) {
        let core = Rc::clone(self.application.core());
        let spawner = (Rc::clone(&self.application), Rc::clone(&self.peer));
        let take = |stream| {
            let (application, peer) = (Rc::clone(&spawner.0), Rc::clone(&spawner.1));
            // A task's future is moved several times while it is spawned: a pointer costs less than all that a stream keeps.
            spawn(Box::pin(relay::serve_stream(application, stream, peer)));
        };
        poll_fn(|cx| {
            if !self.draining && drained.as_mut().poll(cx).is_ready() {
                self.drain();
            }
            let moved = driver.poll(cx, &mut core.scratch.borrow_mut(), take);
            if let Poll::Ready(ended) = moved {
                tracing::debug!(client = %self.peer.address, ?ended, "a connection ended");
                return Poll::Ready(());
            }
            self.poll_patience(cx)
        })
        .await;
    }

    /// Ready when the client took too long to greet, or to say good-bye; one that does nothing else for long is told that
    /// the connection ends.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (settled, busy, dead) = {
            let connection = self.connection.borrow();
            (connection.settled, connection.streams.count() > 0, connection.dead)
        };
        if settled && !self.greeted {
            (self.greeted, self.since) = (true, self.application.core().now());
            self.application.see_version(Version::Http2);
        }
        if busy {
            self.since = self.application.core().now();
            return Poll::Pending;
        }
        let patience = self.application.patience();
        let limit = match () {
            () if !self.greeted => Some(patience.head),
            () if self.draining || dead => Some(FAREWELL_MAX),
            () => patience.idle,
        };
        if self.alarm.poll(cx, limit.map(|limit| self.since + limit)).is_pending() {
            return Poll::Pending;
        }
        if self.greeted && !self.draining && !dead {
            self.drain();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        tracing::debug!(client = %self.peer.address, "a client does not greet in time, or does not take leave");
        Poll::Ready(())
    }

    fn drain(&mut self) {
        (self.draining, self.since) = (true, self.application.core().now());
        self.connection.borrow_mut().drain();
    }
}
