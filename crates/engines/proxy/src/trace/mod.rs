//! Traces: a span for each proxied request, in the format of whoever gathers them.
//!
//! - [`xray`] makes segments for the X-Ray daemon, as Envoy's `envoy.tracers.xray` does;
//! - [`opentelemetry`] makes spans for a collector, as Envoy's `envoy.tracers.opentelemetry` does.
//!
//! A proxy has one tracer or none. What the client began goes on, and the server is told our span as its parent; whether
//! a trace is kept is decided by whoever began it.

mod collector;
mod opentelemetry;
mod traceparent;
mod xray;

use std::{io, net::SocketAddr, time::Duration};

pub use opentelemetry::OpenTelemetrySettings;
pub use xray::XRaySettings;

use crate::{core::Core, stats::Registry};

/// What a tracer is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum TracerSettings {
    /// Segments for the X-Ray daemon.
    XRay(XRaySettings),
    /// Spans for a collector of OpenTelemetry's.
    OpenTelemetry(OpenTelemetrySettings),
}

/// What makes spans and sends them.
#[derive(Debug)]
pub(crate) enum Tracer {
    XRay(xray::Tracer),
    OpenTelemetry(opentelemetry::Tracer),
}

impl Tracer {
    /// Call it inside a runtime, which will send what is made.
    pub(crate) fn new(settings: &TracerSettings, registry: &Registry) -> io::Result<Self> {
        match settings {
            TracerSettings::XRay(settings) => xray::Tracer::new(settings).map(Self::XRay),
            TracerSettings::OpenTelemetry(settings) => {
                let tracer = opentelemetry::Tracer::new(settings, registry).map_err(io::Error::other)?;
                Ok(Self::OpenTelemetry(tracer))
            }
        }
    }

    /// Begins a span of the trace that `x-amzn-trace-id` or `traceparent` speak of, or of a new one.
    pub(crate) fn begin(&self, core: &Core, amazon: Option<&[u8]>, parent: Option<&[u8]>) -> Span {
        match self {
            Self::XRay(tracer) => tracer.begin(core, amazon, parent),
            Self::OpenTelemetry(_) => opentelemetry::begin(core, parent),
        }
    }

    /// Sends a span, if its trace is kept.
    pub(crate) fn end(&self, span: &Span, facts: &Facts<'_>) {
        match self {
            Self::XRay(tracer) => tracer.end(span, facts),
            Self::OpenTelemetry(tracer) => tracer.end(span, facts),
        }
    }
}

/// A request's part of a trace.
#[derive(Debug)]
pub(crate) struct Span {
    /// The trace, as its format writes it.
    trace: String,
    id: String,
    parent: Option<String>,
    sampled: bool,
    /// Since 1970.
    started: Duration,
    /// `X-Amzn-Trace-Id` for the server, in the place of the client's; none: the client's passes.
    pub(crate) amazon: Option<String>,
    /// The same of `traceparent`.
    pub(crate) traceparent: Option<String>,
}

impl Span {
    /// The trace it belongs to.
    pub(crate) fn trace_id(&self) -> &str {
        &self.trace
    }

    /// Its own id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

/// What a span says about its request.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) direction: &'static str,
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    pub(crate) url: &'a str,
    pub(crate) user_agent: Option<&'a str>,
    pub(crate) forwarded_for: Option<&'a str>,
    pub(crate) peer: SocketAddr,
    pub(crate) request_id: Option<&'a str>,
    pub(crate) protocol: &'static str,
    pub(crate) status: u16,
    pub(crate) flags: &'a str,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) cluster: Option<&'a str>,
    pub(crate) upstream: Option<SocketAddr>,
    pub(crate) duration: Duration,
}

/// What the tests of tracers say of a request.
#[cfg(test)]
fn facts(status: u16) -> Facts<'static> {
    Facts {
        direction: "ingress",
        method: "GET",
        host: "api",
        url: "http://api/todos",
        user_agent: None,
        forwarded_for: None,
        peer: ([10, 0, 0, 7], 9).into(),
        request_id: Some("id"),
        protocol: "HTTP/1.1",
        status,
        flags: "",
        received: 0,
        sent: 12,
        cluster: Some("cds_ingress"),
        upstream: None,
        duration: Duration::from_millis(5),
    }
}
