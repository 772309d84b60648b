//! What workloads tell of themselves: logs, traces and metrics, taken in, kept for a while, queried.
//!
//! All are kept in one SQLite file beside the store and not in it, because they are of another kind: many, never
//! changed, and gone after their time. Losing the file loses history and no state.
//!
//! - [`Logs`] keeps events in groups of streams and finds them again by time, stream and [`logs::Pattern`].
//! - [`Traces`] keeps segments and answers what became of requests: whole traces, summaries by
//!   [`traces::Filter`], and the [`traces::Graph`] of who calls whom.
//! - [`Metrics`] keeps numbers by metric and time, and what became of alarms on them.
//! - [`daemon`] is the process beside a task that takes segments by UDP and posts them to the API.
//!
//! Calls are synchronous and take as long as the disk does; callers on an async thread go through `spawn_blocking`.

pub mod daemon;
mod database;
mod full;
pub mod logs;
pub mod metrics;
pub mod traces;

pub use database::{Error, Limits, Tap, Telemetry};
pub use logs::Logs;
pub use metrics::Metrics;
pub use traces::Traces;
