//! Asks the other side of a connection from time to time whether it is still there.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep, sleep};

use super::connection::Connection;
use crate::model;

/// Questions, and how long it waits for answers.
pub(super) struct Keepalive {
    settings: model::Keepalive,
    sleep: Pin<Box<Sleep>>,
    asked: bool,
}

impl Keepalive {
    /// Asks an interval after the last answer, and gives up when a question is not answered in time.
    pub(super) fn new(settings: model::Keepalive) -> Self {
        Self { settings, sleep: Box::pin(sleep(settings.interval)), asked: false }
    }

    /// Ready once the other side does not answer.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, connection: &mut Connection) -> Poll<()> {
        loop {
            if self.asked && connection.alive {
                self.wait(false);
            }
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if self.asked {
                return Poll::Ready(());
            }
            connection.ask();
            self.wait(true);
        }
    }

    fn wait(&mut self, asked: bool) {
        self.asked = asked;
        let time = if asked { self.settings.timeout } else { self.settings.interval };
        self.sleep.as_mut().reset(Instant::now() + time);
    }
}
