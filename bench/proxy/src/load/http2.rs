//! HTTP/2 and gRPC, with and without TLS: some connections, some streams on each, a request under way on every stream.

use std::{cell::RefCell, net::Ipv4Addr, rc::Rc, time::Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use h2::client::{self, SendRequest};
use http::Request;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime::Builder,
    task::{LocalSet, spawn_local},
};

use super::{Outcome, Protocol, Samples, Window, Work, secured};
use crate::upstream::http2::message;

/// Windows that no body of the contest fills.
const WINDOW: u32 = 1 << 20;
/// Streams of a connection.
pub(crate) const STREAMS: usize = 8;

/// What all streams share.
struct Shared {
    window: Window,
    samples: Samples,
    errors: u64,
}

/// Does the work.
pub(super) fn run(work: &Work) -> Result<Outcome> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let shared = Shared { window: Window::new(work), samples: Samples::default(), errors: 0 };
        let shared = Rc::new(RefCell::new(shared));
        let mut streams = Vec::new();
        for _ in 0..work.connections {
            let sender = connect(work).await?;
            for _ in 0..STREAMS {
                streams.push(spawn_local(ask(sender.clone(), work.clone(), Rc::clone(&shared))));
            }
        }
        for stream in streams {
            stream.await??;
        }
        let shared = &mut *shared.borrow_mut();
        shared.window.outcome(&mut shared.samples, shared.errors)
    })
}

async fn connect(work: &Work) -> Result<SendRequest<Bytes>> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, work.port)).await.context("no proxy")?;
    stream.set_nodelay(true)?;
    if work.protocol == Protocol::Http2Tls {
        let connector = secured::connector(work, b"h2")?;
        greet(connector.connect(secured::name()?, stream).await.context("no TLS")?).await
    } else {
        greet(stream).await
    }
}

async fn greet(stream: impl AsyncRead + AsyncWrite + Unpin + 'static) -> Result<SendRequest<Bytes>> {
    let mut builder = client::Builder::new();
    builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
    let (sender, connection) = builder.handshake(stream).await.context("no HTTP/2")?;
    spawn_local(async move {
        // Its streams hear of it.
        let _ended = connection.await;
    });
    Ok(sender)
}

/// Asks again and again until the work is over.
async fn ask(mut sender: SendRequest<Bytes>, work: Work, shared: Rc<RefCell<Shared>>) -> Result<()> {
    loop {
        let since = Instant::now();
        sender = sender.ready().await?;
        let good = one(&mut sender, &work).await?;
        let now = Instant::now();
        let shared = &mut *shared.borrow_mut();
        match shared.window.counts(now)? {
            None => return Ok(()),
            Some(true) if good => shared.samples.add(now - since),
            Some(true) => shared.errors += 1,
            Some(false) => {}
        }
    }
}

/// One request, and whether it was answered as it should.
async fn one(sender: &mut SendRequest<Bytes>, work: &Work) -> Result<bool> {
    let is_call = work.protocol == Protocol::Grpc;
    let (response, mut stream) = sender.send_request(request(work, is_call)?, !is_call)?;
    if is_call {
        stream.send_data(message(format!("s={}", work.size).as_bytes()), true)?;
    }
    let response = response.await?;
    let answered = response.status() == 200;
    let (mut body, mut length) = (response.into_body(), 0);
    while let Some(piece) = body.data().await {
        let piece = piece?;
        length += piece.len();
        body.flow_control().release_capacity(piece.len())?;
    }
    if !is_call {
        return Ok(answered && length == work.size);
    }
    let trailers = body.trailers().await?.context("a call without an end")?;
    ensure!(length == 5 + work.size, "a call was answered with {length} bytes");
    Ok(answered && trailers.get("grpc-status").is_some_and(|status| status == "0"))
}

fn request(work: &Work, is_call: bool) -> Result<Request<()>> {
    let scheme = if work.protocol == Protocol::Http2Tls { "https" } else { "http" };
    if is_call {
        let request = Request::post(format!("{scheme}://todo.example/todo.Todo/Get"));
        let request = request.header("content-type", "application/grpc").header("te", "trailers");
        return Ok(request.header("user-agent", "contest/1").body(())?);
    }
    Ok(Request::get(format!("{scheme}://todo.example/todos/todo1?s={}", work.size))
        .header("user-agent", "contest/1")
        .header("accept", "application/json")
        .header("accept-encoding", "identity")
        .header("cookie", "session=8f14e45fceea167a5a36dedd4bea2543; theme=dark")
        .body(())?)
}
