//! What a request adds to its trace.

use super::passage::Passage;
use crate::{
    core::Core,
    format::Lookup as _,
    http::{Name, Record, Request},
    trace::{Facts, Span, Tracer},
};

/// Begins the request's part of its trace, and says so to who reads `traceparent`.
pub(super) fn begin(tracer: &Tracer, core: &Core, request: &mut Request) -> Span {
    let span = {
        let parent = request.values("traceparent").next();
        tracer.begin(core, request.value(Name::XAmznTraceId), parent)
    };
    if let Some(parent) = &span.traceparent {
        request.set("traceparent", parent.as_bytes());
    }
    span
}

impl Passage {
    /// `X-Amzn-Trace-Id` for the server, if the tracer writes it.
    pub(super) fn trace_field(&self) -> Option<&str> {
        self.span.as_ref().and_then(|span| span.amazon.as_deref())
    }

    /// Sends the request's span.
    pub(super) fn trace(&self, request: &Request, record: &Record, flags: &[&'static str]) {
        let (Some(tracer), Some(span)) = (&self.manager.tracer, &self.span) else { return };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let value = |name| request.value(name).map(text);
        let scheme = value(Name::XForwardedProto).unwrap_or_else(|| "http".to_owned());
        let (user_agent, forwarded_for) = (value(Name::UserAgent), value(Name::XForwardedFor));
        let host = text(request.authority());
        let request_id = self.view(request).first("x-request-id").map(|id| text(&id));
        let facts = Facts {
            direction: self.manager.direction.word(),
            method: &text(request.method()),
            host: &host,
            url: &format!("{scheme}://{host}{}", text(request.target())),
            user_agent: user_agent.as_deref(),
            forwarded_for: forwarded_for.as_deref(),
            peer: self.peer.address,
            request_id: request_id.as_deref(),
            protocol: request.version.name(),
            status: record.status,
            flags: &flags.join(","),
            received: record.received,
            sent: record.sent,
            cluster: self.cluster_name(),
            upstream: record.upstream,
            duration: record.duration(),
        };
        tracer.end(span, &facts);
    }
}
