//! The plan: what the proxies of each mesh endpoint are to do, from what is asked of the mesh. Pure.
//!
//! One translation serves every data plane: the resources are Envoy's own, named as App Mesh named them, so that
//! dashboards and dumps read as before. What cannot be translated, because it refers to what is not there, is left out
//! and named as a fault; the rest of the mesh does not suffer from it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use api::appmesh::{
    AwsCloudMapServiceDiscovery, GatewayRouteSpec, MeshSpec, RouteSpec, VirtualGatewaySpec, VirtualNodeSpec,
    VirtualRouterSpec, VirtualServiceSpec, trial::Trial,
};
use serde::{Deserialize, Serialize};
use xds::Snapshot;

use crate::{rows::Injection, snapshot};

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
    /// Its virtual gateways, by name.
    pub gateways: BTreeMap<String, VirtualGatewaySpec>,
    /// Its gateway routes.
    pub gateway_routes: BTreeMap<GatewayRouteName, GatewayRouteSpec>,
    /// The addresses of the instances that Cloud Map knows, by virtual node.
    pub instances: BTreeMap<String, Vec<String>>,
    /// The faults that are made on purpose now, by virtual node.
    pub injections: BTreeMap<String, Injection>,
    /// What is tried on routes.
    pub trials: BTreeMap<RouteName, Trial>,
    /// The certificates that are to be had, by the name the mesh has for them: the ARN of one of ACM, or the name of a
    /// secret that the house itself vouches for.
    pub certificates: BTreeMap<String, Certificate>,
    /// The certificate authorities that are to be had, in PEM, by ARN or by the name of a secret.
    pub authorities: BTreeMap<String, String>,
}

/// A certificate with its key.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate and those between it and the authority, in PEM.
    pub chain: String,
    /// Its private key, in PEM.
    pub private_key: String,
    /// The authority it comes from, in PEM.
    pub authorities: String,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A key has no place in a log.
        formatter.debug_struct("Certificate").field("chain", &self.chain).finish_non_exhaustive()
    }
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RouteName {
    /// The virtual router.
    pub router: String,
    /// The route.
    pub route: String,
}

/// A gateway route and the virtual gateway it hangs on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GatewayRouteName {
    /// The virtual gateway.
    pub gateway: String,
    /// The gateway route.
    pub route: String,
}

/// A member of the mesh that proxies stand for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MeshEndpoint {
    /// A virtual node, by its name.
    VirtualNode(String),
    /// A virtual gateway, by its name.
    VirtualGateway(String),
}

impl MeshEndpoint {
    /// The endpoint called `name` of the kind that ARNs call `kind`.
    pub fn parse(kind: &str, name: &str) -> Option<Self> {
        match kind {
            "virtualNode" => Some(Self::VirtualNode(name.to_owned())),
            "virtualGateway" => Some(Self::VirtualGateway(name.to_owned())),
            _ => None,
        }
    }

    /// Its own name.
    pub fn name(&self) -> &str {
        match self {
            Self::VirtualNode(name) | Self::VirtualGateway(name) => name,
        }
    }
}

impl fmt::Display for MeshEndpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VirtualNode(name) => write!(formatter, "virtualNode/{name}"),
            Self::VirtualGateway(name) => write!(formatter, "virtualGateway/{name}"),
        }
    }
}

/// What the proxies of one mesh endpoint are to do.
#[derive(Clone, Debug, Default)]
pub struct EndpointPlan {
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

/// The plan of every mesh endpoint of `mesh`.
pub fn plan(mesh: &Mesh) -> BTreeMap<MeshEndpoint, EndpointPlan> {
    let nodes = mesh.nodes.iter();
    let nodes =
        nodes.map(|(name, spec)| (MeshEndpoint::VirtualNode(name.clone()), snapshot::of_node(mesh, name, spec)));
    let gateways = mesh.gateways.iter();
    let gateways = gateways
        .map(|(name, spec)| (MeshEndpoint::VirtualGateway(name.clone()), snapshot::of_gateway(mesh, name, spec)));
    nodes.chain(gateways).collect()
}
