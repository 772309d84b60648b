//! What is known of a request or connection at some moment.

use std::{net::SocketAddr, time::Duration};

use names::Timestamp;

use crate::{core::Core, tls::Session};

/// Fields that can be looked up by name, in lower case.
pub(crate) trait Lookup {
    /// Shows every value of the fields called `name`, in the order they came.
    fn each(&self, name: &str, look: &mut dyn FnMut(&[u8]));

    /// The value of the first field called `name`.
    fn first(&self, name: &str) -> Option<Vec<u8>> {
        let mut found = None;
        self.each(name, &mut |value| {
            if found.is_none() {
                found = Some(value.to_vec());
            }
        });
        found
    }

    /// Whether there is a field called `name`.
    fn has(&self, name: &str) -> bool {
        let mut found = false;
        self.each(name, &mut |_| found = true);
        found
    }
}

/// What is known of a request or connection. What is none is not known, or does not apply.
#[derive(Clone, Copy, Default)]
pub(crate) struct Facts<'a> {
    /// The request's fields, with `:method`, `:path`, `:authority` and `:scheme`.
    pub(crate) request: Option<&'a dyn Lookup>,
    pub(crate) response: Option<&'a dyn Lookup>,
    pub(crate) trailers: Option<&'a dyn Lookup>,
    pub(crate) start: Timestamp,
    /// What the client speaks: `HTTP/1.1`.
    pub(crate) protocol: Option<&'static str>,
    /// What the server speaks.
    pub(crate) upstream_protocol: Option<&'static str>,
    /// What the client was answered; 0 if nothing.
    pub(crate) status: u16,
    /// Envoy's words for why it was answered so.
    pub(crate) details: Option<&'a str>,
    /// Envoy's short names for what went wrong.
    pub(crate) flags: &'a [&'static str],
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) duration: Option<Duration>,
    /// From the beginning to the end of the request.
    pub(crate) request_duration: Option<Duration>,
    /// From the beginning of the request until all of it had been sent on.
    pub(crate) request_tx_duration: Option<Duration>,
    /// From the beginning of the request to the beginning of the response.
    pub(crate) response_duration: Option<Duration>,
    /// From the beginning of the response to its end.
    pub(crate) response_tx_duration: Option<Duration>,
    pub(crate) cluster: Option<&'a str>,
    pub(crate) upstream: Option<SocketAddr>,
    /// Our end of the connection to the server.
    pub(crate) upstream_local: Option<SocketAddr>,
    /// The name of the endpoint, where it has one.
    pub(crate) upstream_name: Option<&'a str>,
    pub(crate) upstream_failure: Option<&'a str>,
    pub(crate) attempts: u32,
    /// The client, as far as it is known: by `x-forwarded-for` where that is trusted.
    pub(crate) downstream: Option<SocketAddr>,
    /// The other end of the connection.
    pub(crate) downstream_direct: Option<SocketAddr>,
    /// Where the client wanted to go.
    pub(crate) downstream_local: Option<SocketAddr>,
    /// Where it came to.
    pub(crate) downstream_direct_local: Option<SocketAddr>,
    /// The number of the client's connection.
    pub(crate) connection: Option<u64>,
    /// The name of the filter chain.
    pub(crate) chain: Option<&'a str>,
    /// What secures the client's connection, and the server's.
    pub(crate) session: Option<&'a Session>,
    pub(crate) upstream_session: Option<&'a Session>,
    /// The name asked for by TLS.
    pub(crate) server_name: Option<&'a str>,
    pub(crate) route_name: Option<&'a str>,
    pub(crate) local_body: Option<&'a [u8]>,
    pub(crate) trace_id: Option<&'a str>,
    pub(crate) span_id: Option<&'a str>,
    /// Where random numbers come from.
    pub(crate) core: Option<&'a Core>,
}
