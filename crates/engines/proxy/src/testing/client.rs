//! A client that says what the test says, and reads answers.

use std::{io, net::SocketAddr};

use names::Clock;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{field, head_end, soon};
use crate::{model::ClientTls, stats::TlsCounters, tls::Store, transport::Transport};

/// A client's connection.
pub(crate) struct Client {
    pub(crate) stream: Transport,
    pub(crate) bytes: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    /// Its content, framing removed.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = soon("a connection", TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: stream.into(), bytes: Vec::new() }
    }

    /// Connects by TLS; none if the handshake fails, or the first thing that is heard is an end.
    pub(crate) async fn secured(address: SocketAddr, tls: &ClientTls) -> io::Result<Self> {
        let connector = Store::new(Clock::System).connector(tls).unwrap();
        let stream = TcpStream::connect(address).await?;
        let stream = soon("a handshake", connector.connect(stream, &TlsCounters::default())).await?;
        Ok(Self { stream, bytes: Vec::new() })
    }

    pub(crate) async fn say(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).await.unwrap();
    }

    /// A `GET` and its answer.
    pub(crate) async fn get(&mut self, host: &str, path: &str) -> Answer {
        self.say(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        self.answer("GET").await
    }

    /// The next answer, to a request with `method`.
    pub(crate) async fn answer(&mut self, method: &str) -> Answer {
        let answer = soon("an answer", self.try_answer(method)).await;
        answer.unwrap_or_else(|| panic!("the connection ended after {:?}", String::from_utf8_lossy(&self.bytes)))
    }

    /// The next answer; none if the connection ends before its end.
    pub(crate) async fn try_answer(&mut self, method: &str) -> Option<Answer> {
        let end = loop {
            if let Some(end) = head_end(&self.bytes) {
                break end;
            }
            self.more().await?;
        };
        let head = String::from_utf8(self.bytes.drain(..end).collect()).unwrap();
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        let bodiless = method == "HEAD" || status < 200 || matches!(status, 204 | 304);
        let body = match (field(&head, "content-length"), field(&head, "transfer-encoding")) {
            _ if bodiless => Vec::new(),
            (Some(length), None) => self.exactly(length.parse().unwrap()).await?,
            (None, Some(_)) => self.chunks().await?,
            (None, None) => {
                while self.more().await.is_some() {}
                std::mem::take(&mut self.bytes)
            }
            both => panic!("an answer with two framings: {both:?}"),
        };
        Some(Answer { status, head, body })
    }

    async fn more(&mut self) -> Option<()> {
        match self.stream.read_buf(&mut self.bytes).await {
            Ok(1..) => Some(()),
            _ => None,
        }
    }

    async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.bytes.len() < length {
            self.more().await?;
        }
        Some(self.bytes.drain(..length).collect())
    }

    async fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let size = usize::from_str_radix(line.split(';').next().unwrap(), 16).unwrap();
            if size == 0 {
                while !self.line().await?.is_empty() {}
                return Some(body);
            }
            body.extend(self.exactly(size).await?);
            assert_eq!(self.line().await?, "");
        }
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.bytes.windows(2).position(|window| window == b"\r\n") {
                let line = self.bytes.drain(..end + 2).collect();
                return Some(String::from_utf8(line).unwrap().trim_end().to_owned());
            }
            self.more().await?;
        }
    }

    /// Whether the other side ends the connection, with nothing more said; a reset is an end, too.
    pub(crate) async fn is_ended(&mut self) -> bool {
        soon("the end of a connection", self.more()).await.is_none() && self.bytes.is_empty()
    }
}
