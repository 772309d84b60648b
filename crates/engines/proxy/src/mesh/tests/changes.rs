//! What changes under load, and costs nobody a request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::task::JoinSet;

use crate::{
    mesh::Settings,
    model::{Action, Forward, HttpManager, WeightedCluster},
    testing::{Client, Mesh, Server, cluster_at, prefix_route, table},
};

fn weights(shares: &[(&str, u32)]) -> crate::model::RouteTable {
    let clusters = shares.iter().map(|(name, weight)| WeightedCluster::of(name, *weight)).collect();
    table(vec![prefix_route("/", Action::Forward(Forward { clusters, ..Forward::to("") }))])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_weights_clusters_and_chains_change() {
    let (v1, v2) = (Server::named("v1").await, Server::named("v2").await);
    let manager = HttpManager { routes: "routes".to_owned(), ..HttpManager::default() };
    let clusters = [("v1".to_owned(), cluster_at(&[v1.address]))].into();
    let settings = Settings { cores: 2, ..Settings::default() };
    let mesh = Mesh::managed(clusters, weights(&[("v1", 1)]), manager, settings).await;
    let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut load = JoinSet::new();
    for number in 0..8 {
        let (stop, served, address) = (Arc::clone(&stop), Arc::clone(&served), mesh.address);
        load.spawn(async move {
            let mut client = Client::connect(address).await;
            while !stop.load(SeqCst) {
                let answer = client.get("api", "/").await;
                assert_eq!(answer.status, 200, "{answer:?}");
                served.fetch_add(1, SeqCst);
                if number == 0 || answer.field("connection") == Some("close") {
                    client = Client::connect(address).await;
                }
            }
        });
    }
    for round in 0..20_usize {
        let before = served.load(SeqCst);
        let mut config = mesh.config.clone();
        match round % 4 {
            0 => {
                config.clusters.insert("v2".to_owned(), cluster_at(&[v2.address]));
                config.routes.insert("routes".to_owned(), weights(&[("v1", 2), ("v2", 1)]));
            }
            1 => {
                config.clusters = [("v2".to_owned(), cluster_at(&[v2.address]))].into();
                config.routes.insert("routes".to_owned(), weights(&[("v2", 1)]));
            }
            2 => {
                let manager = HttpManager {
                    stat_prefix: format!("other-{round}"),
                    routes: "routes".to_owned(),
                    ..HttpManager::default()
                };
                let filter = crate::model::Filter::Http(manager);
                config.listeners.insert("main".to_owned(), crate::testing::listener(filter));
            }
            _ => {}
        }
        mesh.plane.apply(config).await.unwrap();
        crate::testing::until("requests", async || served.load(SeqCst) > before + 20).await;
    }
    stop.store(true, SeqCst);
    while let Some(one) = load.join_next().await {
        one.unwrap();
    }
}

#[tokio::test]
async fn new_weights_are_in_effect_when_the_change_returns() {
    let (v1, v2) = (Server::named("v1").await, Server::named("v2").await);
    let mesh = Mesh::spreading(&[("v1", v1.address, 1), ("v2", v2.address, 0)]).await;
    let mut client = Client::connect(mesh.address).await;
    for _ in 0..10 {
        for (shares, wanted) in [([("v1", 0), ("v2", 1)], "v2"), ([("v1", 1), ("v2", 0)], "v1")] {
            mesh.plane.set_routes([("routes".to_owned(), weights(&shares))].into()).await.unwrap();
            assert_eq!(client.get("api", "/").await.text(), wanted);
        }
    }
}

#[tokio::test]
async fn a_request_to_a_cluster_that_goes_away_ends_in_peace() {
    let slow = Server::start(|mut conversation| async move {
        while conversation.asked().await.is_some() {
            tokio::time::sleep(Duration::from_millis(300)).await;
            conversation.say("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow").await;
        }
    })
    .await;
    let mesh = Mesh::spreading(&[("slow", slow.address, 1)]).await;
    let mut client = Client::connect(mesh.address).await;
    client.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    crate::testing::until("the request", async || mesh.counter("cluster.slow.upstream_rq_active") == 1).await;
    mesh.plane.set_clusters(std::collections::BTreeMap::new()).await.unwrap();
    assert_eq!(client.answer("GET").await.text(), "slow");
    assert_eq!(client.get("a", "/").await.status, 503);
}

#[tokio::test]
async fn a_cluster_keeps_its_connections_when_its_endpoints_change() {
    let (v1, v2) = (Server::named("v1").await, Server::named("v2").await);
    let mesh = Mesh::spreading(&[("api", v1.address, 1)]).await;
    let mut client = Client::connect(mesh.address).await;
    client.get("a", "/").await;
    let both = [("api".to_owned(), cluster_at(&[v1.address, v2.address]))].into();
    mesh.plane.set_clusters(both).await.unwrap();
    for _ in 0..4 {
        client.get("a", "/").await;
    }
    assert_eq!((v1.accepted(), v2.accepted()), (1, 1));
}
