//! All that one node's proxies should do, at one moment.

use std::{collections::BTreeMap, sync::Arc};

use envoy_types::pb::envoy::{
    config::{
        cluster::v3::Cluster, endpoint::v3::ClusterLoadAssignment, listener::v3::Listener,
        route::v3::RouteConfiguration,
    },
    extensions::transport_sockets::tls::v3::Secret,
};

use crate::{Kind, Resource, resource::fingerprint};

/// Resources of one kind, by name.
pub(crate) type View = Arc<BTreeMap<String, Arc<Resource>>>;

/// All resources of a node. Equal content has equal versions.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    kinds: [View; 5],
    versions: [Arc<str>; 5],
}

impl Snapshot {
    /// Starts an empty one.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The version of the resources of `kind`: a fingerprint of their content.
    pub fn version(&self, kind: Kind) -> &str {
        &self.versions[kind.index()]
    }

    /// The resources of `kind`, by name.
    pub fn resources(&self, kind: Kind) -> &BTreeMap<String, Arc<Resource>> {
        &self.kinds[kind.index()]
    }

    /// Whether the two say the same.
    pub fn is_same(&self, other: &Self) -> bool {
        self.versions == other.versions
    }

    pub(crate) fn view(&self, kind: Kind) -> &View {
        &self.kinds[kind.index()]
    }

    /// The version of `view`, without hashing where it is this snapshot's own.
    pub(crate) fn version_of(&self, kind: Kind, view: &View) -> Arc<str> {
        if Arc::ptr_eq(view, self.view(kind)) { Arc::clone(&self.versions[kind.index()]) } else { version(view) }
    }

    /// The same, with what did not change since `before` being `before`'s own: so that it is held once, and streams see
    /// at a glance that it is theirs.
    #[must_use]
    pub(crate) fn sharing(mut self, before: &Self) -> Self {
        for kind in Kind::ALL.map(Kind::index) {
            if self.versions[kind] == before.versions[kind] {
                self.kinds[kind] = Arc::clone(&before.kinds[kind]);
                self.versions[kind] = Arc::clone(&before.versions[kind]);
                continue;
            }
            for (name, resource) in Arc::make_mut(&mut self.kinds[kind]) {
                if let Some(same) = before.kinds[kind].get(name).filter(|same| same.version() == resource.version()) {
                    *resource = Arc::clone(same);
                }
            }
        }
        self
    }
}

/// The fingerprint of names and versions.
fn version(view: &BTreeMap<String, Arc<Resource>>) -> Arc<str> {
    let parts: Vec<&str> = view.values().flat_map(|resource| [resource.name(), resource.version()]).collect();
    fingerprint(&parts).into()
}

/// Collects the resources of a snapshot. Of two of one kind and name the later counts.
#[derive(Debug, Default)]
pub struct Builder {
    kinds: [BTreeMap<String, Arc<Resource>>; 5],
}

impl Builder {
    /// Adds a cluster.
    pub fn cluster(&mut self, cluster: &Cluster) -> &mut Self {
        self.add(Kind::Cluster, Resource::cluster(cluster))
    }

    /// Adds the hosts of a cluster.
    pub fn endpoints(&mut self, assignment: &ClusterLoadAssignment) -> &mut Self {
        self.add(Kind::Endpoint, Resource::endpoints(assignment))
    }

    /// Adds a secret.
    pub fn secret(&mut self, secret: &Secret) -> &mut Self {
        self.add(Kind::Secret, Resource::secret(secret))
    }

    /// Adds a listener.
    pub fn listener(&mut self, listener: &Listener) -> &mut Self {
        self.add(Kind::Listener, Resource::listener(listener))
    }

    /// Adds a route configuration.
    pub fn route(&mut self, routes: &RouteConfiguration) -> &mut Self {
        self.add(Kind::Route, Resource::route(routes))
    }

    /// The snapshot.
    pub fn build(&mut self) -> Snapshot {
        let kinds = std::mem::take(&mut self.kinds);
        let versions = kinds.each_ref().map(version);
        Snapshot { kinds: kinds.map(Arc::new), versions }
    }

    fn add(&mut self, kind: Kind, resource: Resource) -> &mut Self {
        self.kinds[kind.index()].insert(resource.name().to_owned(), Arc::new(resource));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_change_is_held_once() {
        let build = |seconds| {
            let mut builder = Snapshot::builder();
            for (name, priority) in [("same", 0), ("other", seconds)] {
                let cluster =
                    Cluster { name: name.to_owned(), alt_stat_name: "x".repeat(priority), ..Cluster::default() };
                builder.cluster(&cluster);
            }
            builder.endpoints(&ClusterLoadAssignment { cluster_name: "same".to_owned(), ..Default::default() });
            builder.build()
        };
        let (before, after) = (build(0), build(1));
        let after = after.sharing(&before);
        assert!(Arc::ptr_eq(before.view(Kind::Endpoint), after.view(Kind::Endpoint)));
        let pair = |name: &str| (&before.resources(Kind::Cluster)[name], &after.resources(Kind::Cluster)[name]);
        assert!(Arc::ptr_eq(pair("same").0, pair("same").1));
        assert_ne!(pair("other").0.version(), pair("other").1.version());
    }
}
