//! Spans for OpenTelemetry, named and described as Envoy's `envoy.tracers.opentelemetry` does.
//!
//! The trace goes on in `traceparent` (W3C Trace Context); `tracestate` and other tracers' fields pass untouched. A trace
//! that begins here is always kept: a share of them is for the collector to choose.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    resource::v1::Resource,
    trace::v1::{self as proto, ResourceSpans, ScopeSpans, Status, span::SpanKind, status::StatusCode},
};

use super::{
    Facts, Span,
    collector::{self, Collector},
    traceparent::{self, Parent, RANDOM, SAMPLED},
};
use crate::{core::Core, stats::Registry};

/// The longest path that a span tells, as Envoy has it.
const PATH_MAX: usize = 256;
/// What stands where there is nothing to tell.
const NOTHING: &str = "-";

/// What a tracer is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenTelemetrySettings {
    /// The collector, which takes OTLP by gRPC: `http://<host>:<port>`.
    pub endpoint: String,
    /// The name of the service, `mesh/node` as a rule.
    pub service_name: String,
    /// The id the proxy has for its control plane.
    pub node_id: String,
}

/// Makes spans, and hands them to what sends them.
#[derive(Debug)]
pub(crate) struct Tracer {
    node_id: String,
    collector: Collector,
}

impl Tracer {
    pub(super) fn new(settings: &OpenTelemetrySettings, registry: &Registry) -> Result<Self, collector::Error> {
        let resource = vec![
            text("service.name", settings.service_name.as_str()),
            text("telemetry.sdk.language", "rust"),
            text("telemetry.sdk.name", "serin"),
            text("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
        ];
        let wrap = move |spans| ResourceSpans {
            resource: Some(Resource { attributes: resource.clone(), ..Resource::default() }),
            scope_spans: vec![ScopeSpans { scope: Some(scope()), spans, schema_url: String::new() }],
            schema_url: String::new(),
        };
        let collector = Collector::start(&settings.endpoint, registry.spans(), wrap)?;
        Ok(Self { node_id: settings.node_id.clone(), collector })
    }

    pub(super) fn end(&self, span: &Span, facts: &Facts<'_>) {
        if span.sampled {
            self.collector.take(document(&self.node_id, span, facts));
        }
    }
}

/// Begins a span of the trace that `traceparent` speaks of, or of a new one.
pub(super) fn begin(core: &Core, traceparent: Option<&[u8]>) -> Span {
    let parent = traceparent.and_then(Parent::parse);
    let id = format!("{:016x}", core.random());
    // All of an id that is made here is random.
    let flags = parent.map_or(SAMPLED | RANDOM, |parent| parent.flags & (SAMPLED | RANDOM));
    let trace = parent
        .map_or_else(|| format!("{:016x}{:016x}", core.random(), core.random()), |parent| parent.trace.to_owned());
    Span {
        traceparent: Some(traceparent::write(&trace, &id, flags)),
        amazon: None,
        parent: parent.map(|parent| parent.span.to_owned()),
        sampled: flags & SAMPLED != 0,
        started: core.since_epoch(),
        trace,
        id,
    }
}

fn document(node_id: &str, span: &Span, facts: &Facts<'_>) -> proto::Span {
    let is_egress = facts.direction == "egress";
    let bytes = |id: &str| hex::decode(id).unwrap_or_default();
    let failed = facts.status >= 500 || facts.status == 0;
    let nanoseconds = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    proto::Span {
        trace_id: bytes(&span.trace),
        span_id: bytes(&span.id),
        parent_span_id: span.parent.as_deref().map(bytes).unwrap_or_default(),
        name: if is_egress { format!("egress {}", facts.host) } else { "ingress".to_owned() },
        kind: if is_egress { SpanKind::Client } else { SpanKind::Server }.into(),
        start_time_unix_nano: nanoseconds(span.started),
        end_time_unix_nano: nanoseconds(span.started + facts.duration),
        attributes: attributes(node_id, facts, failed),
        status: Some(Status { code: status(facts.status, is_egress).into(), ..Status::default() }),
        ..proto::Span::default()
    }
}

/// To who asks, what it did wrong itself is an error as well (OpenTelemetry's conventions for HTTP spans).
fn status(status: u16, is_client: bool) -> StatusCode {
    let least = if is_client { 400 } else { 500 };
    if status == 0 || status >= least { StatusCode::Error } else { StatusCode::Unset }
}

fn attributes(node_id: &str, facts: &Facts<'_>, failed: bool) -> Vec<KeyValue> {
    let mut attributes = vec![
        text("node_id", node_id),
        text("zone", ""),
        text("component", "proxy"),
        text("http.method", facts.method),
        text("http.url", shortened(facts.url)),
        text("http.protocol", facts.protocol),
        text("http.status_code", facts.status.to_string()),
        text("downstream_cluster", NOTHING),
        text("user_agent", facts.user_agent.unwrap_or(NOTHING)),
        text("peer.address", facts.peer.ip().to_string()),
        text("request_size", facts.received.to_string()),
        text("response_size", facts.sent.to_string()),
        text("response_flags", if facts.flags.is_empty() { NOTHING } else { facts.flags }),
    ];
    let cluster =
        facts.cluster.into_iter().flat_map(|name| [("upstream_cluster", name), ("upstream_cluster.name", name)]);
    attributes.extend(cluster.map(|(key, name)| text(key, name)));
    attributes.extend(facts.request_id.map(|id| text("guid:x-request-id", id)));
    attributes.extend(failed.then(|| text("error", "true")));
    attributes
}

/// A URL whose path is no longer than spans tell.
fn shortened(url: &str) -> &str {
    let path = url.find("://").and_then(|at| Some(at + 3 + url[at + 3..].find('/')?)).unwrap_or(url.len());
    &url[..url.floor_char_boundary(path + PATH_MAX)]
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "serin".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.into())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

#[cfg(test)]
mod tests {
    use names::Clock;

    use super::{super::facts, *};

    const TRACE: &str = "58406cf0a006649127e371903a2de979";

    fn value<'a>(span: &'a proto::Span, key: &str) -> Option<&'a str> {
        let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
        match found.value.as_ref()?.value.as_ref()? {
            any_value::Value::StringValue(value) => Some(value),
            _ => None,
        }
    }

    #[test]
    fn a_trace_goes_on_and_the_server_is_told_of_the_span() {
        let core = Core::new(0, 1, Clock::System);
        let span = begin(&core, Some(format!("00-{TRACE}-53995c3f42cd8ad8-01").as_bytes()));
        assert_eq!((span.trace_id(), span.parent.as_deref()), (TRACE, Some("53995c3f42cd8ad8")));
        assert_eq!(span.traceparent.as_deref(), Some(format!("00-{TRACE}-{}-01", span.id()).as_str()));
        assert!(span.sampled && span.amazon.is_none());
        let dropped = begin(&core, Some(format!("00-{TRACE}-53995c3f42cd8ad8-00").as_bytes()));
        assert!(!dropped.sampled && dropped.traceparent.unwrap().ends_with("-00"));
        let new = begin(&core, Some(b"nonsense"));
        assert!(new.sampled && new.parent.is_none() && new.trace_id().len() == 32);
    }

    #[test]
    fn a_span_says_what_envoy_s_says() {
        let core = Core::new(0, 1, Clock::System);
        let span = begin(&core, Some(format!("00-{TRACE}-53995c3f42cd8ad8-01").as_bytes()));
        let made = document("mesh/m/virtualNode/n", &span, &facts(200));
        assert_eq!((made.name.as_str(), made.kind), ("ingress", SpanKind::Server.into()));
        assert_eq!(
            (hex::encode(&made.trace_id), hex::encode(&made.parent_span_id)),
            (TRACE.to_owned(), "53995c3f42cd8ad8".to_owned())
        );
        assert_eq!(made.end_time_unix_nano - made.start_time_unix_nano, 5_000_000);
        assert_eq!(value(&made, "upstream_cluster"), Some("cds_ingress"));
        assert_eq!((value(&made, "response_flags"), value(&made, "error")), (Some("-"), None));
        let failed = document("id", &span, &Facts { direction: "egress", ..facts(503) });
        assert_eq!((failed.name.as_str(), failed.kind), ("egress api", SpanKind::Client.into()));
        assert_eq!(failed.status.as_ref().map(|status| status.code), Some(StatusCode::Error.into()));
        assert_eq!(value(&failed, "error"), Some("true"));
    }

    #[test]
    fn a_long_path_is_cut_and_its_host_is_not() {
        let url = format!("http://api:3000/{}", "ä".repeat(400));
        let cut = shortened(&url);
        assert!(cut.len() <= "http://api:3000".len() + PATH_MAX && cut.starts_with("http://api:3000/ä"));
        assert_eq!(shortened("http://api"), "http://api");
    }
}
