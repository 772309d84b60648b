//! A server whose connections are conducted by the test.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use names::Clock;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_util::task::AbortOnDropHandle;

use super::{field, head_end};
use crate::{
    model::ServerTls,
    stats::TlsCounters,
    tls::{Acceptor, Store},
    transport::Transport,
};

/// A server, until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    _task: AbortOnDropHandle<()>,
}

/// A connection at a server.
pub(crate) struct Conversation {
    pub(crate) stream: Transport,
    pub(crate) bytes: Vec<u8>,
}

/// A request at a server.
#[derive(Debug)]
pub(crate) struct Asked {
    /// As it came.
    pub(crate) head: String,
    /// Its content, framing removed.
    pub(crate) body: Vec<u8>,
}

impl Server {
    /// Runs `conduct` for every connection.
    pub(crate) async fn start<F, Fut>(conduct: F) -> Self
    where
        F: Fn(Conversation) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::at(([127, 0, 0, 1], 0).into(), conduct).await
    }

    pub(crate) async fn at<F, Fut>(address: SocketAddr, conduct: F) -> Self
    where
        F: Fn(Conversation) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::secured_at(address, None, conduct).await
    }

    /// Answers every request with its name, within TLS.
    pub(crate) async fn secured(name: &'static str, tls: &ServerTls) -> Self {
        let acceptor = Store::new(Clock::System).acceptor(tls).unwrap();
        let conduct = move |mut conversation: Conversation| async move {
            while conversation.asked().await.is_some() {
                conversation.say(&ok(name)).await;
            }
        };
        Self::secured_at(([127, 0, 0, 1], 0).into(), Some(acceptor), conduct).await
    }

    async fn secured_at<F, Fut>(address: SocketAddr, acceptor: Option<Arc<Acceptor>>, conduct: F) -> Self
    where
        F: Fn(Conversation) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&accepted);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                counted.fetch_add(1, SeqCst);
                let stream = match &acceptor {
                    Some(acceptor) => match acceptor.accept(stream, &TlsCounters::default()).await {
                        Ok(stream) => stream,
                        Err(_) => continue,
                    },
                    None => stream.into(),
                };
                connections.spawn(conduct(Conversation { stream, bytes: Vec::new() }));
            }
        });
        Self { address, accepted, _task: AbortOnDropHandle::new(task) }
    }

    /// Answers every request with `answer` of it, on connections that persist.
    pub(crate) async fn answering(answer: impl Fn(&Asked) -> String + Clone + Send + 'static) -> Self {
        Self::start(move |mut conversation| {
            let answer = answer.clone();
            async move {
                while let Some(asked) = conversation.asked().await {
                    let text = answer(&asked);
                    conversation.say(&text).await;
                }
            }
        })
        .await
    }

    /// Answers every request with its name.
    pub(crate) async fn named(name: &'static str) -> Self {
        Self::answering(move |_| ok(name)).await
    }

    /// Answers every request with the head it got.
    pub(crate) async fn echoing_head() -> Self {
        Self::answering(|asked| ok(&asked.head)).await
    }

    /// How many connections it has had.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(SeqCst)
    }
}

/// A plain answer.
pub(crate) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

impl Conversation {
    /// Reads more; whether there was more.
    pub(crate) async fn more(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.bytes).await, Ok(1..))
    }

    /// The head of the next request; none if the connection ends.
    pub(crate) async fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = head_end(&self.bytes) {
                let head = self.bytes.drain(..end).collect();
                return Some(String::from_utf8(head).unwrap());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// The next request; none if the connection ends.
    pub(crate) async fn asked(&mut self) -> Option<Asked> {
        let head = self.head().await?;
        let body = match (field(&head, "content-length"), field(&head, "transfer-encoding")) {
            (Some(length), None) => self.exactly(length.parse().unwrap()).await?,
            (None, Some(_)) => self.chunks().await?,
            (None, None) => Vec::new(),
            both => panic!("a request with two framings: {both:?}"),
        };
        Some(Asked { head, body })
    }

    async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.bytes.len() < length {
            if !self.more().await {
                return None;
            }
        }
        Some(self.bytes.drain(..length).collect())
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.bytes.windows(2).position(|window| window == b"\r\n") {
                let line = self.bytes.drain(..end + 2).collect();
                return Some(String::from_utf8(line).unwrap().trim_end().to_owned());
            }
            if !self.more().await {
                return None;
            }
        }
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

    /// Says `text`. The other side may have gone.
    pub(crate) async fn say(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes()).await;
    }
}
