//! `cargo xtask bench NAME`: measures, prints a table for people or a line of JSON for each figure, and keeps the table
//! of a whole run in `bench/README.md`, where every bench has a section of its own.

mod canary;
mod live;
mod page;
mod proxy;
mod start;
mod telemetry;
mod xds;

use anyhow::{Result, bail};
use clap::ValueEnum;

/// A bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bench {
    /// Judges of canaries on simulated traffic; fails where a goal is missed
    Canary,
    /// Our proxy beside Envoy, nginx, `HAProxy` and a plain relay
    Proxy,
    /// Start of the house and of the sample
    Start,
    /// Segments taken in, and the graph of a million of them
    Telemetry,
    /// A fleet of proxies that acknowledge a change of weights
    Xds,
}

impl Bench {
    fn name(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::Proxy => "proxy",
            Self::Start => "start",
            Self::Telemetry => "telemetry",
            Self::Xds => "xds",
        }
    }
}

/// One measured figure, with what it aims at.
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// At most this much, or at least where `at_least` is set. None: for information.
    pub(crate) goal: Option<f64>,
    pub(crate) at_least: bool,
}

impl Figure {
    /// A figure that should not be above `goal`.
    pub(crate) fn at_most(name: impl Into<String>, value: f64, unit: &'static str, goal: f64) -> Self {
        Self { name: name.into(), value, unit, goal: Some(goal), at_least: false }
    }

    pub(crate) fn met(&self) -> Option<bool> {
        self.goal.map(|goal| if self.at_least { self.value >= goal } else { self.value <= goal })
    }
}

/// What a bench found.
pub(crate) struct Findings {
    /// What was done, in a sentence or two, with the number of runs.
    pub(crate) method: String,
    pub(crate) figures: Vec<Figure>,
}

/// How a bench is to be run.
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// One line of JSON a figure, in the place of a table.
    pub(crate) json: bool,
    /// A quick look, whose table is not kept.
    pub(crate) short: bool,
    /// On the real program: a part of `canary`.
    pub(crate) live: bool,
    /// With memory in the long run: a part of `proxy`.
    pub(crate) steady: bool,
    /// What the live arena is told beyond that.
    pub(crate) more: Vec<String>,
}

/// Runs `bench`, and prints what it finds.
pub(crate) fn run(bench: Bench, options: &Options) -> Result<()> {
    let Options { json, short, live, steady, .. } = *options;
    if (live || !options.more.is_empty()) && !(live && bench == Bench::Canary) {
        bail!("--live is a part of `canary` alone, and what stands behind -- is for it");
    }
    if steady && bench != Bench::Proxy {
        bail!("--steady is a part of `proxy` alone");
    }
    let name = if live { live::NAME } else { bench.name() };
    let findings = match bench {
        Bench::Canary if live => live::run(short, &options.more)?,
        Bench::Canary => canary::run(short)?,
        Bench::Proxy => proxy::run(short, steady)?,
        Bench::Start => start::run(short)?,
        Bench::Telemetry => telemetry::run(short)?,
        Bench::Xds => xds::run(short)?,
    };
    if json {
        findings.figures.iter().for_each(|figure| println!("{}", page::line(name, figure)));
    } else {
        let section = page::section(name, &findings);
        print!("{section}");
        if !short {
            page::keep(name, &section)?;
        }
    }
    if bench == Bench::Canary { hold(live, &findings) } else { Ok(()) }
}

/// Fails where a goal is missed that does not depend on the machine.
fn hold(live: bool, findings: &Findings) -> Result<()> {
    let missed = findings.figures.iter().filter(|figure| figure.met() == Some(false));
    let missed: Vec<_> = missed.filter(|figure| !live || live::binds(figure)).collect();
    if !missed.is_empty() {
        bail!("missed: {}", missed.iter().map(|figure| figure.name.as_str()).collect::<Vec<_>>().join("; "));
    }
    Ok(())
}
