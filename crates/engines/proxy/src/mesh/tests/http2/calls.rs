//! gRPC.

use super::*;

#[tokio::test]
async fn a_call_goes_both_ways_at_once_and_ends_with_its_status() {
    let server = Server2::start(|request, mut respond| async move {
        assert_eq!(request.headers()["te"], "trailers");
        let mut from = request.into_body();
        let mut to = respond.send_response(Response::new(()), false).unwrap();
        while let Some(part) = from.data().await {
            let part = part.unwrap();
            from.flow_control().release_capacity(part.len()).unwrap();
            say(&mut to, part.to_ascii_uppercase(), false).await;
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        to.send_trailers(trailers).unwrap();
    })
    .await;
    let mesh = to_http2(&server).await;
    let mut client = Client2::connect(mesh.address).await;
    let (response, mut to) = client.begin(call(), false).await;
    let mut from = soon("a head", response).await.unwrap().into_body();
    for word in ["one", "two", "three"] {
        say(&mut to, word.into(), false).await;
        let part = soon("a part", from.data()).await.unwrap().unwrap();
        assert_eq!(part, word.to_ascii_uppercase());
    }
    to.send_data(Bytes::new(), true).unwrap();
    let (rest, trailers) = soon("the end", read(&mut from)).await.unwrap();
    assert_eq!((rest.len(), text(&trailers.unwrap(), "grpc-status")), (0, "0"));
}

#[tokio::test]
async fn answers_of_the_proxy_itself_suit_who_asked() {
    let mesh = mesh_to(speaking(ServerVersion::Http2, &[]), |_| {}).await;
    let mut client = Client2::connect(mesh.address).await;
    let found = client.get("http://a/").await;
    assert_eq!((found.parts.status.as_u16(), &found.body[..]), (503, &b"no healthy upstream"[..]));
    let found = client.post(call(), b"").await.unwrap();
    let fields = &found.parts.headers;
    assert_eq!((found.parts.status.as_u16(), text(fields, "content-type")), (200, "application/grpc"));
    assert_eq!((text(fields, "grpc-status"), text(fields, "grpc-message")), ("14", "no healthy upstream"));
    assert!(found.body.is_empty() && found.trailers.is_none());
    let mut plain = Client::connect(mesh.address).await;
    plain.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc+proto\r\nContent-Length: 0\r\n\r\n").await;
    let found = plain.answer("POST").await;
    assert_eq!((found.status, found.field("grpc-status")), (200, Some("14")));
}

#[tokio::test]
async fn the_status_of_a_call_says_whether_it_was_well() {
    let server = Server2::start(|request, mut respond| async move {
        let status = request.uri().path()[1..].to_owned();
        let fields = Response::builder().header("content-type", "application/grpc");
        if status == "12" {
            // Trailers alone.
            respond.send_response(fields.header("grpc-status", status).body(()).unwrap(), true).unwrap();
            return;
        }
        let mut to = respond.send_response(fields.body(()).unwrap(), false).unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", status.parse().unwrap());
        to.send_trailers(trailers).unwrap();
    })
    .await;
    let mesh = to_http2(&server).await;
    let mut client = Client2::connect(mesh.address).await;
    for status in ["0", "5", "14", "12"] {
        let found = client.post(post(&format!("http://api/{status}")), b"").await.unwrap();
        let fields = found.trailers.unwrap_or(found.parts.headers);
        assert_eq!(text(&fields, "grpc-status"), status);
    }
    mesh.counted("cluster.api.upstream_rq_200", 4).await;
    let shown = mesh.plane.clusters_as_text().await;
    assert!(shown.contains("rq_success::2\n") && shown.contains("rq_error::2\n"), "{shown}");
}
