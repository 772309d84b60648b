//! The sockets. Datagrams are answered one after the other, since an answer is a look-up of microseconds; streams
//! each get a task, so many and no more. So does a question that is passed on.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use tracing::debug;

use crate::{
    answer::{Transport, consider},
    forward::{self, Upstreams},
    table::Table,
};

/// Connections at once; a further one waits in the listener's queue.
const CONNECTIONS_MAX: usize = 64;
/// Questions on one connection, so that none holds its place for ever.
const QUESTIONS_PER_CONNECTION_MAX: usize = 256;
/// A whole question arrives, and its answer leaves, within this time.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(5);
/// A longer datagram is no question.
const DATAGRAM_MAX: usize = 4096;
/// Questions that others are asked at once; further ones fail.
const PASSED_ON_MAX: usize = 256;
/// Errors in a row after which a socket is given up; single ones (an unreachable client) are everyday.
const ERRORS_MAX: u32 = 1000;
/// The pause after an error, so that a socket that only fails does not keep a core busy.
const ERROR_PAUSE: Duration = Duration::from_millis(5);

/// Answers on both sockets from the newest table, and asks `upstreams` about names that are of none of its zones, until
/// a socket fails for good. Dropping the future stops it and closes all its connections.
pub async fn serve(
    udp: UdpSocket,
    tcp: TcpListener,
    table: watch::Receiver<Arc<Table>>,
    upstreams: Upstreams,
) -> io::Result<()> {
    tokio::try_join!(serve_datagrams(udp, table.clone(), upstreams.clone()), serve_streams(tcp, table, upstreams))?;
    Ok(())
}

async fn serve_datagrams(
    socket: UdpSocket,
    table: watch::Receiver<Arc<Table>>,
    upstreams: Upstreams,
) -> io::Result<()> {
    let socket = Arc::new(socket);
    let mut buffer = vec![0; DATAGRAM_MAX];
    let mut errors = Errors::default();
    let mut passed_on = JoinSet::new();
    loop {
        while passed_on.try_join_next().is_some() {}
        let (length, client) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                errors.note(error).await?;
                continue;
            }
        };
        errors = Errors::default();
        let newest = table.borrow().clone();
        let Some(answer) = consider(&newest, Transport::Udp, &buffer[..length]) else { continue };
        let servers = if answer.elsewhere { upstreams.now() } else { Vec::new() };
        if servers.is_empty() {
            send(&socket, &answer.message, client).await;
        } else if passed_on.len() >= PASSED_ON_MAX {
            send(&socket, &answer.failed(), client).await;
        } else {
            let (socket, question) = (Arc::clone(&socket), buffer[..length].to_vec());
            passed_on.spawn(async move {
                let heard = forward::over_udp(&servers, &question).await;
                send(&socket, &heard.unwrap_or_else(|| answer.failed()), client).await;
            });
        }
    }
}

async fn send(socket: &UdpSocket, reply: &[u8], client: SocketAddr) {
    if let Err(error) = socket.send_to(reply, client).await {
        debug!(%client, %error, "An answer could not be sent.");
    }
}

async fn serve_streams(
    listener: TcpListener,
    table: watch::Receiver<Arc<Table>>,
    upstreams: Upstreams,
) -> io::Result<()> {
    let mut connections = JoinSet::new();
    let mut errors = Errors::default();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, client)) => {
                errors = Errors::default();
                let (table, upstreams) = (table.clone(), upstreams.clone());
                connections.spawn(async move {
                    if let Err(error) = converse(stream, table, upstreams).await {
                        debug!(%client, %error, "A connection ended early.");
                    }
                });
            }
            Err(error) => errors.note(error).await?,
        }
    }
}

/// Answers question after question, each preceded by its length (RFC 7766).
async fn converse(mut stream: TcpStream, table: watch::Receiver<Arc<Table>>, upstreams: Upstreams) -> io::Result<()> {
    for _ in 0..QUESTIONS_PER_CONNECTION_MAX {
        let Some(packet) = timeout(MESSAGE_TIMEOUT, read_message(&mut stream)).await?? else { return Ok(()) };
        let newest = table.borrow().clone();
        let Some(answer) = consider(&newest, Transport::Tcp, &packet) else { return Ok(()) };
        let servers = if answer.elsewhere { upstreams.now() } else { Vec::new() };
        let reply = if servers.is_empty() {
            answer.message
        } else {
            forward::over_tcp(&servers, &packet).await.unwrap_or_else(|| answer.failed())
        };
        timeout(MESSAGE_TIMEOUT, write_message(&mut stream, &reply)).await??;
    }
    Ok(())
}

pub(crate) async fn read_message(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let length = match stream.read_u16().await {
        Ok(length) => length,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut packet = vec![0; usize::from(length)];
    stream.read_exact(&mut packet).await?;
    Ok(Some(packet))
}

pub(crate) async fn write_message(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    // One write, so that length and message share a segment.
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(message);
    stream.write_all(&framed).await
}

/// Errors in a row on one socket.
#[derive(Default)]
struct Errors(u32);

impl Errors {
    async fn note(&mut self, error: io::Error) -> io::Result<()> {
        self.0 += 1;
        if self.0 >= ERRORS_MAX {
            return Err(error);
        }
        debug!(%error, "The socket had an error.");
        tokio::time::sleep(ERROR_PAUSE).await;
        Ok(())
    }
}
