//! The sample that a canary is rehearsed on: a gateway in front of an API that exists in three versions.
//!
//! - version 1 answers todos and says `"version": "1"`;
//! - version 2 does the same better: it says `"version": "2"`;
//! - version 3 is broken: every second answer on `/todos` is an error.
//!
//! Both halves are ordinary programs that know nothing of a mesh: the gateway asks `API_ENDPOINT`, a plain DNS name, and
//! a sidecar decides which version answers. Both write X-Ray segments for what they do, and a line to standard output for
//! each request but the load balancer's health checks, so that `serin logs` has something to follow. [`image`] puts the program into
//! an OCI image and pushes it, as `docker build` and `docker push` would.

pub mod api;
pub mod gateway;
pub mod image;
mod xray;

use std::{io::Write, net::SocketAddr, sync::Arc, time::Instant};

use anyhow::{Context, Result};
use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

pub use xray::Tracer;

/// What the load balancer asks all the time.
const HEALTH_CHECK: &str = " /ping";

/// Runs one half of the sample: `gateway` or `api`, configured by its environment.
///
/// `SERVER_PORT` (3000), and for the gateway `API_ENDPOINT`, for the API `API_VERSION`.
pub async fn run(half: &str) -> Result<()> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let port: u16 =
        variable("SERVER_PORT").as_deref().unwrap_or("3000").parse().context("SERVER_PORT is not a port")?;
    let tracer = Arc::new(Tracer::from_env().await?);
    let router = match half {
        "gateway" => gateway::router(variable("API_ENDPOINT").context("API_ENDPOINT is not set")?, port, tracer),
        "api" => api::router(variable("API_VERSION").unwrap_or_else(|| "1".to_owned()), tracer),
        other => anyhow::bail!("there is no half called `{other}`: gateway and api are"),
    };
    say(&format!("{half} listens on port {port}"));
    serve(SocketAddr::from(([0, 0, 0, 0], port)), router.layer(middleware::from_fn(tell))).await
}

/// Says what came of a request: `GET /todos/todo1 200 1.3 ms`.
async fn tell(request: Request, next: Next) -> Response {
    let (begun, line) = (Instant::now(), format!("{} {}", request.method(), request.uri().path()));
    let response = next.run(request).await;
    if !line.ends_with(HEALTH_CHECK) {
        let took = begun.elapsed().as_secs_f64() * 1000.0;
        say(&format!("{line} {} {took:.1} ms", response.status().as_u16()));
    }
    response
}

/// Nobody who reads it is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Serves until SIGTERM, then lets what is in flight end.
async fn serve(address: SocketAddr, router: Router) -> Result<()> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let mut terminate = signal(SignalKind::terminate())?;
    axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            terminate.recv().await;
        })
        .await?;
    Ok(())
}
