//! What was handed to proxies last: between the controller that hands it out and the one that sees it acknowledged.
//!
//! It is not in the store, because it is a fact about this process: after a restart all of it is handed out anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use api::appmesh::WeightedTarget;
use store::Key;
use tokio::sync::Notify;

use crate::plan::{Fault, MeshEndpoint, RouteName};

/// A mesh as it was handed out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Handed {
    /// Its routes, with what was asked of them.
    pub(crate) routes: BTreeMap<RouteName, HandedRoute>,
    /// Its virtual nodes and virtual gateways.
    pub(crate) endpoints: BTreeMap<MeshEndpoint, HandedEndpoint>,
}

/// A route as it was handed out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HandedRoute {
    pub(crate) uid: String,
    pub(crate) version: i64,
    pub(crate) targets: Vec<WeightedTarget>,
    /// Whether its shares are in the listeners instead of in the routes: so it is with TCP.
    pub(crate) in_listeners: bool,
}

/// What the proxies of a mesh endpoint were handed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HandedEndpoint {
    /// The revision in the xDS cache.
    pub(crate) revision: u64,
    pub(crate) routes: BTreeSet<RouteName>,
    pub(crate) faults: Vec<Fault>,
}

/// What was handed out, by mesh.
#[derive(Default)]
pub(crate) struct Board {
    meshes: Mutex<BTreeMap<Key, Handed>>,
    changed: Mutex<BTreeSet<Key>>,
    news: Notify,
}

impl Board {
    /// Notes what was handed out for the mesh at `key`; none if it is gone.
    pub(crate) fn set(&self, key: &Key, handed: Option<Handed>) {
        let mut meshes = lock(&self.meshes);
        match handed {
            Some(handed) => meshes.insert(key.clone(), handed),
            None => meshes.remove(key),
        };
        drop(meshes);
        lock(&self.changed).insert(key.clone());
        self.news.notify_one();
    }

    /// What was handed out for the mesh at `key`.
    pub(crate) fn get(&self, key: &Key) -> Option<Handed> {
        lock(&self.meshes).get(key).cloned()
    }

    /// The meshes that anything was handed out for.
    pub(crate) fn keys(&self) -> Vec<Key> {
        lock(&self.meshes).keys().cloned().collect()
    }

    /// The meshes that something was handed out for since the last call; waits until there are some.
    pub(crate) async fn next(&self) -> Vec<Key> {
        loop {
            let news = self.news.notified();
            let changed = std::mem::take(&mut *lock(&self.changed));
            if !changed.is_empty() {
                return changed.into_iter().collect();
            }
            news.await;
        }
    }
}

/// Takes a lock; every change under these locks is one statement, so what a panic leaves is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
