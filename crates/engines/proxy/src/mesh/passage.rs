//! One request through the mesh: its route, its attempts, and what is said about it afterwards.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use names::Timestamp;

use super::{
    attempt::{Active, Attempt},
    client_certificate,
    cluster::{Cluster, Member},
    edge::Standing,
    edits::Levels,
    gates::Place,
    manager::Manager,
    matching,
    outlier::Outcome,
    overrides::Overrides,
    retry, rewrite,
    routes::{Forward, Host, Route, Target},
    spans, sticky,
    view::RequestView,
};
use crate::{
    format::Lookup as _,
    http::{
        Answer, Call, Failure, Fields, Name, NameSet, Peer, Record, Request, Timeouts, Upstream, append_field,
        append_number,
    },
    model::{GrpcTimeout, HostRewrite, RetryPolicy},
    trace::Span,
};

/// What the routes say about a request.
pub(crate) enum Decision {
    Route(Rc<Route>, Rc<Host>),
    NoRoute,
    UpgradeRefused,
    /// Its path has no normal form.
    BadPath,
}

/// One request through the mesh.
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub(crate) struct Passage {
    pub(super) manager: Rc<Manager>,
    pub(super) decision: Decision,
    /// The number of the route's cluster whose turn it was.
    turn: usize,
    pub(super) peer: Peer,
    pub(super) cluster: Option<Rc<Cluster>>,
    /// A cluster was chosen, and is not there.
    pub(super) no_cluster: bool,
    pub(super) attempts: u32,
    /// The user is in the first half, of which is counted apart.
    pub(super) first_half: bool,
    /// The group of users that is counted apart, where users stay with a version.
    group: Option<usize>,
    /// Retries there were to be had, and none is left.
    pub(super) exhausted: bool,
    /// Another attempt was wanted, and too many others were being made.
    pub(super) overflowed: bool,
    /// It was passed on later, on purpose.
    pub(super) delayed: bool,
    tried: Vec<SocketAddr>,
    attempt: Option<Attempt>,
    /// The server of the last attempt.
    member: Option<Rc<Member>>,
    retrying: Option<Place>,
    /// An id for a request that came without.
    pub(super) request_id: Option<[u8; 36]>,
    /// What is known of the client.
    pub(super) standing: Standing,
    /// What the request asks for instead of what its route says.
    overrides: Option<Box<Overrides>>,
    timeouts: Timeouts,
    /// The policy is for this request.
    may_retry: bool,
    /// The request is one of gRPC.
    pub(super) is_grpc: bool,
    /// The status that we answered with in place of a server.
    pub(super) answered: Option<u16>,
    pub(super) span: Option<Span>,
    pub(super) started: Timestamp,
    /// What is done to fields on this route.
    pub(super) edits: Levels,
    /// Fields that were added to the response.
    pub(super) added: Vec<(String, Vec<u8>)>,
    /// The id, if the client is told.
    pub(super) returned_id: Option<Vec<u8>>,
    /// Fields of the response that logs speak of.
    pub(super) seen: Vec<(String, Vec<u8>)>,
    /// The client is not told how long the server took.
    pub(super) hides_service_time: bool,
    _active: Active,
}

impl Passage {
    pub(super) fn new(
        manager: &Rc<Manager>,
        request: &mut Request,
        peer: &Peer,
        standing: Standing,
        decision: Decision,
    ) -> Self {
        let counters = &manager.counters;
        counters.rq_total.increment();
        let core = &manager.core;
        let span = manager.tracer.as_ref().map(|tracer| spans::begin(tracer, core, request));
        let started = if manager.logs.is_empty() { Timestamp::default() } else { core.clock.now() };
        let mut passage = Self {
            manager: Rc::clone(manager),
            decision,
            turn: 0,
            peer: peer.clone(),
            cluster: None,
            no_cluster: false,
            attempts: 0,
            first_half: false,
            group: None,
            exhausted: false,
            overflowed: false,
            delayed: false,
            tried: Vec::new(),
            attempt: None,
            member: None,
            retrying: None,
            request_id: (manager.settings.edge.generates_ids && request.value(Name::XRequestId).is_none())
                .then(|| core.uuid()),
            standing,
            overrides: None,
            timeouts: Timeouts { idle: manager.settings.stream_idle_timeout, ..Timeouts::default() },
            may_retry: false,
            is_grpc: request.is_grpc(),
            answered: None,
            span,
            started,
            edits: None,
            added: Vec::new(),
            returned_id: None,
            seen: Vec::new(),
            hides_service_time: false,
            _active: Active::new(manager),
        };
        if manager.settings.edge.returns_ids {
            passage.returned_id = passage.view(request).first("x-request-id");
        }
        passage.take_route(request);
        passage
    }

    /// Does to the request what its route says, and counts what became of it.
    fn take_route(&mut self, request: &mut Request) {
        let counters = &self.manager.counters;
        let (route, host) = match &self.decision {
            Decision::BadPath => return,
            Decision::NoRoute => return counters.no_route.increment(),
            Decision::UpgradeRefused => return counters.rq_ws_on_non_ws_route.increment(),
            Decision::Route(route, host) => (Rc::clone(route), Rc::clone(host)),
        };
        let Target::Forward(forward) = &route.target else {
            self.edits = route.edits(None);
            match &route.target {
                Target::Redirect(_) => counters.rq_redirect.increment(),
                _ => counters.rq_direct_response.increment(),
            }
            return;
        };
        host.counters.rq_total.increment();
        let chosen = sticky::choose(forward, &self.view(request), &self.manager.core);
        (self.turn, self.group, self.first_half) = (chosen.turn, chosen.group, chosen.first_half);
        if self.standing.inside && request.has_seen(Name::XEnvoy) {
            self.overrides = Overrides::take(request, forward.retry.as_ref());
        }
        self.timeouts = self.times(forward, request);
        self.edits = route.edits(forward.share(self.turn));
        if self.edits.is_some() {
            self.edit_request(request);
        }
        if forward.rewrites {
            self.rewrite(&route, forward, request);
        }
        if host.tells_server_attempts {
            request.remove("x-envoy-attempt-count");
        }
        self.may_retry = self.policy().is_some_and(|policy| {
            let view = self.view(request);
            let wanted = &policy.request_headers;
            policy.retries > 0
                && (wanted.is_empty() || wanted.iter().any(|header| matching::header_holds(header, &view)))
        });
    }

    /// Rewrites host and path, and leaves word of what they were.
    fn rewrite(&self, route: &Route, forward: &Forward, request: &mut Request) {
        let host = match &forward.settings.host {
            Some(HostRewrite::Literal(host)) => Some(host.as_bytes().to_vec()),
            Some(HostRewrite::Header(name)) => request.values(name).next().map(<[u8]>::to_vec),
            Some(HostRewrite::Path(pattern, to)) => Some(rewrite::replaced(pattern, to, request.path())),
            // That is known when the endpoint is.
            Some(HostRewrite::Endpoint) | None => None,
        };
        if let Some(host) = host.filter(|host| !host.is_empty()) {
            let before = request.authority().to_vec();
            if forward.settings.append_forwarded_host {
                let mut hosts: Vec<&[u8]> = request.values("x-forwarded-host").collect();
                hosts.push(&before);
                let hosts = hosts.join(&b","[..]);
                request.set("x-forwarded-host", &hosts);
            }
            request.set("x-envoy-original-host", &before);
            request.set_authority(host);
        }
        if let Some(path) = &forward.settings.path {
            let before = request.target().to_vec();
            request.set("x-envoy-original-path", &before);
            request.set_target(rewrite::target(path, &route.matches, &before));
        }
    }

    /// The request as it goes on.
    pub(super) fn view<'a>(&'a self, request: &'a Request) -> RequestView<'a> {
        let id = self.request_id.as_ref().map(<[u8; 36]>::as_slice);
        RequestView { request, scheme: self.peer.scheme(), id }
    }

    pub(super) fn route(&self) -> Option<(&Rc<Route>, &Rc<Host>)> {
        match &self.decision {
            Decision::Route(route, host) => Some((route, host)),
            _ => None,
        }
    }

    fn forward(&self) -> Option<(&Forward, &Rc<Host>)> {
        match self.route() {
            Some((route, host)) => match &route.target {
                Target::Forward(forward) => Some((forward, host)),
                _ => None,
            },
            None => None,
        }
    }

    /// The name of the cluster that the route leads to.
    pub(super) fn cluster_name(&self) -> Option<&str> {
        let (forward, _) = self.forward()?;
        Some(&forward.share(self.turn)?.cluster.name)
    }

    /// Where the last attempt went.
    pub(super) fn upstream(&self) -> Option<SocketAddr> {
        self.member.as_ref().map(|member| member.upstream.route.target)
    }

    /// The name of the endpoint that the last attempt went to.
    pub(super) fn upstream_name(&self) -> Option<&str> {
        self.member.as_ref()?.hostname()
    }

    /// A server is being asked.
    pub(super) fn is_attempting(&self) -> bool {
        self.attempt.is_some()
    }

    /// The name of the endpoint, if that is what the server is asked for.
    fn endpoint_host(&self) -> Option<&str> {
        let (forward, _) = self.forward()?;
        let wanted = forward.settings.host == Some(HostRewrite::Endpoint);
        self.member.as_ref().filter(|_| wanted)?.hostname()
    }

    fn policy(&self) -> Option<&RetryPolicy> {
        match &self.overrides {
            Some(overrides) => overrides.retry.as_ref(),
            None => self.forward()?.0.retry.as_ref(),
        }
    }

    /// How long a request may take on this route.
    fn times(&self, forward: &Forward, request: &Request) -> Timeouts {
        let settings = &forward.settings;
        let overrides = self.overrides.as_deref();
        let limit =
            |asked: Option<Duration>, own| asked.map_or(own, |asked| Some(asked).filter(|asked| !asked.is_zero()));
        let whole = limit(overrides.and_then(|overrides| overrides.timeout), settings.timeout);
        let own = forward.retry.as_ref().and_then(|policy| policy.per_try_timeout);
        let attempt = limit(overrides.and_then(|overrides| overrides.attempt), own);
        let asked = settings.grpc_timeout.filter(|_| self.is_grpc).and_then(|limit| grpc_timeout(request, limit));
        Timeouts {
            request: whole,
            // An attempt can't take longer than all of them.
            attempt: attempt.filter(|attempt| whole.is_none_or(|whole| *attempt < whole)),
            idle: settings.idle_timeout.or(self.manager.settings.stream_idle_timeout),
            whole: asked.or(settings.duration),
        }
    }

    /// The cluster, chosen once: all attempts of a request go to the same.
    fn choose(&mut self) -> Result<Rc<Cluster>, Failure> {
        if let Some(cluster) = &self.cluster {
            return Ok(Rc::clone(cluster));
        }
        let Some((forward, _)) = self.forward() else { return Err(Failure::Own) };
        if self.no_cluster {
            return Err(Failure::Own);
        }
        self.cluster = forward.share(self.turn).and_then(|share| share.cluster.get());
        self.cluster.clone().ok_or_else(|| {
            self.no_cluster = true;
            self.manager.counters.no_cluster.increment();
            Failure::Own
        })
    }

    fn pick(&self, cluster: &Cluster) -> Result<Rc<Member>, Failure> {
        let passes = self.policy().map_or(0, |policy| policy.avoid_previous);
        cluster.pick(&self.tried, passes).ok_or_else(|| {
            cluster.counters.cx_none_healthy.increment();
            Failure::NoUpstream
        })
    }

    pub(super) fn count_failure(&self, failure: &Failure) {
        let Some(cluster) = &self.cluster else { return };
        let counters = &cluster.counters;
        match failure {
            Failure::Timeout => {
                counters.rq_timeout.increment();
                if let Some((_, host)) = self.forward() {
                    host.counters.rq_timeout.increment();
                }
            }
            Failure::AttemptTimeout => counters.rq_per_try_timeout.increment(),
            Failure::WholeTimeout => self.manager.counters.rq_max_duration_reached.increment(),
            Failure::Reset | Failure::Refused => counters.rq_rx_reset.increment(),
            Failure::ClientGone => counters.rq_cancelled.increment(),
            _ => {}
        }
    }

    /// Tells who watches the cluster's endpoints what came of the attempt.
    pub(super) fn report(&self, outcome: Option<Outcome>) {
        if let (Some(_), Some(outcome), Some(cluster), Some(member)) =
            (&self.attempt, outcome, &self.cluster, &self.member)
        {
            cluster.report(member, outcome, || self.manager.core.random());
        }
    }

    /// The server's answer has come, and is good or not whatever its status says.
    pub(super) fn judge_attempt(&mut self, good: bool) {
        if let Some(attempt) = self.attempt.take()
            && let Some(member) = &attempt.member
        {
            if good { member.counters.rq_success.increment() } else { member.counters.rq_error.increment() }
        }
    }

    /// The attempt is over; `status` is what the server, or we in its place, answered.
    pub(super) fn end_attempt(&mut self, status: Option<u16>) {
        self.judge_attempt(status.is_some_and(|status| status < 500));
        if let (Some(cluster), Some(status)) = (&self.cluster, status) {
            cluster.counters.statuses.record(status);
            if self.first_half {
                cluster.counters.half.record(status);
            }
            if let Some(group) = self.group {
                cluster.counters.users.record(group, status);
            }
        }
    }

    /// Tries again after a failure, if the limits let it; how long to wait before.
    fn try_again(&mut self, failure: &Failure) -> Option<Duration> {
        let host = Rc::clone(self.forward()?.1);
        let cluster = Rc::clone(self.cluster.as_ref()?);
        if self.attempts > self.policy()?.retries {
            cluster.counters.rq_retry_limit_exceeded.increment();
            self.exhausted = true;
            return None;
        }
        // The place of the retry before is free again.
        self.retrying = None;
        let Ok(place) = cluster.gates().retry() else {
            cluster.counters.rq_retry_overflow.increment();
            self.overflowed = true;
            return None;
        };
        cluster.counters.rq_retry.increment();
        host.counters.rq_retry.increment();
        cluster.counters.rq_retry_backoff_exponential.increment();
        let wait = retry::backoff(self.policy()?, self.attempts + 1, self.manager.core.random());
        self.count_failure(failure);
        let status = if let Failure::Status(status, _) = failure { Some(*status) } else { None };
        self.report(outcome_of(failure));
        self.end_attempt(status);
        self.retrying = place;
        Some(wait)
    }
}

/// What a failure says of the server; nothing if it is not the server's.
pub(super) fn outcome_of(failure: &Failure) -> Option<Outcome> {
    match failure {
        Failure::Status(status, _) => Some(Outcome::Answered(*status)),
        Failure::Timeout | Failure::AttemptTimeout => Some(Outcome::Failed(504)),
        Failure::Connect(_) | Failure::ConnectTimeout | Failure::Reset | Failure::Refused | Failure::Protocol(_) => {
            Some(Outcome::Failed(503))
        }
        _ => None,
    }
}

/// How long a request of gRPC says it may take (the gRPC document *PROTOCOL-HTTP2*).
fn grpc_timeout(request: &Request, limit: GrpcTimeout) -> Option<Duration> {
    const DIGITS_MAX: usize = 8;
    let text = std::str::from_utf8(request.values("grpc-timeout").next()?).ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u32 = digits.parse().ok().filter(|_| digits.len() <= DIGITS_MAX)?;
    let unit = match unit {
        "H" => Duration::from_hours(1),
        "M" => Duration::from_mins(1),
        "S" => Duration::from_secs(1),
        "m" => Duration::from_millis(1),
        "u" => Duration::from_micros(1),
        "n" => Duration::from_nanos(1),
        _ => return None,
    };
    let asked = unit.checked_mul(number)?;
    let early = asked.checked_sub(limit.offset).filter(|early| !early.is_zero()).unwrap_or(asked);
    Some(limit.max.map_or(early, |max| early.min(max)))
}

impl Call for Passage {
    fn may_change_version(&mut self) -> bool {
        self.forward().is_some() && self.choose().is_ok_and(|cluster| cluster.may_speak_http2())
    }

    async fn admit(&mut self) -> Result<Rc<Upstream>, Failure> {
        if self.attempts == 0 {
            // Boxed, so that requests without a fault pay nothing for its timer.
            if let Some(fault) = self.fault() {
                Box::pin(self.suffer(fault)).await?;
            }
        }
        let cluster = self.choose()?;
        let admission = cluster.enter().await?;
        let (upstream, member) = if cluster.is_original_destination() {
            (cluster.upstream_at(self.peer.destination), None)
        } else {
            let member = self.pick(&cluster)?;
            self.member = Some(Rc::clone(&member));
            (Rc::clone(&member.upstream), Some(member))
        };
        self.attempts += 1;
        if self.policy().is_some_and(|policy| policy.avoid_previous > 0) {
            self.tried.push(upstream.route.target);
        }
        self.attempt = Some(Attempt::new(cluster, member, admission));
        Ok(upstream)
    }

    fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    fn may_retry(&self) -> bool {
        self.may_retry
    }

    fn judges(&self, failure: &Failure) -> bool {
        match failure {
            // The server has not looked at it: if the policy has nothing for that, nobody is harmed.
            Failure::Refused => self.may_retry && self.policy().is_some_and(|policy| retry::applies(policy, failure)),
            _ => self.policy().is_some(),
        }
    }

    fn retry(&mut self, failure: &Failure) -> Option<Duration> {
        let applies = self.may_retry && self.policy().is_some_and(|policy| retry::applies(policy, failure));
        if applies { self.try_again(failure) } else { None }
    }

    fn retry_response(&mut self, status: u16, fields: &dyn Fields) -> Option<Duration> {
        let applies = |policy| retry::applies_to_response(policy, status, fields);
        if self.may_retry && self.policy().is_some_and(applies) {
            self.try_again(&Failure::Status(status, Duration::ZERO))
        } else {
            None
        }
    }

    fn edit_response(&mut self, request: &Request, status: u16, service_time: Duration, fields: &mut dyn Fields) {
        if self.edits.is_some() {
            self.edit(request, status, Some(service_time), fields);
        }
        self.capture(status, fields);
    }

    fn dropped_from_request(&self) -> NameSet {
        const ALWAYS: NameSet = NameSet::of(&[Name::XEnvoyExpectedRqTimeoutMs]);
        const TRACED: NameSet = NameSet::of(&[Name::XAmznTraceId]);
        const CERTIFICATE: NameSet = NameSet::of(&[client_certificate::NAME]);
        const HOST: NameSet = NameSet::of(&[Name::Host]);
        let dropped = if self.trace_field().is_some() { ALWAYS.and(TRACED) } else { ALWAYS };
        let settings = &self.manager.settings.client_certificate;
        let goes_on = client_certificate::goes_on(settings, self.peer.session.as_deref());
        let dropped = if goes_on { dropped } else { dropped.and(CERTIFICATE) };
        if self.endpoint_host().is_some() { dropped.and(HOST) } else { dropped }
    }

    fn append_to_request(&self, request: &Request, left: Option<Duration>, out: &mut Vec<u8>) {
        if request.value(Name::XForwardedProto).is_none() {
            append_field(out, "x-forwarded-proto", self.peer.scheme().as_bytes());
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
        if let Some(field) = self.trace_field() {
            append_field(out, "x-amzn-trace-id", field.as_bytes());
        }
        if let Some(host) = self.endpoint_host() {
            append_field(out, "host", host.as_bytes());
            append_field(out, "x-envoy-original-host", request.authority());
        }
        if self.route().is_some_and(|(_, host)| host.tells_server_attempts) {
            append_number(out, "x-envoy-attempt-count", u64::from(self.attempts));
        }
    }

    fn dropped_from_response(&self) -> NameSet {
        const DROPPED: NameSet = NameSet::of(&[Name::Server, Name::XEnvoyUpstreamServiceTime]);
        DROPPED
    }

    fn append_to_response(&self, service_time: Duration, has_date: bool, out: &mut Vec<u8>) {
        if !self.hides_service_time {
            let milliseconds = u64::try_from(service_time.as_millis()).unwrap_or(u64::MAX);
            append_number(out, "x-envoy-upstream-service-time", milliseconds);
        }
        for (name, value) in &self.added {
            append_field(out, name, value);
        }
        if self.route().is_some_and(|(_, host)| host.tells_client_attempts) {
            append_number(out, "x-envoy-attempt-count", u64::from(self.attempts));
        }
        if self.manager.settings.edge.returns_ids
            && let Some(id) = self.returned_id.as_deref()
        {
            append_field(out, "x-request-id", id);
        }
        if !has_date {
            self.manager.core.date(|date| append_field(out, "date", date));
        }
        append_field(out, "server", b"envoy");
    }

    fn answer(&mut self, request: &Request, failure: &Failure) -> Answer {
        self.answer_for(request, failure)
    }

    fn finish(&mut self, request: &Request, record: &Record) {
        self.conclude(request, record);
    }
}
