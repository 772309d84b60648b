//! The client of a lane: says what the case says, and listens until the connection is closed.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    sync::watch,
    time::timeout,
};

use crate::{
    case::{Case, Step},
    message::{Framing, Message, latin, take_body, take_head},
};

/// No proxy keeps a connection longer on which nothing happens: each was told to end it much sooner.
const PATIENCE: Duration = Duration::from_mins(2);

/// Where a lane begins.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Address {
    async fn open(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Self::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    }

    /// Whether somebody takes connections there.
    pub(crate) async fn is_open(&self) -> bool {
        self.open().await.is_ok()
    }
}

/// What the client of `case` gets.
///
/// # Panics
/// When the connection is not closed in the end.
pub(crate) async fn talk(address: &Address, case: &Case) -> Vec<Message> {
    let stream = address.open().await.unwrap_or_else(|error| panic!("{address:?}: {error}"));
    let (mut reader, writer) = tokio::io::split(stream);
    let (heard, hears) = watch::channel(Arc::new(Vec::new()));
    let saying = tokio::spawn(say(writer, case.steps(), hears));
    let mut bytes = Vec::new();
    let listening = async {
        while matches!(reader.read_buf(&mut bytes).await, Ok(1..)) {
            heard.send_replace(Arc::new(bytes.clone()));
        }
    };
    let ended = timeout(PATIENCE, listening).await;
    saying.abort();
    assert!(ended.is_ok(), "{}: the connection to {address:?} is not closed", case.name);
    answers(bytes, case.is_head())
}

/// Says it all. Whoever closes the connection meanwhile has heard enough.
async fn say(
    mut writer: impl AsyncWrite + Unpin,
    steps: Vec<Step>,
    mut hears: watch::Receiver<Arc<Vec<u8>>>,
) -> io::Result<()> {
    for step in steps {
        match step {
            Step::Send(bytes) => {
                writer.write_all(&bytes).await?;
                writer.flush().await?;
            }
            Step::Wait(wanted) => {
                let there = |bytes: &Arc<Vec<u8>>| bytes.windows(wanted.len()).any(|window| window == wanted);
                if hears.wait_for(there).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
    // The connection stays open from this side: it is for the proxy to close it.
    std::future::pending().await
}

fn answers(mut bytes: Vec<u8>, head_first: bool) -> Vec<Message> {
    let mut answers: Vec<Message> = Vec::new();
    while !bytes.is_empty() {
        let Some(mut message) = take_head(&mut bytes) else {
            answers.push(Message { start: latin(&bytes), cut: true, ..Message::default() });
            return answers;
        };
        let to_head = head_first && answers.iter().all(|before| before.status().starts_with('1'));
        message.framing = message.framing_of_response(to_head);
        let body = take_body(&mut bytes, &message, message.framing, true);
        message.cut = body.is_none();
        message.body = body.unwrap_or_else(|| std::mem::take(&mut bytes));
        if message.framing == Framing::None && message.status() == "101" {
            message.body = std::mem::take(&mut bytes);
        }
        answers.push(message);
    }
    answers
}
