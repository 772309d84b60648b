//! Who is told of a canary: messages for people as it goes, and webhooks when it has ended.
//!
//! A controller of its own, beside the one that looks, so that a stranger who hangs never keeps a canary from anything.
//! What was told is a row: after a crash it goes on with the first thing that is not known to be told, under the same
//! delivery. What can't be told is recorded, and left at that.

use std::{sync::Arc, time::Duration};

use api::canary::CanaryEvent;
use futures::future::{BoxFuture, FutureExt, join_all};
use names::{Scope, Timestamp};
use reconcile::{Controller, Next};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Key, Row};

use crate::{
    Canaries, Error,
    approval::Approval,
    policy::{Message, Webhook, When, place},
    rows::{Canary, CanaryObserved},
    show,
    webhook::{self, Failure},
};

/// Attempts at a message.
const ATTEMPTS: u32 = 3;
/// The pause before the second attempt; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
/// Failures that are kept; the oldest go first.
const FAILURES_MAX: usize = 20;
/// Where people reach the house, if the policy does not say.
const HOUSE: &str = "http://127.0.0.1:4566";

/// What was told of a canary, at its key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Notified {
    /// Events that were told, or that could not be.
    pub(crate) events: u64,
    /// The end that was told.
    pub(crate) ended: Option<Timestamp>,
    /// What could not be told, and why.
    pub(crate) failures: Vec<CanaryEvent>,
}

impl Row for Notified {
    const KIND: &'static str = "canary/notified.observed";
}

/// Tells.
pub(crate) struct Messenger {
    service: Arc<Canaries>,
}

impl Messenger {
    pub(crate) fn new(service: Arc<Canaries>) -> Self {
        Self { service }
    }
}

impl Controller for Messenger {
    type Error = Error;
    const NAME: &'static str = "canary/messenger";

    fn watches(&self) -> &'static [&'static str] {
        &[CanaryObserved::KIND]
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(self.service.store.list_all::<CanaryObserved>()?.into_iter().map(|(key, _)| key).collect())
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        let store = &self.service.store;
        let (Some(canary), Some(seen)) = (store.get::<Canary>(key)?, store.get::<CanaryObserved>(key)?) else {
            return Ok(Next::Settled);
        };
        if !canary.policy.messages.is_empty() {
            self.events(key, &canary, &seen).await?;
        }
        if seen.ended.is_some() && canary.policy.webhooks(When::After).next().is_some() {
            self.end(key, &canary, &seen).await?;
        }
        Ok(Next::Settled)
    }
}

impl Messenger {
    /// Tells people of what happened since it was last told.
    async fn events(&self, key: &Key, canary: &Canary, seen: &CanaryObserved) -> Result<(), Error> {
        let store = &self.service.store;
        let told = store.get::<Notified>(key)?.unwrap_or_default().events;
        for (number, event) in seen.numbered() {
            if number < told {
                continue;
            }
            let approval = store.get::<Approval>(key)?.filter(|approval| approval.event == number);
            let link = approval.map(|approval| link(&key.scope, canary, &approval.token));
            let text = text(canary, &event.message, link);
            let delivery = format!("{}-event-{}", key.name, number + 1);
            let messages = canary.policy.messages.iter();
            let all = join_all(messages.map(|message| write(message, &delivery, &text))).await;
            self.note(key, all.into_iter().flatten().collect(), |row| row.events = number + 1)?;
        }
        Ok(())
    }

    /// Tells programs how it ended.
    async fn end(&self, key: &Key, canary: &Canary, seen: &CanaryObserved) -> Result<(), Error> {
        if self.service.store.get::<Notified>(key)?.unwrap_or_default().ended == seen.ended {
            return Ok(());
        }
        let body = ending(key, canary, seen);
        let delivery = format!("{}-{}-end", key.name, seen.state.attempt);
        let webhooks = canary.policy.webhooks(When::After);
        let all = join_all(webhooks.map(|webhook| self.tell(webhook, &delivery, &body))).await;
        self.note(key, all.into_iter().flatten().collect(), |row| row.ended = seen.ended)
    }

    /// Tells one, as often as its policy says; answers what went wrong.
    async fn tell(&self, webhook: &Webhook, delivery: &str, body: &Value) -> Option<String> {
        let once = || webhook::tell(webhook, delivery, body, self.service.clock.now()).boxed();
        patiently(&webhook.url, webhook.attempts, once).await
    }

    fn note(&self, key: &Key, failures: Vec<String>, told: impl Fn(&mut Notified)) -> Result<(), Error> {
        let at = self.service.clock.now();
        self.service.store.write(|tx| {
            // One that was forgotten meanwhile leaves nothing behind.
            if tx.get::<Canary>(key)?.is_none() {
                return Ok(());
            }
            let mut row = tx.get::<Notified>(key)?.unwrap_or_default();
            row.failures.extend(failures.iter().map(|message| CanaryEvent { at, message: message.clone() }));
            let surplus = row.failures.len().saturating_sub(FAILURES_MAX);
            row.failures.drain(..surplus);
            told(&mut row);
            Ok(tx.put(key, &row)?)
        })
    }
}

async fn write(message: &Message, delivery: &str, text: &str) -> Option<String> {
    patiently(message.url(), ATTEMPTS, || webhook::write(message, delivery, text).boxed()).await
}

/// Tries so often; answers what went wrong.
async fn patiently<'a>(
    url: &str,
    attempts: u32,
    once: impl Fn() -> BoxFuture<'a, Result<(), Failure>>,
) -> Option<String> {
    let (mut pause, mut attempt) = (PAUSE, 1);
    loop {
        let failure = once().await.err()?;
        let place = place(url);
        tracing::warn!(place, attempt, %failure, "A notice of a canary was not taken.");
        if attempt >= attempts {
            return Some(format!("{place} could not be told: {failure}"));
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
        attempt += 1;
    }
}

/// A message, for people who know of no canary.
fn text(canary: &Canary, message: &str, link: Option<String>) -> String {
    let link = link.map(|link| format!("\nApprove it: {link}")).unwrap_or_default();
    format!("{} ({} → {}): {message}{link}", canary.subject.name(), canary.baseline, canary.canary)
}

fn link(scope: &Scope, canary: &Canary, token: &str) -> String {
    let house = canary.policy.link_address.as_deref().unwrap_or(HOUSE).trim_end_matches('/');
    format!("{house}/console/{}/{}/approvals/{token}", scope.account, scope.region)
}

fn ending(key: &Key, canary: &Canary, seen: &CanaryObserved) -> Value {
    let told = show::describe(&key.name, canary, seen);
    json!({
        "when": "After",
        "outcome": if seen.abandoned.is_some() { "Abandoned" } else { show::phase(&seen.state.phase) },
        "reason": told.reason,
        "message": told.message,
        "explanation": told.explanation,
        "canary": show::identity(&key.name, canary, seen),
        "requests": show::requests(&told),
    })
}
