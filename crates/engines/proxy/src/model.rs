//! What the data plane is told to do, in plain words of our own.
//!
//! `xds` translates Envoy's resources into this, tests write it by hand, and `mesh` carries it out. Its shapes follow
//! Envoy's (listeners, routes, clusters, endpoints, each found by name) because that is how xDS delivers them: one
//! part can change without the others. What Envoy can say and this can't, we can't do, and `xds` refuses it.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use serde::Serialize;

/// The timeout of a request for which none is configured, as Envoy has it.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a connection to an endpoint may take to come about where nothing is configured, as Envoy has it.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a stream may stand still where nothing is configured, as Envoy has it.
pub const STREAM_IDLE_TIMEOUT: Duration = Duration::from_mins(5);

/// How long a connection may have nothing to do where nothing is configured, as Envoy has it.
pub const CONNECTION_IDLE_TIMEOUT: Duration = Duration::from_hours(1);

/// How often a DNS cluster asks again where nothing is configured, as Envoy has it.
pub const DNS_REFRESH: Duration = Duration::from_secs(5);

/// The share of healthy endpoints, in percent, under which health is ignored where nothing is configured, as Envoy
/// has it.
pub const PANIC_THRESHOLD: u32 = 50;

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Config {
    /// Groups of endpoints, by name.
    pub clusters: BTreeMap<String, Cluster>,
    /// The endpoints of clusters that are discovered by [`Discovery::Eds`], by service name.
    pub endpoints: BTreeMap<String, Vec<Endpoint>>,
    /// Where connections are taken in, by name.
    pub listeners: BTreeMap<String, Listener>,
    /// Route configurations, by name.
    pub routes: BTreeMap<String, RouteTable>,
}

/// The side of the application that a listener is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Direction {
    /// Not said.
    #[default]
    Unspecified,
    /// Toward the application.
    Inbound,
    /// From the application.
    Outbound,
}

impl Direction {
    /// The word traces have for it.
    pub(crate) fn word(self) -> &'static str {
        if self == Self::Inbound { "ingress" } else { "egress" }
    }
}

/// Where connections are taken in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listener {
    /// The address to bind.
    pub address: SocketAddr,
    /// Which way the traffic goes.
    pub direction: Direction,
    /// Connections come redirected: where they were going to decides the chain.
    pub original_destination: bool,
    /// What to do with a connection, by what it is. One that no chain matches is reset.
    pub chains: Vec<FilterChain>,
}

/// What to do with the connections of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FilterChain {
    /// Which connections.
    pub matches: ChainMatch,
    /// What to do with them.
    pub filter: Filter,
}

/// Which connections belong to a chain. The default is all that no other chain takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChainMatch {
    /// The port the connection was going to.
    pub destination_port: Option<u16>,
    /// The names asked for in the TLS `ClientHello`; `*.example.com` is every name below it. Empty: any or none.
    pub server_names: Vec<String>,
}

/// What is done with a connection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Filter {
    /// It carries HTTP; each request is routed.
    Http(HttpManager),
    /// Its bytes are passed on as they are.
    Tcp(TcpProxy),
}

/// How HTTP connections are treated.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HttpManager {
    /// The word under which it counts: `http.<prefix>.…`.
    pub stat_prefix: String,
    /// The name of its route configuration.
    pub routes: String,
    /// Dot segments of the path are resolved before routing (RFC 3986, 5.2.4).
    pub normalize_path: bool,
    /// Adjacent slashes of the path become one before routing.
    pub merge_slashes: bool,
    /// Protocols that may take over a connection by `Upgrade`, lower case.
    pub upgrades: Vec<String>,
    /// Whether requests are traced, if the process has a tracer.
    pub tracing: bool,
    /// Where requests are written down.
    pub access_logs: Vec<AccessLog>,
    /// How long a connection without requests is kept. None: for ever.
    pub idle_timeout: Option<Duration>,
    /// How long a request may stand still. None: for ever.
    pub stream_idle_timeout: Option<Duration>,
}

impl Default for HttpManager {
    fn default() -> Self {
        Self {
            stat_prefix: "ingress".to_owned(),
            routes: String::new(),
            normalize_path: false,
            merge_slashes: false,
            upgrades: Vec::new(),
            tracing: false,
            access_logs: Vec::new(),
            idle_timeout: Some(CONNECTION_IDLE_TIMEOUT),
            stream_idle_timeout: Some(STREAM_IDLE_TIMEOUT),
        }
    }
}

/// How connections are passed on as they are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TcpProxy {
    /// The word under which it counts: `tcp.<prefix>.…`.
    pub stat_prefix: String,
    /// Where connections go, by weight.
    pub clusters: Vec<WeightedCluster>,
    /// How long a connection may stand still. None: for ever.
    pub idle_timeout: Option<Duration>,
    /// Where connections are written down.
    pub access_logs: Vec<AccessLog>,
}

/// A file of requests in Envoy's default text format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessLog {
    /// The file; `/dev/stdout` is the usual one.
    pub path: String,
}

/// Virtual hosts, and so all routes of a port.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RouteTable {
    /// The hosts; at most one of them answers to a name.
    pub virtual_hosts: Vec<VirtualHost>,
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
}

/// What to do with requests of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Route {
    /// Which path.
    pub path: PathMatch,
    /// What to do.
    pub action: Action,
}

/// Which paths a route is for; the query does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum PathMatch {
    /// The path begins so.
    Prefix(String),
    /// The path is this.
    Exact(String),
}

/// What is done with a request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Action {
    /// It goes to a cluster.
    Forward(Forward),
    /// The proxy answers.
    Respond(Respond),
}

/// How requests are passed on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forward {
    /// Where to, by weight. The sum of weights is positive.
    pub clusters: Vec<WeightedCluster>,
    /// From the end of the request to the end of the response. None: no limit.
    pub timeout: Option<Duration>,
    /// How long the exchange may stand still; where it is not set the connection manager's counts.
    pub idle_timeout: Option<Duration>,
    /// When to try again.
    pub retry: Option<RetryPolicy>,
}

impl Forward {
    /// To one cluster, with the defaults.
    pub fn to(cluster: &str) -> Self {
        let clusters = vec![WeightedCluster { name: cluster.to_owned(), weight: 1 }];
        Self { clusters, timeout: Some(REQUEST_TIMEOUT), idle_timeout: None, retry: None }
    }
}

/// A cluster and its share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WeightedCluster {
    /// The cluster's name.
    pub name: String,
    /// Its share of the sum of weights.
    pub weight: u32,
}

/// An answer of the proxy's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Respond {
    /// The status code.
    pub status: u16,
    /// The body, plain text.
    pub body: String,
}

/// When a request is sent once more. A response is given up only while nothing of it went to the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is one word of Envoy's retry_on")]
pub struct RetryPolicy {
    /// The endpoint could not be connected to.
    pub connect_failure: bool,
    /// The endpoint closed the connection, or did not answer in time, before its response began.
    pub reset: bool,
    /// The endpoint answered with any 5xx, or [`RetryPolicy::reset`].
    pub server_error: bool,
    /// The endpoint answered 409.
    pub conflict: bool,
    /// Status codes that are tried again.
    pub statuses: Vec<u16>,
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
            server_error: false,
            conflict: false,
            statuses: Vec::new(),
            retries: 1,
            per_try_timeout: None,
            avoid_previous: 0,
            backoff_base: Duration::from_millis(25),
            backoff_max: Duration::from_millis(250),
        }
    }
}

/// A group of endpoints that do the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cluster {
    /// Where its endpoints are known from.
    pub discovery: Discovery,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How its endpoints are asked whether they are well. Empty: they are.
    pub health_checks: Vec<HealthCheck>,
    /// How much may be going on at once.
    pub limits: Limits,
    /// The share of healthy endpoints, in percent, under which health is ignored.
    pub panic_threshold: u32,
}

impl Cluster {
    /// A cluster with the defaults.
    pub fn of(discovery: Discovery) -> Self {
        Self {
            discovery,
            connect_timeout: CONNECT_TIMEOUT,
            health_checks: Vec::new(),
            limits: Limits::default(),
            panic_threshold: PANIC_THRESHOLD,
        }
    }
}

/// Where the endpoints of a cluster are known from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Discovery {
    /// They are given here.
    Static(Vec<Endpoint>),
    /// All addresses that the names have.
    StrictDns(Dns),
    /// The first address that the name has; a change of it leaves open connections alone.
    LogicalDns(Dns),
    /// Where the connection was going to before it was redirected.
    OriginalDestination,
    /// They come by name, apart from the cluster.
    Eds {
        /// The name they come by.
        service_name: String,
    },
}

/// Names to look up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dns {
    /// Host name and port of each.
    pub hosts: Vec<(String, u16)>,
    /// How often to ask.
    pub refresh: Duration,
    /// The answer's time to live counts instead, where it is longer.
    pub respect_ttl: bool,
}

/// One server of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// Where it is.
    pub address: SocketAddr,
    /// Its share.
    pub weight: u32,
    /// What the configuration says of its health.
    pub healthy: bool,
}

impl Endpoint {
    /// A healthy endpoint of weight one.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, weight: 1, healthy: true }
    }
}

/// How much a cluster may have going on at once. None: any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Requests on their way, each of which has a connection to itself.
    pub connections: Option<u32>,
    /// Requests that wait for one of the above to end.
    pub pending: Option<u32>,
    /// Requests on their way and waiting.
    pub requests: Option<u32>,
    /// Requests being tried again.
    pub retries: Option<u32>,
}

/// How an endpoint is asked whether it is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthCheck {
    /// What is asked.
    pub probe: Probe,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How often it is asked.
    pub interval: Duration,
    /// So many failures in a row make it unhealthy.
    pub unhealthy_threshold: u32,
    /// So many successes in a row make it healthy; the very first check needs one.
    pub healthy_threshold: u32,
    /// Another port than the endpoint's own.
    pub port: Option<u16>,
}

/// What a health check does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Probe {
    /// A `GET`.
    Http {
        /// The path, with query.
        path: String,
        /// The value of `Host`.
        host: String,
        /// The status codes that are good: pairs of first and last.
        expected: Vec<(u16, u16)>,
    },
    /// A connection.
    Tcp,
}
