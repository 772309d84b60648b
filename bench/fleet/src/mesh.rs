//! The mesh: the article's gateway, and two versions of the API it calls.

use anyhow::Result;
use api::appmesh::{
    CreateMesh, CreateRoute, CreateVirtualNode, CreateVirtualRouter, CreateVirtualService, UpdateRoute,
};
use serde_json::{Value, json};
use wire::Client;

/// The mesh.
pub(crate) const MESH: &str = "fleet";
/// The node of the proxies that carry the route.
pub(crate) const NODE: &str = "gateway-vn";
/// The node of proxies that carry no route.
pub(crate) const BYSTANDER: &str = "bystander-vn";
/// The router and the route.
pub(crate) const ROUTE: (&str, &str) = ("api-vr", "api-route");
/// The route configurations of [`NODE`].
pub(crate) const ROUTE_CONFIGURATIONS: [&str; 2] = ["rds_egress_http_3000", "rds_ingress_http_3000"];

/// Makes the mesh.
pub(crate) async fn create(client: &Client) -> Result<()> {
    client.call::<CreateMesh>(read(json!({ "meshName": MESH }))?).await?;
    for name in ["api-vn", "api-v2-vn", BYSTANDER] {
        client.call::<CreateVirtualNode>(read(node(name, &[]))?).await?;
    }
    let listeners = json!([{ "portMapping": { "port": 3000, "protocol": "http" } }]);
    let router = json!({ "meshName": MESH, "virtualRouterName": ROUTE.0, "spec": { "listeners": listeners } });
    client.call::<CreateVirtualRouter>(read(router)?).await?;
    client.call::<CreateRoute>(read(route(1, 0))?).await?;
    let provider = json!({ "virtualRouter": { "virtualRouterName": ROUTE.0 } });
    let service = json!({ "meshName": MESH, "virtualServiceName": "api.fleet", "spec": { "provider": provider } });
    client.call::<CreateVirtualService>(read(service)?).await?;
    client.call::<CreateVirtualNode>(read(node(NODE, &["api.fleet"]))?).await?;
    Ok(())
}

/// Gives the route weights that it did not have in the round before.
pub(crate) async fn set_weights(client: &Client, round: usize) -> Result<()> {
    client.call::<UpdateRoute>(read(route(1 + round % 7, 10 + round % 11))?).await?;
    Ok(())
}

fn node(name: &str, backends: &[&str]) -> Value {
    let backends = backends.iter().map(|name| json!({ "virtualService": { "virtualServiceName": name } }));
    json!({ "meshName": MESH, "virtualNodeName": name, "spec": {
        "listeners": [{ "portMapping": { "port": 3000, "protocol": "http" } }],
        // A name that resolves without a name server.
        "serviceDiscovery": { "dns": { "hostname": "localhost" } },
        "backends": backends.collect::<Vec<_>>(),
    } })
}

fn route(first: usize, second: usize) -> Value {
    let targets = [("api-vn", first), ("api-v2-vn", second)];
    let targets = targets.map(|(node, weight)| json!({ "virtualNode": node, "weight": weight }));
    json!({ "meshName": MESH, "virtualRouterName": ROUTE.0, "routeName": ROUTE.1,
            "spec": { "httpRoute": { "match": { "prefix": "/" }, "action": { "weightedTargets": targets } } } })
}

/// Reads a request of any operation.
pub(crate) fn read<R: serde::de::DeserializeOwned>(members: Value) -> Result<R> {
    Ok(serde_json::from_value(members)?)
}
