//! Who a proxy is: from what it says of itself to the virtual node or virtual gateway it stands for.
//!
//! App Mesh's proxies call themselves by its ARN or, shorter, `mesh/<mesh>/virtualNode/<node>`. The short
//! form names neither account nor region, so the task's own ARN, which sidecars send along, is asked first.

use names::{Arn, Scope};
use xds::{Node, NodeName, TurnedAway};

use crate::plan::MeshEndpoint;

/// The names that `node` may have in the cache, best first.
pub fn identify(node: &Node) -> Vec<String> {
    if node.id.starts_with("arn:") {
        return vec![node.id.clone()];
    }
    let scope = task_arn(node).and_then(|arn| arn.parse::<Arn>().ok()?.scope());
    let full = scope.map(|scope| Arn::new("appmesh", &scope, node.id.clone()).to_string());
    full.into_iter().chain([node.id.clone()]).collect()
}

/// The name in the cache of an endpoint of `mesh`.
pub fn node_name(scope: &Scope, mesh: &str, endpoint: &MeshEndpoint) -> NodeName {
    let short = format!("mesh/{mesh}/{endpoint}");
    NodeName { name: Arn::new("appmesh", scope, short.clone()).to_string(), alias: Some(short) }
}

/// The scope, mesh and endpoint of a name in the cache.
pub(crate) fn parse_node_name(name: &str) -> Option<(Scope, String, MeshEndpoint)> {
    let arn: Arn = name.parse().ok()?;
    let mut steps = arn.resource.split('/');
    let (Some("mesh"), Some(mesh), Some(kind), Some(name), None) =
        (steps.next(), steps.next(), steps.next(), steps.next(), steps.next())
    else {
        return None;
    };
    Some((arn.scope()?, mesh.to_owned(), MeshEndpoint::parse(kind, name)?))
}

/// The scope of the node that a proxy asked for in vain, if it said or showed that.
pub(crate) fn scope_of(one: &TurnedAway) -> Option<Scope> {
    let mut names = [one.name.as_deref(), Some(&one.caller)].into_iter().flatten();
    names.find_map(|name| name.parse::<Arn>().ok()?.scope())
}

/// The ARN of the task that a proxy runs in, if it says so.
pub fn task_arn(node: &Node) -> Option<String> {
    let platform = node.metadata.get("aws.appmesh.platformInfo")?;
    let arn = platform.get("ecsPlatformInfo")?.get("ecsTaskArn")?;
    arn.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_short_name_is_looked_for_where_the_task_runs_first() {
        let platform = json!({ "aws.appmesh.platformInfo": { "ecsPlatformInfo": {
            "ecsTaskArn": "arn:aws:ecs:ap-southeast-2:123456789012:task/flask/0123" } } });
        let node = Node { id: "mesh/m/virtualNode/n".to_owned(), metadata: platform, ..Node::default() };
        let full = "arn:aws:appmesh:ap-southeast-2:123456789012:mesh/m/virtualNode/n";
        assert_eq!(identify(&node), [full, "mesh/m/virtualNode/n"]);
        let (scope, mesh, endpoint) = parse_node_name(full).unwrap();
        assert_eq!((mesh.as_str(), &endpoint), ("m", &MeshEndpoint::VirtualNode("n".to_owned())));
        assert_eq!(node_name(&scope, &mesh, &endpoint).name, full);
    }

    #[test]
    fn a_gateway_is_an_endpoint_as_a_node_is_and_nothing_else_is() {
        let name = |tail: &str| parse_node_name(&format!("arn:aws:appmesh:us-west-2:123456789012:mesh/m/{tail}"));
        let (scope, mesh, gateway) = name("virtualGateway/g").unwrap();
        assert_eq!(gateway, MeshEndpoint::VirtualGateway("g".to_owned()));
        assert_eq!(node_name(&scope, &mesh, &gateway).alias.as_deref(), Some("mesh/m/virtualGateway/g"));
        for other in ["virtualRouter/r", "virtualNode", "virtualGateway/g/gatewayRoute/r"] {
            assert_eq!(name(other), None, "{other}");
        }
    }

    #[test]
    fn a_full_name_is_taken_as_it_is() {
        let id = "arn:aws:appmesh:us-west-2:123456789012:mesh/m/virtualNode/n";
        assert_eq!(identify(&Node { id: id.to_owned(), ..Node::default() }), [id]);
    }
}
