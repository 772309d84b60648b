//! What came from the control plane, as it came: what `/config_dump` shows.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use envoy_types::pb::google::protobuf::Any;
use prost::Message;

/// A kind of resource, in the order in which kinds are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Clusters,
    Endpoints,
    Secrets,
    Listeners,
    Routes,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Clusters, Self::Endpoints, Self::Secrets, Self::Listeners, Self::Routes];

    /// Whether a response has all resources of this kind, not those alone that have changed.
    const fn comes_whole(self) -> bool {
        matches!(self, Self::Clusters | Self::Listeners)
    }
}

/// Everything that came.
#[derive(Debug, Default)]
pub(crate) struct Received(Mutex<[Kept; 5]>);

/// What came of a kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    /// The version that was accepted last.
    pub(crate) version: String,
    /// By name.
    pub(crate) resources: BTreeMap<String, Resource>,
    /// Why what came since was refused.
    pub(crate) refusal: Option<Refusal>,
}

/// A resource.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resource {
    pub(crate) message: Any,
    /// The version in which it became what it is.
    pub(crate) version: String,
    /// When, by ISO 8601.
    pub(crate) at: String,
}

/// Why a response was refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) reason: String,
    pub(crate) version: String,
    /// When, by ISO 8601.
    pub(crate) at: String,
}

/// Every kind of resource has its name in its first field.
#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "1")]
    name: String,
}

impl Received {
    fn kinds(&self) -> MutexGuard<'_, [Kept; 5]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came of `kind`.
    pub(crate) fn of(&self, kind: Kind) -> Kept {
        self.kinds()[kind as usize].clone()
    }

    /// Keeps the resources of a response that was taken.
    pub(crate) fn keep(&self, kind: Kind, version: &str, at: &str, resources: &[Any]) {
        let mut kinds = self.kinds();
        let kept = &mut kinds[kind as usize];
        let mut before = std::mem::take(&mut kept.resources);
        for message in resources {
            // What cannot be read was refused.
            let Ok(Named { name }) = Named::decode(message.value.as_slice()) else { continue };
            let same = before.remove(&name).filter(|resource| resource.message == *message);
            let new = || Resource { message: message.clone(), version: version.to_owned(), at: at.to_owned() };
            kept.resources.insert(name, same.unwrap_or_else(new));
        }
        if !kind.comes_whole() {
            for (name, resource) in before {
                kept.resources.entry(name).or_insert(resource);
            }
        }
        (kept.version, kept.refusal) = (version.to_owned(), None);
    }

    /// Forgets the resources of `kind` that nobody asks for any more.
    pub(crate) fn retain(&self, kind: Kind, is_asked_for: impl Fn(&str) -> bool) {
        self.kinds()[kind as usize].resources.retain(|name, _| is_asked_for(name));
    }

    /// Takes down that a response was refused.
    pub(crate) fn refused(&self, kind: Kind, version: &str, at: &str, reason: &str) {
        let refusal = Refusal { reason: reason.to_owned(), version: version.to_owned(), at: at.to_owned() };
        self.kinds()[kind as usize].refusal = Some(refusal);
    }
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::envoy::config::route::v3::{RouteConfiguration, VirtualHost};

    use super::*;

    fn routes(name: &str, hosts: usize) -> Any {
        let virtual_hosts = vec![VirtualHost::default(); hosts];
        let table = RouteConfiguration { name: name.to_owned(), virtual_hosts, ..RouteConfiguration::default() };
        Any { type_url: String::new(), value: table.encode_to_vec() }
    }

    fn versions(received: &Received, kind: Kind) -> Vec<(String, String)> {
        let kept = received.of(kind).resources.into_iter();
        kept.map(|(name, resource)| (name, resource.version)).collect()
    }

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect()
    }

    #[test]
    fn what_did_not_change_keeps_its_version_and_what_is_not_asked_for_goes() {
        let received = Received::default();
        received.keep(Kind::Routes, "1", "then", &[routes("a", 1), routes("b", 1)]);
        received.refused(Kind::Routes, "2", "then", "because");
        assert_eq!(received.of(Kind::Routes).refusal.unwrap().reason, "because");
        received.keep(Kind::Routes, "3", "now", &[routes("a", 1), routes("c", 2)]);
        assert_eq!(versions(&received, Kind::Routes), pairs(&[("a", "1"), ("b", "1"), ("c", "3")]));
        assert!(received.of(Kind::Routes).refusal.is_none());
        received.retain(Kind::Routes, |name| name != "b");
        assert_eq!(versions(&received, Kind::Routes), pairs(&[("a", "1"), ("c", "3")]));
        received.keep(Kind::Clusters, "1", "then", &[routes("a", 1), routes("b", 1)]);
        received.keep(Kind::Clusters, "2", "now", &[routes("b", 2)]);
        assert_eq!(versions(&received, Kind::Clusters), pairs(&[("b", "2")]));
    }
}
