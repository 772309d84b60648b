//! From a mesh to the resources of the proxies of one of its endpoints, a virtual node or a virtual gateway.
//!
//! A virtual node's proxy takes what its task receives on port 15000 and what its task sends on port 15001, both by redirection, so that
//! the connection's original port decides what it is. Incoming, the port is a listener of the node and leads to the
//! application beside the proxy. Outgoing, the port is that of a virtual service, and the host of a request tells which.

mod cluster;
mod compose;
mod egress;
mod fault;
mod gateway;
mod http_route;
mod ingress;
mod listener;
mod names;
mod proto;
mod retry;
mod service;
mod tcp_route;
mod tls;
mod trial;

use std::collections::BTreeSet;

use api::appmesh::{
    BackendDefaults, ClientPolicy, ClientPolicyTls, IpPreference, Listener, Logging, PortMapping, VirtualGatewaySpec,
    VirtualNodeConnectionPool, VirtualNodeSpec,
};
use xds::{Builder, Snapshot};

use crate::plan::{EndpointPlan, Fault, Mesh, RouteName};

/// What the translation of one mesh endpoint reads, and what it makes.
struct Scene<'a> {
    mesh: &'a Mesh,
    /// The endpoint's own name.
    name: &'a str,
    /// How many listeners it has.
    listeners: usize,
    /// Which family of addresses it uses.
    preference: Option<IpPreference>,
    logging: Option<&'a Logging>,
    builder: Builder,
    routes: BTreeSet<RouteName>,
    faults: Vec<Fault>,
}

/// The clusters by which other endpoints of `mesh` know the virtual node `node` with these listeners.
pub(crate) fn clusters_of(mesh: &str, node: &str, listeners: &[Listener]) -> Vec<String> {
    let name =
        |mapping: PortMapping| names::cluster(names::Direction::Egress, mesh, node, mapping.protocol, mapping.port);
    listeners.iter().map(|listener| name(listener.port_mapping)).collect()
}

impl<'a> Scene<'a> {
    fn new(mesh: &'a Mesh, name: &'a str) -> Self {
        let builder = Snapshot::builder();
        let (routes, faults) = (BTreeSet::new(), Vec::new());
        let preference = mesh.spec.service_discovery.and_then(|discovery| discovery.ip_preference);
        Self { mesh, name, listeners: 0, preference, logging: None, builder, routes, faults }
    }

    /// Notes that something is left out, and why.
    fn fault(&mut self, route: Option<&RouteName>, text: String) {
        let fault = Fault { route: route.cloned(), text };
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Whether it uses IPv6 where it can.
    fn is_ipv6(&self) -> bool {
        matches!(self.preference, Some(IpPreference::Ipv6Only | IpPreference::Ipv6Preferred))
    }

    /// The address its proxies listen on: every one of IPv4, and of IPv6 where that is used.
    fn any(&self) -> &'static str {
        if self.is_ipv6() { "::" } else { "0.0.0.0" }
    }

    /// The address its application listens on.
    fn application(&self) -> &'static str {
        if self.is_ipv6() { "::1" } else { "127.0.0.1" }
    }

    fn finish(mut self) -> EndpointPlan {
        EndpointPlan { snapshot: self.builder.build(), routes: self.routes, faults: self.faults }
    }
}

/// How the endpoint speaks to one of its backends.
#[derive(Clone, Copy, Default)]
struct Client<'a> {
    policy: Option<&'a ClientPolicyTls>,
    /// How much may be under way to each host group of the backend.
    pool: Option<VirtualNodeConnectionPool>,
    /// What tells the backend's clusters from others that lead to the same hosts in another way.
    variant: Option<&'a str>,
    /// Whose requests have clusters of their own, so that they are counted apart.
    apart: Option<&'a str>,
}

/// The TLS part of a client's policy.
pub(crate) fn tls_of(policy: Option<&ClientPolicy>) -> Option<&ClientPolicyTls> {
    policy.and_then(|policy| policy.tls.as_ref())
}

/// The TLS part of the policy toward backends that have none of their own.
fn default_tls(defaults: Option<&BackendDefaults>) -> Option<&ClientPolicyTls> {
    tls_of(defaults.and_then(|defaults| defaults.client_policy.as_ref()))
}

/// The plan of the virtual node `node` of `mesh`.
pub(crate) fn of_node(mesh: &Mesh, node: &str, spec: &VirtualNodeSpec) -> EndpointPlan {
    let mut scene = Scene::new(mesh, node);
    scene.listeners = spec.listeners.len();
    scene.logging = spec.logging.as_ref();
    let own = spec.service_discovery.as_ref().and_then(cluster::preference);
    scene.preference = own.or(scene.preference);
    ingress::build(&mut scene, spec);
    egress::build(&mut scene, spec);
    scene.finish()
}

/// The plan of the virtual gateway `gateway` of `mesh`.
pub(crate) fn of_gateway(mesh: &Mesh, gateway: &str, spec: &VirtualGatewaySpec) -> EndpointPlan {
    let mut scene = Scene::new(mesh, gateway);
    scene.listeners = spec.listeners.len();
    scene.logging = spec.logging.as_ref();
    gateway::build(&mut scene, spec);
    scene.finish()
}
