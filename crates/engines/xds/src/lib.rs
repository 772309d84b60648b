//! Snapshot in, ADS streams out: the server side of xDS, Envoy's way to be configured.
//!
//! Whoever knows what a proxy should do builds a [`Snapshot`] of it, all its listeners, routes, clusters and endpoints,
//! and puts it into the [`Cache`] under the proxy's node name. Proxies open one aggregated stream each (ADS, xDS v3, by
//! gRPC); [`routes`] serves them, state of the world and delta alike, and keeps each at the newest snapshot of its node.
//!
//! A new snapshot is not simply sent. Envoy answers 503 while a route points at a cluster it does not have yet, so every
//! stream makes before it breaks: what needs a cluster waits until the proxy has acknowledged that cluster (Envoy does so
//! when it is warm), and a cluster goes only when nothing the proxy holds needs it any more. [`Resource`] knows what needs
//! what; the `session` module has the rules.
//!
//! What each proxy has acknowledged or refused, and why, is in [`Cache::proxies`]; [`Cache::watch`] tells when that moves.
//! Who was not let in, and why, is in [`Cache::turned_away`].
//! A proxy that refuses (a NACK) keeps what it had, and is not sent the same again.
//!
//! This crate knows neither App Mesh nor any store. Encoding is done here and not in the callers because the code that the
//! compiler makes for Envoy's messages is large: a caller that only fills them in builds fast.

mod authorize;
mod cache;
pub mod extension;
mod node;
mod places;
mod published;
mod resource;
mod server;
mod session;
mod snapshot;
mod turned_away;

pub use authorize::{Authorize, Denied, Identity, Nodes};
pub use cache::{Cache, Limits, NodeName, Watch};
pub use envoy_types::pb;
pub use node::{Identify, Node};
pub use resource::{Kind, Resource};
pub use server::{guarded_routes, routes};
pub use session::{KindState, ProxyState, Refusal};
pub use snapshot::{Builder, Snapshot};
pub use turned_away::TurnedAway;
