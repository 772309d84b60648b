//! Virtual services.

use api::appmesh::{
    CreateVirtualServiceRequest, DeleteVirtualServiceRequest, DescribeVirtualServiceRequest, GatewayRouteSpec,
    ListVirtualServicesRequest, ListVirtualServicesResponse, ResourceStatus, UpdateVirtualServiceRequest,
    VirtualNodeSpec, VirtualRouterSpec, VirtualServiceData, VirtualServiceRef, VirtualServiceResponse,
    VirtualServiceSpec,
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

type Row = Resource<VirtualServiceSpec>;

fn response(key: &Key, service: Row, status: ResourceStatus) -> VirtualServiceResponse {
    let metadata = service.metadata(key);
    let virtual_service = VirtualServiceData {
        mesh_name: mesh_of(key).name,
        metadata,
        spec: service.spec,
        status,
        virtual_service_name: own_name(key).to_owned(),
    };
    VirtualServiceResponse { virtual_service }
}

fn key(cx: &Context<State>, owner: Option<&str>, mesh: &str, service: &str) -> Result<Key, Error> {
    resource::key(cx.scope(), owner, &[("meshName", mesh), ("virtualServiceName", service)])
}

fn checked(spec: VirtualServiceSpec) -> Result<VirtualServiceSpec, Error> {
    let mut checks = Checks::default();
    check::service(&mut checks, &spec);
    checks.finish()?;
    Ok(spec)
}

/// Demands that the provider is there.
fn demand_provider(tx: &Transaction<'_>, key: &Key, spec: &VirtualServiceSpec) -> Result<(), Error> {
    let Some(provider) = &spec.provider else { return Ok(()) };
    if let Some(node) = &provider.virtual_node {
        resource::demand::<VirtualNodeSpec>(tx, key, &node.virtual_node_name)?;
    }
    if let Some(router) = &provider.virtual_router {
        resource::demand::<VirtualRouterSpec>(tx, key, &router.virtual_router_name)?;
    }
    Ok(())
}

pub(super) async fn create_virtual_service(
    cx: Context<State>,
    request: CreateVirtualServiceRequest,
) -> Result<VirtualServiceResponse, Error> {
    let CreateVirtualServiceRequest { client_token, mesh_name, mesh_owner, spec, tags, virtual_service_name } = request;
    let key = key(&cx, mesh_owner.as_deref(), &mesh_name, &virtual_service_name)?;
    let spec = checked(spec)?;
    let new = New { key: key.clone(), spec: spec.clone(), tags, token: client_token };
    let service = resource::create(&cx, new, |tx| demand_provider(tx, &key, &spec))?;
    Ok(response(&key, service, ACTIVE))
}

pub(super) async fn describe_virtual_service(
    cx: Context<State>,
    request: DescribeVirtualServiceRequest,
) -> Result<VirtualServiceResponse, Error> {
    let key = key(&cx, request.mesh_owner.as_deref(), &request.mesh_name, &request.virtual_service_name)?;
    Ok(response(&key, resource::describe(&cx.store, &key)?, ACTIVE))
}

pub(super) async fn update_virtual_service(
    cx: Context<State>,
    request: UpdateVirtualServiceRequest,
) -> Result<VirtualServiceResponse, Error> {
    let UpdateVirtualServiceRequest { client_token, mesh_name, mesh_owner, spec, virtual_service_name } = request;
    let key = key(&cx, mesh_owner.as_deref(), &mesh_name, &virtual_service_name)?;
    let spec = checked(spec)?;
    let rules = |tx: &Transaction<'_>| demand_provider(tx, &key, &spec);
    let service = resource::update(&cx, &key, spec.clone(), client_token, rules)?;
    Ok(response(&key, service, ACTIVE))
}

pub(super) async fn delete_virtual_service(
    cx: Context<State>,
    request: DeleteVirtualServiceRequest,
) -> Result<VirtualServiceResponse, Error> {
    let key = key(&cx, request.mesh_owner.as_deref(), &request.mesh_name, &request.virtual_service_name)?;
    let service = resource::delete(&cx, &key, |tx| demand_unused(tx, &key))?;
    Ok(response(&key, service, DELETED))
}

/// Demands that no gateway route leads to the virtual service at `key`. A virtual node may name a backend that is not
/// there, before it comes as well as after it went.
fn demand_unused(tx: &Transaction<'_>, key: &Key) -> Result<(), Error> {
    let (name, prefix) = (own_name(key), format!("{}/", mesh_of(key).name));
    let routes = tx.list_under::<Resource<GatewayRouteSpec>>(&key.scope, &prefix)?;
    let leads_here = |spec: &GatewayRouteSpec| {
        gateway_target(spec).is_some_and(|target| target.virtual_service.virtual_service_name == name)
    };
    if routes.iter().any(|(_, route)| leads_here(&route.spec)) {
        let text = format!(
            "VirtualService with name {name} cannot be deleted because it is the target of one or more gateway routes"
        );
        return Err(Error::InUse(text));
    }
    Ok(())
}

pub(super) async fn list_virtual_services(
    cx: Context<State>,
    request: ListVirtualServicesRequest,
) -> Result<ListVirtualServicesResponse, Error> {
    let mesh = resource::key(cx.scope(), request.mesh_owner.as_deref(), &[("meshName", &request.mesh_name)])?;
    let page = resource::list::<VirtualServiceSpec>(&cx, Some(&mesh), request.limit, request.next_token.as_deref())?;
    let services = page.items.iter().map(|(key, service)| {
        let metadata = service.metadata(key);
        VirtualServiceRef {
            arn: metadata.arn,
            created_at: metadata.created_at,
            last_updated_at: metadata.last_updated_at,
            mesh_name: mesh.name.clone(),
            mesh_owner: metadata.mesh_owner,
            resource_owner: metadata.resource_owner,
            version: metadata.version,
            virtual_service_name: own_name(key).to_owned(),
        }
    });
    Ok(ListVirtualServicesResponse { virtual_services: services.collect(), next_token: page.next_token })
}
