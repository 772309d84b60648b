//! What is done with requests: virtual hosts, their routes, and when a request is tried again.

use std::time::Duration;

use serde::Serialize;

use super::REQUEST_TIMEOUT;

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
