//! Virtual nodes.

use api::appmesh::{
    CreateVirtualNodeRequest, DeleteVirtualNodeRequest, DescribeVirtualNodeRequest, ListVirtualNodesRequest,
    ListVirtualNodesResponse, ResourceStatus, RouteSpec, UpdateVirtualNodeRequest, VirtualNodeData, VirtualNodeRef,
    VirtualNodeResponse, VirtualNodeSpec, VirtualServiceSpec,
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

type Row = Resource<VirtualNodeSpec>;

fn response(key: &Key, node: Row, status: ResourceStatus) -> VirtualNodeResponse {
    let metadata = node.metadata(key);
    let virtual_node = VirtualNodeData {
        mesh_name: mesh_of(key).name,
        metadata,
        spec: node.spec,
        status,
        virtual_node_name: own_name(key).to_owned(),
    };
    VirtualNodeResponse { virtual_node }
}

fn key(cx: &Context<State>, owner: Option<&str>, mesh: &str, node: &str) -> Result<Key, Error> {
    resource::key(cx.scope(), owner, &[("meshName", mesh), ("virtualNodeName", node)])
}

fn checked(spec: VirtualNodeSpec) -> Result<VirtualNodeSpec, Error> {
    let mut checks = Checks::default();
    check::node(&mut checks, &spec);
    checks.finish()?;
    Ok(spec)
}

pub(super) async fn create_virtual_node(
    cx: Context<State>,
    request: CreateVirtualNodeRequest,
) -> Result<VirtualNodeResponse, Error> {
    let CreateVirtualNodeRequest { client_token, mesh_name, mesh_owner, spec, tags, virtual_node_name } = request;
    let key = key(&cx, mesh_owner.as_deref(), &mesh_name, &virtual_node_name)?;
    let new = New { key: key.clone(), spec: checked(spec)?, tags, token: client_token };
    let node = resource::create(&cx, new, |_| Ok(()))?;
    Ok(response(&key, node, ACTIVE))
}

pub(super) async fn describe_virtual_node(
    cx: Context<State>,
    request: DescribeVirtualNodeRequest,
) -> Result<VirtualNodeResponse, Error> {
    let key = key(&cx, request.mesh_owner.as_deref(), &request.mesh_name, &request.virtual_node_name)?;
    Ok(response(&key, resource::describe(&cx.store, &key)?, ACTIVE))
}

pub(super) async fn update_virtual_node(
    cx: Context<State>,
    request: UpdateVirtualNodeRequest,
) -> Result<VirtualNodeResponse, Error> {
    let UpdateVirtualNodeRequest { client_token, mesh_name, mesh_owner, spec, virtual_node_name } = request;
    let key = key(&cx, mesh_owner.as_deref(), &mesh_name, &virtual_node_name)?;
    let node = resource::update(&cx, &key, checked(spec)?, client_token, |_| Ok(()))?;
    Ok(response(&key, node, ACTIVE))
}

pub(super) async fn delete_virtual_node(
    cx: Context<State>,
    request: DeleteVirtualNodeRequest,
) -> Result<VirtualNodeResponse, Error> {
    let key = key(&cx, request.mesh_owner.as_deref(), &request.mesh_name, &request.virtual_node_name)?;
    let node = resource::delete(&cx, &key, |tx| demand_unused(tx, &key))?;
    Ok(response(&key, node, DELETED))
}

/// Demands that no route and no virtual service sends anything to the virtual node at `key`.
fn demand_unused(tx: &Transaction<'_>, key: &Key) -> Result<(), Error> {
    let (name, prefix) = (own_name(key), format!("{}/", mesh_of(key).name));
    let routes = tx.list_under::<Resource<RouteSpec>>(&key.scope, &prefix)?;
    if routes.iter().any(|(_, route)| targets(&route.spec).iter().any(|target| target.virtual_node == name)) {
        let text =
            format!("VirtualNode with name {name} cannot be deleted because it is the target of one or more routes.");
        return Err(Error::InUse(text));
    }
    let services = tx.list_under::<Resource<VirtualServiceSpec>>(&key.scope, &prefix)?;
    let provides = |spec: &VirtualServiceSpec| {
        let node = spec.provider.as_ref().and_then(|provider| provider.virtual_node.as_ref());
        node.is_some_and(|node| node.virtual_node_name == name)
    };
    if services.iter().any(|(_, service)| provides(&service.spec)) {
        let text = format!("VirtualNode with name {name} cannot be deleted because it is a VirtualService provider");
        return Err(Error::InUse(text));
    }
    Ok(())
}

pub(super) async fn list_virtual_nodes(
    cx: Context<State>,
    request: ListVirtualNodesRequest,
) -> Result<ListVirtualNodesResponse, Error> {
    let mesh = resource::key(cx.scope(), request.mesh_owner.as_deref(), &[("meshName", &request.mesh_name)])?;
    let page = resource::list::<VirtualNodeSpec>(&cx, Some(&mesh), request.limit, request.next_token.as_deref())?;
    let nodes = page.items.iter().map(|(key, node)| {
        let metadata = node.metadata(key);
        VirtualNodeRef {
            arn: metadata.arn,
            created_at: metadata.created_at,
            last_updated_at: metadata.last_updated_at,
            mesh_name: mesh.name.clone(),
            mesh_owner: metadata.mesh_owner,
            resource_owner: metadata.resource_owner,
            version: metadata.version,
            virtual_node_name: own_name(key).to_owned(),
        }
    });
    Ok(ListVirtualNodesResponse { virtual_nodes: nodes.collect(), next_token: page.next_token })
}
