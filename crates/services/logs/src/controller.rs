//! Lets go of history past its time. It wakes with the resync alone: nothing is urgent about forgetting.

use std::time::Duration;

use names::{Clock, Scope};
use reconcile::{Controller, Next};
use store::Key;
use telemetry::Telemetry;

/// The pause between two batches, in which others write.
const PAUSE: Duration = Duration::from_millis(100);

/// The controller.
pub(crate) struct Retention {
    telemetry: Telemetry,
    clock: Clock,
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Telemetry(#[from] telemetry::Error),
    #[error("the work on the logs was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl Retention {
    pub(crate) fn new(telemetry: Telemetry, clock: Clock) -> Self {
        Self { telemetry, clock }
    }
}

impl Controller for Retention {
    type Error = Error;

    const NAME: &'static str = "logs/retention";

    fn watches(&self) -> &'static [&'static str] {
        &[]
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(vec![Key::new(&Scope::default(), "telemetry")])
    }

    async fn reconcile(&self, _: &Key) -> Result<Next, Error> {
        let (telemetry, now) = (self.telemetry.clone(), self.clock.now());
        let more = tokio::task::spawn_blocking(move || telemetry.trim(now)).await??;
        Ok(if more { Next::After(PAUSE) } else { Next::Settled })
    }
}
