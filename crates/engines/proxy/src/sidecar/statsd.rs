//! Statistics that are sent and not asked for: `DogStatsD`, where `ENABLE_ENVOY_DOG_STATSD` says so.
//!
//! Names, tags and kinds are those of Envoy's sink. Counters go as what has come since the last time, gauges as they are.
//! Times were put into buckets when they were taken, so each bucket goes as one time, of its middle, with the rate that
//! makes whoever gathers it count as many as there were.

use std::{collections::BTreeMap, fmt::Write as _, io, time::Duration};

use tokio::{
    net::{UdpSocket, UnixDatagram},
    time::{MissedTickBehavior, interval},
};

use super::{admin::Admin, statistics::StatsAddress};
use crate::stats::{Group, Latencies, Value, classes};

/// Bytes of a datagram at most: what an Ethernet frame carries without being cut.
const DATAGRAM_MAX: usize = 1432;

/// Where datagrams go.
enum Socket {
    Udp(UdpSocket),
    Unix(UnixDatagram, String),
}

impl Socket {
    async fn open(address: &StatsAddress) -> io::Result<Self> {
        match address {
            StatsAddress::Udp(address) => {
                let own: &str = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(own).await?;
                socket.connect(address).await?;
                Ok(Self::Udp(socket))
            }
            StatsAddress::Unix(path) => Ok(Self::Unix(UnixDatagram::unbound()?, path.clone())),
        }
    }

    async fn send(&self, datagram: &[u8]) -> io::Result<usize> {
        match self {
            Self::Udp(socket) => socket.send(datagram).await,
            // Whoever gathers them may come later, or come back.
            Self::Unix(socket, path) => socket.send_to(datagram, path).await,
        }
    }
}

/// Sends statistics for as long as the process lives. What cannot be sent is lost, as with any UDP.
pub(super) async fn send(admin: Admin, address: StatsAddress, every: Duration) {
    let socket = match Socket::open(&address).await {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(?address, %error, "statistics cannot be sent");
            return;
        }
    };
    let mut sent = Sent::default();
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for datagram in datagrams(sent.lines(&admin.groups().await)) {
            if let Err(error) = socket.send(datagram.as_bytes()).await {
                tracing::debug!(?address, %error, "statistics were not sent");
            }
        }
    }
}

/// What was sent already, so that counters go as differences.
#[derive(Default)]
struct Sent {
    counters: BTreeMap<String, u64>,
    times: BTreeMap<String, Latencies>,
}

impl Sent {
    /// A line for each number that there is news of.
    fn lines(&mut self, groups: &[Group]) -> Vec<String> {
        let mut lines = Vec::new();
        for group in groups {
            for (name, value) in &group.metrics {
                let name = format!("{}.{name}", dotted(group.family));
                match value {
                    Value::Counter(number) => self.counter(&mut lines, &name, &tags(group, None), *number),
                    Value::Gauge(number) => lines.push(format!("{name}:{number}|g{}", tags(group, None))),
                    Value::Times(latencies) => self.times(&mut lines, &name, &tags(group, None), latencies),
                    Value::Statuses { counts, by_code } => {
                        for (class, count) in classes(counts) {
                            let tags = tags(group, Some(("envoy.response_code_class", class)));
                            self.counter(&mut lines, &format!("{name}_xx"), &tags, count);
                        }
                        for (code, count) in counts.iter().filter(|_| *by_code) {
                            let tags = tags(group, Some(("envoy.response_code", *code)));
                            self.counter(&mut lines, &name, &tags, *count);
                        }
                    }
                }
            }
        }
        lines
    }

    fn counter(&mut self, lines: &mut Vec<String>, name: &str, tags: &str, number: u64) {
        let before = self.counters.insert(format!("{name}{tags}"), number).unwrap_or(0);
        let more = number.saturating_sub(before);
        if more > 0 {
            lines.push(format!("{name}:{more}|c{tags}"));
        }
    }

    fn times(&mut self, lines: &mut Vec<String>, name: &str, tags: &str, latencies: &Latencies) {
        let key = format!("{name}{tags}");
        let before: BTreeMap<usize, u64> =
            self.times.get(&key).map(|before| before.filled().collect()).unwrap_or_default();
        for (bucket, count) in latencies.filled() {
            let more = count.saturating_sub(before.get(&bucket).copied().unwrap_or(0));
            if more == 0 {
                continue;
            }
            let rate = if more == 1 { String::new() } else { format!("|@{}", share_of(more)) };
            let millis = Latencies::middle_of(bucket).as_secs_f64() * 1000.0;
            lines.push(format!("{name}:{millis:.3}|ms{rate}{tags}"));
        }
        self.times.insert(key, latencies.clone());
    }
}

/// One of `count`.
#[expect(clippy::cast_precision_loss, reason = "requests of some seconds")]
fn share_of(count: u64) -> f64 {
    1.0 / count as f64
}

/// A name of Prometheus' as Envoy itself spells it: `envoy_cluster` is `envoy.cluster`.
fn dotted(name: &str) -> String {
    match name.split_once('_') {
        Some((first @ ("envoy" | "appmesh"), rest)) => format!("{first}.{rest}"),
        _ => name.to_owned(),
    }
}

fn tags(group: &Group, more: Option<(&str, u16)>) -> String {
    let own = group.labels.iter().map(|(name, value)| (dotted(name), value.clone()));
    let more = more.into_iter().map(|(name, value)| (name.to_owned(), value.to_string()));
    let mut text = String::new();
    for (name, value) in own.chain(more) {
        // These three stand between the parts of a line.
        let value = value.replace(['|', ',', '\n'], "_");
        // Writing to a string does not fail.
        let _ = write!(text, "{}{name}:{value}", if text.is_empty() { "|#" } else { "," });
    }
    text
}

/// Lines as datagrams that are not too long.
fn datagrams(lines: Vec<String>) -> Vec<String> {
    let mut datagrams: Vec<String> = Vec::new();
    for line in lines {
        match datagrams.last_mut() {
            Some(last) if last.len() + line.len() < DATAGRAM_MAX => {
                last.push('\n');
                last.push_str(&line);
            }
            _ => datagrams.push(line),
        }
    }
    datagrams
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Histogram;

    fn group(metrics: Vec<(&'static str, Value)>) -> Group {
        let labels = vec![("envoy_cluster_name", "api".to_owned()), ("appmesh_virtual_node", "n".to_owned())];
        Group { path: "cluster.api".to_owned(), family: "envoy_cluster", labels, metrics }
    }

    #[test]
    fn counters_go_as_differences_and_gauges_as_they_are() {
        let mut sent = Sent::default();
        let now = |total: u64| {
            [group(vec![("upstream_rq_total", Value::Counter(total)), ("upstream_rq_active", Value::Gauge(2))])]
        };
        let tags = "|#envoy.cluster_name:api,appmesh.virtual_node:n";
        let active = format!("envoy.cluster.upstream_rq_active:2|g{tags}");
        assert_eq!(sent.lines(&now(3)), [format!("envoy.cluster.upstream_rq_total:3|c{tags}"), active.clone()]);
        assert_eq!(sent.lines(&now(7)), [format!("envoy.cluster.upstream_rq_total:4|c{tags}"), active.clone()]);
        assert_eq!(sent.lines(&now(7)), [active]);
    }

    #[test]
    fn statuses_carry_their_code_as_a_tag() {
        let statuses = Value::Statuses { counts: BTreeMap::from([(200, 2), (503, 1)]), by_code: true };
        let lines = Sent::default().lines(&[group(vec![("upstream_rq", statuses)])]);
        let tags = "|#envoy.cluster_name:api,appmesh.virtual_node:n";
        let line = |name: &str, count: u64, tag: &str| format!("envoy.cluster.{name}:{count}|c{tags},{tag}");
        assert_eq!(
            lines,
            [
                line("upstream_rq_xx", 2, "envoy.response_code_class:2"),
                line("upstream_rq_xx", 1, "envoy.response_code_class:5"),
                line("upstream_rq", 2, "envoy.response_code:200"),
                line("upstream_rq", 1, "envoy.response_code:503"),
            ]
        );
    }

    #[test]
    fn times_go_as_often_as_they_were_taken() {
        let (histogram, mut sent) = (Histogram::default(), Sent::default());
        let mut lines = |times: u64| {
            (0..times).for_each(|_| histogram.record(Duration::from_millis(20)));
            let mut latencies = Latencies::default();
            histogram.add_to(&mut latencies);
            sent.lines(&[group(vec![("upstream_rq_time", Value::Times(latencies))])])
        };
        let first = lines(1);
        let value = first[0].strip_prefix("envoy.cluster.upstream_rq_time:").unwrap().split('|').next().unwrap();
        assert!((18.0..22.5).contains(&value.parse::<f64>().unwrap()), "{first:?}");
        assert!(!first[0].contains('@'), "{first:?}");
        assert!(lines(4)[0].contains("|ms|@0.25|#"));
        assert!(lines(0).is_empty());
    }

    #[tokio::test]
    async fn a_socket_that_comes_later_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("statsd.sock");
        let socket = Socket::open(&StatsAddress::Unix(path.display().to_string())).await.unwrap();
        assert!(socket.send(b"lost").await.is_err());
        let gatherer = UnixDatagram::bind(&path).unwrap();
        socket.send(b"a:1|c").await.unwrap();
        let mut bytes = [0; 16];
        assert_eq!(gatherer.recv(&mut bytes).await.unwrap(), 5);
    }

    #[test]
    fn datagrams_are_not_too_long_and_lose_nothing() {
        let lines: Vec<String> = (0..100).map(|number| format!("envoy.a.line.of.some.length:{number}|c")).collect();
        let datagrams = datagrams(lines.clone());
        assert!(datagrams.len() > 1 && datagrams.iter().all(|datagram| datagram.len() <= DATAGRAM_MAX));
        assert_eq!(datagrams.join("\n").lines().collect::<Vec<_>>(), lines);
    }
}
