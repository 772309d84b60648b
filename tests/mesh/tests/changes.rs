//! Changes under load, on both data planes at once: not one failed request, and what was acknowledged holds.

use std::path::Path;

use conformance::{Group, Loads, Stage, alone};
use serde_json::{Value, json};

/// Requests that are enough to see what a data plane does now.
const ENOUGH: usize = 150;
/// How often each kind of change is made.
const ROUNDS: usize = 12;

fn route(weights: &[(&str, u32)]) -> Value {
    let targets = weights.iter().map(|(node, weight)| json!({ "virtualNode": node, "weight": weight }));
    json!({ "httpRoute": { "match": { "prefix": "/" },
            "action": { "weightedTargets": targets.collect::<Vec<_>>() } } })
}

fn update_route(spec: Value) -> Value {
    json!({ "meshName": "m", "virtualRouterName": "api", "routeName": "all", "spec": spec })
}

fn client(spec: Value) -> Value {
    json!({ "meshName": "m", "virtualNodeName": "client", "spec": spec })
}

fn backends(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "virtualService": { "virtualServiceName": name } })).collect()
}

/// A stage with two more services than `api.local`: one on its port, one on another.
async fn stage() -> Stage {
    let group: Group = serde_json::from_value(json!({ "about": "changes", "cases": [], "mesh": {
        "nodes": { "c": {}, "d": { "listeners": [{ "portMapping": { "port": 3001, "protocol": "http" } }],
                                   "serviceDiscovery": { "dns": { "hostname": "c.local" } } },
                   "client": { "backends": backends(&["api.local"]) } },
        "services": {
            "api.local": { "provider": { "virtualRouter": { "virtualRouterName": "api" } } },
            "c.service.local": { "provider": { "virtualNode": { "virtualNodeName": "c" } } },
            "d.service.local": { "provider": { "virtualNode": { "virtualNodeName": "d" } } },
        },
    } }))
    .expect("a group");
    let mut stage = Stage::new(Path::new(env!("CARGO_BIN_EXE_data-plane"))).await;
    stage.apply(&group).await;
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weights_change_and_what_is_acknowledged_holds() {
    let _alone = alone().await;
    let stage = stage().await;
    let whole = Loads::start(&stage, "/");
    for _ in 0..ROUNDS {
        stage.change("UpdateRoute", update_route(route(&[("a", 2), ("b", 1)]))).await;
        stage.change("UpdateRoute", update_route(route(&[("a", 0), ("b", 1)]))).await;
        let second = Loads::start(&stage, "/");
        second.more(ENOUGH).await;
        for (kind, tally) in second.unharmed().await {
            assert_eq!(tally.from.keys().collect::<Vec<_>>(), ["b"], "{}: {:?}", kind.as_str(), tally.from);
        }
        stage.change("UpdateRoute", update_route(route(&[("a", 1)]))).await;
    }
    whole.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clusters_come_and_go() {
    let _alone = alone().await;
    let stage = stage().await;
    let whole = Loads::start(&stage, "/");
    for _ in 0..ROUNDS {
        stage.change("UpdateRoute", update_route(route(&[("a", 1), ("b", 1), ("c", 1)]))).await;
        stage.change("UpdateRoute", update_route(route(&[("b", 1)]))).await;
        stage.change("UpdateRoute", update_route(route(&[("a", 1)]))).await;
    }
    whole.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_change() {
    let _alone = alone().await;
    let stage = stage().await;
    let whole = Loads::start(&stage, "/");
    let log = json!({ "accessLog": { "file": { "path": "/mnt/access.log" } } });
    for _ in 0..ROUNDS {
        // A port more, a port less: other chains of the same listener.
        stage
            .change("UpdateVirtualNode", client(json!({ "backends": backends(&["api.local", "d.service.local"]) })))
            .await;
        stage.change("UpdateVirtualNode", client(json!({ "backends": backends(&["api.local"]) }))).await;
        // Another log: the very chain that is in use.
        stage
            .change("UpdateVirtualNode", client(json!({ "backends": backends(&["api.local"]), "logging": log })))
            .await;
        stage
            .change("UpdateVirtualNode", client(json!({ "backends": backends(&["api.local", "c.service.local"]) })))
            .await;
    }
    whole.unharmed().await;
}
