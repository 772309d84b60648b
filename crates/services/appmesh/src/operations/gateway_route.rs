//! Gateway routes.

use api::appmesh::{
    CreateGatewayRouteRequest, DeleteGatewayRouteRequest, DescribeGatewayRouteRequest, GatewayRouteData,
    GatewayRouteRef, GatewayRouteResponse, GatewayRouteSpec, GatewayRouteTarget, ListGatewayRoutesRequest,
    ListGatewayRoutesResponse, ResourceStatus, UpdateGatewayRouteRequest, VirtualGatewayPortProtocol as Protocol,
    VirtualGatewaySpec, VirtualNodeSpec, VirtualRouterSpec, VirtualServiceSpec,
};
use store::{Key, Transaction};
use wire::Context;

use super::resource::{self, ACTIVE, DELETED, New};
use crate::{
    State,
    check::{self, Checks},
    error::Error,
    rows::{Resource, gateway_target, mesh_of, own_name},
};

fn response(key: &Key, route: Resource<GatewayRouteSpec>, status: ResourceStatus) -> GatewayRouteResponse {
    let metadata = route.metadata(key);
    let gateway_route = GatewayRouteData {
        mesh_name: mesh_of(key).name,
        metadata,
        gateway_route_name: own_name(key).to_owned(),
        spec: route.spec,
        status,
        virtual_gateway_name: gateway_name(key).to_owned(),
    };
    GatewayRouteResponse { gateway_route }
}

/// The name of the virtual gateway that the gateway route at `key` belongs to.
fn gateway_name(key: &Key) -> &str {
    key.name.split('/').nth(1).unwrap_or_default()
}

fn key(cx: &Context<State>, owner: Option<&str>, mesh: &str, gateway: &str, route: &str) -> Result<Key, Error> {
    let path = [("meshName", mesh), ("virtualGatewayName", gateway), ("gatewayRouteName", route)];
    resource::key(cx.scope(), owner, &path)
}

fn checked(spec: GatewayRouteSpec) -> Result<GatewayRouteSpec, Error> {
    let mut checks = Checks::default();
    check::gateway_route(&mut checks, &spec);
    checks.finish()?;
    Ok(spec)
}

/// The port that a gateway route is for, if it says so.
pub(super) fn port(spec: &GatewayRouteSpec) -> Option<u32> {
    let http = spec.http_route.as_ref().or(spec.http2_route.as_ref()).map(|route| route.r#match.port);
    http.or(spec.grpc_route.as_ref().map(|route| route.r#match.port)).flatten()
}

/// The protocol that a gateway route is for.
fn protocol(spec: &GatewayRouteSpec) -> Protocol {
    match spec {
        GatewayRouteSpec { http_route: Some(_), .. } => Protocol::Http,
        GatewayRouteSpec { http2_route: Some(_), .. } => Protocol::Http2,
        _ => Protocol::Grpc,
    }
}

/// Demands that the virtual gateway `gateway` has a listener for the gateway route `name` of `spec`.
pub(super) fn demand_listener(gateway: &VirtualGatewaySpec, name: &str, spec: &GatewayRouteSpec) -> Result<(), Error> {
    let (port, protocol) = (port(spec), protocol(spec));
    let mut mappings = gateway.listeners.iter().map(|listener| listener.port_mapping);
    if mappings.any(|mapping| mapping.protocol == protocol && port.is_none_or(|port| port == mapping.port)) {
        return Ok(());
    }
    let on = port.map(|port| format!(" on port {port}")).unwrap_or_default();
    let protocol = api::appmesh::PortProtocol::from(protocol).as_str();
    let text =
        format!("GatewayRoute {name} is for protocol {protocol}{on}, but its Virtual Gateway has no listener for that");
    Err(Error::Invalid(text))
}

/// Demands that all the gateway route refers to is there and fits: its gateway's listener, its target and that one's port.
fn demand_fits(tx: &Transaction<'_>, key: &Key, spec: &GatewayRouteSpec) -> Result<(), Error> {
    let gateway = resource::demand::<VirtualGatewaySpec>(tx, key, gateway_name(key))?;
    if gateway.spec.listeners.len() > 1 && port(spec).is_none() {
        let text = "A GatewayRoute of a Virtual Gateway with multiple listeners must define a port match";
        return Err(Error::Invalid(text.to_owned()));
    }
    demand_listener(&gateway.spec, own_name(key), spec)?;
    gateway_target(spec).map_or(Ok(()), |target| demand_target(tx, key, target))
}

/// Demands that the virtual service `target` is there, and has the port that is asked for.
fn demand_target(tx: &Transaction<'_>, key: &Key, target: &GatewayRouteTarget) -> Result<(), Error> {
    let name = &target.virtual_service.virtual_service_name;
    let service = resource::demand::<VirtualServiceSpec>(tx, key, name)?;
    let Some(ports) = ports(tx, key, &service.spec)? else { return Ok(()) };
    let text = match target.port {
        None if ports.len() > 1 => "has multiple listeners, so the target must define a port".to_owned(),
        Some(port) if !ports.is_empty() && !ports.contains(&port) => format!("has no listener on port {port}"),
        _ => return Ok(()),
    };
    Err(Error::Invalid(format!("VirtualService with name {name} {text}")))
}

/// The ports of what provides a virtual service; none if nothing does.
fn ports(tx: &Transaction<'_>, key: &Key, service: &VirtualServiceSpec) -> Result<Option<Vec<u32>>, Error> {
    let Some(provider) = &service.provider else { return Ok(None) };
    if let Some(router) = &provider.virtual_router {
        let router = resource::demand::<VirtualRouterSpec>(tx, key, &router.virtual_router_name)?;
        return Ok(Some(router.spec.listeners.iter().map(|listener| listener.port_mapping.port).collect()));
    }
    let Some(node) = &provider.virtual_node else { return Ok(None) };
    let node = resource::demand::<VirtualNodeSpec>(tx, key, &node.virtual_node_name)?;
    Ok(Some(node.spec.listeners.iter().map(|listener| listener.port_mapping.port).collect()))
}

pub(super) async fn create_gateway_route(
    cx: Context<State>,
    request: CreateGatewayRouteRequest,
) -> Result<GatewayRouteResponse, Error> {
    let CreateGatewayRouteRequest {
        client_token,
        mesh_name,
        mesh_owner,
        gateway_route_name,
        spec,
        tags,
        virtual_gateway_name,
    } = request;
    let key = key(&cx, mesh_owner.as_deref(), &mesh_name, &virtual_gateway_name, &gateway_route_name)?;
    let spec = checked(spec)?;
    let new = New { key: key.clone(), spec: spec.clone(), tags, token: client_token };
    let route = resource::create(&cx, new, |tx| demand_fits(tx, &key, &spec))?;
    Ok(response(&key, route, ACTIVE))
}

pub(super) async fn describe_gateway_route(
    cx: Context<State>,
    request: DescribeGatewayRouteRequest,
) -> Result<GatewayRouteResponse, Error> {
    let DescribeGatewayRouteRequest { mesh_name, mesh_owner, gateway_route_name, virtual_gateway_name } = request;
    let key = key(&cx, mesh_owner.as_deref(), &mesh_name, &virtual_gateway_name, &gateway_route_name)?;
    Ok(response(&key, resource::describe(&cx.store, &key)?, ACTIVE))
}

pub(super) async fn update_gateway_route(
    cx: Context<State>,
    request: UpdateGatewayRouteRequest,
) -> Result<GatewayRouteResponse, Error> {
    let UpdateGatewayRouteRequest {
        client_token,
        mesh_name,
        mesh_owner,
        gateway_route_name,
        spec,
        virtual_gateway_name,
    } = request;
    let key = key(&cx, mesh_owner.as_deref(), &mesh_name, &virtual_gateway_name, &gateway_route_name)?;
    let spec = checked(spec)?;
    let rules = |tx: &Transaction<'_>| demand_fits(tx, &key, &spec);
    let route = resource::update(&cx, &key, spec.clone(), client_token, rules)?;
    Ok(response(&key, route, ACTIVE))
}

pub(super) async fn delete_gateway_route(
    cx: Context<State>,
    request: DeleteGatewayRouteRequest,
) -> Result<GatewayRouteResponse, Error> {
    let DeleteGatewayRouteRequest { mesh_name, mesh_owner, gateway_route_name, virtual_gateway_name } = request;
    let key = key(&cx, mesh_owner.as_deref(), &mesh_name, &virtual_gateway_name, &gateway_route_name)?;
    let route = resource::delete(&cx, &key, |_| Ok(()))?;
    Ok(response(&key, route, DELETED))
}

pub(super) async fn list_gateway_routes(
    cx: Context<State>,
    request: ListGatewayRoutesRequest,
) -> Result<ListGatewayRoutesResponse, Error> {
    let path = [("meshName", request.mesh_name.as_str()), ("virtualGatewayName", &request.virtual_gateway_name)];
    let parent = resource::key(cx.scope(), request.mesh_owner.as_deref(), &path)?;
    let page = resource::list::<GatewayRouteSpec>(&cx, Some(&parent), request.limit, request.next_token.as_deref())?;
    let routes = page.items.iter().map(|(key, route)| {
        let metadata = route.metadata(key);
        GatewayRouteRef {
            arn: metadata.arn,
            created_at: metadata.created_at,
            last_updated_at: metadata.last_updated_at,
            mesh_name: request.mesh_name.clone(),
            mesh_owner: metadata.mesh_owner,
            resource_owner: metadata.resource_owner,
            gateway_route_name: own_name(key).to_owned(),
            version: metadata.version,
            virtual_gateway_name: request.virtual_gateway_name.clone(),
        }
    });
    Ok(ListGatewayRoutesResponse { gateway_routes: routes.collect(), next_token: page.next_token })
}
