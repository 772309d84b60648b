//! Where more is plugged into the edge.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use futures::future::BoxFuture;
use network::Sockets;
use serde_json::Value;
use tokio::sync::watch;

use crate::{ItemError, protocol::Observed};

/// A kind of desired state that the edge keeps true without knowing what it is: load balancers, above all.
///
/// The edge tells it its section whole, one telling at a time. What it starts (listeners, health checks) goes on
/// until it is told otherwise or dropped.
pub trait Section: Send {
    /// Its name in [`crate::protocol::Section::Plugged`].
    fn name(&self) -> &'static str;

    /// Makes `desired` true; answers with what could not be. It is told again and again: what is true already must
    /// not be disturbed.
    fn apply<'a>(&'a mut self, desired: Value, vpcs: &'a Vpcs) -> BoxFuture<'a, Vec<ItemError>>;

    /// What it sees of the world, as it changes; none if it sees nothing that anybody asks for.
    fn observed(&self) -> Option<watch::Receiver<Observed>> {
        None
    }
}

/// The VPCs that the edge holds, as plugged sections see them. A clone sees the same ones, also those that come later.
#[derive(Clone, Debug, Default)]
pub struct Vpcs(Arc<RwLock<BTreeMap<String, Sockets>>>);

impl Vpcs {
    /// A maker of sockets inside the VPC with this id, if the edge holds it now.
    ///
    /// Ask for each connection rather than keeping it: a VPC that is let go of and made anew is another namespace.
    pub fn sockets(&self, id: &str) -> Option<Sockets> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(crate) fn insert(&self, id: &str, sockets: Sockets) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), sockets);
    }

    pub(crate) fn remove(&self, id: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}
