//! Renews before the end: certificates of ACM at their ARN, identities at their URI.
//!
//! A certificate is renewed sixty days before its end, or when two thirds of it are over if that is later; an identity
//! at half of its day. What cannot be renewed is tried again, and its certificate says why. An identity that nobody has asked for
//! through all of its time is forgotten.

use std::{sync::Arc, time::Duration};

use api::acm::CertificateType;
use names::Timestamp;
use reconcile::{Controller, Next};
use store::{Key, Row};
use tracing::{info, warn};

use crate::{
    Error, State, issue,
    operations::{IDENTITY_LIFETIME, make_identity, wanted},
    rows::{Certificate, Identity, Pair, Renewal},
};

/// How long before its end a certificate is renewed.
const WINDOW: Duration = Duration::from_hours(24 * 60);
/// When to try again what failed.
const RETRY: Duration = Duration::from_hours(1);
/// The longest that is slept through: machines sleep too, and clocks are set.
const LOOK: Duration = Duration::from_hours(1);

/// When `pair` is to be renewed.
fn due(pair: &Pair) -> Timestamp {
    let life = pair.not_after.since(pair.not_before);
    let share = if life > 2 * IDENTITY_LIFETIME { life / 3 } else { life / 2 };
    let early = WINDOW.min(share);
    Timestamp::from_millis(pair.not_after.as_millis() - i64::try_from(early.as_millis()).unwrap_or(0))
}

/// Whether `pair` is to be renewed at `now`.
pub(crate) fn is_due(pair: &Pair, now: Timestamp) -> bool {
    due(pair) <= now
}

/// Renews the certificate `row` at `key` now.
pub(crate) async fn renew(state: &State, key: &Key, row: Certificate) -> Result<(), Error> {
    let wanted = wanted(row.domain_name.as_deref().unwrap_or_default(), &row.names, row.key_algorithm)?;
    let issued = issue::issue(state, &key.scope, row.authority.as_deref(), wanted).await;
    let now = state.clock.now();
    let failure = issued.as_ref().err().map(issue::reason);
    state.store.write(|tx| {
        // It may have been deleted, or renewed by somebody else, while this was at it.
        let Some(mut present) = tx.get::<Certificate>(key)?.filter(|present| present.pair == row.pair) else {
            return Ok(());
        };
        present.renewal = Some(Renewal { at: now, failure });
        if let Ok(pair) = &issued {
            present.pair = pair.clone();
            present.renewed_at = now;
        }
        tx.put(key, &present)?;
        Ok::<_, Error>(())
    })?;
    issued.map(|_| ())
}

/// Renews certificates of ACM. Its keys are theirs.
pub(crate) struct Certificates(Arc<State>);

impl Certificates {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self(state)
    }
}

impl Controller for Certificates {
    type Error = Error;

    const NAME: &'static str = "acm/renewal";

    fn watches(&self) -> &'static [&'static str] {
        &[Certificate::KIND]
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(self.0.store.list_all::<Certificate>()?.into_iter().map(|(key, _)| key).collect())
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        let Some(row) = self.0.store.get::<Certificate>(key)? else { return Ok(Next::Settled) };
        let now = self.0.clock.now();
        if row.kind == CertificateType::Imported {
            return Ok(Next::Settled);
        }
        if !is_due(&row.pair, now) {
            return Ok(Next::After(due(&row.pair).since(now).min(LOOK)));
        }
        // A failure is told on the certificate; and what an ending authority signs is due as soon as it is signed.
        let tried = row.renewal.as_ref().map(|renewal| now.since(renewal.at));
        if let Some(wait) = tried.and_then(|since| RETRY.checked_sub(since)).filter(|wait| !wait.is_zero()) {
            return Ok(Next::After(wait));
        }
        match renew(&self.0, key, row).await {
            Ok(()) => info!(certificate = %key, "A certificate is renewed."),
            Err(error) => warn!(certificate = %key, %error, "A certificate could not be renewed."),
        }
        Ok(Next::After(RETRY))
    }
}

/// Renews identities. Its keys are theirs.
pub(crate) struct Identities(Arc<State>);

impl Identities {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self(state)
    }
}

impl Controller for Identities {
    type Error = Error;

    const NAME: &'static str = "acm/identities";

    fn watches(&self) -> &'static [&'static str] {
        &[Identity::KIND]
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(self.0.store.list_all::<Identity>()?.into_iter().map(|(key, _)| key).collect())
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        let Some(row) = self.0.store.get::<Identity>(key)? else { return Ok(Next::Settled) };
        let now = self.0.clock.now();
        if now.since(row.asked_at) > IDENTITY_LIFETIME {
            self.0.store.write(|tx| tx.delete::<Identity>(key))?;
            return Ok(Next::Settled);
        }
        if is_due(&row.pair, now) {
            let asked_at = row.asked_at;
            let renewed = make_identity(&self.0, key, row.dns_names).await?;
            // That it is renewed does not mean that anybody asked.
            self.0.store.write(|tx| tx.put(key, &Identity { asked_at, ..renewed }))?;
            return Ok(Next::After(LOOK));
        }
        Ok(Next::After(due(&row.pair).since(now).min(LOOK)))
    }
}
