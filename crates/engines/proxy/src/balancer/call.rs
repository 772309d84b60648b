//! One request through a load balancer.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use super::{
    answer::page,
    group::{Group, InFlight},
    table::Stand,
};
use crate::{
    core::Core,
    http::{
        Answer, Call, Failure, Framing, Name, NameSet, Peer, Record, Request, Timeouts, Upstream, append_field,
        append_number,
    },
    mesh::halves,
};

/// Targets that a request is given to at most: a second one if it did not reach the first.
const ATTEMPTS_MAX: usize = 3;

/// What is to be done with a request.
pub(crate) enum Verdict {
    Forward(Rc<Group>),
    Say(Answer),
}

/// One request.
pub(crate) struct Forwarding {
    core: Rc<Core>,
    /// The balancer; none where the request is for nobody.
    stand: Option<Rc<Stand>>,
    verdict: Verdict,
    peer: Peer,
    port: u16,
    idle: Option<Duration>,
    repeatable: bool,
    tried: Vec<SocketAddr>,
    member: Option<InFlight>,
    /// A trace for a request that came without.
    trace: Option<String>,
}

impl Forwarding {
    pub(crate) fn new(
        core: &Rc<Core>,
        request: &Request,
        peer: &Peer,
        stand: Option<Rc<Stand>>,
        verdict: Verdict,
        port: u16,
    ) -> Self {
        let idle_seconds = stand.as_ref().map_or(0, |stand| stand.idle_timeout_seconds());
        let forwards = matches!(verdict, Verdict::Forward(_));
        let untraced = forwards && request.value(Name::XAmznTraceId).is_none();
        Self {
            core: Rc::clone(core),
            stand,
            verdict,
            peer: peer.clone(),
            port,
            idle: (idle_seconds > 0).then(|| Duration::from_secs(u64::from(idle_seconds))),
            repeatable: forwards && request.is_idempotent() && request.framing == Framing::None,
            tried: Vec::new(),
            member: None,
            trace: untraced.then(|| trace_id(core)),
        }
    }
}

impl Forwarding {
    /// Counts how the request went, as an application load balancer does.
    fn count(&self, request: &Request, record: &Record) {
        if let Some(member) = &self.member {
            member.tally().request();
        }
        if let Some(failure) = &record.failure {
            self.count_connection(failure);
        }
        let (Verdict::Forward(group), status) = (&self.verdict, record.status) else {
            self.stand.iter().for_each(|stand| stand.tally.own(record.status, false));
            return;
        };
        let first_half = halves::is_first(request, &self.core);
        match &self.member {
            // The client went before there was an answer.
            _ if status == 0 => {}
            Some(member) if record.from_server => member.tally().answer(status, record.service_time, first_half),
            Some(member) => member.tally().own(status, first_half),
            None => group.tally.own(status, first_half),
        }
    }

    /// Counts a connection to a target that did not come about.
    fn count_connection(&self, failure: &Failure) {
        if let (Failure::Connect(_) | Failure::ConnectTimeout, Some(member)) = (failure, &self.member) {
            member.tally().connection_error();
        }
    }

    /// Whether the request goes to another target: it can be repeated, and did not reach this one.
    fn goes_elsewhere(&self, failure: &Failure) -> Option<Duration> {
        let unseen =
            matches!(failure, Failure::Connect(_) | Failure::ConnectTimeout | Failure::Reset | Failure::Refused);
        (unseen && self.tried.len() < ATTEMPTS_MAX).then_some(Duration::ZERO)
    }
}

/// A new trace, in X-Ray's form: `Root=1-<seconds>-<96 bits>`.
fn trace_id(core: &Core) -> String {
    let seconds = core.clock.now().as_millis() / 1000;
    format!("Root=1-{seconds:08x}-{:016x}{:08x}", core.random(), core.random() >> 32)
}

impl Call for Forwarding {
    fn may_change_version(&mut self) -> bool {
        false
    }

    async fn admit(&mut self) -> Result<Rc<Upstream>, Failure> {
        let Verdict::Forward(group) = &self.verdict else { return Err(Failure::Own) };
        let member = group.pick(&self.tried).ok_or(Failure::NoUpstream)?;
        group.counters.rq_total.increment();
        let upstream = Rc::clone(member.upstream());
        self.tried.push(upstream.route.target);
        self.member = Some(member);
        Ok(upstream)
    }

    fn timeouts(&self) -> Timeouts {
        Timeouts { idle: self.idle, ..Timeouts::default() }
    }

    fn may_retry(&self) -> bool {
        self.repeatable
    }

    fn retry(&mut self, failure: &Failure) -> Option<Duration> {
        let again = self.goes_elsewhere(failure);
        if again.is_some() {
            self.count_connection(failure);
        }
        again
    }

    fn dropped_from_request(&self) -> NameSet {
        const DROPPED: NameSet = NameSet::of(&[Name::XForwardedFor, Name::XForwardedProto, Name::XForwardedPort]);
        DROPPED
    }

    fn append_to_request(&self, request: &Request, _: Option<Duration>, out: &mut Vec<u8>) {
        let client = self.peer.address.ip().to_string();
        let mut chain: Vec<&[u8]> = request.values("x-forwarded-for").collect();
        chain.push(client.as_bytes());
        append_field(out, "x-forwarded-for", &chain.join(&b", "[..]));
        append_field(out, "x-forwarded-proto", if self.peer.session.is_some() { b"https" } else { b"http" });
        append_number(out, "x-forwarded-port", u64::from(self.port));
        if let Some(trace) = &self.trace {
            append_field(out, "x-amzn-trace-id", trace.as_bytes());
        }
    }

    fn dropped_from_response(&self) -> NameSet {
        NameSet::of(&[])
    }

    fn append_to_response(&self, _: Duration, has_date: bool, out: &mut Vec<u8>) {
        if !has_date {
            self.core.date(|date| append_field(out, "date", date));
        }
    }

    fn answer(&mut self, _: &Request, failure: &Failure) -> Answer {
        match failure {
            Failure::Own => match &self.verdict {
                Verdict::Say(answer) => answer.clone(),
                Verdict::Forward(_) => page(500),
            },
            Failure::NoUpstream | Failure::Overflow => page(503),
            Failure::Timeout
            | Failure::WholeTimeout
            | Failure::AttemptTimeout
            | Failure::ConnectTimeout
            | Failure::Idle => page(504),
            // Load balancers make no faults.
            Failure::Injected(_) => page(503),
            Failure::ClientIdle => page(408),
            Failure::BadBody(_) | Failure::ClientGone => page(400),
            Failure::Connect(_) | Failure::Reset | Failure::Refused | Failure::Protocol(_) | Failure::Status(..) => {
                page(502)
            }
        }
    }

    fn finish(&mut self, request: &Request, record: &Record) {
        self.count(request, record);
        let Verdict::Forward(group) = &self.verdict else { return };
        group.counters.rq_completed.increment();
        group.counters.rq_time.record(record.duration());
        if record.status != 0 {
            group.counters.statuses.record(record.status);
        }
        if let Some(failure) = &record.failure {
            let target = self.member.as_ref().map(|member| member.upstream().route.to_string());
            tracing::debug!(?failure, target, status = record.status, "a request failed");
        }
    }
}
