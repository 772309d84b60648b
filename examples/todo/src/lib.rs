//! The sample that a canary is rehearsed on: a gateway in front of an API that exists in three versions.
//!
//! - version 1 answers todos and says `"version": "1"`;
//! - version 2 does the same better: it says `"version": "2"`;
//! - version 3 is broken: every second answer on `/todos` is an error.
//!
//! Both halves are ordinary programs that know nothing of a mesh: the gateway asks `API_ENDPOINT`, a plain DNS name, and
//! a sidecar decides which version answers. Both write X-Ray segments for what they do. [`image`] puts the program into
//! an OCI image and pushes it, as `docker build` and `docker push` would.

pub mod api;
pub mod gateway;
pub mod image;
mod xray;

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use axum::Router;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

pub use xray::Tracer;

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
    serve(SocketAddr::from(([0, 0, 0, 0], port)), router).await
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
