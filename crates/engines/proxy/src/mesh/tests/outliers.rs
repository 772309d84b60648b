//! Endpoints that fail requests are left out for a while. What is expected is what Envoy 1.40 does.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use crate::{
    model::{Action, Forward, OutlierDetection, Streak, SuccessRate},
    testing::{Client, Mesh, Server, cluster_at, prefix_route, table, until},
};

/// Nothing but server errors in a row counts, and two are too many.
fn strict(max_ejection_percent: u32) -> OutlierDetection {
    OutlierDetection {
        interval: Duration::from_millis(50),
        base_ejection_time: Duration::from_mins(1),
        max_ejection_percent,
        server_errors: Streak { limit: 2, enforcing: 100 },
        success_rate: SuccessRate { enforcing: 0, ..OutlierDetection::default().success_rate },
        ..OutlierDetection::default()
    }
}

async fn mesh(addresses: &[SocketAddr], outliers: OutlierDetection) -> Mesh {
    let mut cluster = cluster_at(addresses);
    cluster.outliers = Some(outliers);
    let clusters = BTreeMap::from([("api".to_owned(), cluster)]);
    Mesh::routing(clusters, table(vec![prefix_route("/", Action::Forward(Forward::to("api")))])).await
}

/// A server called `name` that says 500 as long as it is ill.
async fn server(name: &'static str, ill: &Arc<AtomicBool>) -> Server {
    let ill = Arc::clone(ill);
    Server::answering(move |_| {
        let status = if ill.load(SeqCst) { "500 Ill" } else { "200 OK" };
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{name}", name.len())
    })
    .await
}

async fn ask(mesh: &Mesh, times: usize) -> Vec<(u16, String)> {
    let mut client = Client::connect(mesh.address).await;
    let mut seen = Vec::new();
    for _ in 0..times {
        let answer = client.get("a", "/").await;
        seen.push((answer.status, answer.text().to_owned()));
    }
    seen
}

fn count(mesh: &Mesh, name: &str) -> u64 {
    mesh.counter(&format!("cluster.api.outlier_detection.{name}"))
}

#[tokio::test]
async fn who_fails_in_a_row_is_left_out_and_comes_back() {
    let ill = Arc::new(AtomicBool::new(true));
    let (well, sick) = (Server::named("well").await, server("sick", &ill).await);
    let outliers = OutlierDetection { base_ejection_time: Duration::from_millis(300), ..strict(50) };
    let mesh = mesh(&[well.address, sick.address], outliers).await;
    let seen = ask(&mesh, 8).await;
    assert_eq!(seen.iter().filter(|(status, _)| *status == 500).count(), 2, "{seen:?}");
    assert!(seen[4..].iter().all(|(_, name)| name == "well"), "{seen:?}");
    assert_eq!((count(&mesh, "ejections_active"), count(&mesh, "ejections_enforced_consecutive_5xx")), (1, 1));
    assert!(mesh.plane.clusters_as_text().await.contains("::health_flags::/failed_outlier_check"));
    mesh.plane.count_members().await;
    assert_eq!(mesh.counter("cluster.api.membership_healthy"), 1);
    ill.store(false, SeqCst);
    until("the end of it", async || count(&mesh, "ejections_active") == 0).await;
    assert!(ask(&mesh, 4).await.iter().any(|(_, name)| name == "sick"));
}

#[tokio::test]
async fn no_more_are_left_out_than_may_be() {
    let ill = Arc::new(AtomicBool::new(true));
    let (first, second, third) = (server("1", &ill).await, server("2", &ill).await, server("3", &ill).await);
    let addresses = [first.address, second.address, third.address];
    let some = mesh(&addresses, strict(40)).await;
    ask(&some, 9).await;
    let found = (count(&some, "ejections_active"), count(&some, "ejections_overflow"));
    assert_eq!((found.0, found.1 > 0), (1, true));
    let none = mesh(&addresses, strict(10)).await;
    ask(&none, 9).await;
    assert_eq!((count(&none, "ejections_active"), count(&none, "ejections_overflow")), (0, 3));
    let one = mesh(&addresses, OutlierDetection { always_eject_one: true, ..strict(10) }).await;
    ask(&one, 9).await;
    assert_eq!(count(&one, "ejections_active"), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_fails_too() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let well = Server::named("well").await;
    let together = mesh(&[well.address, gone], strict(100)).await;
    let seen = ask(&together, 10).await;
    assert_eq!(seen.iter().filter(|(status, _)| *status == 503).count(), 2, "{seen:?}");
    assert_eq!(count(&together, "ejections_enforced_consecutive_5xx"), 1);
    let local = Streak { limit: 3, enforcing: 100 };
    let apart = OutlierDetection { split_local_origin: true, local_failures: local, ..strict(100) };
    let apart = mesh(&[well.address, gone], apart).await;
    let seen = ask(&apart, 10).await;
    assert_eq!(seen.iter().filter(|(status, _)| *status == 503).count(), 3, "{seen:?}");
    assert_eq!(count(&apart, "ejections_enforced_consecutive_local_origin_failure"), 1);
}

#[tokio::test]
async fn who_is_much_worse_than_the_others_is_left_out() {
    let (ill, well) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
    let mut servers = vec![server("sick", &ill).await];
    for _ in 0..4 {
        servers.push(server("well", &well).await);
    }
    let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
    let rates = SuccessRate { enforcing: 100, minimum_hosts: 5, request_volume: 4, deviation_factor: 1900 };
    let none = Streak { limit: 0, enforcing: 0 };
    let outliers = OutlierDetection {
        interval: Duration::from_millis(400),
        server_errors: none,
        success_rate: rates,
        ..strict(100)
    };
    let mesh = mesh(&addresses, outliers).await;
    until("somebody to be left out", async || {
        ask(&mesh, 25).await;
        count(&mesh, "ejections_enforced_success_rate") == 1
    })
    .await;
    assert!(ask(&mesh, 10).await.iter().all(|(_, name)| name == "well"));
}
