//! The gateway: hands every request on to the API, by its plain name.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde_json::json;

use crate::Tracer;

/// How long an unused connection to the API is kept.
const IDLE: Duration = Duration::from_secs(30);

struct Gateway {
    client: Client<HttpConnector, Body>,
    endpoint: String,
    tracer: Arc<Tracer>,
}

/// The routes of a gateway that asks the API at `endpoint` (`http://api.todo.local`) and `port`.
pub fn router(endpoint: String, port: u16, tracer: Arc<Tracer>) -> Router {
    let mut builder = Client::builder(TokioExecutor::new());
    let client = builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).build_http();
    let gateway = Arc::new(Gateway { client, endpoint: format!("{endpoint}:{port}"), tracer });
    Router::new()
        .route("/ping", get(|| async { Json(json!({"response": "ok"})) }))
        .route("/todos", any(forward))
        .route("/todos/{id}", any(forward))
        .with_state(gateway)
}

async fn forward(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let what = if request.uri().path() == "/todos" { "gateway_todos" } else { "gateway_todo" };
    let segment = gateway.tracer.begin(what, None, None);
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let Ok(uri) = format!("{}{path}", gateway.endpoint).parse::<Uri>() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    parts.uri = uri;
    parts.headers.remove(header::HOST);
    // The API reads the first two, a sidecar's tracer the third.
    let root = format!("Root={};Parent={};Sampled=1", segment.trace_id, segment.id);
    for (name, value) in [("x-traceid", &segment.trace_id), ("x-parentid", &segment.id), ("x-amzn-trace-id", &root)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            parts.headers.insert(name, value);
        }
    }
    let answer = gateway.client.request(Request::from_parts(parts, body)).await;
    let response = answer.map_or_else(
        |error| (StatusCode::BAD_GATEWAY, Json(json!({"message": error.to_string()}))).into_response(),
        IntoResponse::into_response,
    );
    gateway.tracer.end(&segment, response.status().as_u16());
    response
}
