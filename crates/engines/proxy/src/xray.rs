//! Traces for AWS X-Ray, as Envoy's `envoy.tracers.xray` makes them: a segment for each proxied request, sent to the
//! X-Ray daemon as a UDP datagram.
//!
//! The trace goes on in `X-Amzn-Trace-Id`: what the client began is continued, and the server is told our segment as
//! its parent. Who decides whether a trace is kept is whoever began it; for one that begins here it is one trace a
//! second and a share of the rest.
//!
//! A client that speaks W3C Trace Context (`traceparent`) began a trace, too: it goes on under the same id, which X-Ray
//! writes with its first 32 bits apart, and `traceparent` goes on beside with our segment as the parent. Where both
//! fields came and speak of two traces, X-Ray's is ours and the other passes untouched.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    time::Duration,
};

use names::Timestamp;
use serde_json::{Map, Value, json};

use crate::core::Core;

/// Before each segment in its datagram.
const HEADER: &str = "{\"format\":\"json\",\"version\":1}\n";

/// A share of all, in units of 2^-32.
fn share(rate: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is between 0 and 1")]
    let share = (rate.clamp(0.0, 1.0) * f64::from(u32::MAX)) as u64;
    share
}

/// What all segments of a process have in common, and where they go.
#[derive(Debug)]
pub(crate) struct Tracer {
    segment_name: String,
    aws: Value,
    node_id: String,
    socket: UdpSocket,
    share: u64,
    /// The last second of which a trace was kept.
    reservoir: AtomicI64,
}

/// What a tracer is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct TracerSettings {
    /// The name of the service, `mesh/node` as a rule.
    pub segment_name: String,
    /// The mesh.
    pub mesh: String,
    /// The virtual node.
    pub virtual_node: String,
    /// The id the proxy has for its control plane.
    pub node_id: String,
    /// Where the X-Ray daemon listens.
    pub daemon: SocketAddr,
    /// The share of traces that is kept beyond one a second, between 0 and 1.
    pub sampling_rate: f64,
}

impl Tracer {
    pub(crate) fn new(settings: &TracerSettings) -> std::io::Result<Self> {
        let any: SocketAddr = if settings.daemon.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
        let socket = UdpSocket::bind(any)?;
        socket.set_nonblocking(true)?;
        socket.connect(settings.daemon)?;
        Ok(Self {
            segment_name: settings.segment_name.clone(),
            aws: json!({"app_mesh": {"mesh_name": settings.mesh, "virtual_node_name": settings.virtual_node}}),
            node_id: settings.node_id.clone(),
            socket,
            share: share(settings.sampling_rate),
            reservoir: AtomicI64::new(i64::MIN),
        })
    }

    /// Begins a segment of the trace that `header` speaks of, or `parent`, a `traceparent`; or of a new one.
    pub(crate) fn begin(&self, core: &Core, header: Option<&[u8]>, parent: Option<&[u8]>) -> Segment {
        let started = core.clock.now();
        let header = header.and_then(|header| std::str::from_utf8(header).ok()).map(Header::parse).unwrap_or_default();
        let parent = parent.and_then(|parent| std::str::from_utf8(parent).ok()).and_then(Parent::parse);
        // What speaks of another trace than X-Ray's field is not ours to change.
        let parent = parent.filter(|parent| header.root.is_none_or(|root| root == parent.root()));
        let sampled = header.sampled.or(parent.map(|parent| parent.flags & SAMPLED != 0));
        let root = header.root.map(str::to_owned).or_else(|| parent.map(Parent::root));
        Segment {
            id: format!("{:016x}", core.random()),
            root: root.unwrap_or_else(|| new_root(core, started)),
            parent: header.parent.or(parent.map(|parent| parent.span)).map(str::to_owned),
            sampled: sampled.unwrap_or_else(|| self.sample(core, started)),
            flags: parent.map(|parent| parent.flags),
            started,
        }
    }

    fn sample(&self, core: &Core, now: Timestamp) -> bool {
        let second = now.as_millis().div_euclid(1000);
        self.reservoir.swap(second, Relaxed) != second || (core.random() >> 32) < self.share
    }

    /// Sends a segment, if its trace is kept.
    pub(crate) fn end(&self, segment: &Segment, facts: &Facts<'_>) {
        if !segment.sampled {
            return;
        }
        let datagram = format!("{HEADER}{}", self.document(segment, facts));
        // Nobody may be listening, or not fast enough; traces are not worth waiting for.
        if let Err(error) = self.socket.send(datagram.as_bytes()) {
            tracing::trace!(%error, "a segment could not be sent");
        }
    }

    fn document(&self, segment: &Segment, facts: &Facts<'_>) -> Value {
        let start = segment.started.as_seconds();
        let mut document = json!({
            "name": self.segment_name,
            "id": segment.id,
            "trace_id": segment.root,
            "start_time": start,
            "end_time": start + facts.duration.as_secs_f64(),
            "http": {"request": facts.request(), "response": facts.response()},
            "annotations": facts.annotations(&self.node_id),
            "origin": "AWS::AppMesh::Proxy",
            "aws": self.aws,
        });
        let flags = [
            ("error", (400..500).contains(&facts.status)),
            ("fault", facts.status >= 500 || facts.status == 0),
            ("throttle", facts.status == 429),
        ];
        for (flag, _) in flags.into_iter().filter(|(_, set)| *set) {
            document[flag] = Value::Bool(true);
        }
        if let Some(parent) = &segment.parent {
            document["parent_id"] = Value::from(parent.as_str());
        }
        document
    }
}

/// A request's part of a trace.
#[derive(Debug)]
pub(crate) struct Segment {
    id: String,
    root: String,
    parent: Option<String>,
    sampled: bool,
    /// The flags of the `traceparent` that it goes on from.
    flags: Option<u8>,
    started: Timestamp,
}

impl Segment {
    /// The trace it belongs to.
    pub(crate) fn trace_id(&self) -> &str {
        &self.root
    }

    /// Its own id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The `X-Amzn-Trace-Id` for the server.
    pub(crate) fn header(&self) -> String {
        format!("Root={};Parent={};Sampled={}", self.root, self.id, u8::from(self.sampled))
    }

    /// The `traceparent` for the server; none if the client sent none that is ours to go on with.
    pub(crate) fn traceparent(&self) -> Option<String> {
        let flags = (self.flags? & RANDOM) | if self.sampled { SAMPLED } else { 0 };
        let trace = self.root.strip_prefix("1-")?.replace('-', "");
        Some(format!("00-{trace}-{}-{flags:02x}", self.id))
    }
}

/// What a segment says about its request.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) direction: &'static str,
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) user_agent: Option<&'a str>,
    pub(crate) forwarded_for: Option<&'a str>,
    pub(crate) peer: SocketAddr,
    pub(crate) request_id: Option<&'a str>,
    pub(crate) protocol: &'static str,
    pub(crate) status: u16,
    pub(crate) flags: &'a str,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) cluster: Option<&'a str>,
    pub(crate) upstream: Option<SocketAddr>,
    pub(crate) duration: Duration,
}

impl Facts<'_> {
    fn request(&self) -> Value {
        let client = self.forwarded_for.and_then(|list| list.split(',').next()).map(str::trim);
        let peer = self.peer.ip().to_string();
        let mut request = json!({
            "method": self.method,
            "url": self.url,
            "client_ip": client.unwrap_or(&peer),
            "x_forwarded_for": client.is_some(),
        });
        if let Some(user_agent) = self.user_agent {
            request["user_agent"] = Value::from(user_agent);
        }
        request
    }

    fn response(&self) -> Value {
        json!({"status": self.status, "content_length": self.sent})
    }

    fn annotations(&self, node_id: &str) -> Value {
        let mut annotations = Map::new();
        let mut add = |name: &str, value: &str| annotations.insert(name.to_owned(), Value::from(value));
        add("component", "proxy");
        add("direction", self.direction);
        add("http.protocol", self.protocol);
        add("node_id", node_id);
        add("request_size", &self.received.to_string());
        add("response_flags", if self.flags.is_empty() { "-" } else { self.flags });
        if let Some(id) = self.request_id {
            add("guid:x-request-id", id);
        }
        if let Some(cluster) = self.cluster {
            add("upstream_cluster", cluster);
            add("upstream_cluster.name", cluster);
        }
        if let Some(upstream) = self.upstream {
            add("upstream_address", &upstream.to_string());
        }
        Value::Object(annotations)
    }
}

/// A new trace id: the version, the second it began in, and 96 random bits.
pub(crate) fn new_root(core: &Core, now: Timestamp) -> String {
    let second = now.as_millis().div_euclid(1000);
    format!("1-{second:08x}-{:016x}{:08x}", core.random(), core.random() >> 32)
}

/// An `X-Amzn-Trace-Id`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header<'a> {
    pub(crate) root: Option<&'a str>,
    pub(crate) parent: Option<&'a str>,
    pub(crate) sampled: Option<bool>,
}

impl<'a> Header<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        let mut header = Self::default();
        for part in text.split(';') {
            match part.trim().split_once('=') {
                Some(("Root", root)) if is_root(root) => header.root = Some(root),
                Some(("Parent", parent)) if is_hex(parent, 16) => header.parent = Some(parent),
                Some(("Sampled", "1")) => header.sampled = Some(true),
                Some(("Sampled", "0")) => header.sampled = Some(false),
                // Lineage, Self and what else there may be is of no use here; `Sampled=?` leaves it to us.
                _ => {}
            }
        }
        header
    }
}

/// Flags of a `traceparent`: the trace is kept, its id is random (W3C Trace Context, levels 1 and 2).
const SAMPLED: u8 = 1;
const RANDOM: u8 = 2;

/// A `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parent<'a> {
    trace: &'a str,
    span: &'a str,
    flags: u8,
}

impl<'a> Parent<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // A later version may have more parts, and ff is none.
        let is_known = version == "00" && parts.next().is_none();
        let is_later = is_lower_hex(version, 2) && !matches!(version, "00" | "ff");
        let is_id = |id: &str, length| is_lower_hex(id, length) && id.bytes().any(|digit| digit != b'0');
        let valid = (is_known || is_later) && is_id(trace, 32) && is_id(span, 16) && is_lower_hex(flags, 2);
        valid.then_some(Self { trace, span, flags: u8::from_str_radix(flags, 16).ok()? })
    }

    /// The trace's id as X-Ray writes it.
    fn root(self) -> String {
        let (time, unique) = self.trace.split_at(8);
        format!("1-{time}-{unique}")
    }
}

fn is_lower_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_root(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let three = (parts.next(), parts.next(), parts.next());
    matches!(three, (Some("1"), Some(time), Some(unique)) if is_hex(time, 8) && is_hex(unique, 24))
}

#[cfg(test)]
mod tests {
    use names::{Clock, ManualClock};

    use super::*;

    const ROOT: &str = "1-58406cf0-a006649127e371903a2de979";

    fn tracer(daemon: SocketAddr, sampling_rate: f64) -> Tracer {
        Tracer::new(&TracerSettings {
            segment_name: "flask/api".to_owned(),
            mesh: "flask".to_owned(),
            virtual_node: "api".to_owned(),
            node_id: "mesh/flask/virtualNode/api".to_owned(),
            daemon,
            sampling_rate,
        })
        .unwrap()
    }

    fn facts(status: u16) -> Facts<'static> {
        Facts {
            direction: "ingress",
            method: "GET",
            url: "http://api/todos",
            user_agent: None,
            forwarded_for: None,
            peer: ([10, 0, 0, 7], 9).into(),
            request_id: Some("id"),
            protocol: "HTTP/1.1",
            status,
            flags: "",
            received: 0,
            sent: 12,
            cluster: Some("cds_ingress"),
            upstream: None,
            duration: Duration::from_millis(5),
        }
    }

    #[test]
    fn a_segment_reaches_the_daemon_and_continues_its_trace() {
        let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
        let core = Core::new(0, 1, Clock::System);
        let tracer = tracer(daemon.local_addr().unwrap(), 0.0);
        let header = format!("Self=x;Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1");
        let segment = tracer.begin(&core, Some(header.as_bytes()), None);
        tracer.end(&segment, &facts(429));
        let mut datagram = [0; 4096];
        let length = daemon.recv(&mut datagram).unwrap();
        let text = std::str::from_utf8(&datagram[..length]).unwrap();
        let document: Value = serde_json::from_str(text.strip_prefix(HEADER).unwrap()).unwrap();
        assert_eq!(document["trace_id"], ROOT);
        assert_eq!(document["parent_id"], "53995c3f42cd8ad8");
        assert_eq!(document["origin"], "AWS::AppMesh::Proxy");
        assert_eq!(document["aws"]["app_mesh"]["virtual_node_name"], "api");
        assert_eq!((&document["error"], &document["throttle"]), (&Value::Bool(true), &Value::Bool(true)));
        assert_eq!(document.get("fault"), None);
        assert_eq!(document["http"]["response"]["status"], 429);
        assert_eq!(document["http"]["request"]["client_ip"], "10.0.0.7");
        assert_eq!(segment.header(), format!("Root={ROOT};Parent={};Sampled=1", segment.id));
    }

    #[test]
    fn of_what_begins_here_one_a_second_is_kept_and_a_share_of_the_rest() {
        let hand = ManualClock::default();
        hand.advance(Duration::from_secs(1_700_000_000));
        let core = Core::new(0, 1, Clock::Manual(hand.clone()));
        let kept = |tracer: &Tracer| (0..1000).filter(|_| tracer.begin(&core, None, None).sampled).count();
        let none = tracer(([127, 0, 0, 1], 9).into(), 0.0);
        assert_eq!(kept(&none), 1);
        hand.advance(Duration::from_secs(1));
        assert_eq!(kept(&none), 1);
        let some = kept(&tracer(([127, 0, 0, 1], 9).into(), 0.05));
        assert!((20..90).contains(&some), "{some}");
        assert_eq!(kept(&tracer(([127, 0, 0, 1], 9).into(), 1.0)), 1000);
    }

    #[test]
    fn a_traceparent_goes_on_as_the_same_trace() {
        const W3C: &str = "58406cf0a006649127e371903a2de979";
        let core = Core::new(0, 1, Clock::System);
        let tracer = tracer(([127, 0, 0, 1], 9).into(), 1.0);
        let begin = |header: Option<&str>, parent: &str| {
            tracer.begin(&core, header.map(str::as_bytes), Some(parent.as_bytes()))
        };
        let segment = begin(None, &format!("00-{W3C}-53995c3f42cd8ad8-00"));
        assert_eq!((segment.root.as_str(), segment.parent.as_deref()), (ROOT, Some("53995c3f42cd8ad8")));
        assert!(!segment.sampled);
        assert_eq!(segment.traceparent().unwrap(), format!("00-{W3C}-{}-00", segment.id));
        let both =
            begin(Some(&format!("Root={ROOT};Parent=1111111111111111")), &format!("00-{W3C}-53995c3f42cd8ad8-03"));
        assert_eq!((both.parent.as_deref(), both.sampled), (Some("1111111111111111"), true));
        assert!(both.traceparent().unwrap().ends_with("-03"));
        let other = begin(Some("Root=1-00000001-a006649127e371903a2de979"), &format!("00-{W3C}-53995c3f42cd8ad8-01"));
        assert!(other.root.starts_with("1-00000001-") && other.traceparent().is_none());
        assert_eq!(begin(None, &format!("cc-{W3C}-53995c3f42cd8ad8-01-more")).root, ROOT);
        for wrong in [
            format!("ff-{W3C}-53995c3f42cd8ad8-01"),
            format!("00-{W3C}-53995c3f42cd8ad8-01-more"),
            format!("00-{W3C}-0000000000000000-01"),
            format!("00-{}-53995c3f42cd8ad8-01", W3C.to_uppercase()),
            "00-1-2-3".to_owned(),
        ] {
            let segment = begin(None, &wrong);
            assert!(segment.root != ROOT && segment.traceparent().is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_the_client_decided_stands() {
        let core = Core::new(0, 1, Clock::System);
        let tracer = tracer(([127, 0, 0, 1], 9).into(), 1.0);
        let segment = tracer.begin(&core, Some(format!("Root={ROOT};Sampled=0").as_bytes()), None);
        assert!(!segment.sampled && segment.header().ends_with("Sampled=0"));
        let odd = Header::parse("Root=2-58406cf0-a006649127e371903a2de979;Parent=zz;Sampled=?");
        assert_eq!(odd, Header::default());
        assert!(is_root(&new_root(&core, Clock::System.now())));
    }
}
