//! Counts, kept apart for each thread and put together when somebody looks.
//!
//! A counter that several cores write costs each of them a cache miss per request. So every core has counters of its
//! own ([`PerCore`]), which it alone writes, and the admin page adds them up.

mod counter;
mod group;
mod histogram;
mod json;
mod outlier;
mod registry;
mod render;
mod spans;
mod tls;

pub(crate) use counter::{Counter, Gauge, PerCore, StatusCounts};
pub(crate) use group::Value;
pub(crate) use group::{
    ClusterCounters, GROUPS, Held, HttpCounters, ListenerCounters, TcpCounters, VirtualHostCounters,
};
pub(crate) use histogram::Histogram;
pub use histogram::Latencies;
pub(crate) use json::as_json;
pub(crate) use outlier::OutlierCounters;
pub(crate) use registry::{Group, HealthCounters, Registry, ServerFacts};
pub(crate) use render::{as_prometheus, as_text, classes};
pub(crate) use spans::SpanCounters;
pub(crate) use tls::TlsCounters;
