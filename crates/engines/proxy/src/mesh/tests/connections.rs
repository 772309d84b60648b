//! Connections that are passed on as they are, and the chains they belong to.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    mesh::Settings,
    model::{
        Action, ChainMatch, Cluster, Config, Direction, Discovery, Filter, FilterChain, Forward, HttpManager, Limits,
        Listener, TcpProxy, WeightedCluster,
    },
    testing::{Client, Mesh, Server, cluster_at, prefix_route, soon, table},
};

fn tcp(prefix: &str, cluster: &str) -> Filter {
    Filter::Tcp(TcpProxy {
        stat_prefix: prefix.to_owned(),
        clusters: vec![WeightedCluster::of(cluster, 1)],
        max_connect_attempts: 1,
        idle_timeout: Some(Duration::from_mins(1)),
        access_logs: Vec::new(),
    })
}

fn chain(port: Option<u16>, names: &[&str], filter: Filter) -> FilterChain {
    let server_names = names.iter().map(|name| (*name).to_owned()).collect();
    let matches = ChainMatch { destination_port: port, server_names, ..ChainMatch::default() };
    FilterChain { name: String::new(), matches, tls: None, filter }
}

/// As App Mesh configures the way out of a task: HTTP on `http`'s port, AWS by name on 443, and all else as it is if
/// `allow_all`.
async fn egress(http: SocketAddr, going_to: SocketAddr, allow_all: bool) -> Mesh {
    let manager = HttpManager { routes: "routes".to_owned(), ..HttpManager::default() };
    let mut chains = vec![
        chain(Some(http.port()), &[], Filter::Http(manager)),
        chain(Some(443), &["*.amazonaws.com"], tcp("amazonaws", "original")),
    ];
    if allow_all {
        chains.push(chain(None, &[], tcp("egress", "original")));
    }
    let listener = Listener {
        address: ([127, 0, 0, 1], 0).into(),
        direction: Direction::Outbound,
        ipv4_too: false,
        original_destination: true,
        chains,
    };
    let config = Config {
        clusters: [
            ("api".to_owned(), cluster_at(&[http])),
            ("original".to_owned(), Cluster::of(Discovery::OriginalDestination)),
        ]
        .into(),
        endpoints: BTreeMap::new(),
        listeners: [("main".to_owned(), listener)].into(),
        routes: [("routes".to_owned(), table(vec![prefix_route("/", Action::Forward(Forward::to("api")))]))].into(),
        ..Config::default()
    };
    Mesh::of(config, Mesh::redirected(going_to)).await
}

/// Sends back in capitals what it gets, and says goodbye.
async fn shouting() -> Server {
    Server::start(|mut conversation| async move {
        while conversation.more().await {
            let said = std::mem::take(&mut conversation.bytes).to_ascii_uppercase();
            conversation.stream.write_all(&said).await.unwrap();
        }
        conversation.say("bye").await;
    })
    .await
}

#[tokio::test]
async fn the_port_it_was_going_to_decides_the_chain() {
    let api = Server::named("v1").await;
    let mesh = egress(api.address, api.address, false).await;
    assert_eq!(Client::connect(mesh.address).await.get("a", "/").await.text(), "v1");
}

#[tokio::test]
async fn all_else_passes_as_it_is_when_all_is_allowed() {
    let (api, other) = (Server::named("v1").await, shouting().await);
    let mesh = egress(api.address, other.address, true).await;
    let mut stream = TcpStream::connect(mesh.address).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut said = [0; 5];
    soon("the shout", stream.read_exact(&mut said)).await.unwrap();
    assert_eq!(&said, b"HELLO");
    stream.shutdown().await.unwrap();
    let mut rest = String::new();
    soon("the end", stream.read_to_string(&mut rest)).await.unwrap();
    assert_eq!(rest, "bye", "one side may be done before the other");
    crate::testing::until("its count", async || mesh.counter("tcp.egress.downstream_cx_rx_bytes_total") == 5).await;
    mesh.counted("tcp.egress.downstream_cx_tx_bytes_total", 8).await;
}

/// How a connection to `address` is ended by the other side: a reset may come before the client knows it is connected.
async fn refusal_of(address: std::net::SocketAddr) -> std::io::Error {
    let outcome = async { TcpStream::connect(address).await?.read(&mut [0; 1]).await };
    soon("a reset", outcome).await.unwrap_err()
}

#[tokio::test]
async fn all_else_is_reset_when_it_is_not_and_when_nobody_is_there() {
    let (api, other) = (Server::named("v1").await, shouting().await);
    for allow_all in [false, true] {
        let going_to = if allow_all { ([127, 0, 0, 1], 9).into() } else { other.address };
        let mesh = egress(api.address, going_to, allow_all).await;
        assert_eq!(refusal_of(mesh.address).await.kind(), std::io::ErrorKind::ConnectionReset);
        let unmatched = format!("listener.{}.no_filter_chain_match", mesh.address.to_string().replace(':', "_"));
        mesh.counted(&unmatched, u64::from(!allow_all)).await;
    }
}

#[tokio::test]
async fn what_was_sent_to_the_proxy_itself_does_not_go_round_in_circles() {
    let api = Server::named("v1").await;
    let mesh = egress(api.address, ([127, 0, 0, 1], 1).into(), true).await;
    let mut config = mesh.config.clone();
    let main = config.listeners.get_mut("main").unwrap();
    main.original_destination = false;
    mesh.plane.apply(config).await.unwrap();
    refusal_of(mesh.address).await;
    mesh.counted("tcp.egress.downstream_cx_total", 1).await;
}

#[tokio::test]
async fn a_server_that_speaks_first_is_heard_at_once() {
    let api = Server::named("v1").await;
    let speaker = Server::start(|mut conversation| async move {
        conversation.say("220 hello").await;
        conversation.more().await;
    })
    .await;
    let mesh = egress(api.address, speaker.address, true).await;
    let mut stream = TcpStream::connect(mesh.address).await.unwrap();
    let mut said = [0; 9];
    soon("the greeting", stream.read_exact(&mut said)).await.unwrap();
    assert_eq!(&said, b"220 hello");
}

/// Passes connections on to servers at these addresses, and tries so often.
async fn passing_on(addresses: &[SocketAddr], max_connect_attempts: u32, limits: Limits) -> Mesh {
    let Filter::Tcp(settings) = tcp("tcp", "api") else { panic!("it is TCP") };
    let main = crate::testing::listener(Filter::Tcp(TcpProxy { max_connect_attempts, ..settings }));
    let mut cluster = cluster_at(addresses);
    cluster.limits = limits;
    let config = Config {
        clusters: [("api".to_owned(), cluster)].into(),
        listeners: [("main".to_owned(), main)].into(),
        ..Config::default()
    };
    Mesh::of(config, Settings::default()).await
}

/// Whether a connection is ended by the other side; a reset may come before the client knows it is connected.
async fn is_turned_away(address: std::net::SocketAddr) -> bool {
    match TcpStream::connect(address).await {
        Ok(stream) => Client { stream: stream.into(), bytes: Vec::new() }.is_ended().await,
        Err(_) => true,
    }
}

#[tokio::test]
async fn a_server_that_cant_be_reached_is_passed_over_as_often_as_may_be() {
    let server = shouting().await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mesh = passing_on(&[gone, server.address], 2, Limits::default()).await;
    for _ in 0..4 {
        let mut client = Client::connect(mesh.address).await;
        client.say("hello").await;
        let mut said = [0; 5];
        soon("an echo", client.stream.read_exact(&mut said)).await.unwrap();
        assert_eq!(&said, b"HELLO");
    }
    let mesh = passing_on(&[gone], 3, Limits::default()).await;
    assert!(is_turned_away(mesh.address).await);
    mesh.counted("cluster.api.upstream_cx_connect_fail", 3).await;
    mesh.counted("cluster.api.upstream_cx_connect_attempts_exceeded", 1).await;
}

#[tokio::test]
async fn one_connection_too_many_is_turned_away() {
    let server = shouting().await;
    let limits = Limits { connections: Some(1), pending: Some(0), ..Limits::default() };
    let mesh = passing_on(&[server.address], 1, limits).await;
    let mut first = Client::connect(mesh.address).await;
    first.say("hello").await;
    let mut said = [0; 5];
    soon("an echo", first.stream.read_exact(&mut said)).await.unwrap();
    assert!(is_turned_away(mesh.address).await);
    mesh.counted("cluster.api.upstream_cx_overflow", 1).await;
    first.say("again").await;
    soon("an echo", first.stream.read_exact(&mut said)).await.unwrap();
    assert_eq!(&said, b"AGAIN");
}
