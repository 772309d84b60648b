//! What a route tries again.

use serde::{Deserialize, Serialize};

use super::Duration;

/// What an HTTP route tries again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRetryPolicy {
    /// Answers: `server-error`, `gateway-error`, `client-error`, `stream-error`; 1 to 25 of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_retry_events: Option<Vec<String>>,
    /// How often.
    pub max_retries: u64,
    /// How long each try may take.
    pub per_retry_timeout: Duration,
    /// Failures before there was a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_retry_events: Option<Vec<TcpRetryPolicyEvent>>,
}

/// What a gRPC route tries again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcRetryPolicy {
    /// Statuses, 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc_retry_events: Option<Vec<GrpcRetryPolicyEvent>>,
    /// Answers, as in [`HttpRetryPolicy`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_retry_events: Option<Vec<String>>,
    /// How often.
    pub max_retries: u64,
    /// How long each try may take.
    pub per_retry_timeout: Duration,
    /// Failures before there was a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_retry_events: Option<Vec<TcpRetryPolicyEvent>>,
}

/// A failure before there was a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TcpRetryPolicyEvent {
    /// No connection could be made.
    ConnectionError,
}

/// A gRPC status to try again on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrpcRetryPolicyEvent {
    /// Status 1.
    Cancelled,
    /// Status 4.
    DeadlineExceeded,
    /// Status 13.
    Internal,
    /// Status 8.
    ResourceExhausted,
    /// Status 14.
    Unavailable,
}

impl GrpcRetryPolicyEvent {
    /// The status as App Mesh and Envoy spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::Internal => "internal",
            Self::ResourceExhausted => "resource-exhausted",
            Self::Unavailable => "unavailable",
        }
    }
}
