//! Requests and responses between sides that speak alike or not.

use super::*;

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
async fn trailers_go_through_http1_in_chunks() {
    let plain = Server::answering(|asked| {
        assert_eq!(asked.body, b"abc");
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\ncookie: b\r\n\r\n".to_owned()
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
async fn a_thousand_streams_at_once_have_each_their_own_answer() {
    const STREAMS: usize = 1000;
    let server = Server2::answering(|request, body| {
        answer(&format!("{} {}", request.uri().path(), String::from_utf8(body).unwrap()))
    })
    .await;
    let mesh = to_http2(&server).await;
    let mut client = Client2::connect(mesh.address).await;
    let mut begun = Vec::new();
    for number in 0..STREAMS {
        let (response, stream) = client.begin(post(&format!("http://a/{number}")), false).await;
        begun.push((number, response, stream));
    }
    // The last that was begun ends first.
    for (number, response, mut stream) in begun.into_iter().rev() {
        assert!(say(&mut stream, vec![b'x'; number], true).await);
        let found = whole(response).await.unwrap();
        assert_eq!(String::from_utf8(found.body).unwrap(), format!("/{number} {}", "x".repeat(number)));
    }
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
    while !plain.bytes.ends_with(b"half\r\n") {
        let more = tokio::io::AsyncReadExt::read_buf(&mut plain.stream, &mut plain.bytes);
        assert!(soon("half", more).await.unwrap() > 0);
    }
    drop(plain);
    assert_eq!(soon("a reset", gone.recv()).await, Some(Reason::CANCEL));
}
