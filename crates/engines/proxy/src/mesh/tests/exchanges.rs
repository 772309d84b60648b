//! Heads as they go through, and what becomes of connections after them.

use crate::testing::{Client, Mesh, Server, until};

#[tokio::test]
async fn the_server_sees_envoys_fields_and_the_client_too() {
    let server = Server::echoing_head().await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let mut client = Client::connect(mesh.address).await;
    client
        .say(
            "GET /a?b HTTP/1.1\r\nHost: api:3000\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-Mine: 2\r\n\
             x-envoy-expected-rq-timeout-ms: 7\r\n\r\n",
        )
        .await;
    let answer = client.answer("GET").await;
    let seen = answer.text();
    for wanted in [
        "GET /a?b HTTP/1.1\r\n",
        "Host: api:3000\r\n",
        "X-Mine: 2\r\n",
        "x-forwarded-proto: http\r\n",
        "x-request-id: ",
        "x-envoy-expected-rq-timeout-ms: 1",
    ] {
        assert!(seen.contains(wanted), "{wanted:?} is not in {seen:?}");
    }
    assert!(!seen.contains("X-Hop") && !seen.contains("ms: 7"), "{seen:?}");
    assert_eq!((answer.field("server"), answer.field("date").is_some()), (Some("envoy"), true));
    assert!(answer.field("x-envoy-upstream-service-time").unwrap().parse::<u64>().is_ok());
    client.say("GET / HTTP/1.1\r\nHost: a\r\nx-request-id: mine\r\nx-forwarded-proto: https\r\n\r\n").await;
    let seen = client.answer("GET").await.text().to_owned();
    assert_eq!(seen.matches("x-request-id").count(), 1);
    assert!(seen.contains("x-request-id: mine\r\n") && seen.contains("x-forwarded-proto: https\r\n"));
}

#[tokio::test]
async fn the_servers_own_words_stay_but_for_its_name() {
    let server = Server::answering(|_| {
        "HTTP/1.1 299 Quite Good\r\nServer: python\r\nDate: then\r\nX-A: 1\r\nConnection: X-B\r\nX-B: 2\r\n\
         x-envoy-upstream-service-time: 99999\r\nSet-Cookie: a\r\nSet-Cookie: b\r\ncontent-length: 0\r\n\r\n"
            .to_owned()
    })
    .await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let answer = Client::connect(mesh.address).await.get("a", "/").await;
    assert!(
        answer.head.starts_with("HTTP/1.1 299 Quite Good\r\nDate: then\r\nX-A: 1\r\nSet-Cookie: a\r\nSet-Cookie: b")
    );
    assert_eq!(answer.field("server"), Some("envoy"));
    assert!(!answer.head.contains("X-B") && !answer.head.contains("99999"), "{}", answer.head);
}

#[tokio::test]
async fn requests_that_are_sent_together_are_answered_in_order() {
    let server = Server::answering(|asked| {
        let path = asked.head.split(' ').nth(1).unwrap();
        format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{path}{}",
            path.len() + asked.body.len(),
            String::from_utf8_lossy(&asked.body)
        )
    })
    .await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let mut client = Client::connect(mesh.address).await;
    client
        .say(
            "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
             POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\nGET /4 HTTP/1.1\r\nHost: a\r\n\r\n",
        )
        .await;
    for wanted in ["/1", "/2abc", "/3de", "/4"] {
        assert_eq!(client.answer("GET").await.text(), wanted);
    }
}

#[tokio::test]
async fn a_client_that_wants_no_more_is_closed_after_its_answer() {
    let server = Server::named("v1").await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
    ] {
        let mut client = Client::connect(mesh.address).await;
        client.say(request).await;
        let answer = client.answer("GET").await;
        assert_eq!((answer.text(), answer.field("connection")), ("v1", Some("close")));
        assert!(client.is_ended().await);
    }
    let mut old = Client::connect(mesh.address).await;
    for _ in 0..2 {
        old.say("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
        assert_eq!(old.answer("GET").await.field("connection"), Some("keep-alive"));
    }
}

#[tokio::test]
async fn what_is_malformed_is_refused_and_ends_the_connection() {
    let server = Server::named("v1").await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        ("\u{16}\u{3}\u{1} tls hello\n", 400),
    ] {
        let mut client = Client::connect(mesh.address).await;
        client.say(request).await;
        let answer = client.answer("GET").await;
        assert_eq!(answer.status, status, "{request:?}");
        assert!(client.is_ended().await);
    }
    let mut client = Client::connect(mesh.address).await;
    client.say(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(70_000))).await;
    assert_eq!(client.answer("GET").await.status, 431);
    assert_eq!(server.accepted(), 0, "nothing of it was passed on");
}

#[tokio::test]
async fn a_head_may_come_byte_by_byte_on_both_sides() {
    let server = Server::start(|mut conversation| async move {
        while conversation.asked().await.is_some() {
            for byte in "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nv1".chars() {
                conversation.say(&byte.to_string()).await;
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let mut client = Client::connect(mesh.address).await;
    for byte in "GET / HTTP/1.1\r\nHost: a\r\n\r\n".chars() {
        client.say(byte.to_string()).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(client.answer("GET").await.text(), "v1");
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_request_with_it() {
    let server = Server::start(|mut conversation| async move {
        conversation.asked().await;
        // No answer: the connection ends when the proxy gives the request up.
        conversation.more().await;
    })
    .await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let mut client = Client::connect(mesh.address).await;
    client.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    until("the request", async || mesh.counter("cluster.api.upstream_rq_active") == 1).await;
    drop(client);
    until("the end of it", async || mesh.counter("cluster.api.upstream_rq_active") == 0).await;
    mesh.counted("cluster.api.upstream_rq_cancelled", 1).await;
    mesh.counted("cluster.api.upstream_cx_active", 0).await;
}

#[tokio::test]
async fn a_switch_to_websocket_is_a_tunnel_from_then_on() {
    let server = Server::start(|mut conversation| async move {
        let head = conversation.head().await.unwrap();
        assert!(head.contains("upgrade: WebSocket\r\n") && head.contains("connection: upgrade\r\n"), "{head}");
        conversation
            .say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst")
            .await;
        while conversation.more().await {
            let said = String::from_utf8(std::mem::take(&mut conversation.bytes)).unwrap();
            conversation.say(&said.to_uppercase()).await;
        }
        conversation.say("bye").await;
    })
    .await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let mut client = Client::connect(mesh.address).await;
    client.say("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\nearly").await;
    let answer = client.answer("GET").await;
    assert_eq!((answer.status, answer.field("upgrade")), (101, Some("websocket")));
    let mut said = String::new();
    for (what, wanted) in [("", "firstEARLY"), ("more", "firstEARLYMORE")] {
        client.say(what).await;
        while said.len() < wanted.len() {
            said.push_str(&String::from_utf8(std::mem::take(&mut client.bytes)).unwrap());
            if said.len() < wanted.len() {
                tokio::io::AsyncReadExt::read_buf(&mut client.stream, &mut client.bytes).await.unwrap();
            }
        }
        assert_eq!(said, wanted);
    }
    tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.unwrap();
    let mut rest = Vec::new();
    crate::testing::soon("the end", tokio::io::AsyncReadExt::read_to_end(&mut client.stream, &mut rest)).await.unwrap();
    assert_eq!(rest, b"bye");
    mesh.counted("http.egress.downstream_cx_upgrades_total", 1).await;
}

#[tokio::test]
async fn other_switches_are_refused_and_one_the_server_declines_is_a_plain_answer() {
    let server = Server::named("plain").await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let mut client = Client::connect(mesh.address).await;
    client.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: spdy\r\n\r\n").await;
    assert_eq!(client.answer("GET").await.status, 403);
    client.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").await;
    assert_eq!(client.answer("GET").await.text(), "plain");
    assert_eq!(client.get("a", "/").await.text(), "plain");
}
