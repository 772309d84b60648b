//! The server behind a proxy, which writes down what it gets.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{
    case::Case,
    message::{Message, latin, take_body, take_head},
};

const PLAIN: &[u8] = b"HTTP/1.1 200 OK\r\nX-Origin: yes\r\nContent-Length: 4\r\n\r\nfine";
const NEXT: &[u8] = b"HTTP/1.1 200 OK\r\nX-Origin: yes\r\nContent-Length: 4\r\n\r\nnext";

/// How the origin of a lane answers.
#[derive(Clone, Debug)]
struct Manner {
    reply: Vec<u8>,
    early: bool,
    closes: bool,
}

/// What an origin got, in order.
pub(crate) type Got = Arc<Mutex<Vec<Message>>>;

/// The origin of a lane.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    pub(crate) got: Got,
}

impl Origin {
    /// Starts the origin for `case`; its connections belong to `connections`, which has them until they end.
    pub(crate) async fn start(case: &Case, connections: &Arc<Mutex<JoinSet<()>>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let manner =
            Manner { reply: case.reply().unwrap_or_else(|| PLAIN.to_vec()), early: case.early, closes: case.closes };
        let got = Got::default();
        let (connections, seen) = (Arc::clone(connections), Arc::clone(&got));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let one = serve(stream, manner.clone(), Arc::clone(&seen));
                connections.lock().unwrap_or_else(PoisonError::into_inner).spawn(one);
            }
        });
        Self { address, got }
    }
}

async fn serve(mut stream: TcpStream, manner: Manner, got: Got) {
    let mut bytes = Vec::new();
    while let Some((mut message, place)) = read_head(&mut stream, &mut bytes, &got).await {
        let is_next = message.start.starts_with("GET /next ");
        let reply = if is_next { NEXT } else { &manner.reply };
        if manner.early && !is_next && stream.write_all(reply).await.is_err() {
            return;
        }
        message.framing = message.framing_of_request();
        let whole = read_body(&mut stream, &mut bytes, &mut message).await;
        message.cut = !whole;
        got.lock().unwrap_or_else(PoisonError::into_inner)[place] = message;
        if !whole || (!manner.early || is_next) && stream.write_all(reply).await.is_err() {
            return;
        }
        if manner.closes && !is_next {
            return;
        }
    }
}

/// Reads a head and writes it down; the answer is also its place among what was got.
async fn read_head(stream: &mut TcpStream, bytes: &mut Vec<u8>, got: &Got) -> Option<(Message, usize)> {
    let keep = |message: &Message| {
        let mut got = got.lock().unwrap_or_else(PoisonError::into_inner);
        got.push(message.clone());
        got.len() - 1
    };
    loop {
        if let Some(message) = take_head(bytes) {
            let place = keep(&message);
            return Some((message, place));
        }
        if !matches!(stream.read_buf(bytes).await, Ok(1..)) {
            if !bytes.is_empty() {
                keep(&Message { start: latin(bytes), cut: true, ..Message::default() });
            }
            return None;
        }
    }
}

async fn read_body(stream: &mut TcpStream, bytes: &mut Vec<u8>, message: &mut Message) -> bool {
    loop {
        if let Some(body) = take_body(bytes, message, message.framing, false) {
            message.body = body;
            return true;
        }
        if !matches!(stream.read_buf(bytes).await, Ok(1..)) {
            message.body = std::mem::take(bytes);
            return false;
        }
    }
}
