//! Holding a waiter's poll until there is news.
//!
//! An SDK's waiter asks, sleeps for its fixed delay and asks again; so it learns of an end up to that delay too late.
//! Its polls are recognised by the wire, and held here until the answer would end the wait, or nearly as long as a client
//! waits for an answer.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Context;
use crate::Error;

/// How long a poll is held: the CLI gives up reading after 60 s.
const HOLD_MAX: Duration = Duration::from_secs(50);
/// What a service's or task's answer is made of.
const KINDS: [&str; 5] = ["ecs/service", "ecs/service.observed", "ecs/task", "ecs/task.observed", "ecs/task.runtime"];

/// Answers as soon as the answer is `done`, or as it is after [`HOLD_MAX`].
pub(super) async fn hold<T>(
    cx: &Context,
    answer: impl Fn() -> Result<T, Error>,
    done: impl Fn(&T) -> bool,
) -> Result<T, Error> {
    // Watched before the first look, so that no change falls between the two.
    let watch = cx.store.watch(&KINDS);
    let deadline = Instant::now() + HOLD_MAX;
    loop {
        let response = answer()?;
        if done(&response) || timeout_at(deadline, watch.next()).await.is_err() {
            return Ok(response);
        }
    }
}
