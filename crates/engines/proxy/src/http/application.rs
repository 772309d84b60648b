//! The seam between forwarding and whoever decides about requests.
//!
//! The mesh routes by virtual host and cluster, the load balancer by rule and target group; they add different header
//! fields, answer failures in different words and count under different names. All of that is behind these two traits,
//! and forwarding is compiled once for each of them.

use std::{io, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

use super::{Answer, Fields, Malformed, NameSet, Request, Upstream, Version};
use crate::{
    core::Core,
    model::{Codec, Http2},
    tls::Session,
};

/// Both ends of a client's connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// The client.
    pub(crate) address: SocketAddr,
    /// Where the client wanted to go.
    pub(crate) destination: SocketAddr,
    /// Where it came to, which is another place if it was redirected.
    pub(crate) local: SocketAddr,
    /// The number of the connection.
    pub(crate) number: u64,
    /// What was agreed on with the client; none if its connection is not secured.
    pub(crate) session: Option<Arc<Session>>,
}

impl Peer {
    /// The scheme that the client uses.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.session.is_some() { "https" } else { "http" }
    }
}

/// How long clients are waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For the first byte of a request. None: for ever.
    pub(crate) idle: Option<Duration>,
    /// From there for the end of its head.
    pub(crate) head: Duration,
}

/// How long an exchange may take. None: no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timeouts {
    /// From the end of the request to the end of the response.
    pub(crate) request: Option<Duration>,
    /// From the end of the request to the head of the response, for each attempt.
    pub(crate) attempt: Option<Duration>,
    /// From the beginning of the request to the end of the response.
    pub(crate) whole: Option<Duration>,
    /// For any byte to move.
    pub(crate) idle: Option<Duration>,
}

/// Decides about requests. One serves all connections of a kind on a core.
pub(crate) trait Application: 'static {
    /// What it knows of one request.
    type Call: Call;

    /// The core it is on.
    fn core(&self) -> &Rc<Core>;

    /// How long clients are waited for.
    fn patience(&self) -> Patience;

    /// Whether connections shall end after the request they are at.
    fn closing(&self) -> bool;

    /// The word that answers of its own have as `Server`.
    fn server(&self) -> &'static str;

    /// Ready when connections shall end.
    async fn drained(&self);

    /// What clients speak.
    fn codec(&self) -> Codec;

    /// How HTTP/2 is spoken with clients.
    fn http2(&self) -> &Http2;

    /// A connection carries its first request.
    fn see_version(&self, _version: Version) {}

    /// Routes a request. Never waits.
    fn call(self: &Rc<Self>, request: &mut Request, peer: &Peer) -> Self::Call;

    /// What to say to a request that can't be understood, or did not come in time (none).
    fn refuse(&self, malformed: Option<Malformed>, peer: &Peer) -> Answer;
}

/// One request on its way through.
pub(crate) trait Call {
    /// Whether its servers may speak HTTP/2 with a client that does not; asked before anything else.
    fn may_change_version(&mut self) -> bool;

    /// The server of the next attempt, waiting for room if need be.
    async fn admit(&mut self) -> Result<Rc<Upstream>, Failure>;

    /// How long it may take.
    fn timeouts(&self) -> Timeouts;

    /// Whether it may be sent more than once, for which its body is kept.
    fn may_retry(&self) -> bool;

    /// Whether it is for [`Call::retry`] to say what becomes of a request whose connection had been waiting for it, and
    /// ended so. If not, the request is sent once more and nobody hears of it: a server may end such a connection at any
    /// time.
    fn judges(&self, _failure: &Failure) -> bool {
        false
    }

    /// Whether to try again, and after what wait; asked once for each failure, and only if it can be done.
    fn retry(&mut self, failure: &Failure) -> Option<Duration>;

    /// Whether to try again instead of passing on a response, and after what wait; asked only if it can be done.
    fn retry_response(&mut self, _status: u16, _fields: &dyn Fields) -> Option<Duration> {
        None
    }

    /// Looks at the response that will be passed on, whose head came after `service_time`, and takes fields away.
    fn edit_response(&mut self, _: &Request, _status: u16, _service_time: Duration, _fields: &mut dyn Fields) {}

    /// The fields of the request that are not passed on, besides those that never are.
    fn dropped_from_request(&self) -> NameSet;

    /// Appends fields to the request. `left` is the time it may still take.
    fn append_to_request(&self, request: &Request, left: Option<Duration>, out: &mut Vec<u8>);

    /// The fields of the response that are not passed on, besides those that never are.
    fn dropped_from_response(&self) -> NameSet;

    /// Appends fields to the response, whose head came after `service_time`. `has_date` is whether it has a `Date`.
    fn append_to_response(&self, service_time: Duration, has_date: bool, out: &mut Vec<u8>);

    /// What to answer instead of a response.
    fn answer(&mut self, request: &Request, failure: &Failure) -> Answer;

    /// The request is over, one way or another.
    fn finish(&mut self, request: &Request, record: &Record);
}

/// Why a request has no response from a server.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The application answers by itself.
    Own,
    /// No server is there.
    NoUpstream,
    /// As much as may is going on already.
    Overflow,
    /// The server could not be connected to.
    Connect(io::Error),
    /// The server could not be connected to in time.
    ConnectTimeout,
    /// The server closed the connection before its response.
    Reset,
    /// The server has not looked at the request, and says so.
    Refused,
    /// The server's response can't be understood.
    Protocol(Malformed),
    /// The server answered with a status that the application would rather not have, and wants to wait so long.
    Status(u16, Duration),
    /// The request's time is up.
    Timeout,
    /// The time is up for request and response together.
    WholeTimeout,
    /// The attempt's time is up.
    AttemptTimeout,
    /// The request has come, and nothing moved for too long.
    Idle,
    /// Nothing moved for too long while the request was still coming.
    ClientIdle,
    /// The client's body can't be understood.
    BadBody(Malformed),
    /// It goes wrong on purpose: nobody is asked, and this is the status.
    Injected(u16),
    /// The client has gone.
    ClientGone,
}

/// How a request went.
#[derive(Debug)]
pub(crate) struct Record {
    /// When its head was complete.
    pub(crate) started: Instant,
    /// When all was over.
    pub(crate) ended: Instant,
    /// The status code the client got; 0 if none.
    pub(crate) status: u16,
    /// Bytes of content from the client.
    pub(crate) received: u64,
    /// Bytes of content to the client.
    pub(crate) sent: u64,
    /// The server of the last attempt.
    pub(crate) upstream: Option<SocketAddr>,
    /// Our end of the connection to it.
    pub(crate) upstream_local: Option<SocketAddr>,
    /// What secures that connection.
    pub(crate) upstream_session: Option<Arc<Session>>,
    /// From the end of the request to the head of the response.
    pub(crate) service_time: Option<Duration>,
    /// When the request had ended.
    pub(crate) received_at: Option<Instant>,
    /// When the head of the response had come.
    pub(crate) responded_at: Option<Instant>,
    /// The server of the last attempt spoke HTTP/2.
    pub(crate) upstream_http2: bool,
    /// The status of a call by gRPC, where the response had one.
    pub(crate) grpc_status: Option<u16>,
    /// The fields behind the response's body, a line for each; known where one side speaks HTTP/2.
    pub(crate) trailers: Bytes,
    /// What went wrong in the end.
    pub(crate) failure: Option<Failure>,
    /// The response is a server's, not the proxy's own.
    pub(crate) from_server: bool,
}

impl Record {
    pub(crate) fn new(started: Instant) -> Self {
        Self {
            started,
            ended: started,
            status: 0,
            received: 0,
            sent: 0,
            upstream: None,
            upstream_local: None,
            upstream_session: None,
            service_time: None,
            received_at: None,
            responded_at: None,
            upstream_http2: false,
            grpc_status: None,
            trailers: Bytes::new(),
            failure: None,
            from_server: false,
        }
    }

    /// When all of the request had been sent on.
    pub(crate) fn sent_on(&self) -> Option<Instant> {
        self.responded_at?.checked_sub(self.service_time?)
    }

    /// An attempt at `upstream` begins.
    pub(super) fn at(&mut self, upstream: &Upstream) {
        self.upstream = Some(upstream.route.target);
        (self.upstream_local, self.upstream_session) = (None, None);
    }

    /// It goes by a connection whose end of ours is `local`.
    pub(super) fn by(&mut self, local: Option<SocketAddr>, session: Option<&Arc<Session>>) {
        self.upstream_local = local;
        self.upstream_session = session.map(Arc::clone);
    }

    /// From the head of the request to the end.
    pub(crate) fn duration(&self) -> Duration {
        self.ended - self.started
    }
}
