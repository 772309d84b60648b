//! What a client could drown the proxy with, counted.
//!
//! Answers to PING and SETTINGS, and answers that are not read, are limited elsewhere: nothing is read from who does not
//! read. What is here costs the client next to nothing and would cost us something each time.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// Streams that the client reset before they were taken in; more end the connection.
const EARLY_RESETS_MAX: u32 = 20;
/// Streams that broke the protocol; more end the connection.
const BROKEN_STREAMS_MAX: u32 = 100;
/// Streams that were reset and are remembered for what may still come for them.
const RESETS_REMEMBERED: usize = 50;
/// Frames in a row that say nothing; more end the connection.
const EMPTY_FRAMES_MAX: u32 = 100;
/// When so many streams were there, at least half of them must not have been given up at once. Envoy has the same.
const PREMATURE_FROM: u32 = 500;
/// Who gives up later has waited.
const PREMATURE: Duration = Duration::from_secs(1);

/// It is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Enough;

#[derive(Debug, Default)]
pub(super) struct Floods {
    early: u32,
    broken: u32,
    empty: u32,
    opened: u32,
    premature: u32,
    resets: VecDeque<u32>,
}

impl Floods {
    /// A stream was opened.
    pub(super) fn opened(&mut self) {
        self.opened = self.opened.saturating_add(1);
    }

    /// Streams that waited to be taken in are.
    pub(super) fn taken_in(&mut self) {
        self.early = 0;
    }

    /// The client reset a stream that had no answer; `taken` is whether somebody was at it.
    pub(super) fn reset(&mut self, taken: bool, opened: Instant, now: Instant) -> Result<(), Enough> {
        if !taken {
            self.early += 1;
        }
        if now - opened < PREMATURE {
            self.premature += 1;
        }
        let rapid = self.opened >= PREMATURE_FROM && self.premature > self.opened / 2;
        if self.early > EARLY_RESETS_MAX || rapid { Err(Enough) } else { Ok(()) }
    }

    /// A stream broke the protocol.
    pub(super) fn broken(&mut self) -> Result<(), Enough> {
        self.broken += 1;
        if self.broken > BROKEN_STREAMS_MAX { Err(Enough) } else { Ok(()) }
    }

    /// A frame came, and said nothing if it is `empty`.
    pub(super) fn frame(&mut self, empty: bool) -> Result<(), Enough> {
        self.empty = if empty { self.empty + 1 } else { 0 };
        if self.empty > EMPTY_FRAMES_MAX { Err(Enough) } else { Ok(()) }
    }

    /// We reset a stream, for which something may still come.
    pub(super) fn remember(&mut self, stream: u32) {
        if self.resets.len() == RESETS_REMEMBERED {
            self.resets.pop_front();
        }
        self.resets.push_back(stream);
    }

    /// Whether we reset a stream lately.
    pub(super) fn remembers(&self, stream: u32) -> bool {
        self.resets.contains(&stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_at_once_again_and_again_has_had_enough() {
        let now = Instant::now();
        let mut floods = Floods::default();
        let round = |floods: &mut Floods, given_up: bool| {
            floods.opened();
            if given_up { floods.reset(true, now, now) } else { Ok(()) }
        };
        for number in 0..2000 {
            assert_eq!(round(&mut floods, number % 2 == 1), Ok(()), "{number}");
        }
        assert!((0..2).any(|_| round(&mut floods, true).is_err()));
        let mut patient = Floods::default();
        for _ in 0..2000 {
            patient.opened();
            assert_eq!(patient.reset(true, now, now + PREMATURE), Ok(()));
        }
    }

    #[test]
    fn what_was_reset_is_remembered_for_a_while() {
        let mut floods = Floods::default();
        (1..=51).for_each(|stream| floods.remember(stream));
        assert!(!floods.remembers(1) && floods.remembers(2) && floods.remembers(51));
    }
}
