//! The admin pages over the wire.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool},
};

use axum::Router;
use envoy_types::pb::{
    envoy::config::{cluster::v3::Cluster, route::v3::RouteConfiguration},
    google::protobuf::Any,
};
use prost::Message;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::task::AbortOnDropHandle;

use super::{Process, Settings, admin::Admin, agent};
use crate::{
    model::{CertificateSource, CommonTls, Forward, Keeper, Secret, SecretName, ServerTls, StickyKey},
    testing::{Answer, Client, Mesh, Server, soon, until},
    tls::testing::Authority,
    xds::received::Kind,
};

struct Pages {
    admin: SocketAddr,
    agent: SocketAddr,
    mesh: Mesh,
    process: Arc<Process>,
    _server: Server,
    _serving: [AbortOnDropHandle<()>; 2],
}

async fn served(pages: Router) -> (SocketAddr, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (address, AbortOnDropHandle::new(tokio::spawn(async move { drop(axum::serve(listener, pages).await) })))
}

async fn pages() -> Pages {
    pages_of(|_| {}).await
}

/// The same with the route changed.
async fn pages_of(change: impl FnOnce(&mut Forward)) -> Pages {
    let server = Server::named("v1").await;
    let mesh = Mesh::forwarding(&[("api", server.address, 1)], change).await;
    Client::connect(mesh.address).await.get("a", "/").await;
    let node = |name: &str| (name == "APPMESH_RESOURCE_ARN").then(|| "mesh/m/virtualNode/n".to_owned());
    let process = Arc::new(Process {
        configured: watch::channel(true).1,
        draining: AtomicBool::new(false),
        failing: AtomicBool::new(false),
        started: Instant::now(),
        started_at: mesh.plane.now(),
        received: Arc::default(),
        settings: Settings::read(node).unwrap(),
        quit: Notify::new(),
    });
    let pages = Admin::new(Arc::clone(&process), mesh.plane.clone(), |_| true);
    let (agent, one) = served(agent::router(pages.clone())).await;
    let (admin, other) = served(pages.router()).await;
    Pages { admin, agent, mesh, process, _server: server, _serving: [one, other] }
}

async fn get(address: SocketAddr, path: &str) -> Answer {
    Client::connect(address).await.get("localhost", path).await
}

async fn json(address: SocketAddr, path: &str) -> Value {
    serde_json::from_slice(&get(address, path).await.body).unwrap()
}

async fn post(address: SocketAddr, path: &str) -> Answer {
    let mut client = Client::connect(address).await;
    client.say(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")).await;
    client.answer("POST").await
}

#[tokio::test]
async fn numbers_are_shown_as_text_as_json_and_for_prometheus() {
    let pages = pages().await;
    pages.mesh.counted("cluster.api.upstream_rq_200", 1).await;
    let text = get(pages.admin, "/stats?filter=%5Ecluster%5C.api%5C.upstream_rq_(200|total)$").await;
    assert_eq!(text.text(), "cluster.api.upstream_rq_200: 1\ncluster.api.upstream_rq_total: 1\n");
    let used = get(pages.admin, "/stats?usedonly").await;
    assert!(used.text().contains("upstream_rq_total") && !used.text().contains("upstream_rq_timeout: 0"));
    let stats = json(pages.admin, "/stats?format=json&usedonly&filter=cluster.api").await;
    let all = stats["stats"].as_array().unwrap();
    assert!(all.iter().any(|one| one["name"] == "cluster.api.upstream_rq_total" && one["value"] == 1), "{stats}");
    let last = &all.last().unwrap()["histograms"]["computed_quantiles"][0];
    assert_eq!(last["name"], "cluster.api.upstream_rq_time");
    let prometheus = get(pages.admin, "/stats/prometheus?filter=upstream_rq_total").await;
    assert!(prometheus.text().contains("envoy_cluster_upstream_rq_total{envoy_cluster_name=\"api\"} 1"));
    assert_eq!(get(pages.admin, "/stats?filter=(").await.status, 400);
    assert_eq!(get(pages.admin, "/stats?format=xml").await.status, 400);
}

#[tokio::test]
async fn a_judge_reads_counts_and_those_of_a_random_half() {
    let pages = pages().await;
    let mut client = Client::connect(pages.mesh.address).await;
    for _ in 1..64 {
        client.get("a", "/").await;
    }
    pages.mesh.counted("cluster.api.upstream_rq_200", 64).await;
    let counts = json(pages.admin, "/serin/counts?cluster=api&cluster=none").await;
    let api = &counts["clusters"]["api"];
    assert_eq!((&api["requests"], &api["errors"], &api["healthy"]), (&64.into(), &0.into(), &1.into()), "{counts}");
    let half = api["half"]["requests"].as_u64().unwrap();
    assert!((12..=52).contains(&half) && api["half"]["errors"] == 0, "{counts}");
    let times = |part: &Value| {
        part["latency"].as_array().unwrap().iter().map(|bucket| bucket[1].as_u64().unwrap()).sum::<u64>()
    };
    assert!(times(api) <= 64 && times(&api["half"]) <= half, "{counts}");
    assert_eq!(counts["clusters"].get("none"), None);
    assert_eq!(api["users"], serde_json::json!([]), "users do not stay");
}

#[tokio::test]
async fn where_users_stay_a_judge_reads_what_went_to_each_group_of_them() {
    let pages = pages_of(|forward| forward.sticky = Some(StickyKey::Header("x-user".to_owned()))).await;
    let mut client = Client::connect(pages.mesh.address).await;
    for _ in 0..10 {
        client.say("GET / HTTP/1.1\r\nHost: a\r\nX-User: user17\r\n\r\n").await;
        client.answer("GET").await;
    }
    // One came without a name before.
    let mut groups = Vec::new();
    until("all are counted", async || {
        let counts = json(pages.admin, "/serin/counts?cluster=api").await;
        groups = serde_json::from_value::<Vec<(u64, u64)>>(counts["clusters"]["api"]["users"].clone()).unwrap();
        groups.iter().map(|group| group.0).sum::<u64>() == 11
    })
    .await;
    let (own, failed) = (groups.iter().map(|group| group.0).max(), groups.iter().map(|group| group.1).sum::<u64>());
    assert!(groups.len() == 64 && own >= Some(10) && failed == 0, "{groups:?}");
}

#[tokio::test]
async fn clusters_listeners_and_configuration_are_shown_and_keys_are_not() {
    let pages = pages().await;
    let authority = Authority::new("mesh");
    let (chain, key) = authority.issue(&["api.example"]);
    let certificate = crate::model::Certificate {
        chain: crate::model::Material::Inline(chain),
        key: crate::model::Material::Inline(key.clone()),
    };
    let name = SecretName { keeper: Keeper::ControlPlane, name: "cert".to_owned() };
    let common = CommonTls { certificates: vec![CertificateSource::Secret(name)], ..CommonTls::default() };
    let mut listeners = pages.mesh.config.listeners.clone();
    let mut secured = listeners["main"].clone();
    secured.chains[0].tls = Some(ServerTls { common, ..ServerTls::default() });
    listeners.insert("secured".to_owned(), secured);
    pages.mesh.plane.set_listeners(listeners).await.unwrap();
    let secrets = [("cert".to_owned(), Secret::Certificate(certificate))].into();
    pages.mesh.plane.set_secrets(&Keeper::ControlPlane, secrets).await.unwrap();

    let clusters = json(pages.admin, "/clusters?format=json").await;
    let host = &clusters["cluster_statuses"][0]["host_statuses"][0];
    assert_eq!(host["health_status"]["eds_health_status"], "HEALTHY");
    let text = get(pages.admin, "/clusters").await;
    assert!(text.text().contains("health_flags::healthy") && text.text().contains("api::added_via_api::true"));
    assert!(text.text().contains("api::default_priority::max_requests::2147483647"));
    let listeners = json(pages.admin, "/listeners?format=json").await;
    assert_eq!(listeners["listener_statuses"][0]["name"], "main");
    let own = get(pages.admin, "/serin/config").await;
    let line = key.lines().nth(1).unwrap();
    assert!(!own.text().contains(line) && own.text().contains("[redacted]"));
    assert_eq!(json(pages.admin, "/serin/config").await["clusters"]["api"]["panic_threshold"], 50);
    let certs = json(pages.admin, "/certs").await;
    assert_eq!(certs["certificates"][0]["cert_chain"][0]["subject_alt_names"][0]["dns"], "api.example");
}

fn packed(kind: &str, message: &impl Message) -> Any {
    Any { type_url: format!("type.googleapis.com/{kind}"), value: message.encode_to_vec() }
}

#[tokio::test]
async fn what_came_is_dumped_in_envoys_shape() {
    const CLUSTER: &str = "envoy.config.cluster.v3.Cluster";
    const ROUTES: &str = "envoy.config.route.v3.RouteConfiguration";
    let pages = pages().await;
    let cluster = |name: &str| packed(CLUSTER, &Cluster { name: name.to_owned(), ..Cluster::default() });
    let routes = RouteConfiguration { name: "rds".to_owned(), ..RouteConfiguration::default() };
    let received = &pages.process.received;
    received.keep(Kind::Clusters, "7", "2026-01-02T03:04:05.000Z", &[cluster("api"), cluster("other")]);
    received.keep(Kind::Routes, "8", "2026-01-02T03:04:06.000Z", &[packed(ROUTES, &routes)]);
    received.refused(Kind::Listeners, "9", "2026-01-02T03:04:07.000Z", "listener main: no");
    let dump = json(pages.admin, "/config_dump").await;
    let kinds: Vec<&str> =
        dump["configs"].as_array().unwrap().iter().map(|one| one["@type"].as_str().unwrap()).collect();
    let wanted = ["Bootstrap", "Clusters", "Listeners", "Routes", "Secrets"];
    assert_eq!(kinds, wanted.map(|kind| format!("type.googleapis.com/envoy.admin.v3.{kind}ConfigDump")));
    assert_eq!(dump["configs"][0]["bootstrap"]["node"]["id"], "mesh/m/virtualNode/n");
    let clusters = &dump["configs"][1];
    assert_eq!(clusters["version_info"], "7");
    let first = &clusters["dynamic_active_clusters"][0];
    assert_eq!(first["cluster"]["@type"], format!("type.googleapis.com/{CLUSTER}"));
    assert_eq!((&first["cluster"]["name"], &first["version_info"]), (&"api".into(), &"7".into()));
    assert_eq!(first["last_updated"], "2026-01-02T03:04:05.000Z");
    let refused = &dump["configs"][2]["dynamic_listeners"][0]["error_state"];
    assert_eq!((&refused["details"], &refused["version_info"]), (&"listener main: no".into(), &"9".into()));
    let list = json(pages.admin, "/config_dump?resource=dynamic_active_clusters&name_regex=o.*").await;
    assert_eq!(list["configs"].as_array().unwrap().len(), 1);
    assert_eq!(list["configs"][0]["cluster"]["name"], "other");
    let kind = "type.googleapis.com/envoy.admin.v3.ClustersConfigDump.DynamicCluster";
    assert_eq!(list["configs"][0]["@type"], kind);
    let all = json(pages.admin, "/config_dump?include_eds").await;
    assert_eq!(all["configs"].as_array().unwrap().len(), 6);
    for (query, status) in [("resource=nothing", 404), ("mask=clusters", 400), ("name_regex=(", 400)] {
        assert_eq!(get(pages.admin, &format!("/config_dump?{query}")).await.status, status, "{query}");
    }
}

#[tokio::test]
async fn an_operator_fails_heals_drains_and_ends_it() {
    let pages = pages().await;
    assert_eq!(get(pages.admin, "/ready").await.text(), "LIVE\n");
    post(pages.admin, "/healthcheck/fail").await;
    assert_eq!(get(pages.admin, "/ready").await.status, 503);
    post(pages.admin, "/healthcheck/ok").await;
    assert!(get(pages.admin, "/server_info").await.text().contains("\"state\": \"LIVE\""));
    let status = json(pages.agent, "/status").await;
    assert_eq!((&status["healthStatus"], &status["envoyState"]), (&"HEALTHY".into(), &"LIVE".into()));
    assert_eq!(get(pages.agent, "/stats/prometheus").await.status, 200);
    assert_eq!(post(pages.agent, "/drain_listeners").await.status, 400);
    assert_eq!(post(pages.agent, "/drain_listeners?inboundonly").await.status, 200);
    assert_eq!(post(pages.admin, "/drain_listeners?graceful&inboundonly").await.status, 200);
    assert!(get(pages.admin, "/help").await.text().contains("/quitquitquit"));
    post(pages.admin, "/quitquitquit").await;
    soon("the end", pages.process.quit.notified()).await;
}
