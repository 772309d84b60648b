//! From a mesh to the resources of one virtual node's proxies.
//!
//! A proxy takes what its task receives on port 15000 and what its task sends on port 15001, both by redirection, so that
//! the connection's original port decides what it is. Incoming, the port is a listener of the node and leads to the
//! application beside the proxy. Outgoing, the port is that of a virtual service, and the host of a request tells which.

mod cluster;
mod egress;
mod http_route;
mod ingress;
mod listener;
mod names;
mod proto;
mod retry;
mod tcp_route;

use std::collections::BTreeSet;

use api::appmesh::VirtualNodeSpec;
use xds::{Builder, Snapshot};

use crate::plan::{Fault, Mesh, NodePlan, RouteName};

/// What the translation of one virtual node reads, and what it makes.
struct Scene<'a> {
    mesh: &'a Mesh,
    node: &'a str,
    spec: &'a VirtualNodeSpec,
    builder: Builder,
    routes: BTreeSet<RouteName>,
    faults: Vec<Fault>,
}

impl Scene<'_> {
    /// Notes that something is left out, and why.
    fn fault(&mut self, route: Option<&RouteName>, text: String) {
        let fault = Fault { route: route.cloned(), text };
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }
}

/// The plan of the virtual node `node` of `mesh`.
pub(crate) fn of_node(mesh: &Mesh, node: &str, spec: &VirtualNodeSpec) -> NodePlan {
    let mut scene =
        Scene { mesh, node, spec, builder: Snapshot::builder(), routes: BTreeSet::new(), faults: Vec::new() };
    ingress::build(&mut scene);
    egress::build(&mut scene);
    NodePlan { snapshot: scene.builder.build(), routes: scene.routes, faults: scene.faults }
}
