//! One side of an exchange, whatever it speaks.

use std::task::{Context, Poll};

use super::{super::Broken, frame::Frame, many::Many, one::One};
use crate::core::Core;

/// The client's side, or the server's.
pub(super) enum Side<'a> {
    One(One<'a>),
    Many(Many),
}

impl Side<'_> {
    /// The next piece of the body it says.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>, core: &Core) -> Poll<Result<Frame, Broken>> {
        match self {
            Self::One(one) => one.poll_next(cx, core),
            Self::Many(many) => many.poll_next(cx),
        }
    }

    /// So much of what it said has reached the other side.
    pub(super) fn release(&mut self, length: usize) {
        if let Self::Many(many) = self {
            many.stream.release(length);
        }
    }

    /// Gives it a piece of a body; all that was given before must have been taken.
    pub(super) fn put(&mut self, frame: Frame) {
        match self {
            Self::One(one) => one.put(&frame),
            Self::Many(many) => many.put(frame),
        }
    }

    /// Ready when it has taken what was put.
    pub(super) fn poll_taken(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match self {
            Self::One(one) => one.poll_taken(cx),
            Self::Many(many) => many.poll_taken(cx),
        }
    }
}

/// A body on its way from one side to the other: one piece at a time, so that who is slow holds up who is fast.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// What the sender has yet to be told was taken.
    owed: usize,
    ended: bool,
    moved: bool,
}

impl Flow {
    /// A body of which nothing is left to move.
    pub(super) fn ended() -> Self {
        Self { ended: true, ..Self::default() }
    }

    /// Begins anew.
    pub(super) fn restart(&mut self, ended: bool) {
        (self.owed, self.ended) = (0, ended);
    }

    /// Whether something moved since the last call.
    pub(super) fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Moves what can be moved, and is ready when `to` has taken the end. `next` reads from `from`.
    pub(super) fn poll<'a, 'b>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Side<'a>,
        to: &mut Side<'b>,
        mut next: impl FnMut(&mut Context<'_>, &mut Side<'a>) -> Poll<Result<(Frame, usize), Broken>>,
    ) -> Poll<Result<(), Broken>> {
        loop {
            std::task::ready!(to.poll_taken(cx))?;
            if self.owed > 0 {
                from.release(std::mem::take(&mut self.owed));
            }
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            let (frame, owed) = std::task::ready!(next(cx, from))?;
            (self.moved, self.owed, self.ended) = (true, owed, frame.ends());
            to.put(frame);
        }
    }
}
