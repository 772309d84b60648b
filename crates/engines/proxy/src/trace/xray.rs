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

use serde_json::{Map, Value, json};

use super::{
    Facts, Span,
    traceparent::{self, Parent, RANDOM, SAMPLED},
};
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
pub struct XRaySettings {
    /// The name of the service, `mesh/node` as a rule.
    pub segment_name: String,
    /// What of App Mesh it stands for: `app_mesh` of a segment's `aws`.
    pub app_mesh: Value,
    /// The id the proxy has for its control plane.
    pub node_id: String,
    /// Where the X-Ray daemon listens.
    pub daemon: SocketAddr,
    /// The share of traces that is kept beyond one a second, between 0 and 1.
    pub sampling_rate: f64,
}

impl Tracer {
    pub(super) fn new(settings: &XRaySettings) -> std::io::Result<Self> {
        let any: SocketAddr = if settings.daemon.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
        let socket = UdpSocket::bind(any)?;
        socket.set_nonblocking(true)?;
        socket.connect(settings.daemon)?;
        Ok(Self {
            segment_name: settings.segment_name.clone(),
            aws: json!({ "app_mesh": settings.app_mesh }),
            node_id: settings.node_id.clone(),
            socket,
            share: share(settings.sampling_rate),
            reservoir: AtomicI64::new(i64::MIN),
        })
    }

    /// Begins a segment of the trace that `header` speaks of, or `traceparent`; or of a new one.
    pub(super) fn begin(&self, core: &Core, header: Option<&[u8]>, traceparent: Option<&[u8]>) -> Span {
        let header = header.and_then(|header| std::str::from_utf8(header).ok()).map(Header::parse).unwrap_or_default();
        // What speaks of another trace than X-Ray's field is not ours to change.
        let parent = traceparent.and_then(Parent::parse);
        let parent = parent.filter(|parent| header.root.is_none_or(|trace| trace == root_of(parent.trace)));
        let started = core.since_epoch();
        let root = header.root.map(str::to_owned).or_else(|| parent.map(|parent| root_of(parent.trace)));
        let root = root.unwrap_or_else(|| new_root(core, started));
        let sampled = header.sampled.or(parent.map(|parent| parent.flags & SAMPLED != 0));
        let sampled = sampled.unwrap_or_else(|| self.sample(core, started));
        let id = format!("{:016x}", core.random());
        Span {
            amazon: Some(format!("Root={root};Parent={id};Sampled={}", u8::from(sampled))),
            traceparent: parent.map(|parent| {
                let flags = (parent.flags & RANDOM) | if sampled { SAMPLED } else { 0 };
                traceparent::write(parent.trace, &id, flags)
            }),
            parent: header.parent.or(parent.map(|parent| parent.span)).map(str::to_owned),
            trace: root,
            id,
            sampled,
            started,
        }
    }

    fn sample(&self, core: &Core, now: Duration) -> bool {
        let second = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        self.reservoir.swap(second, Relaxed) != second || (core.random() >> 32) < self.share
    }

    /// Sends a segment, if its trace is kept.
    pub(super) fn end(&self, segment: &Span, facts: &Facts<'_>) {
        if !segment.sampled {
            return;
        }
        let datagram = format!("{HEADER}{}", self.document(segment, facts));
        // Nobody may be listening, or not fast enough; traces are not worth waiting for.
        if let Err(error) = self.socket.send(datagram.as_bytes()) {
            tracing::trace!(%error, "a segment could not be sent");
        }
    }

    fn document(&self, segment: &Span, facts: &Facts<'_>) -> Value {
        let start = segment.started.as_secs_f64();
        let mut document = json!({
            "name": self.segment_name,
            "id": segment.id,
            "trace_id": segment.trace,
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

/// What a segment's document says of its request.
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
fn new_root(core: &Core, now: Duration) -> String {
    let second = now.as_secs();
    format!("1-{second:08x}-{:016x}{:08x}", core.random(), core.random() >> 32)
}

/// The id of a trace of W3C's as X-Ray writes it.
fn root_of(trace: &str) -> String {
    let (time, unique) = trace.split_at(8);
    format!("1-{time}-{unique}")
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

    use super::{super::facts, *};

    const ROOT: &str = "1-58406cf0-a006649127e371903a2de979";

    fn tracer(daemon: SocketAddr, sampling_rate: f64) -> Tracer {
        Tracer::new(&XRaySettings {
            segment_name: "flask/api".to_owned(),
            app_mesh: json!({"mesh_name": "flask", "virtual_node_name": "api"}),
            node_id: "mesh/flask/virtualNode/api".to_owned(),
            daemon,
            sampling_rate,
        })
        .unwrap()
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
        assert_eq!(segment.amazon, Some(format!("Root={ROOT};Parent={};Sampled=1", segment.id)));
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
        assert_eq!((segment.trace.as_str(), segment.parent.as_deref()), (ROOT, Some("53995c3f42cd8ad8")));
        assert!(!segment.sampled);
        assert_eq!(segment.traceparent.unwrap(), format!("00-{W3C}-{}-00", segment.id));
        let both =
            begin(Some(&format!("Root={ROOT};Parent=1111111111111111")), &format!("00-{W3C}-53995c3f42cd8ad8-03"));
        assert_eq!((both.parent.as_deref(), both.sampled), (Some("1111111111111111"), true));
        assert!(both.traceparent.unwrap().ends_with("-03"));
        let other = begin(Some("Root=1-00000001-a006649127e371903a2de979"), &format!("00-{W3C}-53995c3f42cd8ad8-01"));
        assert!(other.trace.starts_with("1-00000001-") && other.traceparent.is_none());
        let new = begin(None, "00-1-2-3");
        assert!(new.trace != ROOT && new.traceparent.is_none());
    }

    #[test]
    fn what_the_client_decided_stands() {
        let core = Core::new(0, 1, Clock::System);
        let tracer = tracer(([127, 0, 0, 1], 9).into(), 1.0);
        let segment = tracer.begin(&core, Some(format!("Root={ROOT};Sampled=0").as_bytes()), None);
        assert!(!segment.sampled && segment.amazon.is_some_and(|field| field.ends_with("Sampled=0")));
        let odd = Header::parse("Root=2-58406cf0-a006649127e371903a2de979;Parent=zz;Sampled=?");
        assert_eq!(odd, Header::default());
        assert!(is_root(&new_root(&core, core.since_epoch())));
    }
}
