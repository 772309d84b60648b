//! One request through the mesh: its route, its attempts, and what is said about it afterwards.

use std::{net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use names::Timestamp;

use super::{
    client_certificate,
    cluster::{Cluster, Member},
    endpoint::EndpointCounters,
    gates::{Admission, Place},
    manager::Manager,
    retry,
    routes::Forward,
};
use crate::{
    access_log::Entry,
    http::{
        Answer, Call, Failure, Name, NameSet, Peer, Record, Request, Timeouts, Upstream, Version, append_field,
        append_number,
    },
    model::{Respond, RetryPolicy},
    stats::{ClusterCounters, Held, HttpCounters, VirtualHostCounters},
    tls,
    xray::{Facts, Segment},
};

/// What the routes say about a request.
pub(crate) enum Decision {
    Forward(Rc<Forward>, Arc<VirtualHostCounters>),
    Respond(Rc<Respond>),
    NoRoute,
    UpgradeRefused,
}

/// One request through the mesh.
pub(crate) struct Passage {
    manager: Rc<Manager>,
    decision: Decision,
    peer: Peer,
    cluster: Option<Rc<Cluster>>,
    /// A cluster was chosen, and is not there.
    no_cluster: bool,
    attempts: u32,
    /// Retries there were to be had, and none is left.
    exhausted: bool,
    tried: Vec<SocketAddr>,
    attempt: Option<Attempt>,
    retrying: Option<Place>,
    /// An id for a request that came without.
    request_id: Option<[u8; 36]>,
    segment: Option<Segment>,
    started: Timestamp,
    _active: Held<HttpCounters>,
}

/// What an attempt holds while it lasts.
struct Attempt {
    endpoint: Option<Arc<EndpointCounters>>,
    _at_endpoint: Option<Held<EndpointCounters>>,
    _at_cluster: Held<ClusterCounters>,
    _admission: Admission,
}

impl Passage {
    pub(crate) fn new(manager: &Rc<Manager>, request: &Request, peer: &Peer, decision: Decision) -> Self {
        let counters = &manager.counters;
        counters.rq_total.increment();
        match &decision {
            Decision::NoRoute => counters.no_route.increment(),
            Decision::Respond(_) => counters.rq_direct_response.increment(),
            Decision::UpgradeRefused => counters.rq_ws_on_non_ws_route.increment(),
            Decision::Forward(_, host) => host.rq_total.increment(),
        }
        let core = &manager.core;
        let segment = manager.tracer.as_ref().map(|tracer| tracer.begin(core, request.value(Name::XAmznTraceId)));
        let started = if manager.logs.is_empty() { Timestamp::default() } else { core.clock.now() };
        Self {
            manager: Rc::clone(manager),
            decision,
            peer: peer.clone(),
            cluster: None,
            no_cluster: false,
            attempts: 0,
            exhausted: false,
            tried: Vec::new(),
            attempt: None,
            retrying: None,
            request_id: request.value(Name::XRequestId).is_none().then(|| core.uuid()),
            segment,
            started,
            _active: Held::new(Arc::clone(counters), |counters| &counters.rq_active),
        }
    }

    fn policy(&self) -> Option<&RetryPolicy> {
        match &self.decision {
            Decision::Forward(forward, _) => forward.settings.retry.as_ref(),
            _ => None,
        }
    }

    /// The cluster, chosen once: all attempts of a request go to the same.
    fn choose(&mut self) -> Result<Rc<Cluster>, Failure> {
        if let Some(cluster) = &self.cluster {
            return Ok(Rc::clone(cluster));
        }
        let Decision::Forward(forward, _) = &self.decision else { return Err(Failure::Own) };
        self.cluster = forward.turn().and_then(|slot| slot.get());
        self.cluster.clone().ok_or_else(|| {
            self.no_cluster = true;
            self.manager.counters.no_cluster.increment();
            Failure::Own
        })
    }

    fn member(&self, cluster: &Cluster) -> Result<Rc<Member>, Failure> {
        let passes = self.policy().map_or(0, |policy| policy.avoid_previous);
        cluster.pick(&self.tried, passes).ok_or_else(|| {
            cluster.counters.cx_none_healthy.increment();
            Failure::NoUpstream
        })
    }

    fn count_failure(&self, failure: &Failure) {
        let Some(cluster) = &self.cluster else { return };
        let counters = &cluster.counters;
        match failure {
            Failure::Timeout => {
                counters.rq_timeout.increment();
                if let Decision::Forward(_, host) = &self.decision {
                    host.rq_timeout.increment();
                }
            }
            Failure::AttemptTimeout => counters.rq_per_try_timeout.increment(),
            Failure::Reset => counters.rq_rx_reset.increment(),
            Failure::ClientGone => counters.rq_cancelled.increment(),
            Failure::Overflow => counters.rq_pending_overflow.increment(),
            _ => {}
        }
    }

    /// The attempt is over; `status` is what the server, or we in its place, answered.
    fn end_attempt(&mut self, status: Option<u16>) {
        if let Some(attempt) = self.attempt.take()
            && let Some(endpoint) = attempt.endpoint
        {
            let good = status.is_some_and(|status| status < 500);
            if good { endpoint.rq_success.increment() } else { endpoint.rq_error.increment() }
        }
        if let (Some(cluster), Some(status)) = (&self.cluster, status) {
            cluster.counters.statuses.record(status);
        }
    }

    fn flags(&self, record: &Record) -> String {
        let flag = match &record.failure {
            Some(Failure::Own) if self.no_cluster => "NC",
            Some(Failure::Own) if matches!(self.decision, Decision::NoRoute) => "NR",
            Some(Failure::NoUpstream) => "UH",
            Some(Failure::Overflow) => "UO",
            Some(Failure::Connect(_) | Failure::ConnectTimeout) => "UF",
            Some(Failure::Reset) => "UC",
            Some(Failure::Protocol(_)) => "UPE",
            Some(Failure::Timeout | Failure::AttemptTimeout) => "UT",
            Some(Failure::Idle | Failure::ClientIdle) => "SI",
            Some(Failure::BadBody(_)) => "DPE",
            Some(Failure::ClientGone) => "DC",
            Some(Failure::Own | Failure::Status(..)) | None => "",
        };
        match (flag, self.exhausted) {
            ("", true) => "URX".to_owned(),
            (flag, true) => format!("{flag},URX"),
            (flag, false) => flag.to_owned(),
        }
    }

    /// How the client speaks to us.
    fn scheme(&self) -> &'static str {
        if self.peer.session.is_some() { "https" } else { "http" }
    }

    fn request_id<'a>(&'a self, request: &'a Request) -> Option<&'a [u8]> {
        self.request_id.as_ref().map(<[u8; 36]>::as_slice).or_else(|| request.value(Name::XRequestId))
    }

    fn write_down(&self, request: &Request, record: &Record, flags: &str) {
        let entry = Entry {
            start: self.started,
            request: Some((request.method(), request.target(), protocol(request))),
            status: record.status,
            flags,
            received: record.received,
            sent: record.sent,
            duration: record.duration(),
            service_time: record.service_time,
            forwarded_for: request.value(Name::XForwardedFor),
            user_agent: request.value(Name::UserAgent),
            request_id: self.request_id(request),
            authority: Some(request.authority()),
            upstream: record.upstream,
        };
        for log in &self.manager.logs {
            log.write(entry.line());
        }
    }

    fn trace(&self, request: &Request, record: &Record, flags: &str) {
        let (Some(tracer), Some(segment)) = (&self.manager.tracer, &self.segment) else { return };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let value = |name| request.value(name).map(text);
        let scheme = value(Name::XForwardedProto).unwrap_or_else(|| self.scheme().to_owned());
        let cluster = match &self.decision {
            Decision::Forward(forward, _) => self.cluster.as_ref().and_then(|cluster| forward.name_of(cluster)),
            _ => None,
        };
        let (user_agent, forwarded_for) = (value(Name::UserAgent), value(Name::XForwardedFor));
        let request_id = self.request_id(request).map(text);
        let facts = Facts {
            direction: self.manager.direction.word(),
            method: &text(request.method()),
            url: &format!("{scheme}://{}{}", text(request.authority()), text(request.target())),
            user_agent: user_agent.as_deref(),
            forwarded_for: forwarded_for.as_deref(),
            peer: self.peer.address,
            request_id: request_id.as_deref(),
            protocol: protocol(request),
            status: record.status,
            flags,
            received: record.received,
            sent: record.sent,
            cluster: cluster.as_deref(),
            upstream: record.upstream,
            duration: record.duration(),
        };
        tracer.end(segment, &facts);
    }
}

fn protocol(request: &Request) -> &'static str {
    if request.version == Version::Http10 { "HTTP/1.0" } else { "HTTP/1.1" }
}

impl Call for Passage {
    async fn admit(&mut self) -> Result<Rc<Upstream>, Failure> {
        let cluster = self.choose()?;
        let admission = cluster.gates().enter(&cluster.counters).await?;
        let (upstream, endpoint) = if cluster.is_original_destination() {
            (cluster.upstream_at(self.peer.destination), None)
        } else {
            let member = self.member(&cluster)?;
            (Rc::clone(&member.upstream), Some(Arc::clone(&member.counters)))
        };
        self.attempts += 1;
        cluster.counters.rq_total.increment();
        if let Some(endpoint) = &endpoint {
            endpoint.rq_total.increment();
        }
        if self.policy().is_some_and(|policy| policy.avoid_previous > 0) {
            self.tried.push(upstream.route.target);
        }
        self.attempt = Some(Attempt {
            _at_endpoint: endpoint.clone().map(|endpoint| Held::new(endpoint, |counters| &counters.rq_active)),
            endpoint,
            _at_cluster: Held::new(Arc::clone(&cluster.counters), |counters| &counters.rq_active),
            _admission: admission,
        });
        Ok(upstream)
    }

    fn timeouts(&self) -> Timeouts {
        let idle = self.manager.settings.stream_idle_timeout;
        match &self.decision {
            Decision::Forward(forward, _) => Timeouts {
                request: forward.settings.timeout,
                attempt: self.policy().and_then(|policy| policy.per_try_timeout),
                idle: forward.settings.idle_timeout.or(idle),
            },
            _ => Timeouts { idle, ..Timeouts::default() },
        }
    }

    fn may_retry(&self) -> bool {
        self.policy().is_some_and(|policy| policy.retries > 0)
    }

    fn retry(&mut self, failure: &Failure) -> Option<Duration> {
        let Decision::Forward(forward, host) = &self.decision else { return None };
        let policy = forward.settings.retry.as_ref().filter(|policy| retry::applies(policy, failure))?;
        let cluster = Rc::clone(self.cluster.as_ref()?);
        if self.attempts > policy.retries {
            cluster.counters.rq_retry_limit_exceeded.increment();
            self.exhausted = true;
            return None;
        }
        let Ok(place) = cluster.gates().retry() else {
            cluster.counters.rq_retry_overflow.increment();
            return None;
        };
        cluster.counters.rq_retry.increment();
        host.rq_retry.increment();
        let wait = retry::backoff(policy, self.attempts + 1, self.manager.core.random());
        self.count_failure(failure);
        self.end_attempt(if let Failure::Status(status, _) = failure { Some(*status) } else { None });
        self.retrying = place;
        Some(wait)
    }

    fn dropped_from_request(&self) -> NameSet {
        const ALWAYS: NameSet = NameSet::of(&[Name::XEnvoyExpectedRqTimeoutMs]);
        const TRACED: NameSet = NameSet::of(&[Name::XAmznTraceId]);
        const CERTIFICATE: NameSet = NameSet::of(&[client_certificate::NAME]);
        let dropped = if self.segment.is_some() { ALWAYS.and(TRACED) } else { ALWAYS };
        let settings = &self.manager.settings.client_certificate;
        let goes_on = client_certificate::goes_on(settings, self.peer.session.as_deref());
        if goes_on { dropped } else { dropped.and(CERTIFICATE) }
    }

    fn append_to_request(&self, request: &Request, left: Option<Duration>, out: &mut Vec<u8>) {
        if request.value(Name::XForwardedProto).is_none() {
            append_field(out, "x-forwarded-proto", self.scheme().as_bytes());
        }
        let settings = &self.manager.settings.client_certificate;
        client_certificate::append(settings, self.peer.session.as_deref(), request, out);
        if let Some(id) = &self.request_id {
            append_field(out, "x-request-id", id);
        }
        if let Some(left) = left {
            let milliseconds = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            append_number(out, "x-envoy-expected-rq-timeout-ms", milliseconds.max(1));
        }
        if let Some(segment) = &self.segment {
            append_field(out, "x-amzn-trace-id", segment.header().as_bytes());
        }
    }

    fn dropped_from_response(&self) -> NameSet {
        const DROPPED: NameSet = NameSet::of(&[Name::Server, Name::XEnvoyUpstreamServiceTime]);
        DROPPED
    }

    fn append_to_response(&self, service_time: Duration, has_date: bool, out: &mut Vec<u8>) {
        let milliseconds = u64::try_from(service_time.as_millis()).unwrap_or(u64::MAX);
        append_number(out, "x-envoy-upstream-service-time", milliseconds);
        if !has_date {
            self.manager.core.date(|date| append_field(out, "date", date));
        }
        append_field(out, "server", b"envoy");
    }

    fn answer(&mut self, failure: &Failure) -> Answer {
        const BROKEN: &str = "upstream connect error or disconnect/reset before headers. ";
        let reset = |reason: &str| {
            let kind = if self.attempts > 1 { "retried and the latest reset reason" } else { "reset reason" };
            format!("{BROKEN}{kind}: {reason}")
        };
        match failure {
            Failure::Own => match &self.decision {
                Decision::Respond(respond) => Answer::text(respond.status, respond.body.clone()),
                Decision::UpgradeRefused => Answer::text(403, ""),
                Decision::NoRoute => Answer::text(404, ""),
                Decision::Forward(..) => Answer::text(503, ""),
            },
            Failure::NoUpstream => Answer::text(503, "no healthy upstream"),
            Failure::Overflow => {
                let mut answer = Answer::text(503, reset("overflow"));
                answer.fields.push(("x-envoy-overloaded", "true".to_owned()));
                answer
            }
            Failure::Connect(error) => {
                let cause = tls::failure_words(error).unwrap_or_else(|| error.to_string());
                let why = format!("remote connection failure, transport failure reason: {cause}");
                Answer::text(503, reset(&why))
            }
            Failure::ConnectTimeout => Answer::text(503, reset("connection timeout")),
            Failure::Reset => Answer::text(503, reset("connection termination")),
            Failure::Protocol(malformed) => {
                tracing::warn!(error = %malformed, "a server's response is refused");
                Answer::text(502, reset("protocol error"))
            }
            Failure::Timeout | Failure::AttemptTimeout => Answer::text(504, "upstream request timeout"),
            Failure::Idle => Answer::text(504, "stream timeout"),
            Failure::ClientIdle => Answer::text(408, "stream timeout"),
            Failure::BadBody(malformed) => Answer::text(malformed.status(), malformed.to_string()),
            Failure::Status(status, _) => Answer::text(*status, ""),
            // Nobody will read it.
            Failure::ClientGone => Answer::text(499, ""),
        }
    }

    fn finish(&mut self, request: &Request, record: &Record) {
        let counters = &self.manager.counters;
        let status = (record.status != 0).then_some(record.status);
        counters.rq_completed.increment();
        counters.rq_time.record(record.duration());
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
        let reached = self.attempt.is_some();
        self.end_attempt(status);
        if let (Some(cluster), Decision::Forward(_, host)) = (&self.cluster, &self.decision) {
            if let Some(status) = status {
                host.statuses.record(status);
            }
            if reached {
                cluster.counters.rq_completed.increment();
                cluster.counters.rq_time.record(record.duration());
                host.rq_time.record(record.duration());
            }
            if self.attempts > 1 && record.from_server && !self.exhausted {
                cluster.counters.rq_retry_success.increment();
            }
        }
        if self.manager.logs.is_empty() && self.segment.is_none() {
            return;
        }
        let flags = self.flags(record);
        self.write_down(request, record, &flags);
        self.trace(request, record, &flags);
    }
}
