//! Meshes.

use api::appmesh::{
    CreateMeshRequest, DeleteMeshRequest, DescribeMeshRequest, GatewayRouteSpec, ListMeshesRequest, ListMeshesResponse,
    MeshData, MeshRef, MeshResponse, MeshSpec, ResourceStatus, RouteSpec, UpdateMeshRequest, VirtualGatewaySpec,
    VirtualNodeSpec, VirtualRouterSpec, VirtualServiceSpec,
};
use store::{Key, Transaction};
use wire::Context;

use super::resource::{self, ACTIVE, DELETED, New};
use crate::{
    State,
    error::Error,
    rows::{Resource, Spec},
};

fn response(key: &Key, mesh: Resource<MeshSpec>, status: ResourceStatus) -> MeshResponse {
    let metadata = mesh.metadata(key);
    MeshResponse { mesh: MeshData { mesh_name: key.name.clone(), metadata, spec: mesh.spec, status } }
}

pub(super) async fn create_mesh(cx: Context<State>, request: CreateMeshRequest) -> Result<MeshResponse, Error> {
    let CreateMeshRequest { client_token, mesh_name, spec, tags } = request;
    let key = resource::key(cx.scope(), None, &[("meshName", &mesh_name)])?;
    let new = New { key: key.clone(), spec: spec.unwrap_or_default(), tags, token: client_token };
    let mesh = resource::create(&cx, new, |_| Ok(()))?;
    Ok(response(&key, mesh, ACTIVE))
}

pub(super) async fn describe_mesh(cx: Context<State>, request: DescribeMeshRequest) -> Result<MeshResponse, Error> {
    let key = resource::key(cx.scope(), request.mesh_owner.as_deref(), &[("meshName", &request.mesh_name)])?;
    let mesh = resource::describe(&cx.store, &key)?;
    Ok(response(&key, mesh, ACTIVE))
}

pub(super) async fn update_mesh(cx: Context<State>, request: UpdateMeshRequest) -> Result<MeshResponse, Error> {
    let UpdateMeshRequest { client_token, mesh_name, spec } = request;
    let key = resource::key(cx.scope(), None, &[("meshName", &mesh_name)])?;
    let mesh = resource::update(&cx, &key, spec.unwrap_or_default(), client_token, |_| Ok(()))?;
    Ok(response(&key, mesh, ACTIVE))
}

pub(super) async fn delete_mesh(cx: Context<State>, request: DeleteMeshRequest) -> Result<MeshResponse, Error> {
    let key = resource::key(cx.scope(), None, &[("meshName", &request.mesh_name)])?;
    let mesh = resource::delete(&cx, &key, |tx| {
        demand_none::<GatewayRouteSpec>(tx, &key, "GatewayRoutes")?;
        demand_none::<VirtualGatewaySpec>(tx, &key, "VirtualGateways")?;
        demand_none::<VirtualNodeSpec>(tx, &key, "VirtualNodes")?;
        demand_none::<VirtualServiceSpec>(tx, &key, "VirtualServices")?;
        demand_none::<RouteSpec>(tx, &key, "Routes")?;
        demand_none::<VirtualRouterSpec>(tx, &key, "VirtualRouters")
    })?;
    Ok(response(&key, mesh, DELETED))
}

/// Demands that the mesh at `key` has none of a kind.
fn demand_none<S: Spec>(tx: &Transaction<'_>, key: &Key, nouns: &str) -> Result<(), Error> {
    if tx.list_under::<Resource<S>>(&key.scope, &format!("{}/", key.name))?.is_empty() {
        return Ok(());
    }
    let (mesh, account) = (&key.name, &key.scope.account);
    let text =
        format!("Mesh {mesh} for account {account} has active {nouns}, please delete {nouns} before deleting the Mesh");
    Err(Error::InUse(text))
}

pub(super) async fn list_meshes(cx: Context<State>, request: ListMeshesRequest) -> Result<ListMeshesResponse, Error> {
    let page = resource::list::<MeshSpec>(&cx, None, request.limit, request.next_token.as_deref())?;
    let meshes = page.items.iter().map(|(key, mesh)| {
        let metadata = mesh.metadata(key);
        MeshRef {
            arn: metadata.arn,
            created_at: metadata.created_at,
            last_updated_at: metadata.last_updated_at,
            mesh_name: key.name.clone(),
            mesh_owner: metadata.mesh_owner,
            resource_owner: metadata.resource_owner,
            version: metadata.version,
        }
    });
    Ok(ListMeshesResponse { meshes: meshes.collect(), next_token: page.next_token })
}
