//! Clients and servers that take their time: each holds up who it talks to, for a while, and nobody else; what is held
//! for them does not grow.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::io::AsyncWriteExt;

use crate::{
    mesh::Settings,
    model::{Action, Forward, HttpManager},
    testing::{Client, Mesh, Server, cluster_at, prefix_route, soon, table, until},
};

/// A body that is larger than all buffers on its way, in bytes.
const BODY: usize = 1_000_000_000;
/// The most that goes into a connection whose other end takes nothing: buffers of the kernel at four sockets, and one
/// read of the proxy's.
const HELD_MAX: usize = 32 << 20;
/// When nothing moves for so long, everything between is full.
const STILL: Duration = Duration::from_millis(200);
/// How many slow clients there are at once.
const CROWD: usize = 8;

/// Waits until `moved` stands still, and gives what it came to.
async fn held_up(moved: &AtomicUsize) -> usize {
    let mut before = usize::MAX;
    until("the sender to be held up", async || {
        tokio::time::sleep(STILL).await;
        let now = moved.load(SeqCst);
        std::mem::replace(&mut before, now) == now && now > 0
    })
    .await;
    before
}

/// A server that answers `/small` at once, sends a large body to everyone else, and reads no body itself.
async fn generous() -> (Server, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let server = Server::start(move |mut conversation| {
        let counted = Arc::clone(&counted);
        async move {
            while let Some(head) = conversation.head().await {
                if head.starts_with("GET /small ") {
                    conversation.say("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nsmall").await;
                    continue;
                }
                if head.starts_with("PUT ") {
                    return std::future::pending().await;
                }
                conversation.say(&format!("HTTP/1.1 200 OK\r\ncontent-length: {BODY}\r\n\r\n")).await;
                let piece = vec![b'x'; 64 * 1024];
                while conversation.stream.write_all(&piece).await.is_ok() {
                    counted.fetch_add(piece.len(), SeqCst);
                }
                return;
            }
        }
    })
    .await;
    (server, sent)
}

#[tokio::test]
async fn slow_readers_hold_up_their_servers_and_nobody_else() {
    let (server, sent) = generous().await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let mut slow = Vec::new();
    for _ in 0..CROWD {
        let mut client = Client::connect(mesh.address).await;
        client.say("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
        slow.push(client);
    }
    let taken = held_up(&sent).await;
    assert!(taken < CROWD * HELD_MAX, "{taken} bytes were taken in");
    assert_eq!(Client::connect(mesh.address).await.get("a", "/small").await.text(), "small");
}

#[tokio::test]
async fn a_slow_server_holds_up_its_client_and_nobody_else() {
    let (server, _) = generous().await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let mut client = Client::connect(mesh.address).await;
    client.say(format!("PUT /large HTTP/1.1\r\nHost: a\r\nContent-Length: {BODY}\r\n\r\n")).await;
    let said = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&said);
    let saying = tokio::spawn(async move {
        let piece = vec![b'x'; 64 * 1024];
        while client.stream.write_all(&piece).await.is_ok() {
            counted.fetch_add(piece.len(), SeqCst);
        }
    });
    let taken = held_up(&said).await;
    assert!(taken < HELD_MAX, "{taken} bytes were taken in");
    assert_eq!(Client::connect(mesh.address).await.get("a", "/small").await.text(), "small");
    saying.abort();
}

/// A mesh that gives the head of a request a moment.
async fn impatient(server: &Server) -> Mesh {
    let manager =
        HttpManager { routes: "routes".to_owned(), head_timeout: Duration::from_millis(300), ..HttpManager::default() };
    let routes = table(vec![prefix_route("/", Action::Forward(Forward::to("api")))]);
    let clusters = [("api".to_owned(), cluster_at(&[server.address]))].into();
    Mesh::managed(clusters, routes, manager, Settings::default()).await
}

#[tokio::test]
async fn a_head_that_trickles_is_not_waited_for() {
    let server = Server::named("v1").await;
    let mesh = impatient(&server).await;
    let mut client = Client::connect(mesh.address).await;
    client.say("GET / HTTP/1.1\r\nHost: a\r\nX: ").await;
    let (mut reader, mut writer) = tokio::io::split(&mut client.stream);
    // Every byte is progress, and none of them buys time.
    let trickle = async {
        while writer.write_all(b"y").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut heard = Vec::new();
    let listen = async { while matches!(tokio::io::AsyncReadExt::read_buf(&mut reader, &mut heard).await, Ok(1..)) {} };
    soon("the end", async {
        tokio::select! { () = trickle => {}, () = listen => {} }
    })
    .await;
    assert!(heard.starts_with(b"HTTP/1.1 408 "), "{:?}", String::from_utf8_lossy(&heard));
    assert_eq!(server.accepted(), 0, "half a request went on");
}
