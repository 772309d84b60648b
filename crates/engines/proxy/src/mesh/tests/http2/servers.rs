//! Connections to servers: how requests share them, and what happens when one ends.

use super::*;

#[tokio::test]
async fn a_refused_request_is_tried_again_with_its_body() {
    let server = Server2::driven(&h2::server::Builder::new(), |mut connection, _| async move {
        let mut refused = 0;
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            if refused < 2 {
                refused += 1;
                respond.send_reset(Reason::REFUSED_STREAM);
                continue;
            }
            tokio::spawn(async move {
                let (body, _) = read(&mut request.into_body()).await.unwrap();
                let mut to = respond.send_response(Response::new(()), false).unwrap();
                say(&mut to, body, true).await;
            });
        }
    })
    .await;
    let cluster = speaking(ServerVersion::Http2, &[server.address]);
    let mesh = mesh_to(cluster, |forward| {
        forward.retry = Some(RetryPolicy { refused: true, retries: 3, ..RetryPolicy::default() });
    })
    .await;
    let mut client = Client2::connect(mesh.address).await;
    let found = client.post(post("http://a/"), b"keep me").await.unwrap();
    assert_eq!((found.parts.status.as_u16(), &found.body[..]), (200, &b"keep me"[..]));
}

#[tokio::test]
async fn a_server_that_goes_away_loses_no_request() {
    let server = Server2::driven(&h2::server::Builder::new(), |mut connection, _| async move {
        let mut answered = 0;
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            answered += 1;
            respond.send_response(Response::new(()), true).unwrap();
            if answered == 3 {
                connection.graceful_shutdown();
            }
        }
    })
    .await;
    let mesh = to_http2(&server).await;
    let mut client = Client2::connect(mesh.address).await;
    for number in 0..20 {
        assert_eq!(client.get("http://a/").await.parts.status, 200, "request {number}");
    }
    assert!(server.accepted() > 3, "{}", server.accepted());
}

#[tokio::test]
async fn many_requests_share_connections_as_far_as_the_server_allows() {
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(4);
    let (seen, mut asked) = mpsc::unbounded_channel();
    let (go, _) = tokio::sync::broadcast::channel::<()>(1);
    let starting = go.clone();
    let server = Server2::with(&builder, move |_, mut respond| {
        let (seen, mut going) = (seen.clone(), starting.subscribe());
        async move {
            let _ = seen.send(());
            let _ = going.recv().await;
            respond.send_response(Response::new(()), true).unwrap();
        }
    })
    .await;
    let mesh = to_http2(&server).await;
    let mut client = Client2::connect(mesh.address).await;
    // The first tells the proxy what the server allows.
    let (first, _) = client.begin(Request::get("http://a/").body(()).unwrap(), true).await;
    soon("a request", asked.recv()).await;
    let mut responses = vec![first];
    for _ in 0..9 {
        responses.push(client.begin(Request::get("http://a/").body(()).unwrap(), true).await.0);
    }
    for _ in 0..9 {
        soon("a request", asked.recv()).await;
    }
    assert_eq!(server.accepted(), 3);
    go.send(()).unwrap();
    for response in responses {
        assert_eq!(whole(response).await.unwrap().parts.status, 200);
    }
    let protocol = Protocol { version: ServerVersion::Http2, requests_per_connection: Some(2), ..Protocol::default() };
    let server = Server2::answering(|_, _| answer("hi")).await;
    let mesh = mesh_to(Cluster { protocol, ..cluster_at(&[server.address]) }, |_| {}).await;
    let mut client = Client2::connect(mesh.address).await;
    for _ in 0..6 {
        client.get("http://a/").await;
    }
    assert_eq!(server.accepted(), 3);
}

#[tokio::test]
async fn endpoints_are_asked_over_http2_and_by_grpc() {
    let (well, is_well) = tokio::sync::watch::channel(true);
    let server = Server2::start(move |request, mut respond| {
        let well = *is_well.borrow();
        async move {
            let (asked, mut body) = request.into_parts();
            let (body, _) = read(&mut body).await.unwrap();
            if asked.uri.path() == "/ping" {
                let status = if well { 200 } else { 500 };
                assert_eq!((asked.uri.authority().unwrap().as_str(), body.len()), ("api:3000", 0));
                respond.send_response(Response::builder().status(status).body(()).unwrap(), true).unwrap();
                return;
            }
            assert_eq!(
                (asked.uri.path(), &body[..]),
                ("/grpc.health.v1.Health/Check", &b"\0\0\0\0\x06\x0a\x04pets"[..])
            );
            let mut to = respond.send_response(Response::new(()), false).unwrap();
            say(&mut to, vec![0, 0, 0, 0, 2, 8, if well { 1 } else { 2 }], false).await;
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            to.send_trailers(trailers).unwrap();
        }
    })
    .await;
    let (path, host) = ("/ping".to_owned(), "api:3000".to_owned());
    let http = Probe::Http { path, host, expected: vec![(200, 200)], http2: true };
    for probe in [http, Probe::Grpc { service: "pets".to_owned(), authority: String::new() }] {
        well.send(true).unwrap();
        let check = HealthCheck {
            probe,
            timeout: Duration::from_secs(5),
            interval: Duration::from_millis(20),
            unhealthy_threshold: 1,
            healthy_threshold: 1,
            port: None,
        };
        let cluster = Cluster { health_checks: vec![check], ..speaking(ServerVersion::Http2, &[server.address]) };
        let mesh = mesh_to(cluster, |_| {}).await;
        let healthy = async |wanted| {
            let shown = if wanted { "health_flags::healthy" } else { "health_flags::/failed_active_hc" };
            until(shown, async || mesh.plane.clusters_as_text().await.contains(shown)).await;
        };
        healthy(true).await;
        well.send(false).unwrap();
        healthy(false).await;
        well.send(true).unwrap();
        healthy(true).await;
    }
}
