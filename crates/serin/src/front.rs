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
    let origin = request.extensions().get::<Origin>().filter(|origin| origin.port == edge::AGENT_PORT).cloned();
    let Some(origin) = origin else { return next.run(request).await };
    let (mut parts, body) = request.into_parts();
    // The house's router has noted what it read in the path, which the agent would take for its own.
    parts.extensions.clear();
    parts.extensions.insert(origin);
    match agent.oneshot(Request::from_parts(parts, body)).await {
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

#[cfg(test)]
mod tests {
    use axum::{extract::Path, routing::get};
    use http_body_util::BodyExt;

    use super::*;

    async fn ask(port: u16, path: &str) -> String {
        let house =
            Router::new().route("/v2/{*rest}", get(|Path(rest): Path<String>| async move { format!("house {rest}") }));
        let agent = Router::new()
            .route("/v2/credentials/{id}", get(|Path(id): Path<String>| async move { format!("agent {id}") }));
        let both = house.layer(middleware::from_fn_with_state(agent, by_port));
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        let address = "10.0.1.5:40000".parse().unwrap();
        request.extensions_mut().insert(Origin { network: "vpc-1".to_owned(), address, port });
        let body = both.oneshot(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        String::from_utf8_lossy(&body).into_owned()
    }

    #[tokio::test]
    async fn the_port_that_a_task_called_decides_and_not_the_path() {
        assert_eq!(ask(80, "/v2/credentials/a").await, "agent a");
        assert_eq!(ask(4566, "/v2/credentials/a").await, "house credentials/a");
        assert_eq!(ask(80, "/v2/other/manifests/a").await, "");
    }
}
