//! Two connections become one: bytes go both ways as they are.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use crate::{alarm::Alarm, core::Core, http::Pump, transport::Transport};

/// How a tunnel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Both sides have said all they had.
    Closed,
    /// A side has broken off.
    Broken,
    /// Nothing moved for too long.
    Idle,
}

/// What went through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed {
    pub(crate) end: End,
    /// Bytes from the first to the second.
    pub(crate) forth: u64,
    /// Bytes from the second to the first.
    pub(crate) back: u64,
}

/// Passes bytes both ways until both sides are done.
pub(crate) async fn pass(core: &Core, first: &mut Transport, second: &mut Transport, idle: Option<Duration>) -> Passed {
    let (mut forth, mut back) = (Way::new(), Way::new());
    let mut alarm = Alarm::default();
    let mut moved = Instant::now();
    let end = poll_fn(|cx| {
        let up = forth.poll(cx, core, first, second);
        let down = back.poll(cx, core, second, first);
        if forth.pump.has_moved() | back.pump.has_moved() {
            moved = Instant::now();
        }
        match (up, down) {
            (Poll::Ready(false), _) | (_, Poll::Ready(false)) => Poll::Ready(End::Broken),
            (Poll::Ready(true), Poll::Ready(true)) => Poll::Ready(End::Closed),
            _ => alarm.poll(cx, idle.map(|idle| moved + idle)).map(|()| End::Idle),
        }
    })
    .await;
    Passed { end, forth: forth.pump.content(), back: back.pump.content() }
}

/// One of the two ways.
struct Way {
    pump: Pump,
    closed: bool,
}

impl Way {
    fn new() -> Self {
        Self { pump: Pump::raw(), closed: false }
    }

    /// Ready when the way is closed: true if in good order.
    fn poll<R, W>(&mut self, cx: &mut Context<'_>, core: &Core, from: &mut R, to: &mut W) -> Poll<bool>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        if self.closed {
            return Poll::Ready(true);
        }
        match self.pump.poll(cx, core, from, to, |_| {}) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(_)) => Poll::Ready(false),
            Poll::Ready(Ok(())) => Pin::new(to).poll_shutdown(cx).map(|done| {
                self.closed = true;
                done.is_ok()
            }),
        }
    }
}
