//! What was measured, by kind of work and proxy, and ratios of it.

use std::collections::BTreeMap;

use crate::{
    load::{Outcome, Protocol, http2::STREAMS},
    peers::Peer,
};

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) protocol: Protocol,
    /// Requests a second; as fast as it goes where none is said.
    pub(crate) rate: Option<u32>,
    /// Bytes of a response's body.
    pub(crate) size: usize,
    pub(crate) connections: usize,
}

impl Kind {
    /// HTTP/1.1 as fast as it goes.
    pub(crate) fn http1(size: usize, connections: usize) -> Self {
        Self { protocol: Protocol::Http1, rate: None, size, connections }
    }

    /// Another protocol, 1 KB, as fast as it goes.
    pub(crate) fn of(protocol: Protocol) -> Self {
        let connections = if protocol == Protocol::Handshakes { 16 } else { 8 };
        Self { protocol, rate: None, size: 1024, connections }
    }

    /// Whether `peer` does such work at all.
    pub(crate) fn is_for(self, peer: Peer) -> bool {
        // Whether bytes are copied within TLS makes no difference to a relay, and it cannot have a stream go its own way.
        self.protocol == Protocol::Http1 || peer != Peer::Relay
    }

    /// What is said of it in a table.
    pub(crate) fn title(self) -> String {
        let size = match self.size {
            size if size >= 1024 => format!("{} KB", size / 1024),
            size => format!("{size} B"),
        };
        let protocol = match self.protocol {
            Protocol::Http1 => "HTTP/1.1",
            Protocol::Http2 => "HTTP/2",
            Protocol::Http2Tls => "HTTP/2 within TLS",
            Protocol::Grpc => "gRPC unary",
            Protocol::Handshakes => return format!("TLS handshakes, each for a request, {} at once", self.connections),
        };
        let streams = match self.protocol {
            Protocol::Http1 | Protocol::Handshakes => String::new(),
            Protocol::Http2 | Protocol::Http2Tls | Protocol::Grpc => format!(" of {STREAMS} streams"),
        };
        let rate = self.rate.map_or_else(String::new, |rate| format!(", {rate}/s"));
        format!("{protocol}, {size}, {} connections{streams}{rate}", self.connections)
    }
}

/// Memory of a proxy in KiB: idle, with 256 connections that have been used, and after all work.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) idle: u64,
    pub(crate) held: u64,
    pub(crate) after: u64,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// A run each round.
    pub(crate) runs: BTreeMap<Kind, BTreeMap<Peer, Vec<Outcome>>>,
    pub(crate) memory: BTreeMap<Peer, Memory>,
    /// How many of 3,000 requests the first server had.
    pub(crate) shares: BTreeMap<Peer, u64>,
    /// Our memory in KiB after so many requests, where that was looked at.
    pub(crate) steady: Vec<(u64, u64)>,
}

impl Results {
    pub(crate) fn add(&mut self, kind: Kind, peer: Peer, outcome: Outcome) {
        self.runs.entry(kind).or_default().entry(peer).or_default().push(outcome);
    }

    /// The median over the rounds of what `of` takes from a run.
    pub(crate) fn median(&self, kind: Kind, peer: Peer, of: impl Fn(&Outcome) -> f64) -> Option<f64> {
        median(self.runs.get(&kind)?.get(&peer)?.iter().map(of).collect())
    }

    /// The median over the rounds of the ratio of ours to the peer's.
    pub(crate) fn ratio(&self, kind: Kind, peer: Peer, of: impl Fn(&Outcome) -> f64) -> Option<f64> {
        let runs = self.runs.get(&kind)?;
        let pairs = runs.get(&Peer::Serin)?.iter().zip(runs.get(&peer)?);
        median(pairs.map(|(ours, theirs)| of(ours) / of(theirs)).collect())
    }
}

/// The middle one; of an even number the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        length if length % 2 == 0 => Some(f64::midpoint(values[middle - 1], values[middle])),
        _ => Some(values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_one_round() {
        let mut results = Results::default();
        let kind = Kind::http1(1024, 64);
        for (ours, theirs) in [(1.0, 4.0), (2.0, 8.0), (9.0, 9.0)] {
            for (peer, cpu) in [(Peer::Serin, ours), (Peer::Envoy, theirs)] {
                results.add(kind, peer, Outcome { cpu, ..Outcome::default() });
            }
        }
        let cpu = |outcome: &Outcome| outcome.cpu;
        assert_eq!(results.ratio(kind, Peer::Envoy, cpu), Some(0.25));
        assert_eq!(results.median(kind, Peer::Envoy, cpu), Some(8.0));
        assert_eq!(results.ratio(kind, Peer::Nginx, cpu), None);
        assert_eq!(median(vec![4.0, 2.0]), Some(3.0));
    }
}
