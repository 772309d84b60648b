//! Groups of endpoints: where they are known from, how they are checked, how much they are given at once.

use std::{net::SocketAddr, time::Duration};

use serde::Serialize;

use super::{CONNECT_TIMEOUT, ClientTls, OutlierDetection, PANIC_THRESHOLD, Protocol};

/// A group of endpoints that do the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cluster {
    /// Where its endpoints are known from.
    pub discovery: Discovery,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How connections to it are secured, if they are.
    pub tls: Option<ClientTls>,
    /// What its endpoints speak.
    pub protocol: Protocol,
    /// How its endpoints are asked whether they are well. Empty: they are.
    pub health_checks: Vec<HealthCheck>,
    /// When endpoints that fail requests are left out. None: never.
    pub outliers: Option<OutlierDetection>,
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
            tls: None,
            protocol: Protocol::default(),
            health_checks: Vec::new(),
            outliers: None,
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
    /// Which addresses are asked for.
    pub family: AddressFamily,
}

/// Which addresses of a name are asked for, by Envoy's `dns_lookup_family`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum AddressFamily {
    /// IPv4 and nothing else.
    V4Only,
    /// IPv6 and nothing else.
    V6Only,
    /// IPv4, and IPv6 where there is none.
    V4Preferred,
    /// IPv6, and IPv4 where there is none.
    V6Preferred,
    /// Both.
    All,
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
    /// The name it was found by, or that it is given.
    pub hostname: Option<String>,
}

impl Endpoint {
    /// A healthy endpoint of weight one.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, weight: 1, healthy: true, hostname: None }
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
        /// It is asked over HTTP/2.
        http2: bool,
    },
    /// A call of gRPC's own health check.
    Grpc {
        /// The service that is asked for; all of the server if it is empty.
        service: String,
        /// Whom the call is for; the cluster's name if it is empty.
        authority: String,
    },
    /// A connection.
    Tcp,
}
