//! What connections of one kind go by: settings, and what was made of them last.
//!
//! It can be made anew at any time: then new connections go by the new, and those there are live on. If it can't be made
//! anew, a certificate file being gone for one, what there was stays, and why is kept for whoever asks.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use rustls::{ClientConfig, ServerConfig};

use super::{
    build::{Builder, Made},
    material::{Error, Identity, Stamp},
};
use crate::model::{ClientTls, CommonTls, ServerTls};

/// Settings of either side.
pub(crate) trait Settings: Clone + PartialEq {
    /// What is made of them.
    type Config;

    /// What both sides have alike.
    fn common(&self) -> &CommonTls;

    /// Makes it.
    fn make(&self, builder: &mut Builder<'_>) -> Result<Made<Self::Config>, Error>;
}

impl Settings for ServerTls {
    type Config = ServerConfig;

    fn common(&self) -> &CommonTls {
        &self.common
    }

    fn make(&self, builder: &mut Builder<'_>) -> Result<Made<ServerConfig>, Error> {
        builder.server(self)
    }
}

impl Settings for ClientTls {
    type Config = ClientConfig;

    fn common(&self) -> &CommonTls {
        &self.common
    }

    fn make(&self, builder: &mut Builder<'_>) -> Result<Made<ClientConfig>, Error> {
        builder.client(self)
    }
}

/// What connections go by.
#[derive(Debug)]
pub(crate) struct Context<S: Settings> {
    pub(crate) settings: S,
    state: RwLock<State<S::Config>>,
}

#[derive(Debug)]
struct State<C> {
    config: Option<Arc<C>>,
    identities: Vec<Identity>,
    files: Vec<(String, Stamp)>,
    trouble: Option<String>,
}

/// What was made, with the files it was made of.
pub(crate) struct Fresh<C> {
    made: Made<C>,
    files: Vec<(String, Stamp)>,
}

impl<S: Settings> Context<S> {
    pub(crate) fn new(settings: S) -> Self {
        let state = State { config: None, identities: Vec::new(), files: Vec::new(), trouble: None };
        Self { settings, state: RwLock::new(state) }
    }

    fn state(&self) -> RwLockReadGuard<'_, State<S::Config>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes anew, without going by it yet. A file that is broken is remembered, so that it is not read again before it
    /// changes.
    pub(crate) fn make(&self, mut builder: Builder<'_>) -> Result<Fresh<S::Config>, Error> {
        match self.settings.make(&mut builder) {
            Ok(made) => Ok(Fresh { made, files: builder.reader.files }),
            Err(error) => {
                let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
                state.files = builder.reader.files;
                state.trouble = Some(error.to_string());
                Err(error)
            }
        }
    }

    /// Goes by `fresh` from now on.
    pub(crate) fn take(&self, fresh: Fresh<S::Config>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let config = fresh.made.config.map(Arc::new);
        // A secret that is no longer sent is no reason to stop.
        state.config = config.or_else(|| state.config.take());
        if !fresh.made.identities.is_empty() {
            state.identities = fresh.made.identities;
        }
        state.files = fresh.files;
        state.trouble = None;
    }

    /// What to go by; none if a secret has not come.
    pub(crate) fn config(&self) -> Option<Arc<S::Config>> {
        self.state().config.clone()
    }

    /// Our own certificates.
    pub(crate) fn identities(&self) -> Vec<Identity> {
        self.state().identities.clone()
    }

    /// Why it could not be made anew the last time.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.state().trouble.clone()
    }

    /// Whether a file is another than when it was read.
    pub(crate) fn is_outdated(&self) -> bool {
        self.state().files.iter().any(|(path, stamp)| Stamp::of(path) != *stamp)
    }
}
