//! What is written down about requests.

use std::{net::UdpSocket, time::Duration};

use serde_json::{Value, json};

use crate::{
    mesh::Settings,
    model::{AccessLog, Action, Forward, HttpManager, RetryPolicy},
    testing::{Client, Mesh, Server, cluster_at, prefix_route, table, until},
    trace::{TracerSettings, XRaySettings},
};

#[tokio::test]
async fn the_access_log_has_a_line_for_each_request_with_its_flags() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.log").to_str().unwrap().to_owned();
    let server = Server::named("v1").await;
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let clusters = [("api".to_owned(), cluster_at(&[server.address])), ("gone".to_owned(), cluster_at(&[gone]))].into();
    let policy = RetryPolicy { connect_failure: true, retries: 1, ..RetryPolicy::default() };
    let routes = table(vec![
        prefix_route("/api", Action::Forward(Forward::to("api"))),
        prefix_route("/gone", Action::Forward(Forward { retry: Some(policy), ..Forward::to("gone") })),
    ]);
    let manager =
        HttpManager { routes: "routes".to_owned(), access_logs: vec![AccessLog::at(&path)], ..HttpManager::default() };
    let mesh = Mesh::managed(clusters, routes, manager, Settings::default()).await;
    let mut client = Client::connect(mesh.address).await;
    client
        .say("POST /api?x HTTP/1.1\r\nHost: h:1\r\nUser-Agent: ua\r\nx-request-id: id\r\nx-forwarded-for: 9.9.9.9\r\nContent-Length: 3\r\n\r\nabc")
        .await;
    client.answer("POST").await;
    client.get("h", "/gone").await;
    client.get("h", "/else").await;
    let lines = || std::fs::read_to_string(&path).unwrap_or_default();
    until("three lines", async || lines().lines().count() == 3).await;
    let lines = lines();
    let lines: Vec<&str> = lines.lines().collect();
    let after = |line: &str| line.split_once("] ").unwrap().1.to_owned();
    let first = after(lines[0]);
    assert!(first.starts_with("\"POST /api?x HTTP/1.1\" 200 - 3 2 "), "{first}");
    assert!(first.ends_with(&format!(" \"9.9.9.9\" \"ua\" \"id\" \"h:1\" \"{}\"", server.address)), "{first}");
    assert!(after(lines[1]).starts_with("\"GET /gone HTTP/1.1\" 503 UF,URX 0 "), "{}", lines[1]);
    assert!(after(lines[2]).starts_with("\"GET /else HTTP/1.1\" 404 NR 0 0 "), "{}", lines[2]);
}

#[tokio::test]
async fn a_request_leaves_a_segment_and_the_server_is_told_of_it() {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    daemon.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let server = Server::echoing_head().await;
    let clusters = [("cds_egress_api".to_owned(), cluster_at(&[server.address]))].into();
    let routes = table(vec![prefix_route("/", Action::Forward(Forward::to("cds_egress_api")))]);
    let manager = HttpManager { routes: "routes".to_owned(), tracing: true, ..HttpManager::default() };
    let tracer = XRaySettings {
        segment_name: "flask/gateway".to_owned(),
        app_mesh: json!({"mesh_name": "flask", "virtual_node_name": "gateway"}),
        node_id: "mesh/flask/virtualNode/gateway".to_owned(),
        daemon: daemon.local_addr().unwrap(),
        sampling_rate: 0.0,
    };
    let settings = Settings { tracer: Some(TracerSettings::XRay(tracer)), ..Settings::default() };
    let mesh = Mesh::managed(clusters, routes, manager, settings).await;
    let mut client = Client::connect(mesh.address).await;
    let root = "1-58406cf0-a006649127e371903a2de979";
    client
        .say(format!(
            "GET /todos HTTP/1.1\r\nHost: api:3000\r\nX-Amzn-Trace-Id: Root={root};Parent=53995c3f42cd8ad8;Sampled=1\r\n\
             traceparent: 00-58406cf0a006649127e371903a2de979-53995c3f42cd8ad8-01\r\ntracestate: a=b\r\n\r\n"
        ))
        .await;
    let seen = client.answer("GET").await.text().to_owned();
    let mut datagram = [0; 8192];
    let length = daemon.recv(&mut datagram).unwrap();
    let (header, document) = std::str::from_utf8(&datagram[..length]).unwrap().split_once('\n').unwrap();
    assert_eq!(header, r#"{"format":"json","version":1}"#);
    let document: Value = serde_json::from_str(document).unwrap();
    let id = document["id"].as_str().unwrap();
    assert!(seen.contains(&format!("x-amzn-trace-id: Root={root};Parent={id};Sampled=1\r\n")), "{seen}");
    assert_eq!(seen.to_ascii_lowercase().matches("x-amzn-trace-id").count(), 1);
    assert!(seen.contains(&format!("traceparent: 00-58406cf0a006649127e371903a2de979-{id}-01\r\n")), "{seen}");
    assert!(seen.matches("traceparent").count() == 1 && seen.contains("tracestate: a=b\r\n"), "{seen}");
    assert_eq!(document["name"], "flask/gateway");
    assert_eq!(document["http"]["request"]["url"], "http://api:3000/todos");
    assert_eq!(document["http"]["response"]["status"], 200);
    assert_eq!(document["annotations"]["upstream_cluster"], "cds_egress_api");
    assert_eq!(document["annotations"]["direction"], "egress");
}
