//! Questions of SDKs by TCP, passed on to the API: what to sample.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};
use tracing::debug;

use super::post::Post;

/// What may be asked, by the two spellings in use.
const PATHS: [&str; 3] = ["/GetSamplingRules", "/SamplingTargets", "/GetSamplingTargets"];
/// Connections at once; a further one waits in the listener's queue.
const CONNECTIONS_MAX: usize = 32;
/// The longest question.
const QUESTION_MAX: usize = 256 * 1024;
/// How long a client may take to say what it wants.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one connection may last.
const CONNECTION_TIMEOUT: Duration = Duration::from_mins(2);
/// The pause after a failed accept, so that a lack of descriptors does not keep a core busy.
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// Passes questions on until dropped.
pub(super) async fn serve(listener: TcpListener, post: &Arc<Post>) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => _ = connections.spawn(converse(stream, Arc::clone(post))),
            Err(error) => {
                debug!(%error, "A connection could not be taken.");
                sleep(ERROR_PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, post: Arc<Post>) {
    let service = service_fn(move |request| {
        let post = Arc::clone(&post);
        async move { Ok::<_, Infallible>(answer(request, &post).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "A connection ended early."),
        Err(_) => debug!("A connection took too long."),
    }
}

async fn answer(request: Request<Incoming>, post: &Post) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    if request.method() != Method::POST || !PATHS.contains(&path.as_str()) {
        return plain(StatusCode::NOT_FOUND, format!("the X-Ray daemon passes on {}", PATHS.join(", ")));
    }
    let body = match Limited::new(request.into_body(), QUESTION_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return plain(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
    };
    let path = if path == "/GetSamplingTargets" { "/SamplingTargets" } else { &path };
    match post.send(path, body).await {
        Ok(answer) => {
            let mut passed = Response::new(Full::new(answer.body().clone()));
            *passed.status_mut() = answer.status();
            if let Some(kind) = answer.headers().get(header::CONTENT_TYPE) {
                passed.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
            }
            passed
        }
        Err(error) => plain(StatusCode::BAD_GATEWAY, format!("the X-Ray API can't be reached: {error}")),
    }
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
}
