//! Tells the edge which names there are, whenever that may have changed; and forgets operations long done.
//!
//! The edge is always told everything at once, for all accounts and regions: zones are small, and what is told whole
//! can't drift. So there is one key only.

use std::{collections::BTreeMap, future::Future, time::Duration};

use names::{Clock, Scope};
use reconcile::{Controller, Next};
use store::{Change, Key, Row, Store};
use tracing::debug;

use crate::{
    plan,
    rows::{Instance, Namespace, Operation, Service},
};

/// Who these zones belong to, as the edge knows it.
const OWNER: &str = "servicediscovery";
/// How long an operation can be asked after.
const OPERATION_AGE_MAX: Duration = Duration::from_hours(24);
/// How many operations can be asked after, over all scopes; the oldest go first.
const OPERATIONS_MAX: usize = 2000;

/// Whoever answers for the names: the edge.
pub trait Resolvers: Send + Sync + 'static {
    /// Makes these the names there are, by VPC; answers with what could not be made true.
    fn tell(&self, vpcs: BTreeMap<String, dns::Zones>) -> impl Future<Output = Result<(), String>> + Send;
}

impl Resolvers for edge::Client {
    async fn tell(&self, vpcs: BTreeMap<String, dns::Zones>) -> Result<(), String> {
        let failed = self.zones(OWNER, vpcs).await.map_err(|error| error.to_string())?;
        let failed: Vec<_> = failed.into_iter().map(|item| format!("{}: {}", item.item, item.error)).collect();
        if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
    }
}

/// The controller.
pub(crate) struct Zones<R> {
    store: Store,
    clock: Clock,
    resolvers: R,
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the resolvers do not know all names: {0}")]
    Resolvers(String),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl<R> Zones<R> {
    pub(crate) fn new(store: Store, clock: Clock, resolvers: R) -> Self {
        Self { store, clock, resolvers }
    }

    /// Forgets operations that are old, or too many.
    fn forget(&self) -> Result<(), Error> {
        let mut operations = self.store.list_all::<Operation>()?;
        operations.sort_by_key(|(_, operation)| operation.done);
        let now = self.clock.now();
        let surplus = operations.len().saturating_sub(OPERATIONS_MAX);
        let old = operations.partition_point(|(_, operation)| now.since(operation.done) > OPERATION_AGE_MAX);
        let gone = surplus.max(old);
        if gone == 0 {
            return Ok(());
        }
        debug!(gone, "Operations are forgotten.");
        self.store.write(|tx| {
            for (key, _) in &operations[..gone] {
                tx.delete::<Operation>(key)?;
            }
            Ok(())
        })
    }
}

impl<R: Resolvers> Controller for Zones<R> {
    type Error = Error;

    const NAME: &'static str = "servicediscovery/zones";

    fn watches(&self) -> &'static [&'static str] {
        &[Namespace::KIND, Service::KIND, Instance::KIND, "serin/edge"]
    }

    fn keys_of(&self, _: &Change) -> Vec<Key> {
        vec![everything()]
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(vec![everything()])
    }

    async fn reconcile(&self, _: &Key) -> Result<Next, Error> {
        let namespaces = rows(self.store.list_all::<Namespace>()?);
        let services = rows(self.store.list_all::<Service>()?);
        let instances = rows(self.store.list_all::<Instance>()?);
        let zones = plan::zones(&namespaces, &services, &instances);
        self.resolvers.tell(zones).await.map_err(Error::Resolvers)?;
        self.forget()?;
        Ok(Next::Settled)
    }
}

fn everything() -> Key {
    Key::new(&Scope::default(), "zones")
}

fn rows<T>(keyed: Vec<(Key, T)>) -> Vec<T> {
    keyed.into_iter().map(|(_, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use names::{ManualClock, Timestamp};

    use super::*;

    /// Resolvers that fail the first time.
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<usize>>>);

    impl Resolvers for Told {
        async fn tell(&self, vpcs: BTreeMap<String, dns::Zones>) -> Result<(), String> {
            let mut told = self.0.lock().unwrap();
            told.push(vpcs.len());
            if told.len() == 1 { Err("vpc-1: not there yet".to_owned()) } else { Ok(()) }
        }
    }

    fn operation(number: usize, done: i64) -> Operation {
        Operation {
            id: format!("op-{number:05}"),
            kind: "REGISTER_INSTANCE".to_owned(),
            done: Timestamp::from_millis(done),
            targets: BTreeMap::new(),
        }
    }

    #[tokio::test]
    async fn what_failed_is_told_again() {
        let told = Told::default();
        let zones = Zones::new(Store::in_memory().unwrap(), Clock::System, told.clone());
        assert!(zones.reconcile(&everything()).await.is_err());
        assert_eq!(zones.reconcile(&everything()).await.unwrap(), Next::Settled);
        assert_eq!(*told.0.lock().unwrap(), [0, 0]);
    }

    #[tokio::test]
    async fn operations_are_forgotten_in_the_end() {
        let (store, hand) = (Store::in_memory().unwrap(), ManualClock::default());
        let told = Told(Arc::new(Mutex::new(vec![0])));
        let zones = Zones::new(store.clone(), Clock::Manual(hand.clone()), told);
        let write = |operations: Vec<Operation>| {
            store.write(|tx| {
                for operation in &operations {
                    tx.put(&Key::new(&Scope::default(), &operation.id), operation)?;
                }
                Ok::<_, store::Error>(())
            })
        };
        write((0..OPERATIONS_MAX + 5).map(|number| operation(number, 0)).collect()).unwrap();
        zones.reconcile(&everything()).await.unwrap();
        assert_eq!(store.list_all::<Operation>().unwrap().len(), OPERATIONS_MAX);
        hand.advance(OPERATION_AGE_MAX + Duration::from_secs(1));
        write(vec![operation(0, 1_000_000)]).unwrap();
        zones.reconcile(&everything()).await.unwrap();
        assert_eq!(store.list_all::<Operation>().unwrap().len(), 1);
    }
}
