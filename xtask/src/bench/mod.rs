//! `cargo xtask bench NAME`: measures, prints a table for people or a line of JSON for each figure, and keeps the table
//! of a whole run in `bench/README.md`, where every bench has a section of its own.

mod page;
mod start;
mod xds;

use anyhow::Result;
use clap::ValueEnum;

/// A bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bench {
    /// Start of the house and of the sample
    Start,
    /// A fleet of proxies that acknowledge a change of weights
    Xds,
}

impl Bench {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
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

/// Runs `bench`; prints a table, or with `json` one line a figure. `short` takes a quick look, and keeps no table.
pub(crate) fn run(bench: Bench, json: bool, short: bool) -> Result<()> {
    let findings = match bench {
        Bench::Start => start::run(short)?,
        Bench::Xds => xds::run(short)?,
    };
    if json {
        findings.figures.iter().for_each(|figure| println!("{}", page::line(bench.name(), figure)));
        return Ok(());
    }
    let section = page::section(bench.name(), &findings);
    print!("{section}");
    if short { Ok(()) } else { page::keep(bench.name(), &section) }
}
