//! The sockets. Datagrams are answered one after the other, since an answer is a look-up of microseconds; streams
//! each get a task, so many and no more.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use tracing::debug;

use crate::{
    answer::{Transport, answer},
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
/// Errors in a row after which a socket is given up; single ones (an unreachable client) are everyday.
const ERRORS_MAX: u32 = 1000;
/// The pause after an error, so that a socket that only fails does not keep a core busy.
const ERROR_PAUSE: Duration = Duration::from_millis(5);

/// Answers on both sockets from the newest table until a socket fails for good. Dropping the future stops it and
/// closes all its connections.
pub async fn serve(udp: UdpSocket, tcp: TcpListener, table: watch::Receiver<Arc<Table>>) -> io::Result<()> {
    tokio::try_join!(serve_datagrams(udp, table.clone()), serve_streams(tcp, table))?;
    Ok(())
}

async fn serve_datagrams(socket: UdpSocket, table: watch::Receiver<Arc<Table>>) -> io::Result<()> {
    let mut buffer = vec![0; DATAGRAM_MAX];
    let mut errors = Errors::default();
    loop {
        let (length, client) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                errors.note(error).await?;
                continue;
            }
        };
        errors = Errors::default();
        let newest = table.borrow().clone();
        let Some(reply) = answer(&newest, Transport::Udp, &buffer[..length]) else { continue };
        if let Err(error) = socket.send_to(&reply, client).await {
            debug!(%client, %error, "An answer could not be sent.");
        }
    }
}

async fn serve_streams(listener: TcpListener, table: watch::Receiver<Arc<Table>>) -> io::Result<()> {
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
                let table = table.clone();
                connections.spawn(async move {
                    if let Err(error) = converse(stream, table).await {
                        debug!(%client, %error, "A connection ended early.");
                    }
                });
            }
            Err(error) => errors.note(error).await?,
        }
    }
}

/// Answers question after question, each preceded by its length (RFC 7766).
async fn converse(mut stream: TcpStream, table: watch::Receiver<Arc<Table>>) -> io::Result<()> {
    for _ in 0..QUESTIONS_PER_CONNECTION_MAX {
        let Some(packet) = timeout(MESSAGE_TIMEOUT, read_message(&mut stream)).await?? else { return Ok(()) };
        let newest = table.borrow().clone();
        let Some(reply) = answer(&newest, Transport::Tcp, &packet) else { return Ok(()) };
        timeout(MESSAGE_TIMEOUT, write_message(&mut stream, &reply)).await??;
    }
    Ok(())
}

async fn read_message(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let length = match stream.read_u16().await {
        Ok(length) => length,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut packet = vec![0; usize::from(length)];
    stream.read_exact(&mut packet).await?;
    Ok(Some(packet))
}

async fn write_message(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
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
