//! How many streams are open, counted before they have said who they are.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use crate::{
    Identity, Limits,
    cache::{Refused, lock},
};

/// Streams that are open.
#[derive(Default)]
pub(crate) struct Places {
    all: usize,
    by_connection: BTreeMap<SocketAddr, usize>,
    by_identity: BTreeMap<String, usize>,
}

impl Places {
    /// Finds room for a stream of `identity` on the connection of `peer`; it is there until the place is dropped.
    pub(crate) fn take(
        this: &Arc<Mutex<Self>>,
        limits: &Limits,
        identity: &Identity,
        peer: Option<SocketAddr>,
    ) -> Result<Place, Refused> {
        let mut places = lock(this);
        if places.all >= limits.streams {
            return Err(Refused::TooMany { whose: "of all nodes".to_owned(), open: places.all });
        }
        let open = peer.and_then(|peer| places.by_connection.get(&peer)).copied().unwrap_or(0);
        if open >= limits.streams_per_connection {
            return Err(Refused::TooMany { whose: "of this connection".to_owned(), open });
        }
        let open = places.by_identity.get(&identity.name).copied().unwrap_or(0);
        if identity.streams_max.is_some_and(|most| open >= most) {
            return Err(Refused::TooMany { whose: format!("of `{}`", identity.name), open });
        }
        let counted = identity.streams_max.map(|_| identity.name.clone());
        places.all += 1;
        if let Some(peer) = peer {
            *places.by_connection.entry(peer).or_default() += 1;
        }
        if let Some(name) = &counted {
            *places.by_identity.entry(name.clone()).or_default() += 1;
        }
        Ok(Place { places: Arc::clone(this), peer, counted })
    }
}

/// Room for one stream; dropping it makes room for another.
pub(crate) struct Place {
    places: Arc<Mutex<Places>>,
    peer: Option<SocketAddr>,
    counted: Option<String>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = lock(&self.places);
        places.all = places.all.saturating_sub(1);
        if let Some(peer) = &self.peer {
            count_down(&mut places.by_connection, peer);
        }
        if let Some(name) = &self.counted {
            count_down(&mut places.by_identity, name);
        }
    }
}

/// Takes one from the count of `key`; a count of none is not kept.
pub(crate) fn count_down<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}
