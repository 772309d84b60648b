//! The live view: a frame that is drawn over the last one on a terminal, and lines where there is none.

use std::{
    fmt::{Display, Write as _},
    io::{IsTerminal, stdout},
    sync::{Mutex, MutexGuard, PoisonError},
};

use api::canary::CanaryDescription;
use tokio_util::sync::CancellationToken;

use super::load::Counts;
use crate::{
    picture::{Picture, split},
    print,
};

/// How wide the bar of a split is.
const BAR: usize = 40;
/// Lines of a frame that fit on a small terminal.
const LINES_MAX: usize = 22;

/// Where frames go.
pub(super) struct Screen {
    is_terminal: bool,
    /// Lines of the frame that stands there now, and what was printed last where frames are not drawn.
    state: Mutex<State>,
    /// Cancelled once something could not be said.
    unread: CancellationToken,
}

#[derive(Default)]
struct State {
    lines: usize,
    headline: String,
    failure: Option<print::Error>,
}

/// What is drawn: a headline that also stands where frames cannot be drawn, and the rest.
pub(super) struct Frame {
    headline: String,
    body: String,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { is_terminal: stdout().is_terminal(), state: Mutex::default(), unread: CancellationToken::new() }
    }

    /// Waits until something could not be said, as when the reader has gone; answers why.
    pub(super) async fn unread(&self) -> print::Error {
        self.unread.cancelled().await;
        self.state().failure.take().unwrap_or(print::Error::Gone)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who draws need not care whether anybody sees it: whoever runs the demo does, by [`Screen::unread`].
    fn print(&self, state: &mut State, text: impl Display) {
        if let Err(error) = print::text(text) {
            state.failure.get_or_insert(error);
            self.unread.cancel();
        }
    }

    /// Prints a line that stays.
    pub(super) fn say(&self, line: &str) {
        let mut state = self.state();
        self.erase(&mut state);
        self.print(&mut state, format_args!("{line}\n"));
    }

    /// Draws `frame` over the last one; without a terminal prints its headline when that is news.
    pub(super) fn draw(&self, frame: &Frame) {
        let mut state = self.state();
        if !self.is_terminal {
            if state.headline != frame.headline {
                self.print(&mut state, format_args!("{}\n", frame.headline));
                state.headline.clone_from(&frame.headline);
            }
            return;
        }
        self.erase(&mut state);
        let text = format!("{}\n{}", frame.headline, frame.body);
        let lines: Vec<&str> = text.lines().take(LINES_MAX).collect();
        self.print(&mut state, format_args!("{}\n", lines.join("\n")));
        state.lines = lines.len();
    }

    /// Removes the frame.
    pub(super) fn clear(&self) {
        self.erase(&mut self.state());
    }

    /// Goes back to where the frame began and clears to the end of the screen (ECMA-48: CUU, ED).
    fn erase(&self, state: &mut State) {
        if self.is_terminal && state.lines > 0 {
            let lines = state.lines;
            self.print(state, format_args!("\x1b[{lines}A\x1b[J"));
        }
        state.lines = 0;
    }
}

impl Frame {
    /// What is being created.
    pub(super) fn progress(picture: &Picture) -> Self {
        let done = picture.stacks.iter().filter(|stack| stack.status.ends_with("_COMPLETE")).count();
        let running: i32 = picture.services.iter().map(|service| service.running).sum();
        let wanted: i32 = picture.services.iter().map(|service| service.desired).sum();
        let mut body = String::new();
        for stack in &picture.stacks {
            let _ = writeln!(body, "  stack    {:<16} {}", stack.name, stack.status);
        }
        for service in &picture.services {
            let _ =
                writeln!(body, "  service  {:<16} {} of {} running", service.name, service.running, service.desired);
        }
        for task in &picture.tasks {
            let containers: Vec<String> = task
                .containers
                .iter()
                .map(|c| format!("{} {}", c.name, c.health.as_deref().unwrap_or(&c.status).to_lowercase()))
                .collect();
            let _ = writeln!(body, "  task     {:<16} {:<13} {}", task.group, task.status, containers.join(", "));
        }
        Self { headline: format!("Creating: {done} of 3 stacks, {running} of {wanted} tasks run"), body }
    }

    /// How a split that was asked for by hand is doing.
    pub(super) fn split(asked: (u32, u32), picture: &Picture, counts: &Counts, map: &str) -> Self {
        let (one, two) = (counts.of("1"), counts.of("2"));
        let mut body = format!("  v1 {} v2\n  v1 {one:>6}   v2 {two:>6}   failed {}\n", bar(one, two), counts.failed);
        let _ = writeln!(body, "  {}", latency(counts));
        if let Some(failure) = &counts.failure {
            let _ = writeln!(body, "  last failure: {failure}");
        }
        for route in &picture.routes {
            let (is, of) = (route.acknowledged, route.proxies);
            let _ =
                writeln!(body, "  route {}: {}, acknowledged by {is} of {of} proxies", route.name, split(&route.asked));
        }
        let _ = write!(body, "\n{map}");
        Self { headline: format!("By hand: weights {}:{} asked", asked.0, asked.1), body }
    }

    /// How a canary is doing that judges itself.
    pub(super) fn judged(canary: &CanaryDescription, counts: &Counts, map: &str) -> Self {
        let CanaryDescription { baseline, canary: new, percent, .. } = canary;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a percentage")]
        let part = (percent * 10.0).round() as usize;
        let mut body = format!("  {baseline} {} {new} {percent} %\n", bar(1000 - part.min(1000), part));
        let arm = |(requests, failed): (u64, u64)| format!("{requests:>7} requests {failed:>5} failed");
        let _ = writeln!(body, "  old  {baseline:<8} {}", arm(canary.baseline_requests));
        let _ = writeln!(body, "  new  {new:<8} {}   harm {}", arm(canary.requests), canary.harm);
        let _ = writeln!(body, "  evidence against it {:>8.2} of {:.0}", canary.e_value, canary.limit);
        let _ = writeln!(body, "  evidence for it     {:>8.2} of {:.0}", canary.certificate, canary.certificate_limit);
        let _ = writeln!(body, "  {}\n  {}\n\n{map}", latency(counts), canary.message);
        Self { headline: format!("Canary: {baseline} → {new}"), body }
    }
}

fn latency(counts: &Counts) -> String {
    format!("half within {:.1} ms, 99 of 100 within {:.1} ms", counts.percentile(0.5), counts.percentile(0.99))
}

/// The split as a bar: `███████████░░░░░`.
fn bar(one: usize, two: usize) -> String {
    let all = (one + two).max(1);
    let filled = (one * BAR + all / 2) / all;
    format!("{}{}", "█".repeat(filled), "░".repeat(BAR - filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_the_split() {
        assert_eq!(bar(2, 1).chars().filter(|c| *c == '█').count(), 27);
        assert_eq!(bar(0, 0), "░".repeat(BAR));
        assert_eq!(bar(1, 0), "█".repeat(BAR));
    }
}
