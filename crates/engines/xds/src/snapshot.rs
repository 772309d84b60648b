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
    versions: [String; 5],
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
    pub(crate) fn version_of(&self, kind: Kind, view: &View) -> String {
        if Arc::ptr_eq(view, self.view(kind)) { self.version(kind).to_owned() } else { version(view) }
    }
}

/// The fingerprint of names and versions.
fn version(view: &BTreeMap<String, Arc<Resource>>) -> String {
    let parts: Vec<&str> = view.values().flat_map(|resource| [resource.name(), resource.version()]).collect();
    fingerprint(&parts)
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
