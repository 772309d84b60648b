//! Clients that send more than anybody could mean. Each is held up or shown the door, and nobody else notices.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::*;

/// What a client says at first.
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// `:method POST`, `:scheme http`, `:path /`, `:authority a`.
const POST: &[u8] = b"\x83\x86\x84\x41\x01a";
/// The most that a flood has, in bytes: more than all buffers on the way hold.
const FLOOD: usize = 16 << 20;
/// Streams that a client opens and gives no room.
const STREAMS: u8 = 16;
/// When nothing is taken for so long, nothing will be.
const STILL: Duration = Duration::from_secs(2);

/// How a flood ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The proxy ended the connection.
    Closed,
    /// The proxy took no more while its answers were not read.
    Held,
    /// All was taken.
    Taken,
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[0, length[0], length[1], kind, flags, 0, 0, 0, stream], payload].concat()
}

fn headers(flags: u8, stream: u8, block: &[u8]) -> Vec<u8> {
    frame(1, flags, stream, block)
}

/// Says `begin`, then `again` for as long as it is taken, and reads nothing.
async fn flood(address: SocketAddr, begin: &[u8], again: &[u8]) -> End {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.set_send_buffer_size(64 << 10).unwrap();
    let mut stream: TcpStream = soon("a connection", socket.connect(address)).await.unwrap();
    stream.write_all(&[GREETING, begin].concat()).await.unwrap();
    let block = again.repeat((16 << 10) / again.len() + 1);
    let mut said = 0;
    while said < FLOOD {
        match timeout(STILL, stream.write_all(&block)).await {
            Ok(Ok(())) => said += block.len(),
            Ok(Err(_)) => return End::Closed,
            Err(_) => return End::Held,
        }
    }
    End::Taken
}

#[tokio::test]
async fn who_floods_is_held_up_or_turned_out() {
    let server = Server::named("fine").await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let field = b"\0\x02ab\x01c";
    // A field of 4000 bytes goes into the table, and is then repeated by a byte each time.
    let large = [&b"\x40\x01x\x7f\xa1\x1e"[..], &[b'y'; 4000]].concat();
    let open = headers(4, 1, POST);
    let unended = headers(0, 1, POST);
    let cases: Vec<(&str, Vec<u8>, Vec<u8>, &[End])> = vec![
        ("pings", Vec::new(), frame(6, 0, 0, &[0; 8]), &[End::Closed, End::Held]),
        ("settings", Vec::new(), frame(4, 0, 0, &[]), &[End::Closed, End::Held]),
        ("fields without end", unended.clone(), frame(9, 0, 1, field), &[End::Closed]),
        ("continuations of nothing", unended.clone(), frame(9, 0, 1, &[]), &[End::Closed]),
        (
            "fields that blow up",
            headers(0, 1, &[POST, &large].concat()),
            frame(9, 0, 1, &[0xbe; 16_000]),
            &[End::Closed],
        ),
        ("data of nothing", open.clone(), frame(0, 0, 1, &[]), &[End::Closed, End::Held]),
        ("resets of streams that never were", open.clone(), frame(3, 0, 3, &[0, 0, 0, 8]), &[End::Closed]),
        // Nothing is kept of these two, and nothing answered: all of it may be taken.
        ("priorities", Vec::new(), frame(2, 0, 1, &[0, 0, 0, 0, 16]), &[End::Closed, End::Held, End::Taken]),
        ("room for more", Vec::new(), frame(8, 0, 0, &[0, 0, 0, 1]), &[End::Closed, End::Held, End::Taken]),
        ("frames nobody knows", Vec::new(), frame(99, 0, 0, &[0; 64]), &[End::Closed, End::Held, End::Taken]),
        ("the same stream again", open, headers(4, 1, POST), &[End::Closed]),
    ];
    for (name, begin, again, allowed) in cases {
        let end = flood(mesh.address, &begin, &again).await;
        assert!(allowed.contains(&end), "{name}: {end:?}");
        let fine = soon(name, async { Client2::connect(mesh.address).await.get("http://a/").await }).await;
        assert_eq!(fine.body, b"fine", "after {name}");
    }
}

#[tokio::test]
async fn streams_that_are_given_no_room_hold_up_their_servers_and_nobody_else() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let server = Server::start(move |mut conversation| {
        let counted = Arc::clone(&counted);
        async move {
            while let Some(asked) = conversation.asked().await {
                if asked.head.starts_with("GET ") {
                    conversation.say("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine").await;
                    continue;
                }
                conversation.say("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").await;
                let piece = vec![b'x'; 64 * 1024];
                while conversation.stream.write_all(&piece).await.is_ok() {
                    counted.fetch_add(piece.len(), SeqCst);
                }
                return;
            }
        }
    })
    .await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let mut client = soon("a connection", TcpStream::connect(mesh.address)).await.unwrap();
    // INITIAL_WINDOW_SIZE is nothing, and stays so.
    let greeting = [&GREETING[..24], &frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])].concat();
    let opened: Vec<u8> = (0..STREAMS).flat_map(|number| headers(5, 2 * number + 1, POST)).collect();
    client.write_all(&[greeting, opened].concat()).await.unwrap();
    mesh.counted("cluster.api.upstream_rq_active", STREAMS.into()).await;
    let mut before = usize::MAX;
    until("the servers to be held up", async || {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = sent.load(SeqCst);
        std::mem::replace(&mut before, now) == now && now > 0
    })
    .await;
    assert!(before < usize::from(STREAMS) << 24, "{before} bytes were taken in");
    let fine = soon("another", async { Client2::connect(mesh.address).await.get("http://a/").await }).await;
    assert_eq!(fine.body, b"fine");
}
