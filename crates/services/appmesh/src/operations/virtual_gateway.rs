//! Virtual gateways.

use api::appmesh::{
    CreateVirtualGatewayRequest, DeleteVirtualGatewayRequest, DescribeVirtualGatewayRequest, GatewayRouteSpec,
    ListVirtualGatewaysRequest, ListVirtualGatewaysResponse, ResourceStatus, UpdateVirtualGatewayRequest,
    VirtualGatewayData, VirtualGatewayRef, VirtualGatewayResponse, VirtualGatewaySpec,
};
use store::{Key, Transaction};
use wire::Context;

use super::{
    gateway_route,
    resource::{self, ACTIVE, DELETED, New},
};
use crate::{
    State,
    check::{self, Checks},
    error::Error,
    rows::{Resource, mesh_of, own_name},
};

type Row = Resource<VirtualGatewaySpec>;

fn response(key: &Key, gateway: Row, status: ResourceStatus) -> VirtualGatewayResponse {
    let metadata = gateway.metadata(key);
    let virtual_gateway = VirtualGatewayData {
        mesh_name: mesh_of(key).name,
        metadata,
        spec: gateway.spec,
        status,
        virtual_gateway_name: own_name(key).to_owned(),
    };
    VirtualGatewayResponse { virtual_gateway }
}

fn key(cx: &Context<State>, owner: Option<&str>, mesh: &str, gateway: &str) -> Result<Key, Error> {
    resource::key(cx.scope(), owner, &[("meshName", mesh), ("virtualGatewayName", gateway)])
}

fn checked(spec: VirtualGatewaySpec) -> Result<VirtualGatewaySpec, Error> {
    let mut checks = Checks::default();
    check::gateway(&mut checks, &spec);
    checks.finish()?;
    Ok(spec)
}

fn routes_of(tx: &Transaction<'_>, key: &Key) -> Result<Vec<(Key, Resource<GatewayRouteSpec>)>, Error> {
    Ok(tx.list_under::<Resource<GatewayRouteSpec>>(&key.scope, &format!("{}/", key.name))?)
}

pub(super) async fn create_virtual_gateway(
    cx: Context<State>,
    request: CreateVirtualGatewayRequest,
) -> Result<VirtualGatewayResponse, Error> {
    let CreateVirtualGatewayRequest { client_token, mesh_name, mesh_owner, spec, tags, virtual_gateway_name } = request;
    let key = key(&cx, mesh_owner.as_deref(), &mesh_name, &virtual_gateway_name)?;
    let new = New { key: key.clone(), spec: checked(spec)?, tags, token: client_token };
    let gateway = resource::create(&cx, new, |_| Ok(()))?;
    Ok(response(&key, gateway, ACTIVE))
}

pub(super) async fn describe_virtual_gateway(
    cx: Context<State>,
    request: DescribeVirtualGatewayRequest,
) -> Result<VirtualGatewayResponse, Error> {
    let key = key(&cx, request.mesh_owner.as_deref(), &request.mesh_name, &request.virtual_gateway_name)?;
    Ok(response(&key, resource::describe(&cx.store, &key)?, ACTIVE))
}

pub(super) async fn update_virtual_gateway(
    cx: Context<State>,
    request: UpdateVirtualGatewayRequest,
) -> Result<VirtualGatewayResponse, Error> {
    let UpdateVirtualGatewayRequest { client_token, mesh_name, mesh_owner, spec, virtual_gateway_name } = request;
    let key = key(&cx, mesh_owner.as_deref(), &mesh_name, &virtual_gateway_name)?;
    let spec = checked(spec)?;
    let rules = |tx: &Transaction<'_>| demand_routes_fit(tx, &key, &spec);
    let gateway = resource::update(&cx, &key, spec.clone(), client_token, rules)?;
    Ok(response(&key, gateway, ACTIVE))
}

/// Demands that every route of the gateway at `key` still has a listener if its spec becomes `spec`.
fn demand_routes_fit(tx: &Transaction<'_>, key: &Key, spec: &VirtualGatewaySpec) -> Result<(), Error> {
    let routes = routes_of(tx, key)?;
    let without_port = routes.iter().filter(|(_, row)| gateway_route::port(&row.spec).is_none());
    let names: Vec<&str> = without_port.map(|(key, _)| own_name(key)).collect();
    resource::demand_ports("Virtual Gateway", spec.listeners.len(), &names)?;
    for (key, row) in &routes {
        gateway_route::demand_listener(spec, own_name(key), &row.spec)?;
    }
    Ok(())
}

pub(super) async fn delete_virtual_gateway(
    cx: Context<State>,
    request: DeleteVirtualGatewayRequest,
) -> Result<VirtualGatewayResponse, Error> {
    let key = key(&cx, request.mesh_owner.as_deref(), &request.mesh_name, &request.virtual_gateway_name)?;
    let gateway = resource::delete(&cx, &key, |tx| demand_unused(tx, &key))?;
    Ok(response(&key, gateway, DELETED))
}

/// Demands that the virtual gateway at `key` has no routes.
fn demand_unused(tx: &Transaction<'_>, key: &Key) -> Result<(), Error> {
    if routes_of(tx, key)?.is_empty() {
        return Ok(());
    }
    let name = own_name(key);
    let text = format!(
        "VirtualGateway with name {name} cannot be deleted because it has one or more gateway routes, please delete the \
         gateway routes before deleting the VirtualGateway"
    );
    Err(Error::InUse(text))
}

pub(super) async fn list_virtual_gateways(
    cx: Context<State>,
    request: ListVirtualGatewaysRequest,
) -> Result<ListVirtualGatewaysResponse, Error> {
    let mesh = resource::key(cx.scope(), request.mesh_owner.as_deref(), &[("meshName", &request.mesh_name)])?;
    let page = resource::list::<VirtualGatewaySpec>(&cx, Some(&mesh), request.limit, request.next_token.as_deref())?;
    let gateways = page.items.iter().map(|(key, gateway)| {
        let metadata = gateway.metadata(key);
        VirtualGatewayRef {
            arn: metadata.arn,
            created_at: metadata.created_at,
            last_updated_at: metadata.last_updated_at,
            mesh_name: mesh.name.clone(),
            mesh_owner: metadata.mesh_owner,
            resource_owner: metadata.resource_owner,
            version: metadata.version,
            virtual_gateway_name: own_name(key).to_owned(),
        }
    });
    Ok(ListVirtualGatewaysResponse { virtual_gateways: gateways.collect(), next_token: page.next_token })
}
