//! The one port: AWS's APIs, the registry, xDS, the console, metrics, and load balancers by name; and, for tasks that
//! called their own address on port 80, what ECS's agent says there.

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use edge::balancers::{SECTION, Seen};
use http::{StatusCode, Uri, header};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::ServiceExt;
use wire::{Gateway, Origin};

/// How the names of load balancers end.
const BALANCERS: &str = ".elb.localhost";

/// Everything that answers on the port: `registry`, `xds` and `metrics` at their paths, the gateway for the rest; before them the
/// console, for browsers; before all load balancers, for those whose own port this machine could not give them. Whoever
/// called the agent's port is served by `agent` alone.
pub(crate) fn router(
    gateway: Gateway,
    registry: Router,
    xds: Router,
    console: console::Settings,
    metrics: Router,
    edge: edge::Client,
    agent: Router,
) -> Router {
    let api = Router::new().fallback(move |request: Request| {
        let gateway = gateway.clone();
        async move { gateway.handle(request).await }
    });
    let balancers = Balancers { edge, client: Client::builder(TokioExecutor::new()).build_http() };
    let programs = registry.merge(xds).merge(metrics).merge(api);
    let house = console::before(programs, console).layer(middleware::from_fn_with_state(balancers, by_host));
    house.layer(middleware::from_fn_with_state(agent, by_port))
}

/// Hands what a task sent to the agent's port on to the agent, and any other request to the house.
async fn by_port(State(agent): State<Router>, request: Request, next: Next) -> Response {
    let port = request.extensions().get::<Origin>().map(|origin| origin.port);
    if port != Some(edge::AGENT_PORT) {
        return next.run(request).await;
    }
    match agent.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

#[derive(Clone)]
struct Balancers {
    edge: edge::Client,
    client: Client<HttpConnector, Body>,
}

/// Hands a request for a load balancer on to the edge, and any other to the house.
async fn by_host(State(balancers): State<Balancers>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.split(':').next().unwrap_or_default();
    if !name.ends_with(BALANCERS) {
        return next.run(request).await;
    }
    balancers.forward(request).await.unwrap_or_else(|error| {
        (StatusCode::BAD_GATEWAY, format!("the load balancer does not answer: {error:#}\n")).into_response()
    })
}

impl Balancers {
    async fn forward(&self, mut request: Request) -> anyhow::Result<Response> {
        let seen: Seen = serde_json::from_value(self.edge.observe(SECTION, 0).await?.value)?;
        let port = seen.fallback_port.ok_or_else(|| anyhow::anyhow!("the edge carries none yet"))?;
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = format!("http://127.0.0.1:{port}{path}").parse::<Uri>()?;
        Ok(self.client.request(request).await?.into_response())
    }
}
