//! The same over HTTP/2: a client, and a server whose streams are conducted by the test.

use std::{
    future::poll_fn,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use h2::{
    RecvStream, SendStream,
    client::{ResponseFuture, SendRequest},
    server::SendResponse,
};
use http::{HeaderMap, Request, Response, response::Parts};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_util::task::AbortOnDropHandle;

use super::soon;

/// A client's connection.
pub(crate) struct Client2 {
    pub(crate) send: SendRequest<Bytes>,
    _driver: AbortOnDropHandle<()>,
}

/// A server, until it is dropped.
pub(crate) struct Server2 {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    _task: AbortOnDropHandle<()>,
}

/// A message with all that belongs to it.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) parts: Parts,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Client2 {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = soon("a connection", TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream).await
    }

    /// On a connection that was made already.
    pub(crate) async fn over<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> Self {
        let (send, connection) = soon("a greeting", h2::client::handshake(stream)).await.unwrap();
        let driver = tokio::spawn(async move {
            // Tests see errors at their streams.
            let _ = connection.await;
        });
        Self { send, _driver: AbortOnDropHandle::new(driver) }
    }

    /// Sends a head.
    pub(crate) async fn begin(&mut self, request: Request<()>, ended: bool) -> (ResponseFuture, SendStream<Bytes>) {
        self.try_begin(request, ended).await.unwrap()
    }

    pub(crate) async fn try_begin(
        &mut self,
        request: Request<()>,
        ended: bool,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        soon("leave to send", poll_fn(|cx| self.send.poll_ready(cx))).await?;
        self.send.send_request(request, ended)
    }

    /// A `GET` and its answer.
    pub(crate) async fn get(&mut self, uri: &str) -> Whole {
        let (response, _) = self.begin(Request::get(uri).body(()).unwrap(), true).await;
        whole(response).await.unwrap()
    }

    /// A `POST` and its answer.
    pub(crate) async fn post(&mut self, request: Request<()>, body: &[u8]) -> Result<Whole, h2::Error> {
        let (response, mut stream) = self.begin(request, false).await;
        let sending = say(&mut stream, body.to_vec(), true);
        let (answer, _) = tokio::join!(whole(response), sending);
        answer
    }
}

/// All of an answer.
pub(crate) async fn whole(response: ResponseFuture) -> Result<Whole, h2::Error> {
    soon("an answer", async {
        let (parts, mut stream) = response.await?.into_parts();
        let (body, trailers) = read(&mut stream).await?;
        Ok(Whole { parts, body, trailers })
    })
    .await
}

/// All of a body, and what is behind it.
pub(crate) async fn read(stream: &mut RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut body = Vec::new();
    while let Some(part) = stream.data().await {
        let part = part?;
        stream.flow_control().release_capacity(part.len())?;
        body.extend_from_slice(&part);
    }
    Ok((body, stream.trailers().await?))
}

/// Says a body as it is taken; whether all of it was.
pub(crate) async fn say(stream: &mut SendStream<Bytes>, body: Vec<u8>, ended: bool) -> bool {
    let mut rest = Bytes::from(body);
    if rest.is_empty() {
        return stream.send_data(rest, ended).is_ok();
    }
    while !rest.is_empty() {
        stream.reserve_capacity(rest.len());
        if stream.capacity() == 0 {
            match poll_fn(|cx| stream.poll_capacity(cx)).await {
                Some(Ok(_)) => continue,
                _ => return false,
            }
        }
        let part = rest.split_to(stream.capacity().min(rest.len()));
        if stream.send_data(part, ended && rest.is_empty()).is_err() {
            return false;
        }
    }
    true
}

impl Server2 {
    /// Runs `conduct` for every stream.
    pub(crate) async fn start<F, Fut>(conduct: F) -> Self
    where
        F: Fn(Request<RecvStream>, SendResponse<Bytes>) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::with(&h2::server::Builder::new(), conduct).await
    }

    pub(crate) async fn with<F, Fut>(builder: &h2::server::Builder, conduct: F) -> Self
    where
        F: Fn(Request<RecvStream>, SendResponse<Bytes>) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::driven(builder, move |mut connection, _| {
            let conduct = conduct.clone();
            async move {
                while let Some(Ok((request, respond))) = connection.accept().await {
                    tokio::spawn(conduct(request, respond));
                }
            }
        })
        .await
    }

    /// Runs `drive` for every connection, with its number.
    pub(crate) async fn driven<F, Fut>(builder: &h2::server::Builder, drive: F) -> Self
    where
        F: Fn(h2::server::Connection<TcpStream, Bytes>, usize) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let (counted, builder) = (Arc::clone(&accepted), builder.clone());
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let number = counted.fetch_add(1, SeqCst);
                if let Ok(connection) = builder.handshake(stream).await {
                    connections.spawn(drive(connection, number));
                }
            }
        });
        Self { address, accepted, _task: AbortOnDropHandle::new(task) }
    }

    /// Answers every request with `answer` of its head and body.
    pub(crate) async fn answering<F>(answer: F) -> Self
    where
        F: Fn(&Request<()>, Vec<u8>) -> (Response<()>, String) + Clone + Send + Sync + 'static,
    {
        Self::start(move |request, mut respond| {
            let answer = answer.clone();
            async move {
                let (parts, mut stream) = request.into_parts();
                let Ok((body, _)) = read(&mut stream).await else { return };
                let (response, text) = answer(&Request::from_parts(parts, ()), body);
                let mut stream = respond.send_response(response, text.is_empty()).unwrap();
                if !text.is_empty() {
                    say(&mut stream, text.into_bytes(), true).await;
                }
            }
        })
        .await
    }

    /// How many connections it has had.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(SeqCst)
    }
}
