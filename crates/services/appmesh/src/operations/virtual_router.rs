//! Virtual routers.

use api::appmesh::{
    CreateVirtualRouterRequest, DeleteVirtualRouterRequest, DescribeVirtualRouterRequest, ListVirtualRoutersRequest,
    ListVirtualRoutersResponse, ResourceStatus, RouteSpec, UpdateVirtualRouterRequest, VirtualRouterData,
    VirtualRouterRef, VirtualRouterResponse, VirtualRouterSpec, VirtualServiceSpec,
};
use store::{Key, Transaction};
use wire::Context;

use super::{
    resource::{self, ACTIVE, DELETED, New},
    route,
};
use crate::{
    State,
    check::{self, Checks},
    error::Error,
    rows::{Resource, mesh_of, own_name},
};

type Row = Resource<VirtualRouterSpec>;

fn response(key: &Key, router: Row, status: ResourceStatus) -> VirtualRouterResponse {
    let metadata = router.metadata(key);
    let virtual_router = VirtualRouterData {
        mesh_name: mesh_of(key).name,
        metadata,
        spec: router.spec,
        status,
        virtual_router_name: own_name(key).to_owned(),
    };
    VirtualRouterResponse { virtual_router }
}

fn key(cx: &Context<State>, owner: Option<&str>, mesh: &str, router: &str) -> Result<Key, Error> {
    resource::key(cx.scope(), owner, &[("meshName", mesh), ("virtualRouterName", router)])
}

fn checked(spec: VirtualRouterSpec) -> Result<VirtualRouterSpec, Error> {
    let mut checks = Checks::default();
    check::router(&mut checks, &spec);
    checks.finish()?;
    Ok(spec)
}

fn routes_of(tx: &Transaction<'_>, key: &Key) -> Result<Vec<(Key, Resource<RouteSpec>)>, Error> {
    Ok(tx.list_under::<Resource<RouteSpec>>(&key.scope, &format!("{}/", key.name))?)
}

pub(super) async fn create_virtual_router(
    cx: Context<State>,
    request: CreateVirtualRouterRequest,
) -> Result<VirtualRouterResponse, Error> {
    let CreateVirtualRouterRequest { client_token, mesh_name, mesh_owner, spec, tags, virtual_router_name } = request;
    let key = key(&cx, mesh_owner.as_deref(), &mesh_name, &virtual_router_name)?;
    let new = New { key: key.clone(), spec: checked(spec)?, tags, token: client_token };
    let router = resource::create(&cx, new, |_| Ok(()))?;
    Ok(response(&key, router, ACTIVE))
}

pub(super) async fn describe_virtual_router(
    cx: Context<State>,
    request: DescribeVirtualRouterRequest,
) -> Result<VirtualRouterResponse, Error> {
    let key = key(&cx, request.mesh_owner.as_deref(), &request.mesh_name, &request.virtual_router_name)?;
    Ok(response(&key, resource::describe(&cx.store, &key)?, ACTIVE))
}

pub(super) async fn update_virtual_router(
    cx: Context<State>,
    request: UpdateVirtualRouterRequest,
) -> Result<VirtualRouterResponse, Error> {
    let UpdateVirtualRouterRequest { client_token, mesh_name, mesh_owner, spec, virtual_router_name } = request;
    let key = key(&cx, mesh_owner.as_deref(), &mesh_name, &virtual_router_name)?;
    let spec = checked(spec)?;
    let rules = |tx: &Transaction<'_>| demand_routes_fit(tx, &key, &spec);
    let router = resource::update(&cx, &key, spec.clone(), client_token, rules)?;
    Ok(response(&key, router, ACTIVE))
}

/// Demands that every route of the router at `key` still has a listener if its spec becomes `spec`.
fn demand_routes_fit(tx: &Transaction<'_>, key: &Key, spec: &VirtualRouterSpec) -> Result<(), Error> {
    let routes = routes_of(tx, key)?;
    let without_port = routes.iter().filter(|(_, row)| route::port(&row.spec).is_none());
    let names: Vec<&str> = without_port.map(|(key, _)| own_name(key)).collect();
    resource::demand_ports("Virtual Router", spec.listeners.len(), &names)?;
    for (key, row) in &routes {
        route::demand_listener(spec, own_name(key), &row.spec)?;
    }
    Ok(())
}

pub(super) async fn delete_virtual_router(
    cx: Context<State>,
    request: DeleteVirtualRouterRequest,
) -> Result<VirtualRouterResponse, Error> {
    let key = key(&cx, request.mesh_owner.as_deref(), &request.mesh_name, &request.virtual_router_name)?;
    let router = resource::delete(&cx, &key, |tx| demand_unused(tx, &key))?;
    Ok(response(&key, router, DELETED))
}

/// Demands that no route hangs on the virtual router at `key`, and no virtual service on it.
fn demand_unused(tx: &Transaction<'_>, key: &Key) -> Result<(), Error> {
    let name = own_name(key);
    let in_use =
        |why: &str| Err(Error::InUse(format!("VirtualRouter with name {name} cannot be deleted because it {why}")));
    if !routes_of(tx, key)?.is_empty() {
        return in_use("has one or more routes, please delete the routes before deleting the VirtualRouter");
    }
    let services = tx.list_under::<Resource<VirtualServiceSpec>>(&key.scope, &format!("{}/", mesh_of(key).name))?;
    let provides = |spec: &VirtualServiceSpec| {
        let router = spec.provider.as_ref().and_then(|provider| provider.virtual_router.as_ref());
        router.is_some_and(|router| router.virtual_router_name == name)
    };
    if services.iter().any(|(_, service)| provides(&service.spec)) {
        return in_use("is a VirtualService provider");
    }
    Ok(())
}

pub(super) async fn list_virtual_routers(
    cx: Context<State>,
    request: ListVirtualRoutersRequest,
) -> Result<ListVirtualRoutersResponse, Error> {
    let mesh = resource::key(cx.scope(), request.mesh_owner.as_deref(), &[("meshName", &request.mesh_name)])?;
    let page = resource::list::<VirtualRouterSpec>(&cx, Some(&mesh), request.limit, request.next_token.as_deref())?;
    let routers = page.items.iter().map(|(key, router)| {
        let metadata = router.metadata(key);
        VirtualRouterRef {
            arn: metadata.arn,
            created_at: metadata.created_at,
            last_updated_at: metadata.last_updated_at,
            mesh_name: mesh.name.clone(),
            mesh_owner: metadata.mesh_owner,
            resource_owner: metadata.resource_owner,
            version: metadata.version,
            virtual_router_name: own_name(key).to_owned(),
        }
    });
    Ok(ListVirtualRoutersResponse { virtual_routers: routers.collect(), next_token: page.next_token })
}
