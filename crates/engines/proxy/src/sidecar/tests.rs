//! The admin pages over the wire.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool},
};

use axum::Router;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::task::AbortOnDropHandle;

use super::{Process, Settings, admin::Admin, agent};
use crate::{
    model::{CertificateSource, CommonTls, Keeper, Secret, SecretName, ServerTls},
    testing::{Answer, Client, Mesh, Server, soon},
    tls::testing::Authority,
};

struct Pages {
    admin: SocketAddr,
    agent: SocketAddr,
    mesh: Mesh,
    process: Arc<Process>,
    _serving: [AbortOnDropHandle<()>; 2],
}

async fn served(pages: Router) -> (SocketAddr, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (address, AbortOnDropHandle::new(tokio::spawn(async move { drop(axum::serve(listener, pages).await) })))
}

async fn pages() -> Pages {
    let server = Server::named("v1").await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    Client::connect(mesh.address).await.get("a", "/").await;
    let node = |name: &str| (name == "APPMESH_RESOURCE_ARN").then(|| "mesh/m/virtualNode/n".to_owned());
    let process = Arc::new(Process {
        configured: watch::channel(true).1,
        draining: AtomicBool::new(false),
        failing: AtomicBool::new(false),
        started: Instant::now(),
        settings: Settings::read(node).unwrap(),
        quit: Notify::new(),
    });
    let pages = Admin::new(Arc::clone(&process), mesh.plane.clone(), |_| true);
    let (agent, one) = served(agent::router(pages.clone())).await;
    let (admin, other) = served(pages.router()).await;
    Pages { admin, agent, mesh, process, _serving: [one, other] }
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
    assert!(get(pages.admin, "/clusters").await.text().contains("health_flags::healthy"));
    let listeners = json(pages.admin, "/listeners?format=json").await;
    assert_eq!(listeners["listener_statuses"][0]["name"], "main");
    let dump = get(pages.admin, "/config_dump").await;
    let parsed: Value = serde_json::from_slice(&dump.body).unwrap();
    assert_eq!(parsed["configs"][0]["@type"], "type.googleapis.com/envoy.admin.v3.ClustersConfigDump");
    assert_eq!(parsed["configs"][0]["dynamic_active_clusters"][0]["cluster"]["name"], "api");
    assert_eq!(parsed["configs"][4]["dynamic_active_secrets"][0]["name"], "cert");
    let line = key.lines().nth(1).unwrap();
    assert!(!dump.text().contains(line) && dump.text().contains("[redacted]"));
    let one = json(pages.admin, "/config_dump?resource=dynamic_listeners").await;
    assert_eq!(one["configs"].as_array().unwrap().len(), 1);
    let certs = json(pages.admin, "/certs").await;
    assert_eq!(certs["certificates"][0]["cert_chain"][0]["subject_alt_names"][0]["dns"], "api.example");
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
