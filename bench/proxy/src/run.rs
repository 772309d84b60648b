//! The contest: starts everybody, has them work in turns, and takes down what came of it.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum as _;

use crate::{
    ask,
    load::{Outcome, Protocol},
    mesh,
    peers::{Peer, Places, Running},
    ports::{self, Door},
    process, report,
    results::{Kind, Memory, Results},
    steady,
};

/// The proxies' processor, and everybody else's.
const PROXY: usize = 0;
const OTHERS: usize = 1;
/// Rounds, and those of a quick look.
const ROUNDS: (usize, usize) = (5, 3);
/// Milliseconds for which a proxy works in a round, and those it is warmed up for.
const MILLIS: u64 = 500;
const WARM: u64 = 100;
/// Milliseconds at a fixed rate: at 2,000 a second enough for a p99.9 that is more than one request.
const PACED_MILLIS: u64 = 2_500;
/// The rate at which latencies are compared.
const RATE: u32 = 2_000;
/// Connections that are held while memory is looked at.
const HELD: usize = 256;
/// Requests over which weights are counted, one after the other.
const COUNTED: u64 = 3_000;

/// What is asked for.
pub(crate) struct Settings {
    pub(crate) sidecar: PathBuf,
    pub(crate) peers: PathBuf,
    pub(crate) short: bool,
    pub(crate) rounds: Option<usize>,
    pub(crate) only: Vec<String>,
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) steady: Option<u64>,
}

impl Settings {
    fn peers(&self) -> Result<Vec<Peer>> {
        if self.only.is_empty() {
            return Ok(Peer::ALL.to_vec());
        }
        self.only.iter().map(|name| Peer::named(name)).collect()
    }

    fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.short { ROUNDS.1 } else { ROUNDS.0 })
    }

    /// The kinds of work.
    fn kinds(&self) -> Vec<Kind> {
        let main = Kind::http1(1024, 64);
        if self.short {
            return vec![main];
        }
        let mut kinds = Vec::new();
        for size in [100, 1024, 65_536] {
            kinds.extend([16, 64, 256].map(|connections| Kind::http1(size, connections)));
        }
        kinds.push(Kind { rate: Some(RATE), ..main });
        kinds.extend([Protocol::Http2, Protocol::Http2Tls, Protocol::Grpc, Protocol::Handshakes].map(Kind::of));
        kinds.retain(|kind| self.protocols.is_empty() || self.protocols.contains(&kind.protocol));
        kinds
    }
}

/// The servers; dropping them ends them.
struct Servers(Child);

impl Servers {
    fn start() -> Result<Self> {
        let program = std::env::current_exe()?;
        Ok(Self(Command::new(program).arg("upstream").spawn().context("cannot start the servers")?))
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // They are ours, and hold nothing worth a farewell.
        let _ended_before = self.0.kill();
        let _status = self.0.wait();
    }
}

/// Holds the contest.
pub(crate) fn run(settings: &Settings) -> Result<()> {
    let peers = settings.peers()?;
    process::pin(OTHERS)?;
    let folder = tempfile::Builder::new().prefix("contest-").tempdir()?;
    certificates(folder.path())?;
    let places =
        Places { sidecar: settings.sidecar.clone(), peers: settings.peers.clone(), run: folder.path().to_owned() };
    let _servers = Servers::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let own = [("serin", Peer::Serin.base()), ("envoy", Peer::Envoy.base())];
    runtime.block_on(mesh::serve(&own, folder.path()))?;
    let start = |peer: Peer| Running::start(peer, &places, PROXY, OTHERS);
    let running: Vec<Running> = peers.into_iter().map(start).collect::<Result<_>>()?;
    let results = measure(settings, &running)?;
    print!("{}", report::of(&results, settings.rounds()));
    Ok(())
}

/// A certificate of its own, for all proxies.
fn certificates(folder: &std::path::Path) -> Result<()> {
    let own = rcgen::generate_simple_self_signed(vec!["todo.example".to_owned()])?;
    let (chain, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    std::fs::write(folder.join("certificate.pem"), &chain)?;
    std::fs::write(folder.join("key.pem"), &key)?;
    std::fs::write(folder.join("both.pem"), chain + &key)?;
    Ok(())
}

fn measure(settings: &Settings, running: &[Running]) -> Result<Results> {
    let mut results = Results::default();
    for proxy in running {
        results.memory.entry(proxy.peer).or_default().idle = process::resident(&proxy.pids())?;
    }
    for proxy in running.iter().filter(|proxy| proxy.peer != Peer::Relay) {
        results.shares.insert(proxy.peer, share(proxy)?);
    }
    for proxy in running {
        results.memory.entry(proxy.peer).or_default().held = held(proxy)?;
    }
    for round in 0..settings.rounds() {
        for kind in settings.kinds() {
            let there: Vec<&Running> = running.iter().collect();
            let turns: Vec<&Running> = if round % 2 == 0 { there } else { there.into_iter().rev().collect() };
            for proxy in turns.into_iter().filter(|proxy| kind.is_for(proxy.peer)) {
                let outcome = work(proxy, kind)?;
                ensure!(outcome.errors == 0, "{}: {} of {:?} failed", proxy.peer.name(), outcome.errors, kind);
                results.add(kind, proxy.peer, outcome);
            }
        }
        eprintln!("round {} of {}", round + 1, settings.rounds());
    }
    for proxy in running {
        let Memory { after, .. } = results.memory.entry(proxy.peer).or_default();
        work(proxy, Kind::http1(65_536, HELD))?;
        *after = process::resident(&proxy.pids())?;
    }
    if let Some(requests) = settings.steady {
        let ours = running.iter().find(|proxy| proxy.peer == Peer::Serin);
        results.steady = steady::run(ours.context("memory in the long run is looked at of Serin alone")?, requests)?;
    }
    Ok(results)
}

/// A client at work on a proxy.
fn client(proxy: &Running, kind: Kind, arguments: &[(&str, u64)]) -> Result<Child> {
    let door = match kind.protocol {
        Protocol::Http1 => Door::Http1,
        Protocol::Http2 | Protocol::Grpc => Door::Http2,
        Protocol::Http2Tls => Door::Http2Tls,
        Protocol::Handshakes => Door::Http1Tls,
    };
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("load").args(["--port", &ports::of(proxy.peer.base(), door).to_string()]);
    command.args(["--connections", &kind.connections.to_string(), "--size", &kind.size.to_string()]);
    command.args(["--processor", &OTHERS.to_string(), "--certificate"]).arg(proxy.folder.join("certificate.pem"));
    let protocol = kind.protocol.to_possible_value().context("every protocol has a name")?;
    command.args(["--protocol", protocol.get_name()]);
    let pids: Vec<String> = proxy.pids().iter().map(u32::to_string).collect();
    command.args(["--pids", &pids.join(",")]);
    if let Some(rate) = kind.rate {
        command.args(["--rate", &rate.to_string()]);
    }
    for (name, value) in arguments {
        command.args([&format!("--{name}"), &value.to_string()]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().context("cannot start a client")
}

fn finished(client: Child, proxy: &Running) -> Result<Outcome> {
    let output = client.wait_with_output()?;
    if !output.status.success() {
        bail!("the client of {} failed", proxy.peer.name());
    }
    Outcome::read(String::from_utf8(output.stdout).context("an outcome that is no text")?.trim())
}

fn work(proxy: &Running, kind: Kind) -> Result<Outcome> {
    let millis = if kind.rate.is_some() { PACED_MILLIS } else { MILLIS };
    work_for(proxy, kind, millis, WARM)
}

/// Work for so many milliseconds, behind those that do not count.
pub(crate) fn work_for(proxy: &Running, kind: Kind, millis: u64, warm: u64) -> Result<Outcome> {
    finished(client(proxy, kind, &[("millis", millis), ("warm", warm)])?, proxy)
}

/// What a proxy has in memory while it holds connections that have been used.
fn held(proxy: &Running) -> Result<u64> {
    /// Milliseconds for which they are held: long enough to start looking, and to look.
    const HOLD: u64 = 1_500;
    let kind = Kind { rate: Some(RATE), ..Kind::http1(1024, HELD) };
    let client = client(proxy, kind, &[("millis", 500), ("warm", 0), ("hold", HOLD)])?;
    std::thread::sleep(Duration::from_millis(500 + HOLD / 2));
    let memory = process::resident(&proxy.pids())?;
    finished(client, proxy)?;
    Ok(memory)
}

/// How many of 3,000 requests in a row the first server has.
fn share(proxy: &Running) -> Result<u64> {
    let [first, _] = ports::servers(false);
    ask::counts(first)?;
    let mut connection = ask::Kept::open(proxy.peer.base())?;
    for _ in 0..COUNTED {
        connection.get("/todos/todo1?s=10")?;
    }
    let counts = ask::counts(first)?;
    ensure!(counts.iter().sum::<u64>() == COUNTED, "{}: the servers had {counts:?}", proxy.peer.name());
    Ok(counts[0])
}
