//! A request is over: what is counted, written down and traced of it.

use std::{borrow::Cow, io};

use tokio::time::Instant;

use super::{
    outlier::Outcome,
    passage::{Decision, Passage, outcome_of},
    view::ResponseView,
};
use crate::{
    format::{self, Lookup},
    grpc,
    http::{Failure, Lines, Record, Request},
    tls,
};

impl Passage {
    /// The request is over.
    pub(super) fn conclude(&mut self, request: &Request, record: &Record) {
        let (counters, duration) = (&self.manager.counters, record.duration());
        let status = (record.status != 0).then_some(record.status);
        counters.rq_completed.increment();
        counters.rq_time.record(duration);
        match status {
            Some(status) => counters.statuses.record(status),
            None => counters.rq_rx_reset.increment(),
        }
        if status == Some(101) {
            counters.upgrades_total.increment();
        }
        if let Some(failure) = &record.failure {
            self.count_failure(failure);
        }
        let reached = self.is_attempting();
        let answered = record.grpc_status.map_or(record.status, grpc::http_status);
        self.report(match &record.failure {
            Some(failure) => outcome_of(failure),
            None => record.from_server.then_some(Outcome::Answered(answered)),
        });
        if record.grpc_status.is_some() && record.from_server {
            self.judge_attempt(answered < 500);
        }
        // A call by gRPC is answered with 200 whatever the status is that the answer stands for.
        let status = if record.from_server { status } else { self.answered.or(status) };
        self.end_attempt(status);
        if let (Some(cluster), Some((_, host))) = (&self.cluster, self.route()) {
            let host = &host.counters;
            if let Some(status) = status {
                host.statuses.record(status);
            }
            if reached {
                cluster.counters.rq_completed.increment();
                cluster.counters.rq_time.record(duration);
                if self.first_half {
                    cluster.counters.half.rq_time.record(duration);
                }
                host.rq_time.record(duration);
            }
            if self.attempts > 1 && record.from_server && !self.exhausted {
                cluster.counters.rq_retry_success.increment();
            }
        }
        if self.manager.logs.is_empty() && self.span.is_none() {
            return;
        }
        let flags = self.flags(record);
        self.write_down(request, record, &flags);
        self.trace(request, record, &flags);
    }

    /// Envoy's short names for what went wrong.
    fn flags(&self, record: &Record) -> Vec<&'static str> {
        let flag = match &record.failure {
            Some(Failure::Own) if self.no_cluster => Some("NC"),
            Some(Failure::Own) if matches!(self.decision, Decision::NoRoute) => Some("NR"),
            Some(Failure::NoUpstream) => Some("UH"),
            Some(Failure::Overflow) => Some("UO"),
            Some(Failure::Connect(_) | Failure::ConnectTimeout) => Some("UF"),
            Some(Failure::Reset) => Some("UC"),
            Some(Failure::Refused) => Some("UR"),
            Some(Failure::Protocol(_)) => Some("UPE"),
            Some(Failure::Timeout | Failure::AttemptTimeout) => Some("UT"),
            Some(Failure::WholeTimeout) => Some("DT"),
            Some(Failure::Idle | Failure::ClientIdle) => Some("SI"),
            Some(Failure::BadBody(_)) => Some("DPE"),
            Some(Failure::ClientGone) => Some("DC"),
            Some(Failure::Injected(_)) => Some("FI"),
            Some(Failure::Own | Failure::Status(..)) | None => None,
        };
        let overflow = (self.overflowed && flag != Some("UO")).then_some("UO");
        let delayed = self.delayed.then_some("DI");
        delayed.into_iter().chain(flag).chain(overflow).chain(self.exhausted.then_some("URX")).collect()
    }

    /// Envoy's words for why the client was answered as it was.
    fn details(&self, record: &Record) -> Cow<'static, str> {
        let broken = |why: &str| {
            let when = if record.from_server { "after" } else { "before" };
            Cow::Owned(format!("upstream_reset_{when}_response_started{{{why}}}"))
        };
        match &record.failure {
            None => "via_upstream".into(),
            Some(Failure::Own) => match &self.decision {
                Decision::NoRoute => "route_not_found".into(),
                Decision::BadPath => "path_normalization_failed".into(),
                Decision::UpgradeRefused => "upgrade_failed".into(),
                Decision::Route(..) if self.no_cluster => "cluster_not_found".into(),
                Decision::Route(..) => "direct_response".into(),
            },
            Some(Failure::NoUpstream) => "no_healthy_upstream".into(),
            Some(Failure::Overflow) => broken("overflow"),
            Some(Failure::Connect(error)) => {
                broken(&format!("remote_connection_failure|{}", refusal(error)).replace(' ', "_"))
            }
            Some(Failure::ConnectTimeout) => broken("connection_timeout"),
            Some(Failure::Reset) => broken("connection_termination"),
            Some(Failure::Refused) => broken("remote_refused_stream_reset"),
            Some(Failure::Protocol(_)) => broken("protocol_error"),
            Some(Failure::Status(..)) => "via_upstream".into(),
            Some(Failure::Timeout) => "response_timeout".into(),
            Some(Failure::AttemptTimeout) => "upstream_per_try_timeout".into(),
            Some(Failure::WholeTimeout) => "max_duration_timeout".into(),
            Some(Failure::Idle | Failure::ClientIdle) => "stream_idle_timeout".into(),
            Some(Failure::BadBody(_)) => "http1.codec_error".into(),
            Some(Failure::ClientGone) => "downstream_remote_disconnect".into(),
            Some(Failure::Injected(_)) => "fault_filter_abort".into(),
        }
    }

    fn write_down(&self, request: &Request, record: &Record, flags: &[&'static str]) {
        let view = self.view(request);
        let response = ResponseView {
            status: record.status,
            fields: &Captured(&self.seen),
            service_time: record.service_time,
            added: &[],
        };
        let since_start = |until: Option<Instant>| until.map(|until| until.saturating_duration_since(record.started));
        let details = self.details(record);
        let failure = match &record.failure {
            Some(Failure::Connect(error)) => Some(refusal(error).replace(' ', "_")),
            _ => None,
        };
        let facts = format::Facts {
            response: Some(&response),
            trailers: Some(&Lines(&record.trailers)),
            upstream_protocol: record.from_server.then_some(if record.upstream_http2 { "HTTP/2" } else { "HTTP/1.1" }),
            status: record.status,
            details: Some(&details),
            flags,
            received: record.received,
            sent: record.sent,
            duration: Some(record.duration()),
            request_duration: since_start(record.received_at),
            response_duration: since_start(record.responded_at),
            response_tx_duration: record.responded_at.map(|at| record.ended.saturating_duration_since(at)),
            request_tx_duration: record.sent_on().map(|at| at.saturating_duration_since(record.started)),
            upstream: record.upstream,
            upstream_local: record.upstream_local,
            upstream_session: record.upstream_session.as_deref(),
            upstream_name: self.upstream_name(),
            upstream_failure: failure.as_deref(),
            server_name: self.peer.session.as_ref().and_then(|session| session.server_name.as_deref()),
            ..self.facts(&view, None)
        };
        for log in &self.manager.logs {
            log.write(&facts);
        }
    }
}

/// Why a server could not be connected to, in Envoy's words.
pub(super) fn refusal(error: &io::Error) -> String {
    if let Some(words) = tls::failure_words(error) {
        return words;
    }
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    format!("delayed connect error: {text}")
}

/// Fields of a response that were kept for the logs.
struct Captured<'a>(&'a [(String, Vec<u8>)]);

impl Lookup for Captured<'_> {
    fn each(&self, name: &str, look: &mut dyn FnMut(&[u8])) {
        self.0.iter().filter(|(found, _)| found == name).for_each(|(_, value)| look(value));
    }
}
