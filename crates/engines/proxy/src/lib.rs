//! The data plane: what carries every request of a mesh, and what is behind every load balancer.
//!
//! It stands in for Envoy. As a sidecar ([`sidecar`]) it takes its configuration by xDS from a control plane, as an
//! App Mesh Envoy image does, by that image's environment variables; as a load balancer ([`balancer`]) it is told
//! directly. Both are the same forwarding core with another mind.
//!
//! ```text
//!            xDS ──▶ xds ──▶ model ──▶ mesh ─┐                       ┌─▶ servers
//!                                            ├─▶ http (one per core) ┤
//!                       balancer::Config ──▶ balancer ─┘             └─▶ targets
//! ```
//!
//! - [`model`] is configuration in plain words; [`xds`] translates Envoy's into it and refuses by name what it can't
//!   honour; [`mesh`] carries it out.
//! - `http` is HTTP/1.1 with a codec of our own: strict where leniency is a smuggling hole, with bounded buffers, and
//!   heads that are passed on by copying runs of bytes. HTTP/2, and with it gRPC, has an engine of our own as well, on
//!   either side or both; heads are HTTP/1.1's to everything else.
//! - `transport` is a connection, bare or within TLS; all that carries bytes is written for it. `tls` secures both sides.
//! - Threads share nothing on a request's way: each core has its own event loop, connections, route tables and pools.
//!
//! It knows neither AWS services nor a store. Why it is built so: `docs/decisions`.

mod access_log;
mod alarm;
mod connect;
mod core;
mod dns;
mod format;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod grpc;
mod http;
mod intake;
mod probe;
mod rotation;
pub mod sidecar;
mod sni;
mod stats;
#[cfg(test)]
mod testing;
mod tls;
mod trace;
mod transport;
mod tunnel;
mod xds;

pub mod balancer;
pub mod mesh;
pub mod model;

pub use connect::{Connect, Connecting, Direct, Route};
pub use stats::Latencies;
pub use tls::Error as TlsError;
pub use trace::{OpenTelemetrySettings, TracerSettings, XRaySettings};
