//! Trials of a version on a route. These operations are ours.
//!
//! A trial is beside the route and never in it: the route reads and updates as App Mesh has it, and is the same again
//! when the trial is over. It dies with its route.

use api::appmesh::{
    MeshSpec, RouteSpec, VirtualNodeSpec,
    trial::{
        ListTrialsRequest, ListTrialsResponse, PutTrialRequest, PutTrialResponse, RemoveTrialRequest,
        RemoveTrialResponse, TrialOfRoute,
    },
};
use store::Key;
use wire::Context;

use super::{resource, route};
use crate::{
    State,
    check::{self, Checks},
    controller::route_name,
    error::Error,
    rows::{OnTrial, Resource, own_name},
};

pub(super) async fn put_trial(cx: Context<State>, request: PutTrialRequest) -> Result<PutTrialResponse, Error> {
    let PutTrialRequest { mesh_name, virtual_router_name, route_name, trial } = request;
    let mut checks = Checks::default();
    check::trial(&mut checks, &trial);
    checks.finish()?;
    let key = route::key(&cx, None, &mesh_name, &virtual_router_name, &route_name)?;
    resource::describe::<RouteSpec>(&cx.store, &key)?;
    cx.store.write(|tx| {
        let row = resource::present::<RouteSpec>(tx, &key)?;
        if row.spec.tcp_route.is_some() {
            let text = format!("Route {} is for TCP, where nothing tells whose bytes they are", own_name(&key));
            return Err(Error::Invalid(text));
        }
        resource::demand::<VirtualNodeSpec>(tx, &key, &trial.virtual_node_name)?;
        Ok(tx.put(&key, &OnTrial { uid: row.uid, trial })?)
    })?;
    Ok(PutTrialResponse {})
}

pub(super) async fn remove_trial(
    cx: Context<State>,
    request: RemoveTrialRequest,
) -> Result<RemoveTrialResponse, Error> {
    let key = route::key(&cx, None, &request.mesh_name, &request.virtual_router_name, &request.route_name)?;
    cx.store.write(|tx| tx.delete::<OnTrial>(&key))?;
    Ok(RemoveTrialResponse {})
}

pub(super) async fn list_trials(cx: Context<State>, request: ListTrialsRequest) -> Result<ListTrialsResponse, Error> {
    let mesh = resource::key(cx.scope(), None, &[("meshName", &request.mesh_name)])?;
    resource::describe::<MeshSpec>(&cx.store, &mesh)?;
    let trials = cx.store.write(|tx| {
        let all = tx.list_under::<OnTrial>(&mesh.scope, &format!("{}/", mesh.name))?;
        let mut standing = Vec::new();
        for (key, row) in all {
            if tx.get::<Resource<RouteSpec>>(&key)?.is_some_and(|route| route.uid == row.uid) {
                standing.push(told(&key, row));
            }
        }
        Ok::<_, Error>(standing)
    })?;
    Ok(ListTrialsResponse { trials })
}

fn told(key: &Key, row: OnTrial) -> TrialOfRoute {
    let name = route_name(key);
    TrialOfRoute { virtual_router_name: name.router, route_name: name.route, trial: row.trial }
}
