//! What is asked of a mesh (desired), and what its proxies do (observed).
//!
//! Every resource is a row of the same shape around its spec. Its key's name is the path of names that leads to it:
//! `mesh`, `mesh/node`, `mesh/router/route`, `mesh/gateway/route`; so all of a mesh lies under one prefix.

use api::appmesh::{
    GatewayRouteSpec, GatewayRouteTarget, MeshSpec, ResourceMetadata, RouteSpec, VirtualGatewaySpec, VirtualNodeSpec,
    VirtualRouterSpec, VirtualServiceSpec, WeightedTarget,
    fault::{Abort, Delay},
    status::Refusal,
    trial::Trial,
};
use names::{Arn, Tags, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use store::{Key, Row};

use crate::plan::RouteName;

/// One resource as it was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resource<S> {
    /// An id that no other resource ever has.
    pub uid: String,
    /// 1 when created, and one more with each change.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub last_updated_at: Timestamp,
    /// What is asked of it.
    pub spec: S,
    /// The tags on it.
    pub tags: Tags,
    /// The client token it was created with.
    pub created_with: Option<String>,
    /// The client token of its last change.
    pub updated_with: Option<String>,
}

/// A kind of resource, known by its spec.
pub trait Spec: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static {
    /// The kind of its rows.
    const KIND: &'static str;
    /// What App Mesh's messages call it.
    const NOUN: &'static str;
    /// How many there may be beside each other, and the words for it.
    const QUOTA: (usize, &'static str);
    /// What stands before each name of its path in its ARN.
    const ARN: &'static [&'static str];
}

impl Spec for MeshSpec {
    const KIND: &'static str = "appmesh/mesh";
    const NOUN: &'static str = "Mesh";
    const QUOTA: (usize, &'static str) = (15, "Meshes per account");
    const ARN: &'static [&'static str] = &["mesh"];
}

impl Spec for VirtualNodeSpec {
    const KIND: &'static str = "appmesh/virtual-node";
    const NOUN: &'static str = "VirtualNode";
    const QUOTA: (usize, &'static str) = (200, "VirtualNodes per Mesh");
    const ARN: &'static [&'static str] = &["mesh", "virtualNode"];
}

impl Spec for VirtualRouterSpec {
    const KIND: &'static str = "appmesh/virtual-router";
    const NOUN: &'static str = "VirtualRouter";
    const QUOTA: (usize, &'static str) = (200, "VirtualRouters per Mesh");
    const ARN: &'static [&'static str] = &["mesh", "virtualRouter"];
}

impl Spec for RouteSpec {
    const KIND: &'static str = "appmesh/route";
    const NOUN: &'static str = "Route";
    const QUOTA: (usize, &'static str) = (50, "Routes per VirtualRouter");
    const ARN: &'static [&'static str] = &["mesh", "virtualRouter", "route"];
}

impl Spec for VirtualServiceSpec {
    const KIND: &'static str = "appmesh/virtual-service";
    const NOUN: &'static str = "VirtualService";
    const QUOTA: (usize, &'static str) = (200, "VirtualServices per Mesh");
    const ARN: &'static [&'static str] = &["mesh", "virtualService"];
}

impl Spec for VirtualGatewaySpec {
    const KIND: &'static str = "appmesh/virtual-gateway";
    const NOUN: &'static str = "VirtualGateway";
    const QUOTA: (usize, &'static str) = (3, "VirtualGateways per Mesh");
    const ARN: &'static [&'static str] = &["mesh", "virtualGateway"];
}

impl Spec for GatewayRouteSpec {
    const KIND: &'static str = "appmesh/gateway-route";
    const NOUN: &'static str = "GatewayRoute";
    // AWS's 10 is one of the quotas it raised for who asked.
    const QUOTA: (usize, &'static str) = (50, "GatewayRoutes per VirtualGateway");
    const ARN: &'static [&'static str] = &["mesh", "virtualGateway", "gatewayRoute"];
}

impl<S: Spec> Row for Resource<S> {
    const KIND: &'static str = S::KIND;
}

impl<S: Spec> Resource<S> {
    /// The full name of the resource at `key`.
    pub fn arn(key: &Key) -> Arn {
        let steps = S::ARN.iter().zip(key.name.split('/'));
        let path: Vec<String> = steps.map(|(kind, name)| format!("{kind}/{name}")).collect();
        Arn::new("appmesh", &key.scope, path.join("/"))
    }

    /// What answers say of the resource at `key`.
    pub fn metadata(&self, key: &Key) -> ResourceMetadata {
        let account = key.scope.account.to_string();
        ResourceMetadata {
            arn: Self::arn(key),
            created_at: self.created_at,
            last_updated_at: self.last_updated_at,
            mesh_owner: account.clone(),
            resource_owner: account,
            uid: self.uid.clone(),
            version: self.version,
        }
    }
}

/// The name of the mesh that the row at `key` is in, or is.
pub(crate) fn mesh_of(key: &Key) -> Key {
    Key::new(&key.scope, key.name.split('/').next().unwrap_or_default())
}

/// The last name of `key`: that of the resource itself.
pub(crate) fn own_name(key: &Key) -> &str {
    key.name.rsplit('/').next().unwrap_or_default()
}

/// A fault that is made on purpose; it stands at its virtual node's own key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Injection {
    /// Only what comes by this route suffers.
    pub route: Option<RouteName>,
    /// What is answered in the application's place.
    pub abort: Option<Abort>,
    /// What comes later.
    pub delay: Option<Delay>,
    /// When it begins.
    pub begins_at: Timestamp,
    /// When it is over.
    pub ends_at: Timestamp,
}

impl Row for Injection {
    const KIND: &'static str = "appmesh/injection";
}

/// What is tried on a route; it stands at the route's own key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OnTrial {
    /// The id of the route: another one of the same name is not on trial.
    pub uid: String,
    /// It.
    pub trial: Trial,
}

impl Row for OnTrial {
    const KIND: &'static str = "appmesh/trial";
}

/// What the proxies do of a route; it stands at the route's own key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RouteObserved {
    /// The id of the route: another one of the same name starts anew.
    pub uid: String,
    /// The version of the route that was last handed to proxies.
    pub asked_version: i64,
    /// The last version that every proxy concerned had acknowledged.
    pub applied_version: Option<i64>,
    /// The shares of that version.
    pub applied: Vec<WeightedTarget>,
    /// The connected proxies that carry the route.
    pub proxies: u32,
    /// How many of them have acknowledged the version asked for.
    pub acknowledged: u32,
    /// Those that refused it.
    pub refusals: Vec<Refusal>,
    /// What kept the route, or what it refers to, from the proxies.
    pub faults: Vec<String>,
}

/// What the mesh asks for that cannot be done; it stands at the mesh's own key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeshObserved {
    /// Each with the virtual node or virtual gateway whose proxies do without it.
    pub faults: Vec<String>,
}

impl Row for MeshObserved {
    const KIND: &'static str = "appmesh/mesh.observed";
}

impl Row for RouteObserved {
    const KIND: &'static str = "appmesh/route.observed";
}

/// The kind of route a spec describes, and its targets, whichever kind that is.
pub(crate) fn targets(spec: &RouteSpec) -> &[WeightedTarget] {
    let http = spec.http_route.as_ref().or(spec.http2_route.as_ref()).map(|route| &route.action);
    let grpc = spec.grpc_route.as_ref().map(|route| &route.action);
    let tcp = spec.tcp_route.as_ref().map(|route| &route.action);
    http.or(grpc).or(tcp).map_or(&[], |action| &action.weighted_targets)
}

/// Where a gateway route leads, whichever kind it is.
pub(crate) fn gateway_target(spec: &GatewayRouteSpec) -> Option<&GatewayRouteTarget> {
    let http = spec.http_route.as_ref().or(spec.http2_route.as_ref()).map(|route| &route.action.target);
    http.or(spec.grpc_route.as_ref().map(|route| &route.action.target))
}
