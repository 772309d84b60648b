//! The body of a request on its way to a server, which may have to go to another.

use std::task::{Context, Poll, ready};

use super::{
    super::{Broken, upload::REPLAY_MAX},
    frame::Frame,
    side::{Flow, Side},
};
use crate::core::Core;

/// A request's body.
#[derive(Debug)]
pub(super) struct Upload {
    flow: Flow,
    pieces: Pieces,
    done: bool,
    empty: bool,
}

/// What was read of it.
#[derive(Debug)]
struct Pieces {
    /// All of it so far, if it is kept.
    kept: Option<Vec<Frame>>,
    size: usize,
    /// How many of those kept were given to the server of this attempt.
    given: usize,
    /// All was read.
    read: bool,
    content: u64,
    repeatable: bool,
}

impl Upload {
    /// A body, or none if it is `empty`; kept for another attempt if `keep`.
    pub(super) fn new(empty: bool, keep: bool) -> Self {
        let kept = (keep && !empty).then(Vec::new);
        let pieces = Pieces { kept, size: 0, given: 0, read: empty, content: 0, repeatable: true };
        let flow = if empty { Flow::ended() } else { Flow::default() };
        Self { flow, pieces, done: empty, empty }
    }

    /// There is none.
    pub(super) fn is_empty(&self) -> bool {
        self.empty
    }

    /// The server has all of it.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// The client has said all of it.
    pub(super) fn is_read(&self) -> bool {
        self.pieces.read
    }

    /// Bytes of content so far.
    pub(super) fn content(&self) -> u64 {
        self.pieces.content
    }

    /// Whether it can be sent once more.
    pub(super) fn is_repeatable(&self) -> bool {
        self.pieces.repeatable
    }

    /// Whether something moved since the last call.
    pub(super) fn has_moved(&mut self) -> bool {
        self.flow.has_moved()
    }

    /// Begins another attempt.
    pub(super) fn restart(&mut self) {
        self.flow.restart(self.empty);
        (self.pieces.given, self.done) = (0, self.empty);
    }

    /// Sends more.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        core: &Core,
        client: &mut Side<'_>,
        server: &mut Side<'_>,
    ) -> Poll<Result<(), Broken>> {
        let pieces = &mut self.pieces;
        let sent = self.flow.poll(cx, client, server, |cx, client| pieces.poll_next(cx, core, client));
        self.done |= matches!(sent, Poll::Ready(Ok(())));
        sent
    }
}

impl Pieces {
    /// The next piece, and how much of it the client has yet to be told was taken.
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        core: &Core,
        client: &mut Side<'_>,
    ) -> Poll<Result<(Frame, usize), Broken>> {
        if let Some(frame) = self.kept.as_ref().and_then(|kept| kept.get(self.given)) {
            self.given += 1;
            return Poll::Ready(Ok((frame.clone(), 0)));
        }
        let frame = ready!(client.poll_next(cx, core))?;
        let length = frame.length();
        self.content += length as u64;
        self.read = frame.ends();
        self.remember(&frame);
        Poll::Ready(Ok((frame, length)))
    }

    fn remember(&mut self, frame: &Frame) {
        self.size += frame.size();
        match &mut self.kept {
            Some(kept) if self.size <= REPLAY_MAX => {
                kept.push(frame.clone());
                self.given = kept.len();
            }
            _ => (self.kept, self.repeatable) = (None, false),
        }
    }
}
