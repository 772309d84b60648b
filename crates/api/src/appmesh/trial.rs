//! Trials: who goes to a version before the weights of a route send anybody there.
//!
//! These operations are ours, and no template of App Mesh has them: whoever takes a version through a canary asks for
//! them while that lasts. What they do is said in App Mesh's own words for headers.

use serde::{Deserialize, Serialize};

use super::{HeaderMatchMethod, HttpRouteHeader};
use crate::{Http, operation};

/// What is tried on a route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trial {
    /// The virtual node that is on trial.
    pub virtual_node_name: String,
    /// Whose requests go there whatever the weights are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub testers: Option<Testers>,
    /// By what users are known who are to stay with the version that they have come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Sticky>,
}

/// What users are known by: one member of the union.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sticky {
    /// The value of the header of this name, 1 to 50 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The value of a cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<StickyCookie>,
}

/// A cookie that users are known by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StickyCookie {
    /// Its name, 1 to 50 characters.
    pub name: String,
    /// Who comes without the cookie is given one that lasts so long, in seconds, at most a year. Not given: none is, and
    /// the cookie is one of the application's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// Requests by which testers are known: one member of the union.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Testers {
    /// They have this header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<HttpRouteHeader>,
    /// They have this cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<TesterCookie>,
}

/// A cookie that a request must have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TesterCookie {
    /// Its name, 1 to 50 characters.
    pub name: String,
    /// What its value must be; any if not given. A value is no number here, so there are no ranges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#match: Option<HeaderMatchMethod>,
}

/// Asks for a trial; one that the route has already is replaced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutTrialRequest {
    /// The mesh.
    pub mesh_name: String,
    /// The virtual router of the route.
    pub virtual_router_name: String,
    /// The route, of HTTP, HTTP/2 or gRPC.
    pub route_name: String,
    /// What is to be tried on it.
    pub trial: Trial,
}

/// The route is on trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutTrialResponse {}

/// Asks for a trial to end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoveTrialRequest {
    /// The mesh.
    pub mesh_name: String,
    /// The virtual router of the route.
    pub virtual_router_name: String,
    /// The route.
    pub route_name: String,
}

/// There is none any more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RemoveTrialResponse {}

/// Asks for the trials of a mesh.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListTrialsRequest {
    /// The mesh.
    pub mesh_name: String,
}

/// The trials of a mesh.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTrialsResponse {
    /// By route.
    pub trials: Vec<TrialOfRoute>,
}

/// A route on trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrialOfRoute {
    /// The virtual router of the route.
    pub virtual_router_name: String,
    /// The route.
    pub route_name: String,
    /// What is tried on it.
    pub trial: Trial,
}

operation!(
    PutTrial,
    "appmesh",
    PutTrialRequest,
    PutTrialResponse,
    Http::new("PUT", "/serin/v1/meshes/{meshName}/virtualRouters/{virtualRouterName}/routes/{routeName}/trial")
);
operation!(
    RemoveTrial,
    "appmesh",
    RemoveTrialRequest,
    RemoveTrialResponse,
    Http::new("DELETE", "/serin/v1/meshes/{meshName}/virtualRouters/{virtualRouterName}/routes/{routeName}/trial")
);
operation!(
    ListTrials,
    "appmesh",
    ListTrialsRequest,
    ListTrialsResponse,
    Http::new("GET", "/serin/v1/meshes/{meshName}/trials")
);
