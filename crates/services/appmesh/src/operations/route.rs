//! Routes.

use api::appmesh::{
    CreateRouteRequest, DeleteRouteRequest, DescribeRouteRequest, ListRoutesRequest, ListRoutesResponse, PortProtocol,
    ResourceStatus, RouteData, RouteRef, RouteResponse, RouteSpec, UpdateRouteRequest, VirtualNodeSpec,
    VirtualRouterSpec,
};
use store::{Key, Transaction};
use wire::Context;

use super::resource::{self, ACTIVE, DELETED, New};
use crate::{
    State,
    check::{self, Checks},
    error::Error,
    rows::{Resource, mesh_of, own_name, targets},
};

fn response(key: &Key, route: Resource<RouteSpec>, status: ResourceStatus) -> RouteResponse {
    let metadata = route.metadata(key);
    let route = RouteData {
        mesh_name: mesh_of(key).name,
        metadata,
        route_name: own_name(key).to_owned(),
        spec: route.spec,
        status,
        virtual_router_name: router_name(key).to_owned(),
    };
    RouteResponse { route }
}

/// The name of the virtual router that the route at `key` hangs on.
fn router_name(key: &Key) -> &str {
    key.name.split('/').nth(1).unwrap_or_default()
}

pub(super) fn key(
    cx: &Context<State>,
    owner: Option<&str>,
    mesh: &str,
    router: &str,
    route: &str,
) -> Result<Key, Error> {
    let path = [("meshName", mesh), ("virtualRouterName", router), ("routeName", route)];
    resource::key(cx.scope(), owner, &path)
}

fn checked(spec: RouteSpec) -> Result<RouteSpec, Error> {
    let mut checks = Checks::default();
    check::route(&mut checks, &spec);
    checks.finish()?;
    Ok(spec)
}

/// The port that a route is for, if it says so.
pub(super) fn port(spec: &RouteSpec) -> Option<u32> {
    let http = spec.http_route.as_ref().or(spec.http2_route.as_ref()).map(|route| route.r#match.port);
    let grpc = spec.grpc_route.as_ref().map(|route| route.r#match.port);
    let tcp = spec.tcp_route.as_ref().map(|route| route.r#match.and_then(|matched| matched.port));
    http.or(grpc).or(tcp).flatten()
}

/// The protocol that a route is for.
fn protocol(spec: &RouteSpec) -> PortProtocol {
    match spec {
        RouteSpec { http_route: Some(_), .. } => PortProtocol::Http,
        RouteSpec { http2_route: Some(_), .. } => PortProtocol::Http2,
        RouteSpec { grpc_route: Some(_), .. } => PortProtocol::Grpc,
        _ => PortProtocol::Tcp,
    }
}

/// Demands that a router of `router` has a listener for the route `name` of `spec`. One without listeners takes the ports
/// of the route's targets.
pub(super) fn demand_listener(router: &VirtualRouterSpec, name: &str, spec: &RouteSpec) -> Result<(), Error> {
    let (port, protocol) = (port(spec), protocol(spec));
    let mut mappings = router.listeners.iter().map(|listener| listener.port_mapping);
    let fits = mappings.any(|mapping| mapping.protocol == protocol && port.is_none_or(|port| port == mapping.port));
    if fits || (router.listeners.is_empty() && port.is_none()) {
        return Ok(());
    }
    let on = port.map(|port| format!(" on port {port}")).unwrap_or_default();
    let text = format!(
        "Route {name} is for protocol {}{on}, but its Virtual Router has no listener for that",
        protocol.as_str()
    );
    Err(Error::Invalid(text))
}

/// Demands that all the route refers to is there and fits: its router's listener, its targets and their ports.
fn demand_fits(tx: &Transaction<'_>, key: &Key, spec: &RouteSpec) -> Result<(), Error> {
    let router = resource::demand::<VirtualRouterSpec>(tx, key, router_name(key))?;
    if router.spec.listeners.len() > 1 && port(spec).is_none() {
        let text = "A Route of a Virtual Router with multiple listeners must define a port match";
        return Err(Error::Invalid(text.to_owned()));
    }
    demand_listener(&router.spec, own_name(key), spec)?;
    for target in targets(spec) {
        let node = resource::demand::<VirtualNodeSpec>(tx, key, &target.virtual_node)?;
        let ports: Vec<u32> = node.spec.listeners.iter().map(|listener| listener.port_mapping.port).collect();
        let text = match target.port {
            None if ports.len() > 1 => "has multiple listeners, so the weighted target must define a port".to_owned(),
            Some(port) if !ports.contains(&port) => format!("has no listener on port {port}"),
            _ => continue,
        };
        return Err(Error::Invalid(format!("VirtualNode with name {} {text}", target.virtual_node)));
    }
    Ok(())
}

pub(super) async fn create_route(cx: Context<State>, request: CreateRouteRequest) -> Result<RouteResponse, Error> {
    let CreateRouteRequest { client_token, mesh_name, mesh_owner, route_name, spec, tags, virtual_router_name } =
        request;
    let key = key(&cx, mesh_owner.as_deref(), &mesh_name, &virtual_router_name, &route_name)?;
    let spec = checked(spec)?;
    let new = New { key: key.clone(), spec: spec.clone(), tags, token: client_token };
    let route = resource::create(&cx, new, |tx| demand_fits(tx, &key, &spec))?;
    Ok(response(&key, route, ACTIVE))
}

pub(super) async fn describe_route(cx: Context<State>, request: DescribeRouteRequest) -> Result<RouteResponse, Error> {
    let DescribeRouteRequest { mesh_name, mesh_owner, route_name, virtual_router_name } = request;
    let key = key(&cx, mesh_owner.as_deref(), &mesh_name, &virtual_router_name, &route_name)?;
    Ok(response(&key, resource::describe(&cx.store, &key)?, ACTIVE))
}

pub(super) async fn update_route(cx: Context<State>, request: UpdateRouteRequest) -> Result<RouteResponse, Error> {
    let UpdateRouteRequest { client_token, mesh_name, mesh_owner, route_name, spec, virtual_router_name } = request;
    let key = key(&cx, mesh_owner.as_deref(), &mesh_name, &virtual_router_name, &route_name)?;
    let spec = checked(spec)?;
    let rules = |tx: &Transaction<'_>| demand_fits(tx, &key, &spec);
    let route = resource::update(&cx, &key, spec.clone(), client_token, rules)?;
    Ok(response(&key, route, ACTIVE))
}

pub(super) async fn delete_route(cx: Context<State>, request: DeleteRouteRequest) -> Result<RouteResponse, Error> {
    let DeleteRouteRequest { mesh_name, mesh_owner, route_name, virtual_router_name } = request;
    let key = key(&cx, mesh_owner.as_deref(), &mesh_name, &virtual_router_name, &route_name)?;
    let route = resource::delete(&cx, &key, |_| Ok(()))?;
    Ok(response(&key, route, DELETED))
}

pub(super) async fn list_routes(cx: Context<State>, request: ListRoutesRequest) -> Result<ListRoutesResponse, Error> {
    let path = [("meshName", request.mesh_name.as_str()), ("virtualRouterName", &request.virtual_router_name)];
    let parent = resource::key(cx.scope(), request.mesh_owner.as_deref(), &path)?;
    let page = resource::list::<RouteSpec>(&cx, Some(&parent), request.limit, request.next_token.as_deref())?;
    let routes = page.items.iter().map(|(key, route)| {
        let metadata = route.metadata(key);
        RouteRef {
            arn: metadata.arn,
            created_at: metadata.created_at,
            last_updated_at: metadata.last_updated_at,
            mesh_name: request.mesh_name.clone(),
            mesh_owner: metadata.mesh_owner,
            resource_owner: metadata.resource_owner,
            route_name: own_name(key).to_owned(),
            version: metadata.version,
            virtual_router_name: request.virtual_router_name.clone(),
        }
    });
    Ok(ListRoutesResponse { routes: routes.collect(), next_token: page.next_token })
}
