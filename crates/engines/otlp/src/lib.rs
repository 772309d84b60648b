//! OTLP, the protocol of OpenTelemetry: spans in as X-Ray's segments, segments out as spans.
//!
//! Both are trees of the same kind, so a trace may have parts of both: ids are translated digit by digit (`ids.rs`),
//! spans become segment documents before they are kept (`segment.rs`) and documents become spans when they are passed
//! on (`span.rs`). Nothing here keeps anything: `telemetry` does.
//!
//! - [`routes`] takes spans by gRPC and by HTTP (protobuf and JSON). Metrics and logs are refused, by OTLP's own answer
//!   for what is not taken.
//! - [`Exporter`] passes on what comes in to a collector.
//!
//! See <https://opentelemetry.io/docs/specs/otlp/>.

mod attributes;
mod export;
mod ids;
mod receive;
mod segment;
mod span;

pub use export::{Exporter, Settings, SettingsError};
pub use receive::{Admit, Admitted, Receiver, routes};
