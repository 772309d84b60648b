//! The table of operations, in the order of the API reference, and what all resources have in common.
//!
//! An operation checks its request, then reads and writes in one transaction, then answers from what was written.

mod fault;
mod gateway_route;
mod mesh;
mod resource;
mod route;
mod status;
mod tag;
mod trial;
mod virtual_gateway;
mod virtual_node;
mod virtual_router;
mod virtual_service;

use api::appmesh as api;
use wire::{Bound, bind};

use crate::State;

/// Every operation of the service.
pub(crate) fn operations() -> Vec<Bound<State>> {
    let mut all = meshes();
    all.extend(nodes_and_services());
    all.extend(routers_and_routes());
    all.extend(gateways());
    all.extend(others());
    all
}

fn meshes() -> Vec<Bound<State>> {
    vec![
        bind::<api::CreateMesh, _, _, _, _>(mesh::create_mesh),
        bind::<api::DescribeMesh, _, _, _, _>(mesh::describe_mesh),
        bind::<api::UpdateMesh, _, _, _, _>(mesh::update_mesh),
        bind::<api::DeleteMesh, _, _, _, _>(mesh::delete_mesh),
        bind::<api::ListMeshes, _, _, _, _>(mesh::list_meshes),
    ]
}

fn nodes_and_services() -> Vec<Bound<State>> {
    vec![
        bind::<api::CreateVirtualNode, _, _, _, _>(virtual_node::create_virtual_node),
        bind::<api::DescribeVirtualNode, _, _, _, _>(virtual_node::describe_virtual_node),
        bind::<api::UpdateVirtualNode, _, _, _, _>(virtual_node::update_virtual_node),
        bind::<api::DeleteVirtualNode, _, _, _, _>(virtual_node::delete_virtual_node),
        bind::<api::ListVirtualNodes, _, _, _, _>(virtual_node::list_virtual_nodes),
        bind::<api::CreateVirtualService, _, _, _, _>(virtual_service::create_virtual_service),
        bind::<api::DescribeVirtualService, _, _, _, _>(virtual_service::describe_virtual_service),
        bind::<api::UpdateVirtualService, _, _, _, _>(virtual_service::update_virtual_service),
        bind::<api::DeleteVirtualService, _, _, _, _>(virtual_service::delete_virtual_service),
        bind::<api::ListVirtualServices, _, _, _, _>(virtual_service::list_virtual_services),
    ]
}

fn routers_and_routes() -> Vec<Bound<State>> {
    vec![
        bind::<api::CreateVirtualRouter, _, _, _, _>(virtual_router::create_virtual_router),
        bind::<api::DescribeVirtualRouter, _, _, _, _>(virtual_router::describe_virtual_router),
        bind::<api::UpdateVirtualRouter, _, _, _, _>(virtual_router::update_virtual_router),
        bind::<api::DeleteVirtualRouter, _, _, _, _>(virtual_router::delete_virtual_router),
        bind::<api::ListVirtualRouters, _, _, _, _>(virtual_router::list_virtual_routers),
        bind::<api::CreateRoute, _, _, _, _>(route::create_route),
        bind::<api::DescribeRoute, _, _, _, _>(route::describe_route),
        bind::<api::UpdateRoute, _, _, _, _>(route::update_route),
        bind::<api::DeleteRoute, _, _, _, _>(route::delete_route),
        bind::<api::ListRoutes, _, _, _, _>(route::list_routes),
    ]
}

fn gateways() -> Vec<Bound<State>> {
    vec![
        bind::<api::CreateVirtualGateway, _, _, _, _>(virtual_gateway::create_virtual_gateway),
        bind::<api::DescribeVirtualGateway, _, _, _, _>(virtual_gateway::describe_virtual_gateway),
        bind::<api::UpdateVirtualGateway, _, _, _, _>(virtual_gateway::update_virtual_gateway),
        bind::<api::DeleteVirtualGateway, _, _, _, _>(virtual_gateway::delete_virtual_gateway),
        bind::<api::ListVirtualGateways, _, _, _, _>(virtual_gateway::list_virtual_gateways),
        bind::<api::CreateGatewayRoute, _, _, _, _>(gateway_route::create_gateway_route),
        bind::<api::DescribeGatewayRoute, _, _, _, _>(gateway_route::describe_gateway_route),
        bind::<api::UpdateGatewayRoute, _, _, _, _>(gateway_route::update_gateway_route),
        bind::<api::DeleteGatewayRoute, _, _, _, _>(gateway_route::delete_gateway_route),
        bind::<api::ListGatewayRoutes, _, _, _, _>(gateway_route::list_gateway_routes),
    ]
}

fn others() -> Vec<Bound<State>> {
    vec![
        bind::<api::TagResource, _, _, _, _>(tag::tag_resource),
        bind::<api::UntagResource, _, _, _, _>(tag::untag_resource),
        bind::<api::ListTagsForResource, _, _, _, _>(tag::list_tags_for_resource),
        bind::<api::DescribeRouteStatus, _, _, _, _>(status::describe_route_status),
        bind::<api::ListProxies, _, _, _, _>(status::list_proxies),
        bind::<api::ListTurnedAwayProxies, _, _, _, _>(status::list_turned_away_proxies),
        bind::<api::InjectFault, _, _, _, _>(fault::inject_fault),
        bind::<api::RemoveFault, _, _, _, _>(fault::remove_fault),
        bind::<api::ListFaults, _, _, _, _>(fault::list_faults),
        bind::<api::PutTrial, _, _, _, _>(trial::put_trial),
        bind::<api::RemoveTrial, _, _, _, _>(trial::remove_trial),
        bind::<api::ListTrials, _, _, _, _>(trial::list_trials),
    ]
}
