//! What is done with requests: virtual hosts, their routes, and when a request is tried again.

use std::time::Duration;

use serde::Serialize;

use super::{HeaderEdits, HeaderMatch, PathMatch, Pattern, REQUEST_TIMEOUT, RouteMatch};

/// Virtual hosts, and so all routes of a port.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RouteTable {
    /// The hosts; at most one of them answers to a name.
    pub virtual_hosts: Vec<VirtualHost>,
    /// What is done to the fields of all messages.
    pub edits: HeaderEdits,
    /// Fields are edited for the table first and for the route last, so that the route wins; else the other way round.
    pub most_specific_edits_last: bool,
    /// The port of `Host` does not count when a virtual host is looked for.
    pub ignore_port: bool,
}

/// What is at a set of names.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct VirtualHost {
    /// Its own name, for statistics.
    pub name: String,
    /// The values of `Host` it answers to: exact, `*.suffix`, `prefix.*` or `*`. A port is part of the value.
    pub domains: Vec<String>,
    /// The first that matches is taken.
    pub routes: Vec<Route>,
    /// What is done to the fields of messages.
    pub edits: HeaderEdits,
    /// When routes that do not say it themselves try again.
    pub retry: Option<RetryPolicy>,
    /// Servers are told by `x-envoy-attempt-count` which attempt it is.
    pub tell_server_attempts: bool,
    /// Clients are told by `x-envoy-attempt-count` how many attempts it took.
    pub tell_client_attempts: bool,
}

/// What to do with requests of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Route {
    /// Its name, for access logs.
    pub name: String,
    /// Which requests.
    pub matches: RouteMatch,
    /// What to do.
    pub action: Action,
    /// What is done to the fields of messages.
    pub edits: HeaderEdits,
    /// What goes wrong on purpose.
    pub fault: Option<Fault>,
}

/// A fault on purpose: what Envoy's fault filter makes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// Requests that are answered with this status, and how many.
    pub abort: Option<(u16, Chance)>,
    /// Requests that are passed on so much later, and how many.
    pub delay: Option<(Duration, Chance)>,
    /// When it is over, in milliseconds since 1970, whether or not the control plane says so. None: when that says so.
    pub until: Option<i64>,
}

/// How many of a million requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Chance(pub u32);

impl Chance {
    /// Whether a request is one of them, by a random number.
    pub fn takes(self, random: u64) -> bool {
        random % 1_000_000 < u64::from(self.0)
    }
}

impl Route {
    /// A route by the path alone.
    pub fn of(path: PathMatch, action: Action) -> Self {
        Self {
            name: String::new(),
            matches: RouteMatch::path(path),
            action,
            edits: HeaderEdits::default(),
            fault: None,
        }
    }
}

/// What is done with a request.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them forward")]
pub enum Action {
    /// It goes to a cluster.
    Forward(Forward),
    /// The proxy answers.
    Respond(Respond),
    /// The proxy tells the client to ask elsewhere.
    Redirect(Redirect),
}

/// How requests are passed on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forward {
    /// Where to, by weight. The sum of weights is positive.
    pub clusters: Vec<WeightedCluster>,
    /// What chooses among them. None: they take turns.
    pub sticky: Option<StickyKey>,
    /// From the end of the request to the end of the response. None: no limit.
    pub timeout: Option<Duration>,
    /// How long the exchange may stand still; where it is not set the connection manager's counts.
    pub idle_timeout: Option<Duration>,
    /// When to try again.
    pub retry: Option<RetryPolicy>,
    /// What the path becomes.
    pub path: Option<PathRewrite>,
    /// What the host becomes.
    pub host: Option<HostRewrite>,
    /// How long the exchange may take from its very beginning to its end. None: no limit.
    pub duration: Option<Duration>,
    /// A request of gRPC says by `grpc-timeout` how long it may take, and this is how that is taken. None: not at all.
    pub grpc_timeout: Option<GrpcTimeout>,
    /// The host there was is appended to `x-forwarded-host`, if it is rewritten.
    pub append_forwarded_host: bool,
}

impl Forward {
    /// To one cluster, with the defaults.
    pub fn to(cluster: &str) -> Self {
        Self {
            clusters: vec![WeightedCluster::of(cluster, 1)],
            sticky: None,
            timeout: Some(REQUEST_TIMEOUT),
            idle_timeout: None,
            retry: None,
            path: None,
            host: None,
            duration: None,
            grpc_timeout: None,
            append_forwarded_host: false,
        }
    }
}

/// What a user is known by who is to stay with a cluster. A request without it takes turns with others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum StickyKey {
    /// The value of the header of this name, in lower case.
    Header(String),
    /// The value of the cookie of this name.
    Cookie(String),
}

/// How `grpc-timeout` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GrpcTimeout {
    /// It counts up to this. None: whatever it is.
    pub max: Option<Duration>,
    /// So much is taken off it, so that the proxy's answer comes before the client gives up.
    pub offset: Duration,
}

/// What a path becomes. The query stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum PathRewrite {
    /// The part that the route matched becomes this: all of it unless it is a prefix.
    Prefix(String),
    /// Every occurrence of an expression becomes this.
    Regex(Pattern, Substitution),
}

/// What an expression's occurrence becomes: text, and what groups of the expression found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Substitution(pub Vec<Piece>);

/// A piece of a [`Substitution`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Piece {
    /// This text.
    Text(String),
    /// What a group found; 0 is the whole occurrence.
    Group(usize),
}

/// What a host becomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum HostRewrite {
    /// This.
    Literal(String),
    /// The value of a header field, if it is there.
    Header(String),
    /// What every occurrence of an expression in the path becomes.
    Path(Pattern, Substitution),
    /// The name of the endpoint that the request goes to, if it has one.
    Endpoint,
}

/// An answer that names another place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Redirect {
    /// The status code.
    pub status: u16,
    /// Another scheme.
    pub scheme: Option<String>,
    /// Another host.
    pub host: Option<String>,
    /// Another port.
    pub port: Option<u16>,
    /// Another path.
    pub path: Option<PathRedirect>,
    /// The query is left out.
    pub strip_query: bool,
}

/// What the path of a redirection becomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum PathRedirect {
    /// This; if it has a query of its own that one counts.
    Literal(String),
    /// As if it were rewritten.
    Rewrite(PathRewrite),
}

/// A cluster and its share.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WeightedCluster {
    /// The cluster's name.
    pub name: String,
    /// Its share of the sum of weights.
    pub weight: u32,
    /// What is done to the fields of messages.
    pub edits: HeaderEdits,
}

impl WeightedCluster {
    /// A cluster that is passed what comes.
    pub fn of(name: &str, weight: u32) -> Self {
        Self { name: name.to_owned(), weight, edits: HeaderEdits::default() }
    }
}

/// An answer of the proxy's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Respond {
    /// The status code.
    pub status: u16,
    /// The body, plain text.
    pub body: String,
}

/// The number of gRPC's status `CANCELLED`.
pub const GRPC_CANCELLED: u32 = 1;
/// The number of gRPC's status `DEADLINE_EXCEEDED`.
pub const GRPC_DEADLINE_EXCEEDED: u32 = 4;
/// The number of gRPC's status `RESOURCE_EXHAUSTED`.
pub const GRPC_RESOURCE_EXHAUSTED: u32 = 8;
/// The number of gRPC's status `INTERNAL`.
pub const GRPC_INTERNAL: u32 = 13;
/// The number of gRPC's status `UNAVAILABLE`.
pub const GRPC_UNAVAILABLE: u32 = 14;

/// When a request is sent once more. A response is given up only while nothing of it went to the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is one word of Envoy's retry_on")]
pub struct RetryPolicy {
    /// The endpoint could not be connected to.
    pub connect_failure: bool,
    /// The endpoint closed the connection, or did not answer in time, before its response began.
    pub reset: bool,
    /// The endpoint closed the connection before it was sent anything.
    pub reset_before_request: bool,
    /// The endpoint refused the stream without having looked at it; only HTTP/2 can say so.
    pub refused: bool,
    /// The endpoint answered with any 5xx, or [`RetryPolicy::reset`].
    pub server_error: bool,
    /// The endpoint answered 502, 503 or 504, or [`RetryPolicy::reset`].
    pub gateway_error: bool,
    /// The endpoint answered 409.
    pub conflict: bool,
    /// The endpoint answered with one of [`RetryPolicy::statuses`].
    pub by_status: bool,
    /// The endpoint's answer fulfils one of [`RetryPolicy::headers`].
    pub by_header: bool,
    /// The endpoint's answer says that a limit was hit; else such an answer is never tried again.
    pub rate_limited: bool,
    /// A bit for each status of gRPC that is tried again.
    pub grpc: u32,
    /// Status codes for [`RetryPolicy::by_status`].
    pub statuses: Vec<u16>,
    /// Conditions for [`RetryPolicy::by_header`].
    pub headers: Vec<HeaderMatch>,
    /// Only requests that fulfil one of these are tried again. Empty: all.
    pub request_headers: Vec<HeaderMatch>,
    /// How often, after the first attempt.
    pub retries: u32,
    /// The time for one attempt. None: only the request's own limit.
    pub per_try_timeout: Option<Duration>,
    /// An endpoint that was tried is avoided, by at most so many further picks.
    pub avoid_previous: u32,
    /// The first wait is a random part of this, later ones of a multiple.
    pub backoff_base: Duration,
    /// No wait is longer.
    pub backoff_max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            connect_failure: false,
            reset: false,
            reset_before_request: false,
            refused: false,
            server_error: false,
            gateway_error: false,
            conflict: false,
            by_status: false,
            by_header: false,
            rate_limited: false,
            grpc: 0,
            statuses: Vec::new(),
            headers: Vec::new(),
            request_headers: Vec::new(),
            retries: 1,
            per_try_timeout: None,
            avoid_previous: 0,
            backoff_base: Duration::from_millis(25),
            backoff_max: Duration::from_millis(250),
        }
    }
}
