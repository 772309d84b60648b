//! Bodies of every framing, both ways, large and slow.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::testing::{Client, Mesh, Server, soon};

/// A megabyte that is nowhere the same.
fn megabyte() -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..1 << 20).map(|_| next()).collect()
}

/// In chunks of odd sizes, with extensions and a trailer.
fn chunked(content: &[u8]) -> Vec<u8> {
    let mut chunks = Vec::new();
    for (number, piece) in content.chunks(9973).enumerate() {
        let extension = if number % 3 == 0 { ";a=b" } else { "" };
        chunks.extend_from_slice(format!("{:X}{extension}\r\n", piece.len()).as_bytes());
        chunks.extend_from_slice(piece);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks.extend_from_slice(b"0\r\nX-Trailer: 1\r\n\r\n");
    chunks
}

/// A server that sends back what it gets, framed as the path says.
async fn mirror() -> Server {
    Server::start(|mut conversation| async move {
        while let Some(asked) = conversation.asked().await {
            let path = asked.head.split(' ').nth(1).unwrap().to_owned();
            let (head, body) = match path.as_str() {
                "/chunked" => ("transfer-encoding: chunked".to_owned(), chunked(&asked.body)),
                "/close" => ("x: y".to_owned(), asked.body.clone()),
                _ => (format!("content-length: {}", asked.body.len()), asked.body.clone()),
            };
            conversation.say(&format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n")).await;
            conversation.stream.write_all(&body).await.unwrap();
            if path == "/close" {
                return;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_megabyte_goes_both_ways_in_every_framing() {
    let server = mirror().await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let mut client = Client::connect(mesh.address).await;
    let content = megabyte();
    for path in ["/length", "/chunked", "/close"] {
        for (framing, body) in [
            (format!("Content-Length: {}", content.len()), content.clone()),
            ("Transfer-Encoding: chunked".to_owned(), chunked(&content)),
        ] {
            let (mut read, mut write) = tokio::io::split(&mut client.stream);
            let request = [format!("PUT {path} HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n").into_bytes(), body].concat();
            let sent = write.write_all(&request);
            // Reading begins at once: both directions may be full.
            let first = read.read_buf(&mut client.bytes);
            let (sent, first) = soon("both ways", async { tokio::join!(sent, first) }).await;
            sent.unwrap();
            first.unwrap();
            let answer = client.answer("PUT").await;
            assert!(answer.body == content, "{path} {framing}: {} bytes", answer.body.len());
            assert_eq!(answer.field("transfer-encoding").is_some(), path != "/length");
        }
    }
    assert_eq!(client.get("a", "/again").await.status, 200, "the client's connection has outlived them all");
}

#[tokio::test]
async fn an_old_client_gets_no_chunks() {
    let server = mirror().await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    for path in ["/chunked", "/close", "/length"] {
        let mut client = Client::connect(mesh.address).await;
        client.say(format!("POST {path} HTTP/1.0\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello")).await;
        let answer = client.answer("POST").await;
        assert_eq!((answer.text(), answer.field("transfer-encoding")), ("hello", None), "{path}");
        assert_eq!(answer.field("connection"), Some(if path == "/length" { "keep-alive" } else { "close" }));
    }
}

#[tokio::test]
async fn answers_without_a_body_have_none_whatever_they_say() {
    let server = Server::answering(|asked| {
        let path = asked.head.split(' ').nth(1).unwrap();
        match path {
            "/204" => "HTTP/1.1 204 No Content\r\ncontent-length: 3\r\n\r\n".to_owned(),
            "/304" => "HTTP/1.1 304 Not Modified\r\ncontent-length: 3\r\n\r\n".to_owned(),
            "/chunked" => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
            _ => "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n".to_owned(),
        }
    })
    .await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let mut client = Client::connect(mesh.address).await;
    for (method, path, length) in
        [("GET", "/204", None), ("GET", "/304", Some("3")), ("HEAD", "/", Some("3")), ("HEAD", "/chunked", None)]
    {
        client.say(format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        let answer = client.answer(method).await;
        assert_eq!(answer.field("content-length"), length, "{method} {path}");
    }
    client.say("HEAD /missing HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.answer("HEAD").await.status, 200);
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_client_that_waits_to_be_told_is_told_to_go_on() {
    let server = mirror().await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let mut client = Client::connect(mesh.address).await;
    client.say("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n").await;
    let told = client.answer("PUT").await;
    assert_eq!((told.status, told.head.as_str()), (100, "HTTP/1.1 100 Continue\r\n\r\n"));
    client.say("hello").await;
    assert_eq!(client.answer("PUT").await.text(), "hello");
    // Who is refused is not told to go on.
    client.say("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: Upgrade, x\r\n\r\nhello").await;
    assert_eq!(client.answer("PUT").await.text(), "hello", "a body that is there needs no telling");
}

#[tokio::test]
async fn a_server_may_answer_before_it_has_read_everything() {
    let server = Server::start(|mut conversation| async move {
        conversation.head().await;
        conversation.say("HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig").await;
        // It reads no more, and keeps the connection open.
        tokio::time::sleep(Duration::from_mins(1)).await;
    })
    .await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let mut client = Client::connect(mesh.address).await;
    client.say("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n").await;
    let (mut read, mut write) = tokio::io::split(&mut client.stream);
    let flood = async {
        let piece = vec![b'x'; 64 * 1024];
        while write.write_all(&piece).await.is_ok() {}
    };
    let read = async {
        while !client.bytes.ends_with(b"big") {
            assert!(read.read_buf(&mut client.bytes).await.unwrap() > 0);
        }
    };
    soon("the answer", async {
        tokio::select! { () = flood => {}, () = read => {} }
    })
    .await;
    assert!(client.bytes.starts_with(b"HTTP/1.1 413 Too Large\r\n"), "{:?}", String::from_utf8_lossy(&client.bytes));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_reset_and_not_an_end() {
    let server = Server::start(|mut conversation| async move {
        let path = conversation.asked().await.unwrap().head.split(' ').nth(1).unwrap().to_owned();
        let framing = if path == "/chunked" { "transfer-encoding: chunked" } else { "content-length: 100" };
        conversation.say(&format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n5\r\nhello\r\n")).await;
    })
    .await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    for path in ["/chunked", "/length"] {
        let mut client = Client::connect(mesh.address).await;
        client.say(format!("GET {path} HTTP/1.0\r\nHost: a\r\n\r\n")).await;
        let mut all = Vec::new();
        let ended = soon("the end", client.stream.read_to_end(&mut all)).await;
        assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset, "{path}");
    }
}

#[tokio::test]
async fn what_a_server_says_after_its_answer_reaches_nobody() {
    let server = Server::start(|mut conversation| async move {
        while conversation.asked().await.is_some() {
            conversation
                .say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nv1HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
                .await;
        }
    })
    .await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let mut client = Client::connect(mesh.address).await;
    for _ in 0..3 {
        assert_eq!(client.get("a", "/").await.text(), "v1");
    }
    assert_eq!(server.accepted(), 3, "such a connection is not used again");
}
