//! A mesh as it is asked for and as its proxies have it, from App Mesh's operations.

use api::{
    Fault,
    appmesh::{
        DescribeGatewayRoute, DescribeGatewayRouteRequest, DescribeRouteStatus, DescribeVirtualNode,
        DescribeVirtualNodeRequest, DescribeVirtualService, DescribeVirtualServiceRequest, ListGatewayRoutes,
        ListGatewayRoutesRequest, ListProxies, ListRoutes, ListRoutesRequest, ListVirtualGateways,
        ListVirtualGatewaysRequest, ListVirtualNodes, ListVirtualNodesRequest, ListVirtualRouters,
        ListVirtualRoutersRequest, ListVirtualServices, ListVirtualServicesRequest,
        status::{DescribeRouteStatusRequest, ListProxiesRequest},
    },
};

use crate::{
    ask::{Cx, all},
    words::tail,
};

/// A mesh.
#[derive(Debug, Default)]
pub(super) struct Mesh {
    pub(super) name: String,
    pub(super) gateways: Vec<Gateway>,
    pub(super) nodes: Vec<NodeOf>,
    pub(super) services: Vec<ServiceOf>,
    pub(super) routers: Vec<String>,
    pub(super) routes: Vec<RouteOf>,
    pub(super) proxies: Vec<ProxyOf>,
    pub(super) faults: Vec<String>,
}

/// A virtual gateway, and the virtual services its routes lead to.
#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) name: String,
    pub(super) services: Vec<String>,
}

/// A virtual node, and the virtual services it calls.
#[derive(Debug)]
pub(super) struct NodeOf {
    pub(super) name: String,
    pub(super) backends: Vec<String>,
}

/// A virtual service, and who provides it.
#[derive(Debug)]
pub(super) struct ServiceOf {
    pub(super) name: String,
    pub(super) router: Option<String>,
    pub(super) node: Option<String>,
}

/// A route, and how far it is.
#[derive(Debug)]
pub(super) struct RouteOf {
    pub(super) router: String,
    pub(super) name: String,
    pub(super) asked: Vec<(String, u32)>,
    pub(super) is_applied: bool,
    pub(super) proxies: u32,
    pub(super) acknowledged: u32,
}

impl RouteOf {
    /// Its name among all of the mesh: routers may have routes of one name.
    pub(super) fn key(&self) -> String {
        format!("{}\u{1f}{}", self.router, self.name)
    }
}

/// A proxy that is connected.
#[derive(Debug)]
pub(super) struct ProxyOf {
    pub(super) stands_for: String,
    pub(super) task: Option<String>,
    pub(super) up_to_date: bool,
    pub(super) refusal: Option<String>,
}

impl Mesh {
    /// How many proxies stand for a node or gateway, in words.
    pub(super) fn copies(&self, name: &str) -> String {
        match self.proxies.iter().filter(|proxy| proxy.stands_for == name).count() {
            0 => "no proxy".to_owned(),
            1 => "1 proxy".to_owned(),
            count => format!("{count} proxies"),
        }
    }
}

/// The mesh called `mesh`.
pub(super) async fn mesh(cx: &Cx, mesh: &str) -> Result<Mesh, Fault> {
    let listed = cx.call::<ListProxies>(ListProxiesRequest { mesh_name: mesh.to_owned(), mesh_owner: None }).await?;
    let proxies = listed.proxies.into_iter().map(|proxy| ProxyOf {
        stands_for: proxy.virtual_gateway_name.or(proxy.virtual_node_name).unwrap_or_default(),
        task: proxy.task_arn.as_deref().map(|arn| tail(arn).to_owned()),
        up_to_date: proxy.up_to_date,
        refusal: proxy.refusal,
    });
    let request =
        ListVirtualRoutersRequest { mesh_name: mesh.to_owned(), limit: None, mesh_owner: None, next_token: None };
    let routers = all!(cx, ListVirtualRouters, request, virtual_routers);
    let mut found = Mesh {
        name: mesh.to_owned(),
        gateways: gateways(cx, mesh).await?,
        nodes: nodes(cx, mesh).await?,
        services: services(cx, mesh).await?,
        routers: routers.into_iter().map(|router| router.virtual_router_name).collect(),
        routes: Vec::new(),
        proxies: proxies.collect(),
        faults: listed.faults,
    };
    for router in &found.routers {
        found.routes.extend(routes(cx, mesh, router).await?);
    }
    Ok(found)
}

async fn gateways(cx: &Cx, mesh: &str) -> Result<Vec<Gateway>, Fault> {
    let request =
        ListVirtualGatewaysRequest { limit: None, mesh_name: mesh.to_owned(), mesh_owner: None, next_token: None };
    let mut found = Vec::new();
    for gateway in all!(cx, ListVirtualGateways, request, virtual_gateways) {
        let name = gateway.virtual_gateway_name;
        let request = ListGatewayRoutesRequest {
            limit: None,
            mesh_name: mesh.to_owned(),
            mesh_owner: None,
            next_token: None,
            virtual_gateway_name: name.clone(),
        };
        let mut services = Vec::new();
        for route in all!(cx, ListGatewayRoutes, request, gateway_routes) {
            let request = DescribeGatewayRouteRequest {
                mesh_name: mesh.to_owned(),
                mesh_owner: None,
                gateway_route_name: route.gateway_route_name,
                virtual_gateway_name: name.clone(),
            };
            let spec = cx.call::<DescribeGatewayRoute>(request).await?.gateway_route.spec;
            services.extend(spec.http_route.map(|route| route.action.target.virtual_service.virtual_service_name));
            services.extend(spec.http2_route.map(|route| route.action.target.virtual_service.virtual_service_name));
            services.extend(spec.grpc_route.map(|route| route.action.target.virtual_service.virtual_service_name));
        }
        services.sort();
        services.dedup();
        found.push(Gateway { name, services });
    }
    Ok(found)
}

async fn nodes(cx: &Cx, mesh: &str) -> Result<Vec<NodeOf>, Fault> {
    let request =
        ListVirtualNodesRequest { limit: None, mesh_name: mesh.to_owned(), mesh_owner: None, next_token: None };
    let mut found = Vec::new();
    for node in all!(cx, ListVirtualNodes, request, virtual_nodes) {
        let request = DescribeVirtualNodeRequest {
            mesh_name: mesh.to_owned(),
            mesh_owner: None,
            virtual_node_name: node.virtual_node_name.clone(),
        };
        let backends = cx.call::<DescribeVirtualNode>(request).await?.virtual_node.spec.backends;
        let backends = backends.into_iter().filter_map(|backend| backend.virtual_service);
        let backends = backends.map(|service| service.virtual_service_name).collect();
        found.push(NodeOf { name: node.virtual_node_name, backends });
    }
    Ok(found)
}

async fn services(cx: &Cx, mesh: &str) -> Result<Vec<ServiceOf>, Fault> {
    let request =
        ListVirtualServicesRequest { limit: None, mesh_name: mesh.to_owned(), mesh_owner: None, next_token: None };
    let mut found = Vec::new();
    for service in all!(cx, ListVirtualServices, request, virtual_services) {
        let name = service.virtual_service_name;
        let request = DescribeVirtualServiceRequest {
            mesh_name: mesh.to_owned(),
            mesh_owner: None,
            virtual_service_name: name.clone(),
        };
        let provider = cx.call::<DescribeVirtualService>(request).await?.virtual_service.spec.provider;
        let provider = provider.unwrap_or_default();
        let router = provider.virtual_router.map(|router| router.virtual_router_name);
        found.push(ServiceOf { name, router, node: provider.virtual_node.map(|node| node.virtual_node_name) });
    }
    Ok(found)
}

async fn routes(cx: &Cx, mesh: &str, router: &str) -> Result<Vec<RouteOf>, Fault> {
    let request = ListRoutesRequest {
        limit: None,
        mesh_name: mesh.to_owned(),
        mesh_owner: None,
        next_token: None,
        virtual_router_name: router.to_owned(),
    };
    let mut found = Vec::new();
    for route in all!(cx, ListRoutes, request, routes) {
        let request = DescribeRouteStatusRequest {
            mesh_name: mesh.to_owned(),
            mesh_owner: None,
            virtual_router_name: router.to_owned(),
            route_name: route.route_name.clone(),
            wait_seconds: None,
        };
        let status = cx.call::<DescribeRouteStatus>(request).await?;
        found.push(RouteOf {
            router: router.to_owned(),
            name: route.route_name,
            is_applied: status.is_applied(),
            asked: status.asked.into_iter().map(|target| (target.virtual_node, target.weight)).collect(),
            proxies: status.proxies,
            acknowledged: status.acknowledged,
        });
    }
    Ok(found)
}
