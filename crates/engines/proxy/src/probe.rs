//! Asks a server whether it is well.

use std::{fmt, io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{
    connect::{Connect, Route},
    http::{self, Malformed},
};

/// What an HTTP check sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question<'a> {
    pub(crate) path: &'a str,
    pub(crate) host: &'a str,
    pub(crate) user_agent: &'a str,
}

/// Why there is no status code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Silence {
    #[error("could not connect")]
    Connect(#[source] io::Error),
    #[error("no answer in time")]
    TimedOut,
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    #[error("the answer is not HTTP: {0}")]
    Malformed(Malformed),
}

/// Connects, and that is all.
pub(crate) async fn tcp(connect: &dyn Connect, route: &Route, within: Duration) -> Result<(), Silence> {
    let connected = timeout(within, connect.connect(route)).await.map_err(|_| Silence::TimedOut)?;
    connected.map(drop).map_err(Silence::Connect)
}

/// Sends a `GET`; the answer is the status code.
pub(crate) async fn http(
    connect: &dyn Connect,
    route: &Route,
    question: Question<'_>,
    within: Duration,
) -> Result<u16, Silence> {
    timeout(within, ask(connect, route, question)).await.unwrap_or(Err(Silence::TimedOut))
}

async fn ask(connect: &dyn Connect, route: &Route, question: Question<'_>) -> Result<u16, Silence> {
    let mut stream = connect.connect(route).await.map_err(Silence::Connect)?;
    stream.write_all(question.to_string().as_bytes()).await.map_err(Silence::Broken)?;
    let mut head = http::Head::default();
    let mut bytes = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut bytes).await.map_err(Silence::Broken)? == 0 {
            return Err(Silence::Broken(io::ErrorKind::UnexpectedEof.into()));
        }
        if head.read(&bytes).map_err(Silence::Malformed)?.is_some() {
            let request = http::Request::default();
            let response = http::Response::interpret(&bytes, &mut head, &request).map_err(Silence::Malformed)?;
            return Ok(response.status);
        }
    }
}

impl fmt::Display for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, host, user_agent } = self;
        write!(f, "GET {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: {user_agent}\r\nconnection: close\r\n\r\n")
    }
}
