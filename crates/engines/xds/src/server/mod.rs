//! The gRPC service: streams in, sessions behind them.
//!
//! Each stream has a task, a session and a short queue of its own. A proxy that does not read fills its queue, and then its
//! task waits: nobody else does, and what is published meanwhile collapses into the newest.

mod dialects;

use std::{pin::Pin, sync::Arc, time::Duration};

use axum::Router;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
    aggregated_discovery_service_server::{AggregatedDiscoveryService, AggregatedDiscoveryServiceServer},
};
use tokio::{
    sync::mpsc,
    time::{error::Elapsed, timeout},
};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::{Code, Status, Streaming, body::Body};
use tower::ServiceExt;
use tracing::{Instrument, debug, info, info_span};

use crate::{
    Cache,
    cache::{Connection, Published, Refused},
    session::{Dialect, Push, Session},
};

use dialects::{Heard, Spoken};

/// Responses that may wait for a proxy to read them.
const QUEUE_MAX: usize = 8;
/// How long a proxy may take to say who it is.
const FIRST_MESSAGE_WAIT: Duration = Duration::from_secs(10);
/// How long a proxy may leave a full queue unread before it is given up.
const READ_WAIT: Duration = Duration::from_mins(1);
/// The largest request; a first one names every extension its proxy was built with.
const REQUEST_BYTES_MAX: usize = 4 << 20;
/// Where Envoys before 1.17 ask.
const VERSION_2: &str = "/envoy.service.discovery.v2.AggregatedDiscoveryService/{*method}";
/// Where all others ask.
const VERSION_3: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/{*method}";

/// The routes to mount beside others on a port that speaks HTTP/2: gRPC without TLS. They bring no fallback of their own.
pub fn routes(cache: Cache) -> Router {
    let service = AggregatedDiscoveryServiceServer::new(Server(cache)).max_decoding_message_size(REQUEST_BYTES_MAX);
    let service = service.map_request(|request: http::Request<axum::body::Body>| request.map(Body::new));
    Router::new().route_service(VERSION_3, service).route(VERSION_2, axum::routing::any(refuse_version_2))
}

async fn refuse_version_2() -> http::Response<Body> {
    let text = "xDS version 2 is not spoken here: run Envoy 1.17 or newer, such as aws-appmesh-envoy v1.17.2.0-prod";
    Status::unimplemented(text).into_http()
}

struct Server(Cache);

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AggregatedDiscoveryService for Server {
    type StreamAggregatedResourcesStream = Responses<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Responses<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        request: tonic::Request<Streaming<DiscoveryRequest>>,
    ) -> Result<tonic::Response<Self::StreamAggregatedResourcesStream>, Status> {
        Ok(tonic::Response::new(serve(self.0.clone(), Dialect::World, request.into_inner())))
    }

    async fn delta_aggregated_resources(
        &self,
        request: tonic::Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<tonic::Response<Self::DeltaAggregatedResourcesStream>, Status> {
        Ok(tonic::Response::new(serve(self.0.clone(), Dialect::Delta, request.into_inner())))
    }
}

/// Starts the task of a stream. Answers at once, because a proxy may wait for the headers before it says anything.
fn serve<I: Heard, O: Spoken>(cache: Cache, dialect: Dialect, requests: Streaming<I>) -> Responses<O> {
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    tokio::spawn(async move {
        if let Err(status) = run(&cache, dialect, requests, &sender).await {
            debug!(code = ?status.code(), reason = status.message(), "A stream ended.");
            // A proxy that is gone, or does not read, does not need to know why.
            let _unread = sender.try_send(Err(status));
        }
    });
    Box::pin(ReceiverStream::new(receiver))
}

type Outgoing<O> = mpsc::Sender<Result<O, Status>>;

async fn run<I: Heard, O: Spoken>(
    cache: &Cache,
    dialect: Dialect,
    mut requests: Streaming<I>,
    responses: &Outgoing<O>,
) -> Result<(), Status> {
    let first = timeout(FIRST_MESSAGE_WAIT, requests.next()).await.map_err(|_: Elapsed| silent())?;
    let Some(first) = first.transpose()? else { return Ok(()) };
    let node = first.node().ok_or_else(|| Status::invalid_argument("the first request names no node"))?;
    let connection = cache.connect(node).await?;
    let span = info_span!("xds", stream = connection.state.stream, node = %connection.state.name, ?dialect);
    converse(connection, dialect, first, requests, responses).instrument(span).await
}

/// Serves a proxy until it leaves, its node is gone, or the control plane stops.
async fn converse<I: Heard, O: Spoken>(
    mut connection: Connection,
    dialect: Dialect,
    first: I,
    mut requests: Streaming<I>,
    responses: &Outgoing<O>,
) -> Result<(), Status> {
    info!(id = connection.state.node.id, agent = connection.state.node.user_agent, "A proxy connected.");
    let Some(published) = connection.published.borrow_and_update().clone() else { return Err(ended()) };
    let mut session = Session::new(dialect, published);
    let mut heard = Heeded::Request(first);
    loop {
        let pushes = match heard {
            Heeded::Request(request) => match request.read() {
                Ok(request) => session.receive(request),
                Err(answer) => send(responses, answer.map(O::empty)).await.map(|()| Vec::new())?,
            },
            Heeded::Published(published) => session.publish(published),
            Heeded::Left => return Ok(()),
        };
        send(responses, pushes.into_iter().map(spoken::<O>)).await?;
        connection.record(connection.state.with(&session));
        heard = heed(&mut connection, &mut requests).await?;
    }
}

/// What a stream acts on.
enum Heeded<I> {
    Request(I),
    Published(Arc<Published>),
    Left,
}

/// Waits for the next thing to act on.
async fn heed<I: Heard>(connection: &mut Connection, requests: &mut Streaming<I>) -> Result<Heeded<I>, Status> {
    tokio::select! {
        request = requests.next() => Ok(request.transpose()?.map_or(Heeded::Left, Heeded::Request)),
        _ = connection.published.changed() => {
            let published = connection.published.borrow_and_update().clone();
            published.map(Heeded::Published).ok_or_else(ended)
        }
        _ = connection.stopping.wait_for(|stopping| *stopping) => Err(Refused::Stopping.into()),
    }
}

fn spoken<O: Spoken>(push: Push) -> O {
    debug!(kind = ?push.kind, nonce = push.nonce, version = push.version, count = push.resources.len(), "Sent.");
    O::of(push)
}

async fn send<O: Spoken>(responses: &Outgoing<O>, all: impl IntoIterator<Item = O>) -> Result<(), Status> {
    for response in all {
        let sent = timeout(READ_WAIT, responses.send(Ok(response))).await;
        sent.map_err(|_: Elapsed| silent())?.map_err(|_| Status::cancelled("the proxy left"))?;
    }
    Ok(())
}

fn silent() -> Status {
    Status::deadline_exceeded("the proxy neither speaks nor reads")
}

fn ended() -> Status {
    Status::invalid_argument("the node is no more")
}

impl From<Refused> for Status {
    /// The codes are App Mesh's own: 3 for who is not known, 8 for one too many.
    fn from(refused: Refused) -> Self {
        let code = match refused {
            Refused::Unknown(_) | Refused::Ambiguous { .. } => Code::InvalidArgument,
            Refused::TooMany { .. } => Code::ResourceExhausted,
            Refused::Stopping => Code::Unavailable,
        };
        Self::new(code, refused.to_string())
    }
}
