//! Serves HTTP/1.1 and HTTP/2 on a listener, in the clear and secured on the same port, with limits on who waits how long.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use futures::future::Either;
use http::Request;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::{debug, warn};

use crate::{
    relayed::{self, Origin},
    tls::{self, PeerCertificate, Tls},
};

/// Connections at the same time; more wait in the kernel's queue. Every proxy of a fleet holds one.
const CONNECTIONS_MAX: usize = 24_576;
/// How long a connection may take to send its request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How often an HTTP/2 peer that says nothing is asked whether it is there, and how long it may take to answer: a proxy
/// whose machine has gone does not say goodbye.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));
/// How long connections may take to end when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves `router` on `listener` until `stop`, then lets what is in flight end. Connections that begin with TLS are
/// secured by `tls`, where there is one. Each request knows its peer's address ([`ConnectInfo`]), and, where there is one,
/// for whom it was relayed ([`crate::Origin`]) and its client's certificate ([`PeerCertificate`]).
pub async fn serve(listener: TcpListener, router: Router, tls: Option<Tls>, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Some((stream, peer, slot)) = accepted else { continue };
        let (router, tls, stop) = (router.clone(), tls.clone(), stop.clone());
        connections.spawn(async move {
            if let Err(error) = connection(stream, peer, router, tls, stop).await {
                debug!(%peer, %error, "A connection ended early.");
            }
            drop(slot);
        });
    }
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
        warn!("Connections were cut at the end of the drain time.");
    }
}

type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Serves one connection.
async fn connection(
    mut stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    tls: Option<Tls>,
    stop: CancellationToken,
) -> Ended {
    let opened = async {
        let local = stream.local_addr()?.ip();
        let origin = if peer.ip() == local { relayed::origin(&mut stream).await? } else { None };
        let mut first = [0];
        stream.peek(&mut first).await?;
        let caller = Caller { peer, origin, certificate: None };
        match tls.filter(|_| first[0] == tls::HANDSHAKE) {
            None => Ok((Either::Left(stream), caller)),
            Some(tls) => {
                let stream = tls.0.accept(stream).await?;
                let certificate = PeerCertificate::of(stream.get_ref().1).map(Arc::new);
                Ok::<_, std::io::Error>((Either::Right(stream), Caller { certificate, ..caller }))
            }
        }
    };
    match tokio::time::timeout(HEAD_TIMEOUT, opened).await?? {
        (Either::Left(stream), caller) => speak(stream, caller, router, stop).await,
        (Either::Right(stream), caller) => speak(stream, caller, router, stop).await,
    }
}

/// What is known of who calls.
#[derive(Clone)]
struct Caller {
    peer: SocketAddr,
    origin: Option<Origin>,
    certificate: Option<Arc<PeerCertificate>>,
}

/// Speaks HTTP on `stream`.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    caller: Caller,
    router: Router,
    stop: CancellationToken,
) -> Ended {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new()).keep_alive_interval(KEEP_ALIVE.0).keep_alive_timeout(KEEP_ALIVE.1);
    let router = router.map_request(move |mut request: Request<Incoming>| {
        let extensions = request.extensions_mut();
        extensions.insert(ConnectInfo(caller.peer));
        caller.origin.clone().map(|origin| extensions.insert(origin));
        caller.certificate.clone().map(|certificate| extensions.insert(certificate));
        request
    });
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            let _ = stream.set_nodelay(true);
            Some((stream, peer, slot))
        }
        Err(error) => {
            // Out of descriptors, most likely: waiting lets some go.
            warn!(%error, "A connection could not be accepted.");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Extension, routing::get};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn ask(first: &[u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = |origin: Option<Extension<Origin>>| async move {
            origin.map_or_else(
                || "itself".to_owned(),
                |Extension(origin)| format!("{} {} to {}", origin.network, origin.address, origin.port),
            )
        };
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, Router::new().route("/", get(answer)), None, stop.clone()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(first).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        let _reset_by_a_server_that_will_not_read_on = stream.read_to_string(&mut text).await;
        stop.cancel();
        text.rsplit("\r\n").next().unwrap_or_default().to_owned()
    }

    fn header(command: u8) -> Vec<u8> {
        let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
        header.extend([command, 0x11, 0, 12 + 3 + 5, 10, 0, 1, 5, 169, 254, 170, 2, 0x9c, 0x40, 0x11, 0xd6]);
        header.extend([0xe0, 0, 5]);
        header.extend(b"vpc-1");
        header
    }

    #[tokio::test]
    async fn a_relayed_connection_says_for_whom_it_is() {
        assert_eq!(ask(&header(0x21)).await, "vpc-1 10.0.1.5:40000 to 4566");
        assert_eq!(ask(b"").await, "itself");
    }

    #[tokio::test]
    async fn a_header_that_makes_no_sense_ends_the_connection() {
        assert_eq!(ask(&header(0x20)).await, "");
        assert_eq!(ask(&header(0x21)[..20]).await, "");
    }
}
