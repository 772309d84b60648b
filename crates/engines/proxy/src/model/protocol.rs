//! Which HTTP is spoken.

use std::time::Duration;

use serde::Serialize;

/// What a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Codec {
    /// What was agreed on by ALPN; without that, what the first bytes say.
    #[default]
    Auto,
    /// What was agreed on by ALPN; without that, HTTP/1.1 or HTTP/1.0.
    Agreed,
    /// HTTP/1.1 or HTTP/1.0.
    Http1,
    /// HTTP/2, as the client knows beforehand.
    Http2,
}

/// What the servers of a cluster speak.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Protocol {
    /// Which HTTP.
    pub version: ServerVersion,
    /// How HTTP/2 is spoken, where it is.
    pub http2: Http2,
    /// How many requests a connection carries. None: any number.
    pub requests_per_connection: Option<u32>,
    /// How long a connection without requests is kept. None: as long as the proxy likes.
    pub idle_timeout: Option<Duration>,
}

/// Which HTTP a server is spoken to in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum ServerVersion {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2, without asking.
    Http2,
    /// What the client speaks.
    Client,
    /// What the server agrees to (ALPN).
    Agreed,
}

/// How HTTP/2 is spoken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Http2 {
    /// How many requests a connection carries at once.
    pub concurrent_streams: u32,
    /// How many bytes of a body are taken before its receiver took them.
    pub stream_window: u32,
    /// The same, of all bodies of a connection together.
    pub connection_window: u32,
    /// How a connection is asked whether the other side is there. None: it is not.
    pub keepalive: Option<Keepalive>,
}

impl Default for Http2 {
    fn default() -> Self {
        // What Envoy has since its version 1.36; enough for a fast line, little enough for many connections.
        Self { concurrent_streams: 1024, stream_window: 1 << 20, connection_window: 16 << 20, keepalive: None }
    }
}

/// How a connection is asked whether the other side is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Keepalive {
    /// How long after the last answer.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
}
