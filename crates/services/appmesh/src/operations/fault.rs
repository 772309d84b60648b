//! Faults on purpose. These operations are ours.
//!
//! None can be left on: each has an end when it is asked for, which the controller keeps, and our proxies by themselves
//! should the control plane be gone by then.

use std::time::Duration;

use api::appmesh::{
    RouteSpec, VirtualNodeSpec,
    fault::{
        Abort, Delay, InjectFaultRequest, InjectFaultResponse, InjectedFault, ListFaultsRequest, ListFaultsResponse,
        RemoveFaultRequest, RemoveFaultResponse,
    },
};
use store::Key;
use wire::Context;

use super::{resource, route};
use crate::{
    State,
    check::Checks,
    error::Error,
    plan::RouteName,
    rows::{Injection, own_name},
};

/// The longest fault, and the latest beginning of one, in seconds.
const SECONDS_MAX: u64 = 3600;
/// The longest delay, in milliseconds: less than a request may take where nothing is said.
const DELAY_MILLIS_MAX: u64 = 10_000;
/// Ten-thousandths of a percent are Envoy's finest.
const PERCENT_MIN: f64 = 0.0001;

pub(super) async fn inject_fault(
    cx: Context<State>,
    request: InjectFaultRequest,
) -> Result<InjectFaultResponse, Error> {
    let route = checked(&request)?;
    let path = [("meshName", request.mesh_name.as_str()), ("virtualNodeName", &request.virtual_node_name)];
    let key = resource::key(cx.scope(), None, &path)?;
    resource::describe::<VirtualNodeSpec>(&cx.store, &key)?;
    if let Some(route) = &route {
        let key = route::key(&cx, None, &request.mesh_name, &route.router, &route.route)?;
        resource::describe::<RouteSpec>(&cx.store, &key)?;
    }
    let begins_at = cx.clock.now().plus(Duration::from_secs(request.after_seconds.unwrap_or(0)));
    let injection = Injection {
        route,
        abort: request.abort,
        delay: request.delay,
        begins_at,
        ends_at: begins_at.plus(Duration::from_secs(request.seconds)),
    };
    cx.store.write(|tx| tx.put(&key, &injection))?;
    Ok(InjectFaultResponse { fault: told(&key, injection) })
}

/// Refuses what cannot be made; answers the route that it is about.
fn checked(request: &InjectFaultRequest) -> Result<Option<RouteName>, Error> {
    let mut checks = Checks::default();
    checks.range("seconds", request.seconds, 1, SECONDS_MAX);
    checks.range("afterSeconds", request.after_seconds.unwrap_or(0), 0, SECONDS_MAX);
    let mut part = |path: &str, percent: f64| {
        if !(PERCENT_MIN..=100.0).contains(&percent) {
            checks.fault(path, percent, "Member must have value between 0.0001 and 100");
        }
    };
    if let Some(Abort { percent, .. }) = request.abort {
        part("abort.percent", percent);
    }
    if let Some(Delay { percent, .. }) = request.delay {
        part("delay.percent", percent);
    }
    if let Some(Abort { status, .. }) = request.abort {
        checks.range("abort.status", status.into(), 400, 599);
    }
    if let Some(Delay { milliseconds, .. }) = request.delay {
        checks.range("delay.milliseconds", milliseconds, 1, DELAY_MILLIS_MAX);
    }
    checks.demand(
        request.abort.is_some() || request.delay.is_some(),
        "abort",
        "or delay is needed: a fault does something",
    );
    let route = request.virtual_router_name.clone().zip(request.route_name.clone());
    let half = request.virtual_router_name.is_some() != request.route_name.is_some();
    checks.demand(!half, "routeName", "and virtualRouterName belong together");
    checks.finish()?;
    Ok(route.map(|(router, route)| RouteName { router, route }))
}

pub(super) async fn remove_fault(
    cx: Context<State>,
    request: RemoveFaultRequest,
) -> Result<RemoveFaultResponse, Error> {
    let path = [("meshName", request.mesh_name.as_str()), ("virtualNodeName", &request.virtual_node_name)];
    let key = resource::key(cx.scope(), None, &path)?;
    cx.store.write(|tx| tx.delete::<Injection>(&key))?;
    Ok(RemoveFaultResponse {})
}

pub(super) async fn list_faults(cx: Context<State>, request: ListFaultsRequest) -> Result<ListFaultsResponse, Error> {
    let mesh = resource::key(cx.scope(), None, &[("meshName", &request.mesh_name)])?;
    resource::describe::<api::appmesh::MeshSpec>(&cx.store, &mesh)?;
    let now = cx.clock.now();
    let all = cx.store.write(|tx| tx.list_under::<Injection>(&mesh.scope, &format!("{}/", mesh.name)))?;
    let left = all.into_iter().filter(|(_, injection)| injection.ends_at > now);
    Ok(ListFaultsResponse { faults: left.map(|(key, injection)| told(&key, injection)).collect() })
}

fn told(key: &Key, injection: Injection) -> InjectedFault {
    let Injection { route, abort, delay, begins_at, ends_at, .. } = injection;
    let (virtual_router_name, route_name) = route.map(|name| (name.router, name.route)).unzip();
    InjectedFault {
        virtual_node_name: own_name(key).to_owned(),
        virtual_router_name,
        route_name,
        abort,
        delay,
        begins_at,
        ends_at,
    }
}
