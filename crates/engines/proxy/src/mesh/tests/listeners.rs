//! Listeners that come, change and go.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::{
    mesh::{Error, Plane, Settings},
    model::{AccessLog, Action, Direction, Filter, Forward, HttpManager, Listener},
    testing::{Client, Mesh, Server, cluster_at, listener, prefix_route, soon, table, until},
};

fn http(routes: &str, prefix: &str) -> crate::model::Listener {
    listener(Filter::Http(HttpManager {
        routes: routes.to_owned(),
        stat_prefix: prefix.to_owned(),
        ..HttpManager::default()
    }))
}

#[tokio::test]
async fn a_listener_waits_for_its_routes() {
    let server = Server::named("v1").await;
    let plane = Plane::start(Settings::default()).unwrap();
    plane.set_clusters([("api".to_owned(), cluster_at(&[server.address]))].into()).await.unwrap();
    plane.set_listeners([("main".to_owned(), http("routes", "x"))].into()).await.unwrap();
    assert!(!plane.is_listening().await);
    let routes = table(vec![prefix_route("/", Action::Forward(Forward::to("api")))]);
    plane.set_routes([("routes".to_owned(), routes)].into()).await.unwrap();
    assert!(plane.is_listening().await);
    let address = plane.address_of("main").await.unwrap();
    assert_eq!(Client::connect(address).await.get("a", "/").await.text(), "v1");
    tokio::task::spawn_blocking(move || plane.stop()).await.unwrap();
}

#[tokio::test]
async fn a_chain_that_changes_lets_its_connections_end_after_their_request() {
    let server = Server::named("v1").await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let mut old = Client::connect(mesh.address).await;
    assert_eq!(old.get("a", "/").await.field("connection"), None);
    let mut config = mesh.config.clone();
    config.listeners.insert("main".to_owned(), http("routes", "changed"));
    mesh.plane.apply(config).await.unwrap();
    let mut new = Client::connect(mesh.address).await;
    assert_eq!(new.get("a", "/").await.field("connection"), None);
    let last = old.get("a", "/").await;
    assert_eq!((last.text(), last.field("connection")), ("v1", Some("close")));
    assert!(old.is_ended().await);
    mesh.counted("http.changed.downstream_rq_2xx", 1).await;
}

#[tokio::test]
async fn a_listener_that_goes_takes_no_more_and_ends_what_is_left_in_time() {
    let server = Server::named("v1").await;
    let clusters = [("api".to_owned(), cluster_at(&[server.address]))].into();
    let routes = table(vec![prefix_route("/", Action::Forward(Forward::to("api")))]);
    let manager = HttpManager { routes: "routes".to_owned(), ..HttpManager::default() };
    let settings = Settings { drain_time: Duration::from_secs(3), ..Settings::default() };
    let mesh = Mesh::managed(clusters, routes, manager, settings).await;
    let (mut busy, mut idle) = (Client::connect(mesh.address).await, Client::connect(mesh.address).await);
    busy.get("a", "/").await;
    idle.get("a", "/").await;
    mesh.plane.set_listeners(BTreeMap::new()).await.unwrap();
    until("the listener to close", async || TcpStream::connect(mesh.address).await.is_err()).await;
    assert_eq!(busy.get("a", "/").await.field("connection"), Some("close"));
    assert!(idle.is_ended().await);
}

#[tokio::test]
async fn what_cant_be_bound_or_written_is_named_and_changes_nothing() {
    let server = Server::named("v1").await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let mut taken = mesh.config.listeners.clone();
    let mut second = http("routes", "x");
    second.address = server.address;
    taken.insert("second".to_owned(), second);
    let error = mesh.plane.set_listeners(taken).await.unwrap_err();
    assert!(matches!(&error, Error::Bind { name, .. } if name == "second"), "{error}");
    let log = AccessLog::at("/nowhere/at/all");
    let manager = HttpManager { access_logs: vec![log], routes: "routes".to_owned(), ..HttpManager::default() };
    let logging = [("main".to_owned(), listener(Filter::Http(manager)))].into();
    let error = mesh.plane.set_listeners(logging).await.unwrap_err();
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    let mut twice = mesh.config.listeners.clone();
    let chains = &mut twice.get_mut("main").unwrap().chains;
    chains.push(chains[0].clone());
    assert!(matches!(mesh.plane.set_listeners(twice).await, Err(Error::SameChains { .. })));
    assert_eq!(Client::connect(mesh.address).await.get("a", "/").await.text(), "v1");
}

#[tokio::test]
async fn draining_closes_the_way_in_and_leaves_the_way_out_open() {
    let server = Server::named("v1").await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let mut config = mesh.config.clone();
    let mut inbound = http("routes", "ingress");
    inbound.direction = Direction::Inbound;
    config.listeners.insert("inbound".to_owned(), inbound);
    mesh.plane.apply(config).await.unwrap();
    let way_in = mesh.plane.address_of("inbound").await.unwrap();
    let mut client = Client::connect(way_in).await;
    client.get("a", "/").await;
    mesh.plane.drain(false);
    until("the way in to close", async || TcpStream::connect(way_in).await.is_err()).await;
    assert_eq!(client.get("a", "/").await.field("connection"), Some("close"));
    assert_eq!(Client::connect(mesh.address).await.get("a", "/").await.field("connection"), Some("close"));
    until("the end of all", async || mesh.plane.in_flight() == 0).await;
}

#[tokio::test]
async fn every_core_has_exact_turns_of_its_own() {
    let (v1, v2) = (Server::named("v1").await, Server::named("v2").await);
    let clusters = [("v1".to_owned(), cluster_at(&[v1.address])), ("v2".to_owned(), cluster_at(&[v2.address]))].into();
    let forward = Forward {
        clusters: [("v1", 2), ("v2", 1)].map(|(name, weight)| crate::model::WeightedCluster::of(name, weight)).to_vec(),
        ..Forward::to("")
    };
    let manager = HttpManager { routes: "routes".to_owned(), ..HttpManager::default() };
    let settings = Settings { cores: 3, ..Settings::default() };
    let routes = table(vec![prefix_route("/", Action::Forward(forward))]);
    let mesh = Mesh::managed(clusters, routes, manager, settings).await;
    for _ in 0..12 {
        let mut client = Client::connect(mesh.address).await;
        let mut first = 0;
        for _ in 0..9 {
            first += usize::from(soon("an answer", client.get("a", "/")).await.text() == "v1");
        }
        assert_eq!(first, 6, "one connection is on one core");
    }
}

/// Goes on connecting to whichever of `addresses` is open, and demands an answer wherever it is let in.
fn demanding(addresses: Arc<Vec<SocketAddr>>, done: CancellationToken) -> tokio::task::JoinHandle<(usize, usize)> {
    tokio::spawn(async move {
        let (mut answered, mut refused) = (0, 0);
        while !done.is_cancelled() {
            for address in addresses.iter() {
                let Ok(stream) = TcpStream::connect(address).await else {
                    refused += 1;
                    continue;
                };
                let mut client = Client { stream: stream.into(), bytes: Vec::new() };
                client.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
                assert_eq!(client.answer("GET").await.text(), "v1");
                answered += 1;
            }
        }
        (answered, refused)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_let_in_is_answered_however_listeners_move() {
    const MOVES: usize = 12;
    let server = Server::named("v1").await;
    let manager = HttpManager { routes: "routes".to_owned(), ..HttpManager::default() };
    let clusters = [("api".to_owned(), cluster_at(&[server.address]))].into();
    let routes = table(vec![prefix_route("/", Action::Forward(Forward::to("api")))]);
    let settings = Settings { cores: 2, drain_time: Duration::from_secs(1), ..Settings::default() };
    let mesh = Mesh::managed(clusters, routes, manager, settings).await;
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (first, second) = (free(), free());
    let at = |address| [("moving".to_owned(), Listener { address, ..http("routes", "moving") })].into();
    mesh.plane.set_listeners(at(first)).await.unwrap();
    let (done, addresses) = (CancellationToken::new(), Arc::new(vec![first, second]));
    let clients: Vec<_> = (0..6).map(|_| demanding(Arc::clone(&addresses), done.clone())).collect();
    for turn in 0..MOVES {
        tokio::time::sleep(Duration::from_millis(40)).await;
        mesh.plane.set_listeners(at(if turn % 2 == 0 { second } else { first })).await.unwrap();
    }
    done.cancel();
    for client in clients {
        let (answered, _) = soon("a client", client).await.unwrap();
        assert!(answered > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_of_another_name_at_the_same_address_takes_over_who_is_in_line() {
    const TURNS: usize = 20;
    let server = Server::named("v1").await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let called = |name: &str| [(name.to_owned(), Listener { address, ..http("routes", "taking_turns") })].into();
    mesh.plane.set_listeners(called("0")).await.unwrap();
    let done = CancellationToken::new();
    let clients: Vec<_> = (0..4).map(|_| demanding(Arc::new(vec![address]), done.clone())).collect();
    for turn in 1..TURNS {
        tokio::time::sleep(Duration::from_millis(20)).await;
        mesh.plane.set_listeners(called(&turn.to_string())).await.unwrap();
    }
    done.cancel();
    for client in clients {
        let (answered, refused) = soon("a client", client).await.unwrap();
        assert!(answered > 0 && refused == 0, "{answered} answered, {refused} refused");
    }
}

#[tokio::test]
async fn a_listener_at_all_ipv6_addresses_takes_ipv4_if_it_shall_and_servers_may_be_at_ipv6() {
    let six = Server::at((std::net::Ipv6Addr::LOCALHOST, 0).into(), |mut conversation| async move {
        while let Some(asked) = conversation.asked().await {
            conversation.say(&crate::testing::ok(&asked.head)).await;
        }
    })
    .await;
    for (ipv4_too, wanted) in [(true, true), (false, false)] {
        let mut config = Mesh::spreading(&[("api", six.address, 1)]).await.config.clone();
        let listener = config.listeners.get_mut("main").unwrap();
        (listener.address, listener.ipv4_too) = ((std::net::Ipv6Addr::UNSPECIFIED, 0).into(), ipv4_too);
        let mesh = Mesh::of(config, Settings::default()).await;
        let port = mesh.address.port();
        let mut client = Client::connect((std::net::Ipv6Addr::LOCALHOST, port).into()).await;
        assert!(client.get("a", "/").await.text().starts_with("GET / HTTP/1.1"));
        let four = TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, port)).await;
        assert_eq!(four.is_ok(), wanted, "ipv4_too {ipv4_too}");
        assert!(mesh.plane.clusters_as_text().await.contains("api::[::1]:"));
    }
}
