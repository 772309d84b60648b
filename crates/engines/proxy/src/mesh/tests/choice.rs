//! Where requests go.

use std::{net::SocketAddr, time::Duration};

use crate::{
    mesh::Settings,
    model::{
        Action, AddressFamily, Discovery, Dns, Forward, HealthCheck, HttpManager, Limits, PathMatch, Probe, Respond,
        Route, RouteTable, VirtualHost,
    },
    testing::{Client, Mesh, Server, cluster_at, prefix_route, soon, table, until},
};

/// How often each name came.
async fn tally(address: SocketAddr, requests: usize) -> (usize, usize) {
    let mut client = Client::connect(address).await;
    let (mut first, mut second) = (0, 0);
    for _ in 0..requests {
        match client.get("api", "/").await.text() {
            "v1" => first += 1,
            "v2" => second += 1,
            other => panic!("{other}"),
        }
    }
    (first, second)
}

#[tokio::test]
async fn two_to_one_is_exact() {
    let (v1, v2) = (Server::named("v1").await, Server::named("v2").await);
    let mesh = Mesh::spreading(&[("v1", v1.address, 2), ("v2", v2.address, 1)]).await;
    assert_eq!(tally(mesh.address, 300).await, (200, 100));
    for _ in 0..5 {
        assert_eq!(tally(mesh.address, 3).await, (2, 1));
    }
    assert_eq!((v1.accepted(), v2.accepted()), (1, 1), "connections to servers are kept");
    mesh.counted("cluster.v1.upstream_rq_2xx", 210).await;
    mesh.counted("http.egress.downstream_rq_2xx", 315).await;
    mesh.counted("vhost.all.vcluster.other.upstream_rq_200", 315).await;
}

#[tokio::test]
async fn two_to_one_is_exact_over_many_connections_at_once() {
    let (v1, v2) = (Server::named("v1").await, Server::named("v2").await);
    let mesh = Mesh::spreading(&[("v1", v1.address, 2), ("v2", v2.address, 1)]).await;
    let clients = (0..30).map(|_| tally(mesh.address, 10));
    let mut sum = (0, 0);
    let mut all = tokio::task::JoinSet::new();
    clients.for_each(|client| drop(all.spawn(client)));
    while let Some(one) = all.join_next().await {
        let one = one.unwrap();
        sum = (sum.0 + one.0, sum.1 + one.1);
    }
    assert_eq!(sum, (200, 100));
}

#[tokio::test]
async fn endpoints_of_a_cluster_take_turns() {
    let (v1, v2) = (Server::named("v1").await, Server::named("v2").await);
    let clusters = [("both".to_owned(), cluster_at(&[v1.address, v2.address]))].into();
    let mesh = Mesh::routing(clusters, table(vec![prefix_route("/", Action::Forward(Forward::to("both")))])).await;
    assert_eq!(tally(mesh.address, 20).await, (10, 10));
}

#[tokio::test]
async fn hosts_and_paths_decide_and_what_matches_nothing_is_404() {
    let (v1, v2) = (Server::named("v1").await, Server::named("v2").await);
    let clusters = [("v1".to_owned(), cluster_at(&[v1.address])), ("v2".to_owned(), cluster_at(&[v2.address]))].into();
    let respond = Respond { status: 503, body: "nobody".to_owned() };
    let routes = RouteTable {
        virtual_hosts: vec![VirtualHost {
            name: "api".to_owned(),
            domains: vec!["api.sample".to_owned(), "api.sample:3000".to_owned()],
            routes: vec![
                Route::of(PathMatch::Exact("/one".to_owned()), Action::Forward(Forward::to("v1"))),
                prefix_route("/two/", Action::Forward(Forward::to("v2"))),
                prefix_route("/none", Action::Respond(respond)),
                prefix_route("/gone", Action::Forward(Forward::to("unknown"))),
            ],
            ..VirtualHost::default()
        }],
        ..RouteTable::default()
    };
    let mesh = Mesh::routing(clusters, routes).await;
    let mut client = Client::connect(mesh.address).await;
    for (host, path, status, text) in [
        ("api.sample", "/one?x=1", 200, "v1"),
        ("API.sample:3000", "/two/x", 200, "v2"),
        ("api.sample", "/x/../two/./y", 200, "v2"),
        ("api.sample", "//one", 200, "v1"),
        ("api.sample", "/one/x", 404, ""),
        ("api.sample:80", "/one", 404, ""),
        ("other", "/one", 404, ""),
        ("api.sample", "/none", 503, "nobody"),
        ("api.sample", "/gone", 503, ""),
    ] {
        let answer = client.get(host, path).await;
        assert_eq!((answer.status, answer.text()), (status, text), "{host}{path}");
        assert_eq!(answer.field("server"), Some("envoy"));
    }
    assert_eq!((mesh.counter("http.egress.no_route"), mesh.counter("http.egress.no_cluster")), (3, 1));
}

#[tokio::test]
async fn a_cluster_without_endpoints_is_503() {
    let clusters = [("empty".to_owned(), cluster_at(&[]))].into();
    let mesh = Mesh::routing(clusters, table(vec![prefix_route("/", Action::Forward(Forward::to("empty")))])).await;
    let answer = Client::connect(mesh.address).await.get("api", "/").await;
    assert_eq!((answer.status, answer.text()), (503, "no healthy upstream"));
    mesh.counted("cluster.empty.upstream_cx_none_healthy", 1).await;
}

/// Two servers of a cluster with health checks, `ill` of which says 500 to them.
async fn checked(panic_threshold: u32) -> (Mesh, Server, Server) {
    let answer = |name: &'static str, health: &'static str| {
        move |asked: &crate::testing::Asked| {
            if asked.head.starts_with("GET /ping ") {
                format!("HTTP/1.1 {health}\r\ncontent-length: 0\r\n\r\n")
            } else {
                format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{name}")
            }
        }
    };
    let well = Server::answering(answer("v1", "200 OK")).await;
    let ill = Server::answering(answer("v2", "500 Ill")).await;
    let mut cluster = cluster_at(&[well.address, ill.address]);
    cluster.panic_threshold = panic_threshold;
    cluster.health_checks.push(HealthCheck {
        probe: Probe::Http {
            path: "/ping".to_owned(),
            host: "api".to_owned(),
            expected: vec![(200, 200)],
            http2: false,
        },
        timeout: Duration::from_secs(2),
        interval: Duration::from_millis(50),
        unhealthy_threshold: 2,
        healthy_threshold: 2,
        port: None,
    });
    let clusters = [("both".to_owned(), cluster)].into();
    let mesh = Mesh::routing(clusters, table(vec![prefix_route("/", Action::Forward(Forward::to("both")))])).await;
    assert!(mesh.plane.warm(Duration::from_secs(10)).await);
    (mesh, well, ill)
}

#[tokio::test]
async fn what_fails_its_health_checks_gets_nothing() {
    let (mesh, _well, _ill) = checked(50).await;
    assert_eq!(tally(mesh.address, 10).await, (10, 0));
    let text = mesh.plane.clusters_as_text().await;
    assert!(
        text.contains("::health_flags::healthy\n") && text.contains("::health_flags::/failed_active_hc\n"),
        "{text}"
    );
}

#[tokio::test]
async fn health_is_ignored_when_too_few_are_healthy() {
    let (mesh, _well, _ill) = checked(51).await;
    assert_eq!(tally(mesh.address, 10).await, (5, 5));
    mesh.counted("cluster.both.lb_healthy_panic", 10).await;
}

#[tokio::test]
async fn a_server_that_dies_is_found_out_and_back_in_turn_when_it_is_back() {
    let v1 = Server::named("v1").await;
    let v2 = Server::named("v2").await;
    let address = v2.address;
    let mut cluster = cluster_at(&[v1.address, address]);
    cluster.health_checks.push(HealthCheck {
        probe: Probe::Tcp,
        timeout: Duration::from_secs(1),
        interval: Duration::from_millis(20),
        unhealthy_threshold: 1,
        healthy_threshold: 1,
        port: None,
    });
    let clusters = [("both".to_owned(), cluster)].into();
    let mesh = Mesh::routing(clusters, table(vec![prefix_route("/", Action::Forward(Forward::to("both")))])).await;
    assert!(mesh.plane.warm(Duration::from_secs(10)).await);
    assert_eq!(tally(mesh.address, 10).await, (5, 5));
    let unhealthy = format!("{address}::health_flags::/failed_active_hc");
    drop(v2);
    until("the death to be noticed", async || mesh.plane.clusters_as_text().await.contains(&unhealthy)).await;
    assert_eq!(tally(mesh.address, 10).await, (10, 0));
    let _v2 = Server::at(address, |mut conversation| async move {
        while conversation.asked().await.is_some() {
            conversation.say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nv2").await;
        }
    })
    .await;
    until("the return to be noticed", async || !mesh.plane.clusters_as_text().await.contains(&unhealthy)).await;
    assert_eq!(tally(mesh.address, 10).await, (5, 5));
}

#[tokio::test]
async fn names_are_looked_up_and_looked_up_again() {
    use hickory_proto::{
        op::{Message, MessageType},
        rr::{RData, Record, rdata},
    };
    let (v1, v2) = (Server::named("v1").await, Server::named("v2").await);
    // Both listen on the same port, on addresses of their own.
    let port = v1.address.port();
    let second = Server::at(([127, 0, 0, 2], port).into(), |mut conversation| async move {
        while conversation.asked().await.is_some() {
            conversation.say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nv2").await;
        }
    })
    .await;
    drop(v2);
    let nameserver = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let nameserver_address = nameserver.local_addr().unwrap();
    let (tell, told) = tokio::sync::watch::channel(vec![1_u8]);
    let _answering = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async move {
        let mut packet = [0; 512];
        loop {
            let (length, client) = nameserver.recv_from(&mut packet).await.unwrap();
            let mut message = Message::from_vec(&packet[..length]).unwrap();
            message.metadata.message_type = MessageType::Response;
            let name = message.queries[0].name.clone();
            for last in told.borrow().iter() {
                let address = RData::A(rdata::A([127, 0, 0, *last].into()));
                message.add_answer(Record::from_rdata(name.clone(), 1, address));
            }
            nameserver.send_to(&message.to_vec().unwrap(), client).await.unwrap();
        }
    }));
    let dns = Dns {
        hosts: vec![("api.sample.".to_owned(), port)],
        refresh: Duration::from_millis(500),
        respect_ttl: false,
        family: AddressFamily::V4Only,
    };
    let cluster = crate::model::Cluster::of(Discovery::StrictDns(dns));
    let manager = HttpManager { routes: "routes".to_owned(), ..HttpManager::default() };
    let mesh = Mesh::managed(
        [("api".to_owned(), cluster)].into(),
        table(vec![prefix_route("/", Action::Forward(Forward::to("api")))]),
        manager,
        Settings { nameservers: vec![nameserver_address], ..Settings::default() },
    )
    .await;
    assert!(mesh.plane.warm(Duration::from_secs(10)).await);
    assert_eq!(tally(mesh.address, 4).await, (4, 0));
    tell.send(vec![1, 2]).unwrap();
    let address = second.address.to_string();
    until("the second address", async || mesh.plane.clusters_as_text().await.contains(&address)).await;
    assert_eq!(tally(mesh.address, 4).await, (2, 2));
}

#[tokio::test]
async fn beyond_its_limits_a_cluster_refuses() {
    let (release, released) = tokio::sync::watch::channel(false);
    let slow = Server::start(move |mut conversation| {
        let mut released = released.clone();
        async move {
            while conversation.asked().await.is_some() {
                released.wait_for(|released| *released).await.unwrap();
                conversation.say("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            }
        }
    })
    .await;
    let mut cluster = cluster_at(&[slow.address]);
    cluster.limits = Limits { connections: Some(1), pending: Some(1), requests: None, retries: None };
    let clusters = [("slow".to_owned(), cluster)].into();
    let mesh = Mesh::routing(clusters, table(vec![prefix_route("/", Action::Forward(Forward::to("slow")))])).await;
    let mut clients = [Client::connect(mesh.address).await, Client::connect(mesh.address).await];
    for client in &mut clients {
        client.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    }
    until("one to wait", async || mesh.counter("cluster.slow.upstream_rq_pending_active") == 1).await;
    let refused = Client::connect(mesh.address).await.get("a", "/").await;
    assert_eq!((refused.status, refused.field("x-envoy-overloaded")), (503, Some("true")));
    mesh.counted("cluster.slow.upstream_rq_pending_overflow", 1).await;
    release.send(true).unwrap();
    for client in &mut clients {
        assert_eq!(soon("its turn", client.answer("GET")).await.status, 200);
    }
}
