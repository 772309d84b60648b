//! The servers that speak HTTP/2: they answer as those of HTTP/1.1 do, and calls by gRPC as a server of gRPC does.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use bytes::{BufMut as _, Bytes, BytesMut};
use h2::{
    RecvStream,
    server::{self, SendResponse},
};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Builder,
    task::{LocalSet, spawn_local},
};

use super::{BODY_MAX, size_of};

/// Windows that no body of the contest fills.
const WINDOW: u32 = 1 << 20;

/// Serves HTTP/2 without TLS on `ports` for ever.
pub(super) fn serve(ports: &[u16]) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let body = Bytes::from(vec![b'x'; BODY_MAX]);
    LocalSet::new().block_on(&runtime, async {
        let mut listening = Vec::new();
        for port in ports {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).await;
            let listener = listener.with_context(|| format!("port {port}"))?;
            listening.push(spawn_local(accept(listener, body.clone())));
        }
        for listener in listening {
            listener.await??;
        }
        Ok(())
    })
}

async fn accept(listener: TcpListener, body: Bytes) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let body = body.clone();
        spawn_local(async move {
            // A proxy that breaks off shows in its client's run.
            let _ended = connection(stream, body).await;
        });
    }
}

async fn connection(stream: TcpStream, body: Bytes) -> Result<()> {
    let mut builder = server::Builder::new();
    builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW).max_concurrent_streams(1000);
    let mut connection = builder.handshake(stream).await?;
    while let Some(request) = connection.accept().await {
        let (request, respond) = request?;
        let body = body.clone();
        spawn_local(async move {
            let _ended = answer(request, respond, &body).await;
        });
    }
    Ok(())
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, body: &Bytes) -> Result<()> {
    let is_call = request.headers().get("content-type").is_some_and(|kind| kind == "application/grpc");
    let size = if is_call { asked(request.into_body()).await? } else { size_of(request.uri().to_string().as_bytes()) };
    let kind = if is_call { "application/grpc" } else { "application/json" };
    let response = Response::builder()
        .header("server", "todo")
        .header("content-type", kind)
        .header("date", "Mon, 23 Nov 2026 12:00:00 GMT");
    if !is_call {
        let response = response.header("cache-control", "no-cache").header("content-length", size);
        respond.send_response(response.body(())?, false)?.send_data(body.slice(..size), true)?;
        return Ok(());
    }
    let mut stream = respond.send_response(response.body(())?, false)?;
    stream.send_data(message(&body[..size]), false)?;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers)?;
    Ok(())
}

/// A message of gRPC: not compressed, its length, itself.
pub(crate) fn message(content: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(5 + content.len());
    message.put_u8(0);
    message.put_u32(u32::try_from(content.len()).unwrap_or(u32::MAX));
    message.put_slice(content);
    message.freeze()
}

/// The size that a call asks for: the number in its message.
async fn asked(mut body: RecvStream) -> Result<usize> {
    let mut message = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        message.extend_from_slice(&piece);
    }
    Ok(size_of(message.get(5..).unwrap_or_default()))
}
