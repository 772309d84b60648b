//! The statistics of the proxies in a scope's tasks, as they expose them, with who they are.

use std::collections::BTreeMap;

use api::appmesh::{
    ListMeshes, ListMeshesRequest,
    status::{ListProxies, ListProxiesRequest, Proxy},
};
use canary::reading::TaskProxies;
use futures::{StreamExt, stream};
use names::Scope;
use tokio::time::Instant;
use wire::Caller;

use super::{house::with, text::Text};

/// Proxies that are asked at once.
const ASKED_AT_ONCE: usize = 32;
/// Proxies of one mesh that are asked; of more only so many, and the others are told as not up.
const PROXIES_MAX: usize = 2000;

/// Adds what the proxies of all meshes of `scope` tell before `deadline`.
pub(super) async fn tell(caller: &Caller, proxies: &TaskProxies, scope: &Scope, deadline: Instant, text: &mut Text) {
    let mut request = ListMeshesRequest::default();
    loop {
        let Ok(listed) = caller.call::<ListMeshes>(scope, request.clone()).await else { return };
        for mesh in &listed.meshes {
            mesh_of(caller, proxies, (scope, &mesh.mesh_name), deadline, text).await;
        }
        request.next_token = listed.next_token;
        if request.next_token.is_none() {
            return;
        }
    }
}

async fn mesh_of(
    caller: &Caller,
    proxies: &TaskProxies,
    (scope, mesh): (&Scope, &str),
    deadline: Instant,
    text: &mut Text,
) {
    let request = ListProxiesRequest { mesh_name: mesh.to_owned(), mesh_owner: None };
    let Ok(listed) = caller.call::<ListProxies>(scope, request).await else { return };
    // Who runs in no task of this house is scraped where it runs.
    let tasks: Vec<(String, String)> =
        listed.proxies.iter().filter_map(|proxy| Some((stands_for(proxy), proxy.task_arn.clone()?))).collect();
    let mut asked = Vec::new();
    for (node, task) in tasks.into_iter().take(PROXIES_MAX) {
        asked.push(tokio::time::timeout_at(deadline, one(proxies, scope, node, task)));
    }
    let mut answers = stream::iter(asked).buffer_unordered(ASKED_AT_ONCE);
    let mut told = BTreeMap::new();
    while let Some(answer) = answers.next().await {
        if let Ok((node, task, Some(exposed))) = answer {
            told.insert((node, task), exposed);
        }
    }
    for proxy in &listed.proxies {
        let Some(task) = &proxy.task_arn else { continue };
        let node = stands_for(proxy);
        let names = [("mesh", mesh), ("virtual_node", node.as_str()), ("task", crate::words::tail(task))];
        let labels = with(scope, &names);
        let exposed = told.get(&(node.clone(), task.clone()));
        text.gauge("serin_proxy_up", &labels, f64::from(u8::from(exposed.is_some())));
        if let Some(exposed) = exposed {
            text.federate(exposed, &labels);
        }
    }
}

/// What one proxy tells, with who it is.
async fn one(proxies: &TaskProxies, scope: &Scope, node: String, task: String) -> (String, String, Option<String>) {
    let exposed = proxies.statistics(scope, &task).await;
    (node, task, exposed)
}

/// The virtual node, or gateway, whose proxy it is.
fn stands_for(proxy: &Proxy) -> String {
    proxy.virtual_node_name.clone().or_else(|| proxy.virtual_gateway_name.clone()).unwrap_or_default()
}
