//! Applies lifecycle policies: each within the hour, and at once when it is new.

use std::time::Duration;

use image::{Digest, RepositoryId, Selector};
use names::Clock;
use reconcile::{Controller, Next};
use store::{Change, Key, Store, Transaction};
use tracing::info;

use crate::{
    plan::{Candidate, Policy},
    records::{self, Failed},
    rows::{Evaluation, Manifest, Repository},
};

/// How often a policy is applied.
const INTERVAL: Duration = Duration::from_hours(1);

/// The controller; its keys are those of repositories.
pub(crate) struct Lifecycle {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
}

impl Controller for Lifecycle {
    type Error = store::Error;

    const NAME: &'static str = "ecr/lifecycle";

    fn watches(&self) -> &'static [&'static str] {
        &["ecr/repository"]
    }

    fn keys_of(&self, change: &Change) -> Vec<Key> {
        vec![change.key.clone()]
    }

    async fn keys(&self) -> Result<Vec<Key>, store::Error> {
        let desired =
            self.store.list_all::<Repository>()?.into_iter().filter(|(_, row)| row.lifecycle_policy.is_some());
        let observed = self.store.list_all::<Evaluation>()?;
        let mut keys: Vec<Key> = desired.map(|(key, _)| key).collect();
        keys.extend(observed.into_iter().map(|(key, _)| key));
        keys.sort();
        keys.dedup();
        Ok(keys)
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, store::Error> {
        let text = self.store.get::<Repository>(key)?.and_then(|row| row.lifecycle_policy);
        let before = self.store.get::<Evaluation>(key)?;
        let Some(text) = text else {
            if before.is_some() {
                self.store.write(|tx| tx.delete::<Evaluation>(key))?;
            }
            return Ok(Next::Settled);
        };
        let (now, policy) = (self.clock.now(), Digest::of(text.as_bytes()));
        if let Some(before) = before.filter(|before| before.policy == policy) {
            let passed = now.since(before.evaluated);
            if passed < INTERVAL {
                return Ok(Next::After(INTERVAL.saturating_sub(passed)));
            }
        }
        let expired = self.store.write(|tx| {
            let expired = expire(tx, key, &text, now)?;
            tx.put(key, &Evaluation { evaluated: now, policy: policy.clone() })?;
            Ok::<_, store::Error>(expired)
        })?;
        for digest in expired {
            info!(repository = %key, %digest, "Image expired by its repository's lifecycle policy.");
        }
        Ok(Next::After(INTERVAL))
    }
}

/// Removes what the policy expires, all in one transaction: a tag that moves meanwhile moves before or after it.
fn expire(tx: &mut Transaction<'_>, key: &Key, text: &str, now: names::Timestamp) -> Result<Vec<Digest>, store::Error> {
    // It was checked when it was put; one that can't be read any more expires nothing.
    let Ok(policy) = Policy::parse(text) else { return Ok(Vec::new()) };
    let tags = records::tags(tx, &key.scope, &key.name)?;
    let candidate = |(_, Manifest { record, pushed }): (Key, Manifest)| Candidate {
        tags: tags.iter().filter(|(_, digest)| *digest == record.digest).map(|(tag, _)| tag.clone()).collect(),
        digest: record.digest,
        children: record.children,
        pushed,
    };
    let manifests = tx.list_under::<Manifest>(&key.scope, &format!("{}@", key.name))?;
    let images: Vec<Candidate> = manifests.into_iter().map(candidate).collect();
    let id = RepositoryId::new(key.scope.clone(), key.name.clone());
    let mut gone = Vec::new();
    for digest in policy.expired(&images, now) {
        match records::remove(tx, &id, &Selector::Digest(digest.clone())) {
            Ok(_) => gone.push(digest),
            // A list that names it stays, and so does it.
            Err(Failed::Refused(_)) => {}
            Err(Failed::Store(error)) => return Err(error),
        }
    }
    Ok(gone)
}
