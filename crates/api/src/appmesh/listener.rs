//! The listener of a virtual node: its port, and what it promises there.

use serde::{Deserialize, Serialize};

use super::{Duration, ListenerTls, PortMapping, PortProtocol};

/// Where a virtual node is spoken to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Listener {
    /// How much may be under way toward the application at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_pool: Option<VirtualNodeConnectionPool>,
    /// How clients find out whether it is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheckPolicy>,
    /// When clients leave out an instance that fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlier_detection: Option<OutlierDetection>,
    /// The port.
    pub port_mapping: PortMapping,
    /// How long the application may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<ListenerTimeout>,
    /// TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ListenerTls>,
}

/// How clients find out whether a listener is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HealthCheckPolicy {
    /// After how many good answers in a row it is well, 2 to 10.
    pub healthy_threshold: u32,
    /// Between two checks, in milliseconds, 5000 to 300000.
    pub interval_millis: u64,
    /// The path asked for, where the protocol has paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The port; the listener's if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
    /// What the check speaks.
    pub protocol: PortProtocol,
    /// How long an answer may take, in milliseconds, 2000 to 60000.
    pub timeout_millis: u64,
    /// After how many bad answers in a row it is not well, 2 to 10.
    pub unhealthy_threshold: u32,
}

/// When clients leave out an instance that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutlierDetection {
    /// For how long, times the number of ejections before.
    pub base_ejection_duration: Duration,
    /// Between two looks.
    pub interval: Duration,
    /// How many of a hundred may be left out at once, 0 to 100; one always may.
    pub max_ejection_percent: u32,
    /// After how many answers of 5xx in a row, from 1.
    pub max_server_errors: u64,
}

/// How long the application may take: one member of the union, that of the listener's protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListenerTimeout {
    /// Of a gRPC listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<GrpcTimeout>,
    /// Of an HTTP listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpTimeout>,
    /// Of an HTTP/2 listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http2: Option<HttpTimeout>,
    /// Of a TCP listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpTimeout>,
}

/// How long an exchange over HTTP may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpTimeout {
    /// Without a byte either way; none is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<Duration>,
    /// From request to answer; 15 s if not given, 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_request: Option<Duration>,
}

/// How long an exchange over gRPC may take.
pub type GrpcTimeout = HttpTimeout;

/// How long a connection may be silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TcpTimeout {
    /// Without a byte either way; none is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<Duration>,
}

/// How much may be under way toward the application: one member of the union, that of the listener's protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualNodeConnectionPool {
    /// Of a gRPC listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<VirtualNodeGrpcConnectionPool>,
    /// Of an HTTP listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<VirtualNodeHttpConnectionPool>,
    /// Of an HTTP/2 listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http2: Option<VirtualNodeHttp2ConnectionPool>,
    /// Of a TCP listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<VirtualNodeTcpConnectionPool>,
}

/// How much may be under way over gRPC.
pub type VirtualNodeGrpcConnectionPool = VirtualNodeHttp2ConnectionPool;

/// How much may be under way over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualNodeHttpConnectionPool {
    /// Connections at once, from 1.
    pub max_connections: u32,
    /// Requests that may wait for a connection, from 1; no limit if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_pending_requests: Option<u32>,
}

/// How much may be under way over HTTP/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualNodeHttp2ConnectionPool {
    /// Requests at once, from 1.
    pub max_requests: u32,
}

/// How much may be under way over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualNodeTcpConnectionPool {
    /// Connections at once, from 1.
    pub max_connections: u32,
}
