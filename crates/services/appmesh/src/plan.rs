//! The plan: what each virtual node's proxies are to do, from what is asked of the mesh. Pure.
//!
//! One translation serves every data plane: the resources are Envoy's own, named as App Mesh named them, so that
//! dashboards and dumps read as before. What cannot be translated, because it refers to what is not there, is left out
//! and named as a fault; the rest of the mesh does not suffer from it.

use std::collections::{BTreeMap, BTreeSet};

use api::appmesh::{
    AwsCloudMapServiceDiscovery, MeshSpec, RouteSpec, VirtualNodeSpec, VirtualRouterSpec, VirtualServiceSpec,
};
use xds::Snapshot;

use crate::snapshot;

/// A mesh as it is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mesh {
    /// Its name.
    pub name: String,
    /// What is asked of the mesh as a whole.
    pub spec: MeshSpec,
    /// Its virtual nodes, by name.
    pub nodes: BTreeMap<String, VirtualNodeSpec>,
    /// Its virtual routers, by name.
    pub routers: BTreeMap<String, VirtualRouterSpec>,
    /// Its routes.
    pub routes: BTreeMap<RouteName, RouteSpec>,
    /// Its virtual services, by name.
    pub services: BTreeMap<String, VirtualServiceSpec>,
    /// The addresses of the instances that Cloud Map knows, by virtual node.
    pub instances: BTreeMap<String, Vec<String>>,
}

impl Mesh {
    /// What each virtual node that is found by Cloud Map asks of it.
    pub fn cloud_maps(&self) -> impl Iterator<Item = (&String, &AwsCloudMapServiceDiscovery)> {
        self.nodes
            .iter()
            .filter_map(|(name, node)| Some((name, node.service_discovery.as_ref()?.aws_cloud_map.as_ref()?)))
    }
}

/// A route and the virtual router it hangs on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteName {
    /// The virtual router.
    pub router: String,
    /// The route.
    pub route: String,
}

/// What the proxies of one virtual node are to do.
#[derive(Clone, Debug, Default)]
pub struct NodePlan {
    /// All their resources.
    pub snapshot: Snapshot,
    /// The routes that are in it.
    pub routes: BTreeSet<RouteName>,
    /// What is not in it, and why.
    pub faults: Vec<Fault>,
}

/// Something that is asked for and cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The route it keeps from being done, if it is one.
    pub route: Option<RouteName>,
    /// What is wrong, on which thing.
    pub text: String,
}

/// The plan of every virtual node of `mesh`, by name.
pub fn plan(mesh: &Mesh) -> BTreeMap<String, NodePlan> {
    mesh.nodes.iter().map(|(name, spec)| (name.clone(), snapshot::of_node(mesh, name, spec))).collect()
}
