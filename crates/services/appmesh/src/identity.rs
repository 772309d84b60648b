//! Who a proxy is: from what it says of itself to the virtual node it stands for.
//!
//! App Mesh's sidecars call themselves by the virtual node's ARN or, shorter, `mesh/<mesh>/virtualNode/<node>`. The short
//! form names neither account nor region, so the task's own ARN, which sidecars send along, is asked first.

use names::{Arn, Scope};
use xds::{Node, NodeName};

/// The names that `node` may have in the cache, best first.
pub fn identify(node: &Node) -> Vec<String> {
    if node.id.starts_with("arn:") {
        return vec![node.id.clone()];
    }
    let scope = task_arn(node).and_then(|arn| arn.parse::<Arn>().ok()?.scope());
    let full = scope.map(|scope| Arn::new("appmesh", &scope, node.id.clone()).to_string());
    full.into_iter().chain([node.id.clone()]).collect()
}

/// The name in the cache of the virtual node `node` of `mesh`.
pub fn node_name(scope: &Scope, mesh: &str, node: &str) -> NodeName {
    let short = format!("mesh/{mesh}/virtualNode/{node}");
    NodeName { name: Arn::new("appmesh", scope, short.clone()).to_string(), alias: Some(short) }
}

/// The scope, mesh and virtual node of a name in the cache.
pub(crate) fn parse_node_name(name: &str) -> Option<(Scope, String, String)> {
    let arn: Arn = name.parse().ok()?;
    let mut steps = arn.resource.split('/');
    let (mesh, node) = match (steps.next()?, steps.next()?, steps.next()?, steps.next()?) {
        ("mesh", mesh, "virtualNode", node) => (mesh.to_owned(), node.to_owned()),
        _ => return None,
    };
    Some((arn.scope()?, mesh, node))
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
        let (scope, mesh, name) = parse_node_name(full).unwrap();
        assert_eq!((node_name(&scope, &mesh, &name).name.as_str(), mesh.as_str(), name.as_str()), (full, "m", "n"));
    }

    #[test]
    fn a_full_name_is_taken_as_it_is() {
        let id = "arn:aws:appmesh:us-west-2:123456789012:mesh/m/virtualNode/n";
        assert_eq!(identify(&Node { id: id.to_owned(), ..Node::default() }), [id]);
    }
}
