//! Forgets authorities whose time to be restored is over, with what they signed.

use std::{sync::Arc, time::Duration};

use reconcile::{Controller, Next};
use store::{Key, Row};

use crate::{
    Error, State,
    rows::{Authority, Signed},
};

/// The longest that is slept through.
const LOOK: Duration = Duration::from_hours(1);

/// The controller. Its keys are those of authorities.
pub(crate) struct Forgetting(Arc<State>);

impl Forgetting {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self(state)
    }
}

impl Controller for Forgetting {
    type Error = Error;

    const NAME: &'static str = "acm-pca/forgetting";

    fn watches(&self) -> &'static [&'static str] {
        &[Authority::KIND]
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(self.0.store.list_all::<Authority>()?.into_iter().map(|(key, _)| key).collect())
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        let now = self.0.clock.now();
        self.0.store.write(|tx| {
            let Some(until) = tx.get::<Authority>(key)?.and_then(|row| row.restorable_until) else {
                return Ok(Next::Settled);
            };
            if now < until {
                return Ok(Next::After(until.since(now).min(LOOK)));
            }
            for (signed, _) in tx.list_under::<Signed>(&key.scope, &format!("{}/", key.name))? {
                tx.delete::<Signed>(&signed)?;
            }
            tx.delete::<Authority>(key)?;
            Ok(Next::Settled)
        })
    }
}
