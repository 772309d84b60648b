//! What is believed of what clients say about themselves, and what servers are told of it.

use ipnet::IpNet;
use serde::Serialize;

/// How a connection manager treats what requests say of where they come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is one switch of Envoy's")]
pub struct Edge {
    /// Clients are at the other end of the connection, and nobody before has to be believed.
    pub use_remote_address: bool,
    /// So many proxies before this one are believed in `x-forwarded-for`.
    pub trusted_hops: u32,
    /// The client's address is not appended to `x-forwarded-for`.
    pub skip_forwarded_for: bool,
    /// The addresses of clients that may tell the proxy what to do by `x-envoy-` fields.
    pub inside: Vec<IpNet>,
    /// Requests without an id are given one.
    pub generates_ids: bool,
    /// An id that a client from outside gives stays.
    pub keeps_ids: bool,
    /// Responses have the request's id.
    pub returns_ids: bool,
    /// Servers are told by `x-forwarded-port` which port the client asked.
    pub forwards_port: bool,
}

impl Default for Edge {
    fn default() -> Self {
        Self {
            use_remote_address: false,
            trusted_hops: 0,
            skip_forwarded_for: false,
            inside: Vec::new(),
            generates_ids: true,
            keeps_ids: false,
            returns_ids: false,
            forwards_port: false,
        }
    }
}
