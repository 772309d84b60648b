//! What a controller is, and the system it belongs to.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use store::{Change, Key, Store};

use crate::{Pace, driver};

/// When to look at a key again if nothing wakes it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Desired and observed agree; the periodic resync looks again.
    Settled,
    /// A step was taken, or the world needs time.
    After(Duration),
}

/// One reconciler: reads both sides of a key, plans, does one idempotent step, records what it saw.
pub trait Controller: Send + Sync + 'static {
    /// What a step can fail with.
    type Error: std::error::Error + Send;

    /// For logs: `ecs/service`.
    const NAME: &'static str;

    /// The kinds of rows whose changes wake it.
    fn watches(&self) -> &'static [&'static str];

    /// Which of its own keys a change concerns. By default a row concerns the key it stands at.
    fn keys_of(&self, change: &Change) -> Vec<Key> {
        vec![change.key.clone()]
    }

    /// Keys of which something outside the store has news, such as an engine; waits until there are some.
    ///
    /// The driver drops this and calls it again at any time, so what was not returned must not be lost. By default there
    /// never are any.
    fn news(&self) -> impl Future<Output = Vec<Key>> + Send {
        std::future::pending()
    }

    /// Every key that exists on either side; the driver resyncs over them.
    fn keys(&self) -> impl Future<Output = Result<Vec<Key>, Self::Error>> + Send;

    /// Reads both sides, plans (pure), does one idempotent step.
    fn reconcile(&self, key: &Key) -> impl Future<Output = Result<Next, Self::Error>> + Send;
}

/// One AWS system as the binary takes it: its operations, and the controllers that make them true.
pub struct System {
    /// The table of operations.
    pub service: wire::Service,
    /// What runs behind it.
    pub controllers: Vec<Boxed>,
}

impl From<wire::Service> for System {
    /// A system that only keeps rows.
    fn from(service: wire::Service) -> Self {
        Self { service, controllers: Vec::new() }
    }
}

/// A controller whose type is erased.
pub struct Boxed {
    name: &'static str,
    start: Box<dyn FnOnce(Store, Pace) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>,
}

impl Boxed {
    /// The controller's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Drives the controller over the rows of `store` for as long as this is polled.
    pub async fn run(self, store: Store, pace: Pace) {
        (self.start)(store, pace).await;
    }
}

/// Erases the type of `controller`.
pub fn boxed<C: Controller>(controller: C) -> Boxed {
    let controller = Arc::new(controller);
    Boxed { name: C::NAME, start: Box::new(move |store, pace| Box::pin(driver::drive(controller, store, pace))) }
}
