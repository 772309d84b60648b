//! Asks the other side of a connection from time to time whether it is still there.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use h2::{Ping, PingPong};
use tokio::time::{Instant, Sleep, sleep};

/// Pings, and how long it waits for answers.
pub(super) struct Keepalive {
    pings: PingPong,
    interval: Duration,
    timeout: Duration,
    sleep: Pin<Box<Sleep>>,
    asked: bool,
}

impl Keepalive {
    /// Asks `interval` after the last answer, and gives up `timeout` after a question.
    pub(super) fn new(pings: PingPong, interval: Duration, timeout: Duration) -> Self {
        Self { pings, interval, timeout, sleep: Box::pin(sleep(interval)), asked: false }
    }

    /// Ready once the other side does not answer.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.asked {
                match self.pings.poll_pong(cx) {
                    Poll::Ready(Ok(_)) => self.wait(false, self.interval),
                    // The connection's own end will tell.
                    Poll::Ready(Err(_)) => return Poll::Pending,
                    Poll::Pending => return self.sleep.as_mut().poll(cx),
                }
            } else {
                if self.sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                if self.pings.send_ping(Ping::opaque()).is_err() {
                    return Poll::Pending;
                }
                self.wait(true, self.timeout);
            }
        }
    }

    fn wait(&mut self, asked: bool, time: Duration) {
        self.asked = asked;
        self.sleep.as_mut().reset(Instant::now() + time);
    }
}
