//! What App Mesh never told: how far the proxies are. These operations are ours.

use std::{collections::BTreeMap, time::Duration};

use api::appmesh::{
    RouteSpec, VirtualNodeSpec,
    status::{
        DescribeRouteStatusRequest, DescribeRouteStatusResponse, ListProxiesRequest, ListProxiesResponse,
        ListTurnedAwayProxiesRequest, ListTurnedAwayProxiesResponse, Proxy, TurnedAwayProxy,
    },
};
use store::{Key, Row};
use tokio::time::Instant;
use wire::Context;
use xds::TurnedAway;

use super::{resource, route};
use crate::{
    State,
    check::Checks,
    error::Error,
    identity, observer,
    plan::MeshEndpoint,
    rows::{MeshObserved, Resource, RouteObserved, Spec, targets},
    snapshot::clusters_of,
};

/// The longest an answer is held, in seconds.
const WAIT_SECONDS_MAX: u32 = 60;

pub(super) async fn describe_route_status(
    cx: Context<State>,
    request: DescribeRouteStatusRequest,
) -> Result<DescribeRouteStatusResponse, Error> {
    let DescribeRouteStatusRequest { mesh_name, mesh_owner, virtual_router_name, route_name, wait_seconds } = request;
    let wait = wait_seconds.unwrap_or(0);
    let mut checks = Checks::default();
    checks.range("waitSeconds", wait.into(), 0, WAIT_SECONDS_MAX.into());
    checks.finish()?;
    let key = route::key(&cx, mesh_owner.as_deref(), &mesh_name, &virtual_router_name, &route_name)?;
    let news = cx.store.watch(&[RouteObserved::KIND, RouteSpec::KIND]);
    let deadline = Instant::now() + Duration::from_secs(wait.into());
    loop {
        let status = status(&cx, &key)?;
        if status.is_applied() {
            return Ok(status);
        }
        tokio::select! {
            _ = news.next() => {}
            () = tokio::time::sleep_until(deadline) => return Ok(status),
        }
    }
}

fn status(cx: &Context<State>, key: &Key) -> Result<DescribeRouteStatusResponse, Error> {
    let route = resource::describe::<RouteSpec>(&cx.store, key)?;
    let observed = cx.store.get::<RouteObserved>(key)?.filter(|observed| observed.uid == route.uid).unwrap_or_default();
    let mesh = key.name.split('/').next().unwrap_or_default();
    let mut clusters = BTreeMap::new();
    for target in targets(&route.spec) {
        let node = Key::new(&key.scope, format!("{mesh}/{}", target.virtual_node));
        let node = cx.store.get::<Resource<VirtualNodeSpec>>(&node)?;
        let listeners = node.map(|node| node.spec.listeners).unwrap_or_default();
        clusters.insert(target.virtual_node.clone(), clusters_of(mesh, &target.virtual_node, &listeners));
    }
    // What proxies have acknowledged of an older version says nothing of the one that is asked for now.
    let current = observed.asked_version == route.version;
    Ok(DescribeRouteStatusResponse {
        asked_version: route.version,
        asked: targets(&route.spec).to_vec(),
        applied_version: observed.applied_version,
        applied: observed.applied,
        clusters,
        proxies: observed.proxies,
        acknowledged: if current { observed.acknowledged } else { 0 },
        refusals: observed.refusals,
        faults: observed.faults,
    })
}

pub(super) async fn list_proxies(
    cx: Context<State>,
    request: ListProxiesRequest,
) -> Result<ListProxiesResponse, Error> {
    let mesh = resource::key(cx.scope(), request.mesh_owner.as_deref(), &[("meshName", &request.mesh_name)])?;
    resource::describe::<api::appmesh::MeshSpec>(&cx.store, &mesh)?;
    let mut proxies = Vec::new();
    for state in cx.cache.proxies() {
        let Some((scope, of_mesh, endpoint)) = identity::parse_node_name(&state.name) else { continue };
        if scope != mesh.scope || of_mesh != mesh.name {
            continue;
        }
        let asked = cx.cache.get(&state.name).map(|(_, revision)| revision);
        let (node, gateway) = match endpoint {
            MeshEndpoint::VirtualNode(name) => (Some(name), None),
            MeshEndpoint::VirtualGateway(name) => (None, Some(name)),
        };
        proxies.push(Proxy {
            virtual_node_name: node,
            virtual_gateway_name: gateway,
            task_arn: identity::task_arn(&state.node),
            up_to_date: asked == Some(state.revision()),
            refusal: observer::reasons(&state).next(),
        });
    }
    let by_name = |proxy: &Proxy| (proxy.virtual_gateway_name.clone(), proxy.virtual_node_name.clone());
    proxies.sort_by_cached_key(by_name);
    let faults = cx.store.get::<MeshObserved>(&mesh)?.unwrap_or_default().faults;
    Ok(ListProxiesResponse { proxies, faults })
}

pub(super) async fn list_turned_away_proxies(
    cx: Context<State>,
    _: ListTurnedAwayProxiesRequest,
) -> Result<ListTurnedAwayProxiesResponse, Error> {
    let own = |one: &TurnedAway| identity::scope_of(one).is_none_or(|scope| scope == *cx.scope());
    let proxies = cx.cache.turned_away().into_iter().filter(own).map(|one| TurnedAwayProxy {
        node: one.id,
        caller: one.caller,
        reason: one.reason,
        times: one.times,
    });
    Ok(ListTurnedAwayProxiesResponse { proxies: proxies.collect() })
}
