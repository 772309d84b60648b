//! What the data plane is told to do, in plain words of our own.
//!
//! `xds` translates Envoy's resources into this, tests write it by hand, and `mesh` carries it out. Its shapes follow
//! Envoy's (listeners, routes, clusters, endpoints, each found by name) because that is how xDS delivers them: one
//! part can change without the others. What Envoy can say and this can't, we can't do, and `xds` refuses it.

mod cluster;
mod edge;
pub(crate) mod expression;
mod fields;
mod log;
mod matching;
mod outlier;
mod protocol;
mod route;
mod tls;

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use serde::Serialize;

pub use crate::format::{Json, Template};
pub use cluster::{AddressFamily, Cluster, Discovery, Dns, Endpoint, HealthCheck, Limits, Probe};
pub use edge::Edge;
pub use fields::{Append, Edits, HeaderAdd, HeaderEdits};
pub use log::{AccessLog, LogFormat};
pub use matching::{
    HeaderMatch, HeaderTest, Part, PathMatch, Pattern, QueryMatch, QueryTest, RouteMatch, StringMatch, StringTest,
};
pub use outlier::{FailurePercentage, OutlierDetection, Streak, SuccessRate};
pub use protocol::{Codec, Http2, Keepalive, Protocol, ServerVersion};
pub use route::{
    Action, Chance, Fault, Forward, GRPC_CANCELLED, GRPC_DEADLINE_EXCEEDED, GRPC_INTERNAL, GRPC_RESOURCE_EXHAUSTED,
    GRPC_UNAVAILABLE, GrpcTimeout, HostRewrite, PathRedirect, PathRewrite, Piece, Redirect, Respond, RetryPolicy,
    Route, RouteTable, StickyKey, Substitution, VirtualHost, WeightedCluster,
};
pub use tls::{
    Certificate, CertificateSource, ClientCertificate, ClientTls, CommonTls, ForwardClientCertificate, Keeper,
    Material, NameKind, NameMatch, Secret, SecretName, ServerTls, TextMatch, TextPattern, Validation, ValidationSource,
    Versions,
};

/// The timeout of a request for which none is configured, as Envoy has it.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a connection to an endpoint may take to come about where nothing is configured, as Envoy has it.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a stream may stand still where nothing is configured, as Envoy has it.
pub const STREAM_IDLE_TIMEOUT: Duration = Duration::from_mins(5);

/// How long the head of a request may take where nothing is configured. Envoy waits for ever: one client could hold as
/// many connections as it likes by a byte now and then.
pub const HEAD_TIMEOUT: Duration = Duration::from_mins(1);

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
    /// Secrets that came by name from whoever sends all the rest.
    pub secrets: BTreeMap<String, Secret>,
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
    /// At all IPv6 addresses means at all IPv4 addresses too.
    pub ipv4_too: bool,
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
    /// What it is called, if anything.
    pub name: String,
    /// Which connections.
    pub matches: ChainMatch,
    /// How they are secured, if they are.
    pub tls: Option<ServerTls>,
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
    /// Whether it begins with TLS. None: it may, or not.
    pub secured: Option<bool>,
    /// What is offered in the `ClientHello` to be spoken (ALPN); one of these. Empty: anything or nothing.
    pub protocols: Vec<String>,
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
    /// What clients speak.
    pub codec: Codec,
    /// How HTTP/2 is spoken with them.
    pub http2: Http2,
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
    /// How long the head of a request may take, from its first byte.
    pub head_timeout: Duration,
    /// How long a request may stand still. None: for ever.
    pub stream_idle_timeout: Option<Duration>,
    /// What is believed of what requests say of where they come from.
    pub edge: Edge,
    /// What servers are told of a client's certificate.
    pub client_certificate: ClientCertificate,
}

impl Default for HttpManager {
    fn default() -> Self {
        Self {
            stat_prefix: "ingress".to_owned(),
            routes: String::new(),
            codec: Codec::default(),
            http2: Http2::default(),
            normalize_path: false,
            merge_slashes: false,
            upgrades: Vec::new(),
            tracing: false,
            access_logs: Vec::new(),
            edge: Edge::default(),
            idle_timeout: Some(CONNECTION_IDLE_TIMEOUT),
            head_timeout: HEAD_TIMEOUT,
            stream_idle_timeout: Some(STREAM_IDLE_TIMEOUT),
            client_certificate: ClientCertificate::default(),
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
    /// How often a server is tried to be connected to, at least once; each time another one, if there is.
    pub max_connect_attempts: u32,
    /// How long a connection may stand still. None: for ever.
    pub idle_timeout: Option<Duration>,
    /// Where connections are written down.
    pub access_logs: Vec<AccessLog>,
}
