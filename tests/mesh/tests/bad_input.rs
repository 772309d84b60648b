//! Bad input while requests go on at a steady rate, on both data planes at once: what is wrong is said by name, and not
//! one request of the others fails.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    path::Path,
    time::{Duration, Instant},
};

use conformance::{Group, Identity, Kind, Loads, Outcome, Send, Stage, alone};
use serde_json::{Value, json};

/// How many requests there are between changes.
const ENOUGH: usize = 200;
/// How long what is expected may take to come, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(10);

fn group(value: Value) -> Group {
    serde_json::from_value(value).expect("a group")
}

fn requested(value: Value) -> Send {
    serde_json::from_value(value).expect("a request")
}

async fn stage(group: &Group) -> Stage {
    let mut stage = Stage::new(Path::new(env!("CARGO_BIN_EXE_data-plane"))).await;
    stage.apply(group).await;
    stage
}

/// What comes of a request of the task's application to `path` of `api.local`.
async fn outbound(stage: &Stage, kind: Kind, path: &str) -> Outcome {
    let plane = stage.plane(Identity::Client, kind).expect("a proxy");
    let target = SocketAddrV4::new(Ipv4Addr::new(10, 8, 0, 1), 3000);
    stage.client(&plane.task.sockets).send(&requested(json!({ "path": path })), target, "").await
}

/// What comes of a request from elsewhere in the VPC to the task.
async fn inbound(stage: &Stage, kind: Kind, send: Value) -> Outcome {
    let plane = stage.plane(Identity::Client, kind).expect("a proxy");
    let target = SocketAddrV4::new(plane.task.address, 3000);
    stage.client(stage.world.sockets()).send(&requested(send), target, "").await
}

/// Waits until `see` answers.
async fn until<T>(what: &str, see: impl AsyncFn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = see().await {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} does not come");
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until both data planes answer requests to `path` with `status`.
async fn answered(stage: &Stage, path: &str, status: u16) {
    for kind in Kind::ALL {
        let what = format!("{}: {status} for {path}", kind.as_str());
        until(&what, async || (outbound(stage, kind, path).await.status == Some(status)).then_some(())).await;
    }
}

async fn call(stage: &Stage, operation: &str, request: Value) -> Value {
    stage.control.call(operation, request).await.unwrap_or_else(|refused| panic!("{refused}"))
}

/// What `serin status` says of the proxies: an entry for each that is connected.
async fn proxies(stage: &Stage) -> Vec<Value> {
    let listed = call(stage, "ListProxies", json!({ "meshName": "m" })).await;
    listed["proxies"].as_array().cloned().unwrap_or_default()
}

/// What the mesh asks for that no proxy could be given, as `serin status` says it.
async fn faults(stage: &Stage) -> String {
    call(stage, "ListProxies", json!({ "meshName": "m" })).await["faults"].to_string()
}

/// The node `client` with this TLS on the port of its application.
fn client(tls: Option<Value>) -> Value {
    let mut listener = json!({ "portMapping": { "port": 3000, "protocol": "http" } });
    if let Some(tls) = tls {
        listener["tls"] = tls;
    }
    json!({ "listeners": [listener], "serviceDiscovery": { "dns": { "hostname": "client.local" } },
            "backends": [{ "virtualService": { "virtualServiceName": "api.local" } }] })
}

fn files(name: &str) -> Value {
    let file = json!({ "certificateChain": format!("/mnt/{name}.pem"), "privateKey": format!("/mnt/{name}.key") });
    json!({ "mode": "STRICT", "certificate": { "file": file } })
}

fn update(tls: Option<Value>) -> Value {
    json!({ "meshName": "m", "virtualNodeName": "client", "spec": client(tls) })
}

/// The refusals of the proxies of both data planes, once there are as many as `wanted`.
async fn refusals(stage: &Stage, wanted: usize) -> Vec<String> {
    until("refusals", async || {
        let all = proxies(stage).await;
        let said: Vec<String> = all.iter().filter_map(|one| Some(one["refusal"].as_str()?.to_owned())).collect();
        (said.len() == wanted).then_some(said)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_file_that_is_missing_is_named_and_what_there_was_goes_on() {
    let _alone = alone().await;
    let stage =
        stage(&group(json!({ "about": "files", "cases": [], "mesh": { "nodes": { "client": client(None) } } }))).await;
    let loads = Loads::start(&stage, "/");
    call(&stage, "UpdateVirtualNode", update(Some(files("not-there")))).await;
    for refusal in refusals(&stage, 2).await {
        assert!(refusal.contains("/mnt/not-there."), "{refusal}");
    }
    let route = json!({ "meshName": "m", "virtualRouterName": "api", "routeName": "all" });
    until("what refuses the route's proxies", async || {
        let status = call(&stage, "DescribeRouteStatus", route.clone()).await;
        (status["refusals"].as_array().map(Vec::len) == Some(2)).then_some(())
    })
    .await;
    loads.more(ENOUGH).await;
    for kind in Kind::ALL {
        assert_eq!(inbound(&stage, kind, json!({})).await.status, Some(200), "{}", kind.as_str());
    }
    // The file comes, and the mesh asks again.
    stage.change("UpdateVirtualNode", update(Some(files("server")))).await;
    refusals(&stage, 0).await;
    for kind in Kind::ALL {
        let within = inbound(&stage, kind, json!({ "tls": true })).await;
        assert_eq!((within.status, within.error), (Some(200), None), "{}", kind.as_str());
    }
    loads.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_file_that_has_ended_is_believed_by_nobody_and_harms_nobody() {
    let _alone = alone().await;
    let stage =
        stage(&group(json!({ "about": "files", "cases": [], "mesh": { "nodes": { "client": client(None) } } }))).await;
    let loads = Loads::start(&stage, "/");
    call(&stage, "UpdateVirtualNode", update(Some(files("expired")))).await;
    // Our proxy refuses it. Envoy shows it, and leaves it to clients to refuse it.
    for refusal in refusals(&stage, 1).await {
        assert!(refusal.contains("/mnt/expired.pem") && refusal.contains("expired at 2001-01-01"), "{refusal}");
    }
    assert_eq!(inbound(&stage, Kind::Serin, json!({})).await.status, Some(200));
    let shown = until("an Envoy that shows it", async || {
        inbound(&stage, Kind::Envoy, json!({ "tls": true })).await.error.filter(|error| error.contains("xpired"))
    });
    println!("envoy: {}", shown.await);
    loads.more(ENOUGH).await;
    stage.change("UpdateVirtualNode", update(None)).await;
    refusals(&stage, 0).await;
    loads.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_are_deleted_under_traffic() {
    let _alone = alone().await;
    let mut stage = stage(&group(json!({ "about": "deletion", "cases": [] }))).await;
    stage.start(Identity::Client).await;
    let loads = Loads::start(&stage, "/");
    let node = |name: &str| json!({ "meshName": "m", "virtualNodeName": name });
    let route = |node: &str| {
        json!({ "meshName": "m", "virtualRouterName": "api", "routeName": "all", "spec": {
        "httpRoute": { "match": { "prefix": "/" },
                       "action": { "weightedTargets": [{ "virtualNode": node, "weight": 1 }] } } } })
    };
    // One that has the traffic stays.
    let refused = stage.control.call("DeleteVirtualNode", node("a")).await.expect_err("it is the target of a route");
    assert!(
        refused.0.contains("ResourceInUseException") && refused.0.contains("target of one or more routes"),
        "{refused}"
    );
    loads.more(ENOUGH).await;
    // One that had it goes.
    stage.change("UpdateRoute", route("b")).await;
    call(&stage, "DeleteVirtualNode", node("a")).await;
    loads.more(ENOUGH).await;
    // That of the proxies themselves goes: they are told, and go on with what they had.
    call(&stage, "DeleteVirtualNode", node("client")).await;
    stage.control.dismissed(Identity::Client).await.expect("its proxies are told");
    loads.more(2 * ENOUGH).await;
    assert_eq!(proxies(&stage).await, Vec::<Value>::new());
    // It comes back, and its proxies with it.
    let again = json!({ "meshName": "m", "virtualNodeName": "client", "spec": {
        "backends": [{ "virtualService": { "virtualServiceName": "api.local" } }] } });
    call(&stage, "CreateVirtualNode", again).await;
    let back = async || (proxies(&stage).await.len() == 2).then_some(());
    until("the proxies of a node that is there again", back).await;
    stage.acknowledged(Identity::Client).await;
    loads.more(ENOUGH).await;
    loads.unharmed().await;
}

/// A route `/` to `a`, and one `/pool` to the node `pool`, which is found by `discovery`.
fn with_pool(discovery: &Value) -> Group {
    let to = |node: &str, prefix: &str| {
        json!({ "httpRoute": { "match": { "prefix": prefix },
                "action": { "weightedTargets": [{ "virtualNode": node, "weight": 1 }] } } })
    };
    let mut discovery = discovery.clone();
    if discovery.get("dns").is_none() {
        discovery["dns"] = Value::Null;
    }
    group(json!({ "about": "a pool", "cases": [],
        "instances": [{ "AWS_INSTANCE_IPV4": "10.9.0.11" }, { "AWS_INSTANCE_IPV4": "10.9.0.12" }],
        "mesh": { "nodes": { "pool": { "serviceDiscovery": discovery } },
                  "routes": { "all": to("a", "/"), "pool": to("pool", "/pool") } } }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_whose_last_instance_goes_says_so_until_one_comes_back() {
    let _alone = alone().await;
    let map = json!({ "awsCloudMap": { "namespaceName": "local", "serviceName": "pool" } });
    let stage = stage(&with_pool(&map)).await;
    let loads = Loads::start(&stage, "/");
    answered(&stage, "/pool", 200).await;
    for _ in 0..3 {
        stage.control.register(Vec::new()).expect("a mesh");
        answered(&stage, "/pool", 503).await;
        for kind in Kind::ALL {
            let nobody = outbound(&stage, kind, "/pool").await;
            assert_eq!(String::from_utf8_lossy(&nobody.body), "no healthy upstream", "{}", kind.as_str());
        }
        let back = [("AWS_INSTANCE_IPV4".to_owned(), "10.9.0.13".to_owned())].into();
        stage.control.register(vec![back]).expect("a mesh");
        answered(&stage, "/pool", 200).await;
        loads.more(ENOUGH).await;
    }
    loads.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_take_a_route_s_target_away_has_its_answer() {
    let _alone = alone().await;
    let dns = json!({ "dns": { "hostname": "p.local", "responseType": "ENDPOINTS" } });
    let stage = stage(&with_pool(&dns)).await;
    let loads = Loads::start(&stage, "/");
    let node = |listeners: Value, discovery: Value| {
        json!({ "meshName": "m", "virtualNodeName": "pool",
                "spec": { "listeners": listeners, "serviceDiscovery": discovery } })
    };
    let listener = |port: u16| json!([{ "portMapping": { "port": port, "protocol": "http" } }]);
    let route = |weight: u32| {
        json!({ "meshName": "m", "virtualRouterName": "api", "routeName": "pool", "spec": { "httpRoute": {
                "match": { "prefix": "/pool" },
                "action": { "weightedTargets": [{ "virtualNode": "pool", "weight": weight }] } } } })
    };
    let whole = node(listener(3000), dns.clone());
    answered(&stage, "/pool", 200).await;
    // Its name leads nowhere.
    let nowhere = json!({ "dns": { "hostname": "nowhere.local", "responseType": "ENDPOINTS" } });
    call(&stage, "UpdateVirtualNode", node(listener(3000), nowhere)).await;
    answered(&stage, "/pool", 503).await;
    call(&stage, "UpdateVirtualNode", whole.clone()).await;
    answered(&stage, "/pool", 200).await;
    // Nobody listens where it says.
    call(&stage, "UpdateVirtualNode", node(listener(3999), dns.clone())).await;
    answered(&stage, "/pool", 503).await;
    call(&stage, "UpdateVirtualNode", whole.clone()).await;
    answered(&stage, "/pool", 200).await;
    // It listens nowhere.
    call(&stage, "UpdateVirtualNode", node(json!([]), dns.clone())).await;
    answered(&stage, "/pool", 503).await;
    let said = faults(&stage).await;
    assert!(said.contains("pool"), "{said}");
    call(&stage, "UpdateVirtualNode", whole.clone()).await;
    answered(&stage, "/pool", 200).await;
    // Nobody can find it.
    call(&stage, "UpdateVirtualNode", node(json!([]), Value::Null)).await;
    answered(&stage, "/pool", 503).await;
    let said = faults(&stage).await;
    assert!(said.contains("pool"), "{said}");
    call(&stage, "UpdateVirtualNode", whole).await;
    answered(&stage, "/pool", 200).await;
    // It has no share.
    call(&stage, "UpdateRoute", route(0)).await;
    answered(&stage, "/pool", 503).await;
    call(&stage, "UpdateRoute", route(1)).await;
    answered(&stage, "/pool", 200).await;
    // The route itself goes: the next takes over.
    let gone = json!({ "meshName": "m", "virtualRouterName": "api", "routeName": "pool" });
    stage.change("DeleteRoute", gone).await;
    for kind in Kind::ALL {
        assert_eq!(outbound(&stage, kind, "/pool").await.from.as_deref(), Some("a"), "{}", kind.as_str());
    }
    loads.unharmed().await;
}
