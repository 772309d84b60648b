//! Writes X-Ray segments: one UDP datagram for each piece of work, to the daemon beside the program.
//!
//! The form is that of *AWS X-Ray segment documents* in X-Ray's developer guide.

use std::{
    net::SocketAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use serde_json::json;
use tokio::net::UdpSocket;

/// A piece of work that has begun.
pub struct Segment {
    /// Names the trace it belongs to: `1-<time>-<96 bits>`.
    pub trace_id: String,
    /// Names the segment: 64 bits.
    pub id: String,
    name: String,
    parent: Option<String>,
    begun: f64,
}

/// Sends segments to the daemon.
pub struct Tracer {
    socket: UdpSocket,
    daemon: SocketAddr,
}

impl Tracer {
    /// A tracer to `AWS_XRAY_DAEMON_ADDRESS`, or to port 2000 beside us.
    pub async fn from_env() -> Result<Self> {
        let address = std::env::var("AWS_XRAY_DAEMON_ADDRESS").unwrap_or_else(|_| "127.0.0.1:2000".to_owned());
        let daemon =
            address.parse().with_context(|| format!("AWS_XRAY_DAEMON_ADDRESS `{address}` is not an address"))?;
        let socket = UdpSocket::bind("0.0.0.0:0").await.context("cannot open a UDP socket")?;
        Ok(Self { socket, daemon })
    }

    /// Begins a segment called `name`, in the trace of `parent` if there is one.
    pub fn begin(&self, name: &str, trace_id: Option<String>, parent: Option<String>) -> Segment {
        let begun = now();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of this century fit")]
        let seconds = begun as u32;
        let fresh = || format!("1-{seconds:08x}-{:024x}", rand::random::<u128>() >> 32);
        Segment {
            trace_id: trace_id.unwrap_or_else(fresh),
            id: format!("{:016x}", rand::random::<u64>()),
            name: name.to_owned(),
            parent,
            begun,
        }
    }

    /// Ends `segment` with the status it answered and sends it; tracing never holds up an answer.
    pub fn end(&self, segment: &Segment, status: u16) {
        let document = json!({
            "name": segment.name,
            "id": segment.id,
            "trace_id": segment.trace_id,
            "parent_id": segment.parent,
            "start_time": segment.begun,
            "end_time": now(),
            "error": (400..500).contains(&status),
            "fault": status >= 500,
            "throttle": status == 429,
            "http": { "response": { "status": status } },
        });
        let datagram = format!("{{\"format\":\"json\",\"version\":1}}\n{document}");
        // No daemon, no trace: the work itself is not to suffer.
        let _ = self.socket.try_send_to(datagram.as_bytes(), self.daemon);
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
