//! The gRPC service: streams in, sessions behind them.
//!
//! Each stream has a task, a session and a short queue of its own. A proxy that does not read fills its queue, and then its
//! task waits: nobody else does, and what is published meanwhile collapses into the newest.

mod codec;
mod messages;
mod stream;

use std::{future::ready, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{ConnectInfo, Path, Request, State},
};
use http::request::Parts;
use tonic::{
    Code, Status, Streaming,
    body::Body,
    server::{Grpc, StreamingService},
};
use tracing::info;

use crate::{Authorize, Cache, Identity, authorize::Anyone, cache::Refused, places::Place};

use codec::Codec;
use messages::{DeltaRequest, Incoming, Outgoing, WorldRequest};
use stream::Responses;

/// The largest request; a first one names every extension its proxy was built with.
const REQUEST_BYTES_MAX: usize = 4 << 20;
/// Where Envoys before 1.17 ask.
const VERSION_2: &str = "/envoy.service.discovery.v2.AggregatedDiscoveryService/{*method}";
/// Where all others ask.
const VERSION_3: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/{*method}";

/// The routes to mount beside others on a port that speaks HTTP/2, open to all who reach it. They bring no fallback of
/// their own.
pub fn routes(cache: Cache) -> Router {
    guarded_routes(cache, Arc::new(Anyone))
}

/// As [`routes`], open to those whom `authorize` knows.
pub fn guarded_routes(cache: Cache, authorize: Arc<dyn Authorize>) -> Router {
    let version_3 = axum::routing::any(serve).with_state(Server { cache, authorize });
    Router::new().route(VERSION_3, version_3).route(VERSION_2, axum::routing::any(refuse_version_2))
}

async fn refuse_version_2() -> http::Response<Body> {
    let text = "xDS version 2 is not spoken here: run Envoy 1.17 or newer, such as aws-appmesh-envoy v1.17.2.0-prod";
    Status::unimplemented(text).into_http()
}

#[derive(Clone)]
struct Server {
    cache: Cache,
    authorize: Arc<dyn Authorize>,
}

async fn serve(State(server): State<Server>, Path(method): Path<String>, request: Request) -> http::Response<Body> {
    match method.as_str() {
        "StreamAggregatedResources" => server.answer::<WorldRequest>(request).await,
        "DeltaAggregatedResources" => server.answer::<DeltaRequest>(request).await,
        _ => Status::unimplemented(format!("the aggregated discovery service has no `{method}`")).into_http(),
    }
}

impl Server {
    async fn answer<I: Incoming>(&self, request: Request) -> http::Response<Body> {
        let (parts, body) = request.into_parts();
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
        let admitted = match self.admit(&parts, peer) {
            Ok(admitted) => admitted,
            Err(status) => {
                info!(?peer, code = ?status.code(), reason = status.message(), "A stream was refused.");
                return status.into_http();
            }
        };
        let mut grpc = Grpc::new(Codec::<I>::default()).max_decoding_message_size(REQUEST_BYTES_MAX);
        let service = Service { cache: self.cache.clone(), admitted: Some(admitted) };
        grpc.streaming(service, http::Request::from_parts(parts, body)).await
    }

    /// Who asks, and room for the stream.
    fn admit(&self, request: &Parts, peer: Option<SocketAddr>) -> Result<Admitted, Status> {
        let identity = self.authorize.authenticate(request).map_err(|denied| {
            self.cache.turn_away(None, None, peer, &denied.0);
            Status::unauthenticated(denied.0)
        })?;
        let place = self.cache.take_place(&identity, peer).inspect_err(|refused| {
            self.cache.turn_away(None, Some(&identity), peer, &refused.to_string());
        })?;
        Ok(Admitted { identity, peer, place })
    }
}

/// A stream that may be opened.
struct Admitted {
    identity: Identity,
    peer: Option<SocketAddr>,
    place: Place,
}

/// Serves one call.
struct Service {
    cache: Cache,
    admitted: Option<Admitted>,
}

impl<I: Incoming> StreamingService<I> for Service {
    type Response = Outgoing;
    type ResponseStream = Responses;
    type Future = std::future::Ready<Result<tonic::Response<Responses>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<I>>) -> Self::Future {
        let admitted = self.admitted.take().ok_or_else(|| Status::internal("a call is answered once"));
        ready(
            admitted
                .map(|admitted| tonic::Response::new(stream::open(self.cache.clone(), admitted, request.into_inner()))),
        )
    }
}

impl From<Refused> for Status {
    /// The codes are App Mesh's own: 3 for who is not known, 7 for who may not, 8 for one too many.
    fn from(refused: Refused) -> Self {
        let code = match refused {
            Refused::Unknown(_) | Refused::Ambiguous { .. } => Code::InvalidArgument,
            Refused::Forbidden { .. } => Code::PermissionDenied,
            Refused::TooMany { .. } => Code::ResourceExhausted,
            Refused::Stopping => Code::Unavailable,
        };
        Self::new(code, refused.to_string())
    }
}
