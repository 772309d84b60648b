//! What ends, on both data planes: proxies that are told to, nodes that are deleted, proxies that are nobody's.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    path::Path,
    time::{Duration, Instant},
};

use conformance::{Group, Identity, Kind, Outcome, Plane, Send, Stage};
use futures::future::join_all;
use serde_json::{Value, json};

/// How long a proxy may take to close its sockets, on a machine that is busy.
const CLOSED_MAX: Duration = Duration::from_secs(30);
/// How long a proxy may take to end once it has drained.
const ENDED_MAX: Duration = Duration::from_secs(30);

/// An application's listener in the task, and a way to one in the VPC.
async fn stage() -> Stage {
    let listener = json!({ "portMapping": { "port": 3000, "protocol": "http" } });
    let client = json!({ "listeners": [listener], "serviceDiscovery": { "dns": { "hostname": "client.local" } } });
    let group = json!({ "about": "ends", "cases": [], "mesh": { "nodes": { "client": client } } });
    let group: Group = serde_json::from_value(group).expect("a group");
    let mut stage = Stage::new(Path::new(env!("CARGO_BIN_EXE_data-plane"))).await;
    stage.apply(&group).await;
    stage
}

fn request(value: Value) -> Send {
    serde_json::from_value(value).expect("a request")
}

/// What comes of a request from elsewhere in the VPC to the task.
async fn inbound(stage: &Stage, plane: &Plane, send: Value) -> Outcome {
    let target = SocketAddrV4::new(plane.task.address, 3000);
    stage.client(stage.world.sockets()).send(&request(send), target, plane.kind.as_str()).await
}

/// What comes of a request of the task to `api.local`.
async fn outbound(stage: &Stage, plane: &Plane) -> Outcome {
    let target = SocketAddrV4::new(Ipv4Addr::new(10, 8, 0, 1), 3000);
    stage.client(&plane.task.sockets).send(&request(json!({})), target, "").await
}

async fn admin(stage: &Stage, plane: &Plane, send: Value) -> Outcome {
    let target = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9901);
    stage.client(&plane.task.sockets).send(&request(send), target, "").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_told_to_end_answers_what_is_under_way() {
    let mut stage = stage().await;
    let planes = stage.take(Identity::Client);
    let stage = &stage;
    join_all(planes.into_iter().map(|mut plane| async move {
        let name = plane.kind.as_str();
        let slow = inbound(stage, &plane, json!({ "headers": { "x-do": "slow:1000" } }));
        let end = async {
            // Once the application has it, it is under way.
            stage.backends.reached(name).await;
            plane.terminate();
        };
        let (slow, ()) = tokio::join!(slow, end);
        assert_eq!((slow.status, slow.error), (Some(200), None), "{name}");
        tokio::time::timeout(ENDED_MAX, plane.ended()).await.unwrap_or_else(|_| panic!("{name} goes on"));
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inbound_listeners_are_drained_and_outbound_ones_go_on() {
    let stage = stage().await;
    for kind in Kind::ALL {
        let plane = stage.plane(Identity::Client, kind).expect("a proxy");
        assert_eq!(inbound(&stage, plane, json!({})).await.status, Some(200), "{}", kind.as_str());
        let drain = json!({ "method": "POST", "path": "/drain_listeners?inboundonly" });
        assert_eq!(admin(&stage, plane, drain).await.status, Some(200), "{}", kind.as_str());
        // Both answer as soon as every core has been told, not when the last of them has closed its socket.
        let told = Instant::now();
        while inbound(&stage, plane, json!({})).await.status.is_some() {
            assert!(told.elapsed() < CLOSED_MAX, "{} goes on taking connections", kind.as_str());
        }
        for _ in 0..5 {
            let late = inbound(&stage, plane, json!({})).await;
            assert_eq!(late.status, None, "{}: {late:?}", kind.as_str());
        }
        assert_eq!(outbound(&stage, plane).await.status, Some(200), "{}", kind.as_str());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_deleted_leaves_its_proxies_with_what_they_had() {
    let stage = stage().await;
    let node = json!({ "meshName": "m", "virtualNodeName": "client" });
    stage.control.call("DeleteVirtualNode", node).await.expect("nothing refers to it");
    stage.control.dismissed(Identity::Client).await.expect("its proxies are told");
    for kind in Kind::ALL {
        let plane = stage.plane(Identity::Client, kind).expect("a proxy");
        for _ in 0..20 {
            assert_eq!(outbound(&stage, plane).await.status, Some(200), "{}", kind.as_str());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_in_no_mesh_gets_nothing_and_harms_nobody() {
    let mut stage = stage().await;
    stage.start(Identity::Gateway).await;
    for kind in Kind::ALL {
        let stranger = stage.plane(Identity::Gateway, kind).expect("a proxy");
        let ready = loop {
            let ready = admin(&stage, stranger, json!({ "path": "/ready" })).await;
            if ready.status.is_some() {
                break ready;
            }
            assert!(!ready.is_late(), "{} opens no admin port", kind.as_str());
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(ready.status, Some(503), "{}", kind.as_str());
        let plane = stage.plane(Identity::Client, kind).expect("a proxy");
        assert_eq!(outbound(&stage, plane).await.status, Some(200), "{}", kind.as_str());
    }
}
