//! What a canary is about, and how its traffic is read and moved: a route of App Mesh between two virtual nodes, or a
//! deployment of ECS between two target groups. The ramp and the judge know nothing of the difference.
//!
//! Each is asked by the API of the service that owns it, as a user would ask.

mod route;
mod service;

use api::{Fault, appmesh::RouteSpec, ecs::DescribeSteeringResponse};
use names::Scope;
use serde::{Deserialize, Serialize};

use crate::{Canaries, Error, plan::Phase, policy::Weight, reading::Reading, rows::Canary};

pub(crate) use route::{Route, Standing as RouteStanding};
pub(crate) use service::Service;

/// What a canary is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Subject {
    /// A route.
    Route(Box<Route>),
    /// A deployment of a service.
    Service(Service),
}

impl Subject {
    /// What people call it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Route(route) => &route.route,
            Self::Service(service) => &service.service,
        }
    }

    /// Whether both are about the same route, or the same service.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Route(one), Self::Route(other)) => one.is_same_as(other),
            (Self::Service(one), Self::Service(other)) => one.is_same_as(other),
            _ => false,
        }
    }
}

/// How a canary's traffic stands now.
pub(crate) enum Standing {
    /// As the route and its proxies say.
    Route(Box<RouteStanding>),
    /// As ECS says.
    Service(DescribeSteeringResponse),
}

/// Why a canary cannot go on.
pub(crate) enum Over {
    /// It is gone, or somebody else changed it.
    Lost(String),
    /// The deployment goes on to its end with all of the traffic.
    Finished,
}

/// How the traffic of `canary` stands, which last made `ours` of its route.
pub(crate) async fn stand(
    cx: &Canaries,
    scope: &Scope,
    canary: &Canary,
    ours: Option<&RouteSpec>,
) -> Result<Result<Standing, Over>, Fault> {
    match &canary.subject {
        Subject::Route(route) => {
            let stood = route.stand(cx, scope, ours).await?;
            Ok(stood.map(|standing| Standing::Route(Box::new(standing))).map_err(Over::Lost))
        }
        Subject::Service(service) => Ok(service.stand(cx, scope).await?.map(Standing::Service)),
    }
}

impl Standing {
    /// The part of the new version that is in force everywhere.
    pub(crate) fn applied(&self, canary: &Canary, ours: Option<&RouteSpec>) -> Option<Weight> {
        match self {
            // A route that is not ours yet says nothing of what we asked for.
            Self::Route(standing) if ours.is_some() => standing.applied(canary),
            Self::Route(_) => None,
            Self::Service(steering) => Weight::tenths(steering.applied?),
        }
    }

    /// How many proxies carry it.
    pub(crate) fn proxies(&self) -> u32 {
        match self {
            Self::Route(standing) => standing.status.proxies,
            Self::Service(_) => 1,
        }
    }

    /// What those that carry it have counted.
    pub(crate) async fn read(&self, cx: &Canaries, scope: &Scope, canary: &Canary) -> Result<Vec<Reading>, Error> {
        match (self, &canary.subject) {
            (Self::Route(standing), Subject::Route(route)) => standing.read(cx, scope, route, canary).await,
            (Self::Service(steering), _) => service::read(cx, scope, steering).await,
            (Self::Route(_), Subject::Service(_)) => Ok(Vec::new()),
        }
    }
}

/// What a phase is that ends with what ended its subject; none where that is not how it was to end.
pub(crate) fn end_of(phase: &Phase, over: &Over) -> Option<Phase> {
    match (phase, over) {
        (Phase::Done, _) | (_, Over::Finished) => Some(Phase::Done),
        (Phase::TakingBack(reason) | Phase::TakenBack(reason), Over::Lost(_)) => Some(Phase::TakenBack(*reason)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
