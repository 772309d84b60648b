//! HTTP/2 on either side, and on both.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, Request, Response};
use tokio::{process::Command, sync::mpsc};

use crate::{
    mesh::Settings,
    model::{Cluster, Forward, HttpManager, Protocol, RetryPolicy, ServerVersion},
    testing::{Client, Client2, Mesh, Server, Server2, cluster_at, prefix_route, read, say, soon, table, whole},
};

/// A cluster of servers that are known, and speak `version`.
fn speaking(version: ServerVersion, addresses: &[SocketAddr]) -> Cluster {
    Cluster { protocol: Protocol { version, ..Protocol::default() }, ..cluster_at(addresses) }
}

/// Everything goes to one cluster.
async fn mesh_to(cluster: Cluster, change: impl FnOnce(&mut Forward)) -> Mesh {
    let mut forward = Forward::to("api");
    change(&mut forward);
    let routes = table(vec![prefix_route("/", crate::model::Action::Forward(forward))]);
    Mesh::routing([("api".to_owned(), cluster)].into(), routes).await
}

async fn to_http2(server: &Server2) -> Mesh {
    mesh_to(speaking(ServerVersion::Http2, &[server.address]), |_| {}).await
}

/// The value of a field.
fn text<'a>(fields: &'a HeaderMap, name: &str) -> &'a str {
    fields[name].to_str().unwrap()
}

fn post(uri: &str) -> Request<()> {
    Request::post(uri).body(()).unwrap()
}

fn answer(text: &str) -> (Response<()>, String) {
    (Response::new(()), text.to_owned())
}

/// A call by gRPC.
fn call() -> Request<()> {
    let call = Request::post("http://api/pets.Pets/List").header("content-type", "application/grpc");
    call.header("te", "trailers").body(()).unwrap()
}

#[tokio::test]
async fn a_client_that_speaks_http2_reaches_a_server_that_does_not() {
    let server = Server::answering(|asked| {
        let body = format!("{}{}", asked.head, String::from_utf8_lossy(&asked.body));
        format!(
            "HTTP/1.1 299 Good\r\nX-Mine: 1\r\nConnection: x-hop\r\nX-Hop: 1\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    })
    .await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let mut client = Client2::connect(mesh.address).await;
    let request = Request::post("http://api:3000/a?b").header("cookie", "a=1").header("cookie", "b=2");
    let whole = client.post(request.header("x-one", "1").body(()).unwrap(), b"a body").await.unwrap();
    let seen = String::from_utf8(whole.body).unwrap();
    for wanted in ["POST /a?b HTTP/1.1\r\nhost: api:3000\r\n", "cookie: a=1; b=2\r\n", "x-request-id: ", "a body"] {
        assert!(seen.contains(wanted), "{wanted:?} is not in {seen:?}");
    }
    assert!(seen.contains("transfer-encoding: chunked\r\n"), "{seen}");
    assert_eq!((whole.parts.status.as_u16(), text(&whole.parts.headers, "x-mine")), (299, "1"));
    assert!(!whole.parts.headers.contains_key("x-hop") && !whole.parts.headers.contains_key("connection"));
    assert_eq!(whole.parts.headers["server"], "envoy");
    let seen = String::from_utf8(client.get("http://api/").await.body).unwrap();
    assert!(seen.starts_with("GET / HTTP/1.1\r\nhost: api\r\n") && !seen.contains("transfer-encoding"), "{seen}");
    assert_eq!(server.accepted(), 1);
    mesh.counted("http.egress.downstream_cx_http2_total", 1).await;
    mesh.counted("http.egress.downstream_rq_total", 2).await;
}

#[tokio::test]
async fn a_client_that_does_not_speak_http2_reaches_a_server_that_does() {
    let server = Server2::answering(|request, body| {
        assert!(!request.headers().contains_key("connection") && !request.headers().contains_key("host"));
        answer(&format!("{} {} {:?}", request.method(), request.uri(), String::from_utf8(body).unwrap()))
    })
    .await;
    let mesh = to_http2(&server).await;
    let mut client = Client::connect(mesh.address).await;
    assert_eq!(client.get("api:3000", "/a?b").await.text(), "GET http://api:3000/a?b \"\"");
    client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await;
    assert_eq!(client.answer("POST").await.text(), "POST http://a/ \"abc\"");
    client.say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").await;
    client.say("GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(client.answer("POST").await.text(), "POST http://a/ \"abc\"");
    let last = client.answer("GET").await;
    assert_eq!((last.text(), last.field("connection")), ("GET http://a/next \"\"", Some("close")));
    assert!(client.is_ended().await);
    let mut old = Client::connect(mesh.address).await;
    old.say("GET /old HTTP/1.0\r\nHost: a\r\n\r\n").await;
    let last = old.answer("GET").await;
    assert_eq!((last.text(), last.field("transfer-encoding")), ("GET http://a/old \"\"", None));
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn head_and_empty_answers_have_no_body_either_way() {
    let server = Server2::answering(|request, _| {
        let status = request.uri().path()[1..].parse::<u16>().unwrap();
        (Response::builder().status(status).body(()).unwrap(), String::new())
    })
    .await;
    let mesh = to_http2(&server).await;
    let mut client = Client::connect(mesh.address).await;
    for (method, status, length) in
        [("HEAD", 200, None), ("GET", 204, None), ("GET", 304, None), ("GET", 200, Some("0"))]
    {
        client.say(format!("{method} /{status} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        let found = client.answer(method).await;
        assert_eq!((found.status, found.field("content-length")), (status, length), "{method} {status}");
        assert_eq!(found.field("transfer-encoding"), None);
    }
    let plain = Server::answering(|_| "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n".to_owned()).await;
    let mesh = Mesh::spreading(&[("api", plain.address, 1)]).await;
    let mut client = Client2::connect(mesh.address).await;
    let (response, _) = client.begin(Request::head("http://a/").body(()).unwrap(), true).await;
    let found = whole(response).await.unwrap();
    assert_eq!((text(&found.parts.headers, "content-length"), found.body.len()), ("7", 0));
}

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
async fn trailers_go_through_http1_in_chunks() {
    let plain = Server::answering(|asked| {
        assert_eq!(asked.body, b"abc");
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\nhost: b\r\n\r\n".to_owned()
    })
    .await;
    let mesh = Mesh::spreading(&[("api", plain.address, 1)]).await;
    let found = Client2::connect(mesh.address).await.post(post("http://a/"), b"abc").await.unwrap();
    let trailers = found.trailers.unwrap();
    assert_eq!((&found.body[..], trailers.len(), text(&trailers, "x-sum")), (&b"hi"[..], 1, "7"));

    let server = Server2::start(|request, mut respond| async move {
        let (body, sent) = read(&mut request.into_body()).await.unwrap();
        assert_eq!((&body[..], text(&sent.unwrap(), "x-sent")), (&b"abc"[..], "1"));
        let mut to = respond.send_response(Response::new(()), false).unwrap();
        say(&mut to, b"hi".to_vec(), false).await;
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "8".parse().unwrap());
        to.send_trailers(trailers).unwrap();
    })
    .await;
    let mesh = to_http2(&server).await;
    let mut client = Client::connect(mesh.address).await;
    client
        .say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sent: 1\r\n\r\n")
        .await;
    let mut all = String::new();
    while !all.ends_with("x-sum: 8\r\n\r\n") {
        let mut part = [0; 1024];
        let read = tokio::io::AsyncReadExt::read(&mut client.stream, &mut part);
        let length = soon("an answer", read).await.unwrap();
        assert!(length > 0, "{all}");
        all.push_str(std::str::from_utf8(&part[..length]).unwrap());
    }
    assert!(all.contains("\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 8\r\n\r\n"), "{all}");
}

#[tokio::test]
async fn large_bodies_go_through_and_slow_readers_hold_them_up() {
    const LENGTH: usize = 5_000_000;
    let server = Server2::answering(|_, body| answer(&"x".repeat(body.len()))).await;
    let mesh = to_http2(&server).await;
    let mut client = Client2::connect(mesh.address).await;
    let found = client.post(post("http://a/"), &vec![1; LENGTH]).await.unwrap();
    assert_eq!(found.body.len(), LENGTH);

    let (sent, mut progress) = mpsc::unbounded_channel();
    let server = Server2::start(move |_, mut respond| {
        let sent = sent.clone();
        async move {
            let mut to = respond.send_response(Response::new(()), false).unwrap();
            for _ in 0..1000 {
                if !say(&mut to, vec![0; 16 * 1024], false).await {
                    return;
                }
                let _ = sent.send(());
            }
        }
    })
    .await;
    let mesh = to_http2(&server).await;
    let mut client = Client2::connect(mesh.address).await;
    let (response, _) = client.begin(Request::get("http://a/").body(()).unwrap(), true).await;
    let held = soon("a head", response).await.unwrap();
    let mut parts = 0;
    while tokio::time::timeout(Duration::from_millis(300), progress.recv()).await.is_ok() {
        parts += 1;
    }
    assert!(parts < 200, "{parts} parts of 16 KiB were taken for a client that reads nothing");
    drop(held);
}

#[tokio::test]
async fn who_breaks_off_is_broken_off_with() {
    let (told, mut gone) = mpsc::unbounded_channel();
    let server = Server2::start(move |request, mut respond| {
        let told = told.clone();
        async move {
            let path = request.uri().path().to_owned();
            let mut to = match path.as_str() {
                "/refuse" => return respond.send_reset(Reason::REFUSED_STREAM),
                "/early" => return respond.send_reset(Reason::INTERNAL_ERROR),
                _ => respond.send_response(Response::new(()), false).unwrap(),
            };
            say(&mut to, b"half".to_vec(), false).await;
            if path == "/late" {
                // The client says more once it has half of the answer.
                let _ = read(&mut request.into_body()).await;
                return to.send_reset(Reason::INTERNAL_ERROR);
            }
            let reason = std::future::poll_fn(|cx| to.poll_reset(cx)).await;
            let _ = told.send(reason.unwrap());
        }
    })
    .await;
    let mesh = to_http2(&server).await;
    let mut client = Client2::connect(mesh.address).await;
    for path in ["refuse", "early"] {
        let found = client.get(&format!("http://a/{path}")).await;
        assert_eq!(found.parts.status, 503, "{path}");
    }
    let (response, mut stream) = client.begin(post("http://a/late"), false).await;
    let mut half = soon("a head", response).await.unwrap().into_body();
    assert_eq!(soon("half", half.data()).await.unwrap().unwrap(), "half");
    stream.send_data(Bytes::new(), true).unwrap();
    assert_eq!(soon("a reset", read(&mut half)).await.unwrap_err().reason(), Some(Reason::INTERNAL_ERROR));
    let mut plain = Client::connect(mesh.address).await;
    plain.say("POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n").await;
    while !plain.bytes.ends_with(b"half\r\n") {
        let more = tokio::io::AsyncReadExt::read_buf(&mut plain.stream, &mut plain.bytes);
        assert!(soon("half", more).await.unwrap() > 0);
    }
    plain.say("x").await;
    assert!(soon("an end", plain.try_answer("POST")).await.is_none());
    let (response, mut stream) = client.begin(post("http://a/wait"), false).await;
    let _held = soon("a head", response).await.unwrap();
    stream.send_reset(Reason::CANCEL);
    assert_eq!(soon("a reset", gone.recv()).await, Some(Reason::CANCEL));
    let mut plain = Client::connect(mesh.address).await;
    plain.say("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    drop(plain);
    assert_eq!(soon("a reset", gone.recv()).await, Some(Reason::CANCEL));
}

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
async fn a_connection_that_is_drained_ends_and_loses_no_stream() {
    let (go, wait) = tokio::sync::watch::channel(false);
    let server = Server2::start(move |_, mut respond| {
        let mut wait = wait.clone();
        async move {
            wait.wait_for(|go| *go).await.unwrap();
            respond.send_response(Response::new(()), true).unwrap();
        }
    })
    .await;
    let mesh = to_http2(&server).await;
    let mut client = Client2::connect(mesh.address).await;
    let (response, _) = client.begin(Request::get("http://a/").body(()).unwrap(), true).await;
    mesh.counted("cluster.api.upstream_rq_active", 1).await;
    mesh.plane.drain(false);
    let refused = async {
        while client.try_begin(Request::get("http://a/").body(()).unwrap(), true).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("the connection to be closed for more", refused).await;
    go.send(true).unwrap();
    assert_eq!(whole(response).await.unwrap().parts.status, 200);
}

#[tokio::test]
async fn floods_end_their_connection_and_nothing_else() {
    let server = Server2::start(|_, respond| async move {
        std::future::pending::<()>().await;
        drop(respond);
    })
    .await;
    let mesh = to_http2(&server).await;
    let mut client = Client2::connect(mesh.address).await;
    let flood = async {
        // Rapid reset: each stream is given up as soon as it is there.
        while let Ok((_, mut stream)) = client.try_begin(post("http://a/"), false).await {
            stream.send_reset(Reason::CANCEL);
            tokio::task::yield_now().await;
        }
    };
    soon("the flood to be ended", flood).await;
    let mut other = Client2::connect(mesh.address).await;
    let (_response, _) = other.begin(post("http://a/"), false).await;
    mesh.counted("cluster.api.upstream_rq_active", 1).await;
}

#[tokio::test]
async fn what_is_not_http2_is_refused_and_hurts_nobody() {
    const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let server = Server::named("fine").await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let headers = |fields: &[u8]| {
        let length = u8::try_from(fields.len()).unwrap();
        [&[0, 0, length, 1, 5, 0, 0, 0, 1], fields].concat()
    };
    // :method GET, :scheme http, :path /, :authority a; literal fields without indexing.
    let get: &[u8] = b"\x82\x86\x84\x41\x01a";
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a name with upper case", headers(&[get, b"\0\x02Ab\x01c"].concat())),
        ("a pseudo field behind a field", headers(&[get, b"\0\x02ab\x01c", b"\x84"].concat())),
        ("a pseudo field that is repeated", headers(&[get, b"\x84"].concat())),
        ("a line feed in a value", headers(&[get, b"\0\x02ab\x03a\nb"].concat())),
        ("a null in a value", headers(&[get, b"\0\x02ab\x03a\0b"].concat())),
        ("a field about the connection", headers(&[get, b"\0\x0aconnection\x05close"].concat())),
        ("a path with a space", headers(b"\x82\x86\x04\x03/ a\x41\x01a")),
        ("no path", headers(b"\x82\x86\x41\x01a")),
        ("DATA for nobody", b"\0\0\x01\0\0\0\0\0\x01x".to_vec()),
        ("CONTINUATION of nothing", b"\0\0\x01\x09\x04\0\0\0\x01\x82".to_vec()),
        ("a frame that is too large", b"\xff\xff\xff\0\0\0\0\0\x01".to_vec()),
        ("a window of nothing", b"\0\0\x04\x08\0\0\0\0\0\0\0\0\0".to_vec()),
        ("broken compression", headers(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff")),
    ];
    for (case, frames) in cases {
        let mut client = Client::connect(mesh.address).await;
        client.say([PREFACE, SETTINGS, &frames].concat()).await;
        let refused = soon(case, refusal(&mut client)).await;
        assert!(refused, "{case} was not refused");
        let fine = Client2::connect(mesh.address).await.get("http://a/").await;
        assert_eq!(fine.body, b"fine", "after {case}");
    }
    mesh.counted("cluster.api.upstream_rq_total", 13).await;
}

/// Whether the proxy resets a stream or ends the connection before it answers.
async fn refusal(client: &mut Client) -> bool {
    let mut bytes = Vec::new();
    loop {
        while bytes.len() >= 9 {
            let length = usize::from(bytes[1]) * 256 + usize::from(bytes[2]);
            if bytes.len() < 9 + length {
                break;
            }
            match bytes[3] {
                // HEADERS would be an answer: 400 is one that refuses.
                1 => return bytes[9] == 0x8c,
                3 | 7 => return true,
                _ => drop(bytes.drain(..9 + length)),
            }
        }
        match tokio::io::AsyncReadExt::read_buf(&mut client.stream, &mut bytes).await {
            Ok(1..) => {}
            _ => return true,
        }
    }
}

#[tokio::test]
async fn curl_gets_an_answer_and_uploads() {
    let server = Server::answering(|asked| {
        let body = format!("{} bytes", asked.body.len());
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    })
    .await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let curl = Command::new("curl")
        .args(["-sS", "--http2-prior-knowledge", "-w", " %{http_version} %{http_code}", "--data-binary", "@-"])
        .arg(format!("http://{}/", mesh.address))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn();
    let mut curl = curl.unwrap();
    let mut input = curl.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut input, &vec![b'x'; 300_000]).await.unwrap();
    drop(input);
    let output = soon("curl", curl.wait_with_output()).await.unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "300000 bytes 2 200");
}

#[tokio::test]
async fn a_listener_speaks_what_it_is_told_to() {
    let server = Server::named("hi").await;
    let routes = || table(vec![prefix_route("/", crate::model::Action::Forward(Forward::to("api")))]);
    let managed = |codec| {
        let manager = HttpManager { routes: "routes".to_owned(), codec, ..HttpManager::default() };
        let clusters = [("api".to_owned(), cluster_at(&[server.address]))].into();
        Mesh::managed(clusters, routes(), manager, Settings::default())
    };
    let mesh = managed(crate::model::Codec::Http1).await;
    let mut client = Client::connect(mesh.address).await;
    client.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert_eq!(client.answer("GET").await.status, 505);
    let mesh = managed(crate::model::Codec::Http2).await;
    let mut client = Client::connect(mesh.address).await;
    client.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(soon("an end", refusal(&mut client)).await);
    assert_eq!(Client2::connect(mesh.address).await.get("http://a/").await.body, b"hi");
}
