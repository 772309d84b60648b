//! A route of App Mesh whose traffic moves from one virtual node to another.

use api::{
    Fault,
    appmesh::{
        DescribeRoute, DescribeRouteRequest, RouteSpec, UpdateRoute, UpdateRouteRequest,
        status::{DescribeRouteStatus, DescribeRouteStatusRequest, DescribeRouteStatusResponse},
    },
};
use names::Scope;
use serde::{Deserialize, Serialize};

use super::Subject;
use crate::{
    Canaries, Error,
    policy::Weight,
    reading::{Clusters, Reading},
    rows::Canary,
    shift::{self, Move},
};

/// A route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Route {
    pub(crate) mesh: String,
    pub(crate) router: String,
    pub(crate) route: String,
    /// The route before the canary, which it has again if that is taken back.
    pub(crate) before: RouteSpec,
    /// The route as it is to become.
    pub(crate) after: RouteSpec,
}

/// The route as it is asked for now, and how far the proxies are with it.
pub(crate) struct Standing {
    pub(crate) spec: RouteSpec,
    pub(crate) status: DescribeRouteStatusResponse,
}

impl Canary {
    /// Whether it is about this route.
    pub(crate) fn is_of(&self, mesh: &str, router: &str, route: &str) -> bool {
        matches!(&self.subject, Subject::Route(own) if own.is_of(mesh, router, route))
    }

    /// The virtual nodes that it is between.
    fn between(&self) -> Move {
        Move { baseline: self.baseline.clone(), canary: self.canary.clone() }
    }
}

impl Route {
    /// Whether it is about this route.
    pub(crate) fn is_of(&self, mesh: &str, router: &str, route: &str) -> bool {
        (self.mesh.as_str(), self.router.as_str(), self.route.as_str()) == (mesh, router, route)
    }

    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.is_of(&other.mesh, &other.router, &other.route)
    }

    /// How it stands; why it is not the canary's any more, if it is not.
    pub(super) async fn stand(
        &self,
        cx: &Canaries,
        scope: &Scope,
        ours: Option<&RouteSpec>,
    ) -> Result<Result<Standing, String>, Fault> {
        let standing = match self.describe(cx, scope).await {
            Ok(standing) => standing,
            Err(fault) if fault.code == "NotFoundException" => {
                return Ok(Err(format!("the route {} is gone", self.route)));
            }
            Err(fault) => return Err(fault),
        };
        if ours.is_some_and(|ours| *ours != standing.spec) {
            let why = format!("somebody else changed the route {}, and it stays as they wanted it", self.route);
            return Ok(Err(why));
        }
        Ok(Ok(standing))
    }

    async fn describe(&self, cx: &Canaries, scope: &Scope) -> Result<Standing, Fault> {
        let Self { mesh, router, route, .. } = self;
        let request = DescribeRouteRequest {
            mesh_name: mesh.clone(),
            mesh_owner: None,
            route_name: route.clone(),
            virtual_router_name: router.clone(),
        };
        let spec = cx.caller.call::<DescribeRoute>(scope, request).await?.route.spec;
        let request = DescribeRouteStatusRequest {
            mesh_name: mesh.clone(),
            mesh_owner: None,
            virtual_router_name: router.clone(),
            route_name: route.clone(),
            wait_seconds: None,
        };
        Ok(Standing { spec, status: cx.caller.call::<DescribeRouteStatus>(scope, request).await? })
    }

    /// What it looks like when the new version of `canary` has `weight`.
    pub(crate) fn with(&self, canary: &Canary, weight: Weight, back: bool) -> RouteSpec {
        if back && weight == Weight::NONE {
            shift::taken_back(&self.before, &canary.between())
        } else {
            shift::underway(&self.before, &self.after, &canary.between(), weight)
        }
    }

    /// Makes it `spec`.
    pub(crate) async fn set(&self, cx: &Canaries, scope: &Scope, spec: RouteSpec) -> Result<(), Fault> {
        let request = UpdateRouteRequest {
            client_token: None,
            mesh_name: self.mesh.clone(),
            mesh_owner: None,
            route_name: self.route.clone(),
            spec,
            virtual_router_name: self.router.clone(),
        };
        cx.caller.call::<UpdateRoute>(scope, request).await.map(drop)
    }
}

impl Standing {
    pub(super) fn applied(&self, canary: &Canary) -> Option<Weight> {
        if self.status.is_applied() { shift::part(&self.status.applied, &canary.between()) } else { None }
    }

    pub(super) async fn read(
        &self,
        cx: &Canaries,
        scope: &Scope,
        route: &Route,
        canary: &Canary,
    ) -> Result<Vec<Reading>, Error> {
        let of = |node: &String| self.status.clusters.get(node).cloned().unwrap_or_default();
        let clusters = Clusters { baseline: of(&canary.baseline), canary: of(&canary.canary) };
        cx.proxies.read(scope, &route.mesh, &clusters).await
    }
}
