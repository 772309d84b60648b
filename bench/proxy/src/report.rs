//! The findings, as `cargo xtask bench` takes them: a line for each figure with its aim, an empty line, the method with its
//! tables.

use std::fmt::Write as _;

use crate::{
    load::{Outcome, Protocol},
    peers::Peer,
    results::{Kind, Results},
};

/// An aim: at most or at least so much.
#[derive(Clone, Copy)]
enum Aim {
    Most(f64),
    Least(f64),
}

/// Ratios to Envoy, to the better of nginx and `HAProxy`, and to the relay.
type Aims = [Option<Aim>; 3];

/// Everything, `rounds` of it.
pub(crate) fn of(results: &Results, rounds: usize) -> String {
    let mut text = String::new();
    figures(results, &mut text);
    text.push('\n');
    let _ = writeln!(
        text,
        "Medians of {rounds} rounds in which the proxies take turns; each runs on one processor, client and servers on \
         another. Ours and Envoy have the same resources from one xDS server, nginx and HAProxy the configurations in \
         `bench/proxy/peers`: weights 2:1 to two servers, request ids and forwarded headers added, statistics on \
         (those of nginx are a few totals). In the rows of HTTP/2 nginx speaks HTTP/1.1 to the servers, all others HTTP/2. Ratios are ours to the peer's in the same round. CPU is that of the proxy's \
         processes. {}",
        crate::process::machine()
    );
    tables(results, &mut text);
    text
}

fn figures(results: &Results, text: &mut String) {
    use Aim::{Least, Most};
    let main = Kind::http1(1024, 64);
    let paced = Kind { rate: Some(2_000), ..main };
    let cpu = Outcome::cpu_per_request;
    let aims = |envoy, better, relay| [Some(envoy), Some(better), Some(relay)];
    ratios(
        results,
        text,
        "CPU a request, HTTP/1.1, 1 KB, 64 connections",
        main,
        cpu,
        aims(Most(0.25), Most(0.75), Most(1.2)),
    );
    ratios(results, text, "CPU a request at 2,000 a second", paced, cpu, aims(Most(0.38), Most(0.85), Most(1.1)));
    for (name, protocol) in [("HTTP/2 to HTTP/2", Protocol::Http2), ("gRPC unary", Protocol::Grpc)] {
        let name = format!("CPU a request, {name}, 1 KB");
        ratios(results, text, &name, Kind::of(protocol), cpu, [Some(Most(0.4)), Some(Most(0.9)), None]);
    }
    let rate = Outcome::rate;
    ratios(results, text, "most requests a second, 1 KB", main, rate, aims(Least(4.0), Least(1.3), Least(0.85)));
    let large = Kind::http1(65_536, 64);
    ratios(results, text, "most requests a second, 64 KB", large, rate, aims(Least(2.5), Least(1.25), Least(0.75)));
    let p99 = |outcome: &Outcome| outcome.latency[1];
    ratios(results, text, "p99 at 2,000 a second", paced, p99, [Some(Most(0.4)), Some(Most(1.0)), None]);
    memory(results, text);
    if let (Some((early, before)), Some((late, after))) = (results.steady.first(), results.steady.last()) {
        #[expect(clippy::cast_precision_loss, reason = "KiB of a process")]
        let growth = *after as f64 / *before as f64;
        line(text, &format!("memory after {late} requests: to that after {early}"), growth, Some(Most(1.05)));
    }
    for (peer, share) in &results.shares {
        #[expect(clippy::cast_precision_loss, reason = "at most 3,000")]
        let off = share.abs_diff(2_000) as f64;
        let aim = (*peer == Peer::Serin).then_some(Aim::Most(0.0));
        line(text, &format!("requests of 3,000 that miss 2:1, {}", peer.name()), off, aim);
    }
}

fn line(text: &mut String, name: &str, value: f64, aim: Option<Aim>) {
    let aim = match aim {
        Some(Aim::Most(aim)) => format!("<={aim}"),
        Some(Aim::Least(aim)) => format!(">={aim}"),
        None => String::new(),
    };
    // Writing to a string does not fail.
    let _ = writeln!(text, "{name}\t{value}\t\t{aim}");
}

/// The lines of one thing: our ratio to Envoy, to the better of nginx and `HAProxy`, and to the relay.
fn ratios(results: &Results, text: &mut String, name: &str, kind: Kind, of: impl Fn(&Outcome) -> f64, aims: Aims) {
    let ratio = |peer| results.ratio(kind, peer, &of);
    let both = [ratio(Peer::Nginx), ratio(Peer::Haproxy)];
    let least = aims.iter().flatten().any(|aim| matches!(aim, Aim::Least(_)));
    // The better of the two is the one that we look worse beside.
    let better = both.into_iter().flatten().reduce(|a, b| if least { a.min(b) } else { a.max(b) });
    let all =
        [("Envoy", ratio(Peer::Envoy)), ("the better of nginx and HAProxy", better), ("the relay", ratio(Peer::Relay))];
    for ((whom, value), aim) in all.into_iter().zip(aims) {
        if let (Some(value), Some(aim)) = (value, aim) {
            line(text, &format!("{name}: ours to {whom}"), value, Some(aim));
        }
    }
}

fn memory(results: &Results, text: &mut String) {
    let Some(ours) = results.memory.get(&Peer::Serin) else { return };
    let of = |peer| results.memory.get(&peer);
    let better = [of(Peer::Nginx), of(Peer::Haproxy)];
    let moments: [(&str, fn(&crate::results::Memory) -> u64, f64); 3] = [
        ("idle", |memory| memory.idle, 0.2),
        ("with 256 connections", |memory| memory.held, 0.2),
        ("after load", |memory| memory.after, 0.167),
    ];
    #[expect(clippy::cast_precision_loss, reason = "KiB of a process")]
    for (moment, part, envoy) in moments {
        let theirs = [
            ("Envoy", of(Peer::Envoy).map(part), envoy),
            ("the better of nginx and HAProxy", better.into_iter().flatten().map(part).min(), 1.0),
        ];
        for (whom, value, aim) in theirs {
            if let Some(value) = value {
                let name = format!("memory {moment}: ours to {whom}");
                line(text, &name, part(ours) as f64 / value as f64, Some(Aim::Most(aim)));
            }
        }
    }
}

fn tables(results: &Results, text: &mut String) {
    let fast = |kind: &Kind| kind.rate.is_none();
    table(results, text, "CPU µs a request (the part in user mode)", fast, |outcomes| {
        let user = outcomes(&|outcome| outcome.cpu_per_request() * outcome.user);
        format!("{:.1} ({user:.1})", outcomes(&Outcome::cpu_per_request))
    });
    ratio_table(results, text);
    table(
        results,
        text,
        "Requests a second as fast as it goes (share of its processor that the proxy used)",
        fast,
        |outcomes| {
            let share = outcomes(&|outcome| outcome.cpu / outcome.seconds);
            format!("{:.0} ({share:.2})", outcomes(&Outcome::rate))
        },
    );
    let latencies = |outcomes: &dyn Fn(&dyn Fn(&Outcome) -> f64) -> f64| {
        let [p50, p99, p999] = [0, 1, 2].map(|place| outcomes(&|outcome| outcome.latency[place]));
        format!("{p50:.0} / {p99:.0} / {p999:.0}")
    };
    table(results, text, "Latency as fast as it goes, µs: p50 / p99 / p99.9", fast, latencies);
    let paced = |kind: &Kind| kind.rate.is_some();
    table(
        results,
        text,
        "At a fixed rate, from when a request was due: CPU µs a request; p50 / p99 / p99.9 in µs",
        paced,
        |outcomes| format!("{:.1}; {}", outcomes(&Outcome::cpu_per_request), latencies(outcomes)),
    );
    let _ = writeln!(text, "\n**Memory, KiB**\n\n| | idle | with 256 connections | after load |\n|---|---|---|---|");
    for (peer, memory) in &results.memory {
        let _ = writeln!(text, "| {} | {} | {} | {} |", peer.name(), memory.idle, memory.held, memory.after);
    }
    if !results.steady.is_empty() {
        let _ = writeln!(text, "\n**Our memory in the long run**\n\n| Requests of all kinds | KiB |\n|---|---|");
    }
    for (requests, kibibytes) in &results.steady {
        let _ = writeln!(text, "| {requests} | {kibibytes} |");
    }
}

/// A table of kinds of work and proxies; `cell` is shown how to have the median of something.
fn table(
    results: &Results,
    text: &mut String,
    title: &str,
    which: impl Fn(&Kind) -> bool,
    cell: impl Fn(&dyn Fn(&dyn Fn(&Outcome) -> f64) -> f64) -> String,
) {
    let mut rows = results.runs.iter().filter(|(kind, _)| which(kind)).peekable();
    if rows.peek().is_none() {
        return;
    }
    head(text, title, &Peer::ALL);
    for (kind, runs) in rows {
        let _ = write!(text, "| {} |", kind.title());
        for peer in Peer::ALL {
            let there = runs.contains_key(&peer);
            let shown = there.then(|| cell(&|of| results.median(*kind, peer, of).unwrap_or(f64::NAN)));
            let _ = write!(text, " {} |", shown.unwrap_or_default());
        }
        text.push('\n');
    }
}

fn ratio_table(results: &Results, text: &mut String) {
    head(text, "CPU a request: ours to each", &Peer::ALL[1..]);
    for kind in results.runs.keys() {
        let _ = write!(text, "| {} |", kind.title());
        for peer in &Peer::ALL[1..] {
            let ratio = results.ratio(*kind, *peer, Outcome::cpu_per_request);
            let _ = write!(text, " {} |", ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")));
        }
        text.push('\n');
    }
}

fn head(text: &mut String, title: &str, peers: &[Peer]) {
    let names: Vec<&str> = peers.iter().map(|peer| peer.name()).collect();
    let _ = writeln!(text, "\n**{title}**\n\n| | {} |\n|---|{}", names.join(" | "), "---|".repeat(peers.len()));
}
