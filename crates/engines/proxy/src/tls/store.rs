//! All secrets that have come, and all that goes by them.
//!
//! Settings that are the same have one context: so a listener that is sent again goes on with its own, and a secret that
//! changes is taken in once for each.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use names::Clock;

use super::{
    Acceptor, Connector,
    build::{Builder, Secrets},
    context::{Context, Settings},
    material::{Error, Identity, Reader},
};
use crate::model::{ClientTls, Keeper, Secret, SecretName, ServerTls};

/// The store. One for a data plane.
pub(crate) struct Store {
    clock: Clock,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    secrets: Secrets,
    acceptors: Vec<Weak<Acceptor>>,
    connectors: Vec<Weak<Connector>>,
}

impl Store {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What clients' connections of these settings go by.
    pub(crate) fn acceptor(&self, settings: &ServerTls) -> Result<Arc<Acceptor>, Error> {
        let held = &mut *self.held();
        context(&self.clock, &held.secrets, &mut held.acceptors, settings)
    }

    /// What connections to servers of these settings go by.
    pub(crate) fn connector(&self, settings: &ClientTls) -> Result<Arc<Connector>, Error> {
        let held = &mut *self.held();
        context(&self.clock, &held.secrets, &mut held.connectors, settings)
    }

    /// Takes in secrets of a keeper; others stay. If one can't be used nothing changes.
    pub(crate) fn set_secrets(&self, keeper: &Keeper, secrets: BTreeMap<String, Secret>) -> Result<(), Error> {
        let held = &mut *self.held();
        let (mut after, mut changed) = (held.secrets.clone(), BTreeSet::new());
        for (name, secret) in secrets {
            self.check(&secret).map_err(|error| Error::Secret { name: name.clone(), source: Box::new(error) })?;
            let name = SecretName { keeper: keeper.clone(), name };
            if after.get(&name) != Some(&secret) {
                after.insert(name.clone(), secret);
                changed.insert(name);
            }
        }
        let acceptors = remade(&self.clock, &after, &mut held.acceptors, &changed)?;
        let connectors = remade(&self.clock, &after, &mut held.connectors, &changed)?;
        for (context, fresh) in acceptors {
            context.take(fresh);
        }
        for (context, fresh) in connectors {
            context.take(fresh);
        }
        held.secrets = after;
        Ok(())
    }

    /// Forgets the secrets that are not among `names`.
    pub(crate) fn retain(&self, names: &BTreeSet<SecretName>) {
        self.held().secrets.retain(|name, _| names.contains(name));
    }

    fn check(&self, secret: &Secret) -> Result<(), Error> {
        let mut reader = Reader::new(self.clock.now().as_millis().div_euclid(1000));
        match secret {
            Secret::Certificate(certificate) => reader.identity(certificate).map(drop),
            Secret::Validation(validation) => reader.trust(validation).map(drop),
        }
    }

    /// Reads again what has changed in the file system.
    pub(crate) fn read_again(&self) {
        let held = &mut *self.held();
        read_again(&self.clock, &held.secrets, &mut held.acceptors);
        read_again(&self.clock, &held.secrets, &mut held.connectors);
    }

    /// The secrets, by name.
    pub(crate) fn secrets(&self) -> BTreeMap<SecretName, Secret> {
        self.held().secrets.iter().map(|(name, secret)| (name.clone(), secret.clone())).collect()
    }

    /// All certificates of ours that are in use, and what could not be read the last time.
    pub(crate) fn in_use(&self) -> (Vec<Identity>, Vec<String>) {
        let held = &mut *self.held();
        let (acceptors, connectors) = (living(&mut held.acceptors), living(&mut held.connectors));
        let identities = acceptors.iter().flat_map(|context| context.identities());
        let identities = identities.chain(connectors.iter().flat_map(|context| context.identities())).collect();
        let troubles = acceptors.iter().filter_map(|context| context.trouble());
        (identities, troubles.chain(connectors.iter().filter_map(|context| context.trouble())).collect())
    }
}

fn living<S: Settings>(contexts: &mut Vec<Weak<Context<S>>>) -> Vec<Arc<Context<S>>> {
    contexts.retain(|context| context.strong_count() > 0);
    contexts.iter().filter_map(Weak::upgrade).collect()
}

fn context<S: Settings>(
    clock: &Clock,
    secrets: &Secrets,
    contexts: &mut Vec<Weak<Context<S>>>,
    settings: &S,
) -> Result<Arc<Context<S>>, Error> {
    if let Some(present) = living(contexts).into_iter().find(|present| present.settings == *settings) {
        return Ok(present);
    }
    let new = Arc::new(Context::new(settings.clone()));
    new.take(new.make(Builder::new(clock, secrets))?);
    contexts.push(Arc::downgrade(&new));
    Ok(new)
}

type Remade<S> = Vec<(Arc<Context<S>>, super::context::Fresh<<S as Settings>::Config>)>;

/// The contexts that one of the `changed` secrets is for, made anew.
fn remade<S: Settings>(
    clock: &Clock,
    secrets: &Secrets,
    contexts: &mut Vec<Weak<Context<S>>>,
    changed: &BTreeSet<SecretName>,
) -> Result<Remade<S>, Error> {
    let mut remade = Vec::new();
    for context in living(contexts) {
        if context.settings.common().secrets().any(|name| changed.contains(name)) {
            let fresh = context.make(Builder::new(clock, secrets))?;
            remade.push((context, fresh));
        }
    }
    Ok(remade)
}

fn read_again<S: Settings>(clock: &Clock, secrets: &Secrets, contexts: &mut Vec<Weak<Context<S>>>) {
    for context in living(contexts) {
        if context.is_outdated() {
            match context.make(Builder::new(clock, secrets)) {
                Ok(fresh) => {
                    context.take(fresh);
                    tracing::info!("certificate files have changed and were read again");
                }
                Err(error) => tracing::warn!(%error, "certificate files have changed; what there was is kept"),
            }
        }
    }
}
