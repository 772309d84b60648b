//! Questions that are on their way: asked beside the looks at a canary, so that one who hangs keeps nobody from taking a
//! worse version back.
//!
//! Nothing here outlives the process. Whoever takes over asks again, with the same delivery: the ramp stands where its row
//! says, and a yes that was not written down there did not move it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::join_all;
use names::{Clock, Timestamp};
use serde_json::Value;
use store::Key;
use tokio::task::AbortHandle;

use super::ask;
use crate::{
    plan::{Answer, Consent, Says},
    policy::{Webhook, place},
};

/// The pause before the second attempt at an answer; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Asks the webhooks of all canaries; of each canary one question at a time.
pub(crate) struct Asker {
    clock: Clock,
    asked: Mutex<HashMap<Key, Asked>>,
}

/// A question that was asked.
struct Asked {
    consent: Consent,
    answer: Arc<Mutex<Option<(Says, Timestamp)>>>,
    /// How long an answer is one: afterwards it is asked for anew.
    lasts: Duration,
    task: AbortHandle,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Asked {
    /// What was answered, if that is not too old at `now`.
    fn at(&self, now: Timestamp) -> Option<Says> {
        let answer = lock(&self.answer);
        let fresh = answer.as_ref().filter(|(_, at)| now.since(*at) < self.lasts);
        fresh.map(|(says, _)| says.clone())
    }

    /// Whether the answer is still to come.
    fn is_open(&self) -> bool {
        lock(&self.answer).is_none()
    }
}

impl Asker {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, asked: Mutex::default() }
    }

    /// Asks for `consent`, unless that is on its way or was answered a moment ago. All of the webhooks must say yes.
    pub(crate) fn ask(&self, key: &Key, consent: &Consent, webhooks: Vec<Webhook>, body: Value) {
        let mut all = lock(&self.asked);
        let now = self.clock.now();
        let is_same = |asked: &Asked| asked.consent == *consent && (asked.is_open() || asked.at(now).is_some());
        if all.get(key).is_some_and(is_same) {
            return;
        }
        let lasts = webhooks.iter().map(|webhook| webhook.again_seconds).min().unwrap_or_default();
        let delivery = format!("{}-{}-{}", key.name, consent.attempt, consent.step + 1);
        let answer = Arc::default();
        let task = tokio::spawn(round(webhooks, delivery, body, self.clock.clone(), Arc::clone(&answer)));
        let lasts = Duration::from_secs(lasts);
        all.insert(key.clone(), Asked { consent: consent.clone(), answer, lasts, task: task.abort_handle() });
    }

    /// What was answered last about the canary at `key`.
    pub(crate) fn answer(&self, key: &Key) -> Option<Answer> {
        let all = lock(&self.asked);
        let asked = all.get(key)?;
        Some(Answer { consent: asked.consent.clone(), says: asked.at(self.clock.now())? })
    }

    /// Nobody asks about the canary any more.
    pub(crate) fn forget(&self, key: &Key) {
        lock(&self.asked).remove(key);
    }
}

/// Asks all, at the same time.
async fn round(
    webhooks: Vec<Webhook>,
    delivery: String,
    body: Value,
    clock: Clock,
    answer: Arc<Mutex<Option<(Says, Timestamp)>>>,
) {
    let all = join_all(webhooks.iter().map(|webhook| patiently(webhook, &delivery, &body, &clock))).await;
    *lock(&answer) = Some((together(all), clock.now()));
}

/// The gravest of all answers.
fn together(all: Vec<Says>) -> Says {
    let mut gravest = Says::GoOn;
    for says in all {
        gravest = match (gravest, says) {
            (Says::TakeBack(why), _) | (_, Says::TakeBack(why)) => Says::TakeBack(why),
            (Says::Hold(why), _) | (Says::GoOn, Says::Hold(why)) => Says::Hold(why),
            (Says::GoOn, Says::GoOn) => Says::GoOn,
        };
    }
    gravest
}

/// Asks one, as often as the policy says. Who gives no verdict has not said yes.
async fn patiently(webhook: &Webhook, delivery: &str, body: &Value, clock: &Clock) -> Says {
    let (mut pause, mut attempt) = (PAUSE_MIN, 1);
    loop {
        let failure = match ask(webhook, delivery, body, clock.now()).await {
            Ok(says) => return says,
            Err(failure) => failure,
        };
        let place = place(&webhook.url);
        tracing::warn!(webhook = place, delivery, attempt, %failure, "A webhook gives no verdict.");
        if attempt >= webhook.attempts {
            return Says::Hold(format!("{place} was asked {} and gives no verdict: {failure}", times(attempt)));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
        attempt += 1;
    }
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_must_say_yes_and_the_gravest_answer_counts() {
        let (hold, back) = (Says::Hold("busy".to_owned()), Says::TakeBack("broken".to_owned()));
        assert_eq!(together(vec![Says::GoOn, Says::GoOn]), Says::GoOn);
        assert_eq!(together(vec![Says::GoOn, hold.clone(), Says::GoOn]), hold);
        assert_eq!(together(vec![hold.clone(), back.clone()]), back);
        assert_eq!(together(vec![back.clone(), hold]), back);
    }
}
