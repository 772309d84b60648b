//! One request over a connection of its own: what health checks need.

use std::{future::poll_fn, io};

use ::http::{HeaderMap, Request};
use bytes::Bytes;
use h2::client;

use super::FIELDS_SIZE;
use crate::transport::Transport;

/// The most of an answer's body that is read.
const BODY_MAX: usize = 64 * 1024;

/// An answer, with all that belongs to it.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The status code.
    pub(crate) status: u16,
    /// The fields before the body.
    pub(crate) fields: HeaderMap,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// The fields behind it.
    pub(crate) trailers: HeaderMap,
}

/// Sends `request` with `body`, and closes the connection after the answer. The caller bounds the time.
pub(crate) async fn ask(transport: Transport, request: Request<()>, body: Bytes) -> io::Result<Reply> {
    let mut builder = client::Builder::new();
    builder.enable_push(false).max_header_list_size(FIELDS_SIZE);
    let (mut send, connection) = builder.handshake::<_, Bytes>(transport).await.map_err(io::Error::other)?;
    let exchange = async {
        poll_fn(|cx| send.poll_ready(cx)).await?;
        let (response, mut stream) = send.send_request(request, body.is_empty())?;
        if !body.is_empty() {
            // It is small, and waits in the stream for as much as the server takes.
            stream.send_data(body, true)?;
        }
        let (parts, mut from) = response.await?.into_parts();
        let mut all = Vec::new();
        while let Some(part) = from.data().await {
            let part = part?;
            from.flow_control().release_capacity(part.len())?;
            if all.len() + part.len() <= BODY_MAX {
                all.extend_from_slice(&part);
            }
        }
        let trailers = from.trailers().await?.unwrap_or_default();
        Ok(Reply { status: parts.status.as_u16(), fields: parts.headers, body: all, trailers })
    };
    tokio::select! {
        biased;
        reply = exchange => reply.map_err(|error: h2::Error| io::Error::other(error)),
        ended = connection => Err(ended.map_or_else(io::Error::other, |()| io::ErrorKind::UnexpectedEof.into())),
    }
}
