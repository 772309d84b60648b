//! HTTP/1.1 at a steady rate: requests are due at times of their own, and timed from then.
//!
//! A client that waits for an answer before it asks again asks less of a server that stalls, and so never sees the stall:
//! coordinated omission. Here a request that finds no free connection waits, and its waiting counts.

use std::{
    collections::VecDeque,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use nix::sys::{
    time::TimeSpec,
    timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
};

use super::{
    Outcome, Samples, Window, Work,
    http1::{self, Connection},
};
use crate::poll::Poll;

/// What is read at once.
const SCRATCH: usize = 128 * 1024;
/// How late a request may be before the run counts as broken off.
const LATE_MAX: Duration = Duration::from_secs(2);
/// Begins the stream of chance that spreads requests; equal for all proxies.
const SEED: u64 = 0x5eed;

/// Requests that are due, and connections that have nothing to do.
struct Pace {
    due: Instant,
    mean: Duration,
    random: u64,
    waiting: VecDeque<Instant>,
    free: VecDeque<usize>,
}

impl Pace {
    /// The next arrival after this one: as far off as chance has it (Poisson).
    fn step(&mut self) {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        #[expect(clippy::cast_precision_loss, reason = "53 bits of chance")]
        let share = ((self.random >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
        self.due += self.mean.mul_f64(-share.ln());
    }

    /// Sends whatever is due, as far as there are connections.
    fn send(&mut self, now: Instant, connections: &mut [Connection], request: &[u8]) -> Result<()> {
        while self.due <= now {
            self.waiting.push_back(self.due);
            self.step();
        }
        while !self.waiting.is_empty()
            && let Some(number) = self.free.pop_front()
        {
            let since = self.waiting.pop_front().unwrap_or(now);
            connections[number].send(request, since)?;
        }
        Ok(())
    }
}

/// Does the work, at `rate` requests a second.
pub(crate) fn run(work: &Work, rate: u32) -> Result<Outcome> {
    let (mut poll, request) = (Poll::new()?, http1::request(work.size));
    let mut connections = http1::connections(work, &poll)?;
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK).context("no timer")?;
    poll.add(timer.as_fd(), connections.len())?;
    let (mut samples, mut errors, mut scratch) = (Samples::default(), 0, vec![0; SCRATCH]);
    let mut window = Window::new(work);
    let free = (0..connections.len()).collect();
    let mean = Duration::from_secs(1) / rate;
    let mut pace = Pace { due: Instant::now(), mean, random: SEED, waiting: VecDeque::new(), free };
    let mut ready = Vec::new();
    loop {
        let now = Instant::now();
        if window.counts(now)?.is_none() && (pace.free.len() == connections.len() || now > window.end() + LATE_MAX) {
            // What has no answer yet has waited so long at least.
            let under_way = connections.iter().filter_map(|connection| connection.since);
            let late =
                under_way.chain(pace.waiting).filter(|since| window.begun().is_some_and(|begun| *since >= begun));
            late.for_each(|since| samples.add(now.saturating_duration_since(since)));
            return window.outcome(&mut samples, errors);
        }
        if now < window.end() {
            pace.send(now, &mut connections, &request)?;
        }
        // A timer's wait is precise to the microsecond, that of epoll to the millisecond.
        let wait = pace.due.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        timer.set(Expiration::OneShot(TimeSpec::from_duration(wait)), TimerSetTimeFlags::empty())?;
        ready.clear();
        ready.extend(poll.wait(Some(LATE_MAX))?);
        for number in ready.iter().copied() {
            // The timer's number is that of no connection, and has done its work by waking.
            let Some(connection) = connections.get_mut(number) else { continue };
            let Some(good) = connection.receive(&mut scratch)? else { continue };
            let now = Instant::now();
            pace.free.push_back(number);
            let since = connection.since.take();
            match since.filter(|since| window.begun().is_some_and(|begun| *since >= begun)) {
                Some(since) if good => samples.add(now - since),
                Some(_) => errors += 1,
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_at_their_rate() {
        let begun = Instant::now();
        let mean = Duration::from_millis(1);
        let mut pace = Pace { due: begun, mean, random: SEED, waiting: VecDeque::new(), free: VecDeque::new() };
        (0..10_000).for_each(|_| pace.step());
        assert!((9.5..10.5).contains(&(pace.due - begun).as_secs_f64()), "{:?}", pace.due - begun);
    }
}
