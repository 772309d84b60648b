//! What every resource of a mesh carries, and the words many of them share.

use names::{Arn, Timestamp};
use serde::{Deserialize, Serialize};

/// Who owns a resource, since when, and how often it was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceMetadata {
    /// The resource's full name.
    pub arn: Arn,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub last_updated_at: Timestamp,
    /// The account that owns the mesh.
    pub mesh_owner: String,
    /// The account that owns the resource.
    pub resource_owner: String,
    /// An id that no other resource ever has, not even one of the same name later on.
    pub uid: String,
    /// 1 when created, and one more with each change.
    pub version: i64,
}

/// Whether a resource is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceStatus {
    /// The state.
    pub status: StatusCode,
}

/// The states of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StatusCode {
    /// In use.
    Active,
    /// There, but not in use.
    Inactive,
    /// Gone; only the answer to a deletion says so.
    Deleted,
}

/// A tag, as lists of tags spell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TagRef {
    /// Its key, 1 to 128 characters.
    pub key: String,
    /// Its value, up to 256 characters.
    pub value: String,
}

/// A length of time with its unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Duration {
    /// The unit of `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<DurationUnit>,
    /// How many units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
}

/// The units of a [`Duration`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DurationUnit {
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
}

/// Which family of addresses to use where both can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpPreference {
    /// IPv6, and IPv4 where there is none.
    #[serde(rename = "IPv6_PREFERRED")]
    Ipv6Preferred,
    /// IPv4, and IPv6 where there is none.
    #[serde(rename = "IPv4_PREFERRED")]
    Ipv4Preferred,
    /// IPv4 alone.
    #[serde(rename = "IPv4_ONLY")]
    Ipv4Only,
    /// IPv6 alone.
    #[serde(rename = "IPv6_ONLY")]
    Ipv6Only,
}

/// A port and what is spoken on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PortMapping {
    /// 1 to 65535.
    pub port: u32,
    /// What is spoken.
    pub protocol: PortProtocol,
}

/// The protocols of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PortProtocol {
    /// HTTP/1.1.
    Http,
    /// Bytes.
    Tcp,
    /// HTTP/2 without TLS.
    Http2,
    /// gRPC.
    Grpc,
}

impl PortProtocol {
    /// The protocol as the API and the names of xDS resources spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Http2 => "http2",
            Self::Grpc => "grpc",
        }
    }
}
