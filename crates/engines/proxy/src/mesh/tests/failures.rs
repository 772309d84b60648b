//! What goes wrong, and what the client gets.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use tokio::net::TcpListener;

use crate::{
    model::{Action, Forward, Limits, RetryPolicy},
    testing::{Client, Mesh, Server, cluster_at, ok, prefix_route, table},
};

/// What App Mesh gives to everybody.
fn default_policy() -> RetryPolicy {
    RetryPolicy {
        connect_failure: true,
        reset: true,
        by_status: true,
        statuses: vec![503],
        retries: 2,
        avoid_previous: 5,
        ..RetryPolicy::default()
    }
}

/// An address at which nobody listens.
async fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

async fn mesh(addresses: &[SocketAddr], change: impl FnOnce(&mut Forward)) -> Mesh {
    let mut forward = Forward::to("api");
    change(&mut forward);
    let clusters = [("api".to_owned(), cluster_at(addresses))].into();
    Mesh::routing(clusters, table(vec![prefix_route("/", Action::Forward(forward))])).await
}

/// A server that answers its first `count` requests with 503.
async fn reluctant(count: usize) -> (Server, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let server = Server::answering(move |asked| {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        match counted.fetch_add(1, SeqCst) {
            number if number < count => "HTTP/1.1 503 Not Yet\r\ncontent-length: 5\r\n\r\nnever".to_owned(),
            _ => format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
        }
    })
    .await;
    (server, asked)
}

#[tokio::test]
async fn a_server_that_is_not_there_is_503_and_with_a_policy_another_is_tried() {
    let (gone, server) = (nowhere().await, Server::named("v1").await);
    let plain = mesh(&[gone], |_| {}).await;
    let answer = Client::connect(plain.address).await.get("a", "/").await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.text().starts_with(
            "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure"
        ),
        "{}",
        answer.text()
    );
    let patient = mesh(&[gone, server.address], |forward| forward.retry = Some(default_policy())).await;
    let mut client = Client::connect(patient.address).await;
    for _ in 0..20 {
        assert_eq!(client.get("a", "/").await.text(), "v1");
    }
    let retries = patient.counter("cluster.api.upstream_rq_retry");
    assert!(retries > 0);
    patient.counted("cluster.api.upstream_cx_connect_fail", retries).await;
    patient.counted("cluster.api.upstream_rq_retry_success", retries).await;
}

#[tokio::test]
async fn a_status_is_tried_again_with_the_same_body_until_tries_are_out() {
    let (server, asked) = reluctant(2).await;
    let patient = mesh(&[server.address], |forward| forward.retry = Some(default_policy())).await;
    let mut client = Client::connect(patient.address).await;
    for framing in ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"] {
        asked.store(0, SeqCst);
        client.say(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}")).await;
        assert_eq!(client.answer("POST").await.text(), "hello", "{framing}");
        assert_eq!(asked.load(SeqCst), 3);
    }
    let (server, asked) = reluctant(9).await;
    let patient = mesh(&[server.address], |forward| forward.retry = Some(default_policy())).await;
    let answer = Client::connect(patient.address).await.get("a", "/").await;
    assert_eq!((answer.status, answer.text(), asked.load(SeqCst)), (503, "never", 3));
    patient.counted("cluster.api.upstream_rq_retry_limit_exceeded", 1).await;
    patient.counted("cluster.api.upstream_rq_503", 3).await;
}

#[tokio::test]
async fn a_body_that_is_too_long_to_keep_is_sent_once() {
    let (server, asked) = reluctant(1).await;
    let patient = mesh(&[server.address], |forward| forward.retry = Some(default_policy())).await;
    let mut client = Client::connect(patient.address).await;
    let long = vec![b'x'; 3 << 20];
    client.say(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", long.len())).await;
    client.say(&long).await;
    assert_eq!(client.answer("POST").await.status, 503);
    assert_eq!(asked.load(SeqCst), 1);
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_costs_nobody_a_request() {
    // It says nothing of closing, and closes after each answer.
    let server = Server::start(|mut conversation| async move {
        conversation.asked().await;
        conversation.say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nv1").await;
    })
    .await;
    let mesh = mesh(&[server.address], |_| {}).await;
    let mut client = Client::connect(mesh.address).await;
    for _ in 0..50 {
        assert_eq!(client.get("a", "/").await.text(), "v1");
    }
    // A POST must not be sent twice, so it must not meet a connection that may be closed.
    tokio::time::sleep(Duration::from_millis(50)).await;
    client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").await;
    assert_eq!(client.answer("POST").await.text(), "v1");
}

/// A server that answers the first request of each connection, and ends the connection at the second.
async fn forgetful() -> (Server, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let server = Server::start(move |mut conversation| {
        let counted = Arc::clone(&counted);
        async move {
            conversation.asked().await;
            counted.fetch_add(1, SeqCst);
            conversation.say(&ok("v1")).await;
            conversation.asked().await;
            counted.fetch_add(1, SeqCst);
        }
    })
    .await;
    (server, asked)
}

#[tokio::test]
async fn a_kept_connection_that_ends_is_a_retry_where_a_policy_says_so_and_else_nobodys_concern() {
    let reset = default_policy();
    let no_reset = RetryPolicy { reset: false, ..default_policy() };
    for (policy, status, asked_then, retries) in
        [(Some(reset), 200, 3, 1), (Some(no_reset), 503, 2, 0), (None, 200, 3, 0)]
    {
        let (server, asked) = forgetful().await;
        let mesh = mesh(&[server.address], |forward| forward.retry = policy).await;
        let mut client = Client::connect(mesh.address).await;
        assert_eq!(client.get("a", "/").await.status, 200);
        assert_eq!(client.get("a", "/").await.status, status);
        assert_eq!(asked.load(SeqCst), asked_then);
        mesh.counted("cluster.api.upstream_rq_retry", retries).await;
    }
}

#[tokio::test]
async fn retries_beyond_their_limit_are_not_made() {
    let (server, asked) = reluctant(1).await;
    let mut cluster = cluster_at(&[server.address]);
    cluster.limits = Limits { retries: Some(0), ..Limits::default() };
    let forward = Forward { retry: Some(default_policy()), ..Forward::to("api") };
    let routes = table(vec![prefix_route("/", Action::Forward(forward))]);
    let mesh = Mesh::routing([("api".to_owned(), cluster)].into(), routes).await;
    let answer = Client::connect(mesh.address).await.get("a", "/").await;
    assert_eq!((answer.status, answer.text(), asked.load(SeqCst)), (503, "never", 1));
    mesh.counted("cluster.api.upstream_rq_retry_overflow", 1).await;
    mesh.counted("cluster.api.upstream_rq_retry", 0).await;
}

#[tokio::test]
async fn a_server_that_closes_without_an_answer_is_503_and_a_post_is_not_sent_twice() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let server = Server::start(move |mut conversation| {
        let counted = Arc::clone(&counted);
        async move {
            conversation.asked().await;
            counted.fetch_add(1, SeqCst);
        }
    })
    .await;
    let mesh = mesh(&[server.address], |_| {}).await;
    let mut client = Client::connect(mesh.address).await;
    client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").await;
    let answer = client.answer("POST").await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().ends_with("reset reason: connection termination"), "{}", answer.text());
    assert_eq!(asked.load(SeqCst), 1);
}

#[tokio::test]
async fn nonsense_from_a_server_is_502_and_goes_no_further() {
    for nonsense in [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\nevil: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    ] {
        let server = Server::answering(move |_| nonsense.to_owned()).await;
        let mesh = mesh(&[server.address], |_| {}).await;
        let answer = Client::connect(mesh.address).await.get("a", "/").await;
        assert_eq!(answer.status, 502, "{nonsense:?}: {answer:?}");
        assert!(answer.text().ends_with("protocol error"));
    }
}

#[tokio::test]
async fn a_request_has_its_time_and_no_more() {
    let server = Server::start(|mut conversation| async move {
        conversation.asked().await;
        conversation.more().await;
    })
    .await;
    let mesh = mesh(&[server.address], |forward| forward.timeout = Some(Duration::from_millis(200))).await;
    let mut client = Client::connect(mesh.address).await;
    let begun = Instant::now();
    let answer = client.get("a", "/").await;
    assert_eq!((answer.status, answer.text()), (504, "upstream request timeout"));
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(200) && took < Duration::from_secs(5), "{took:?}");
    mesh.counted("cluster.api.upstream_rq_timeout", 1).await;
    assert_eq!(client.get("a", "/").await.status, 504, "the client's connection goes on");
}

#[tokio::test]
async fn an_upload_does_not_eat_the_time_of_its_answer() {
    let server = Server::named("v1").await;
    let mesh = mesh(&[server.address], |forward| forward.timeout = Some(Duration::from_millis(200))).await;
    let mut client = Client::connect(mesh.address).await;
    client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n").await;
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.say("x").await;
    }
    assert_eq!(client.answer("POST").await.text(), "v1");
}

#[tokio::test]
async fn an_answer_that_takes_too_long_in_the_middle_is_broken_off() {
    let server = Server::start(|mut conversation| async move {
        conversation.asked().await;
        conversation.say("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart").await;
        conversation.more().await;
    })
    .await;
    let mesh = mesh(&[server.address], |forward| forward.timeout = Some(Duration::from_millis(200))).await;
    let mut client = Client::connect(mesh.address).await;
    client.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(crate::testing::soon("the end", client.try_answer("GET")).await.is_none());
    mesh.counted("cluster.api.upstream_rq_timeout", 1).await;
}

#[tokio::test]
async fn each_attempt_has_a_time_of_its_own() {
    let number = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |mut conversation| {
        let number = number.fetch_add(1, SeqCst);
        async move {
            conversation.asked().await;
            if number == 0 {
                conversation.more().await;
            }
            conversation.say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nv1").await;
        }
    })
    .await;
    let policy = RetryPolicy { per_try_timeout: Some(Duration::from_millis(100)), ..default_policy() };
    let mesh = mesh(&[server.address], |forward| forward.retry = Some(policy)).await;
    assert_eq!(Client::connect(mesh.address).await.get("a", "/").await.text(), "v1");
    mesh.counted("cluster.api.upstream_rq_per_try_timeout", 1).await;
}

#[tokio::test]
async fn what_stands_still_for_too_long_is_ended() {
    let server = Server::named("v1").await;
    let mesh = mesh(&[server.address], |forward| forward.idle_timeout = Some(Duration::from_millis(200))).await;
    let mut client = Client::connect(mesh.address).await;
    client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nx").await;
    let answer = client.answer("POST").await;
    assert_eq!((answer.status, answer.text()), (408, "stream timeout"));
    assert!(client.is_ended().await);
}
