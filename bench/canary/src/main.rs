//! The arena: judges of canaries on the same simulated traffic, each run repeatable from its seed.
//!
//! `cargo xtask bench canary` runs it, and keeps its tables in `bench/README.md`. It fails where a goal of ours is
//! missed.

mod arena;
mod detector;
mod random;
mod run;
mod scenarios;
mod summary;
mod traffic;

use std::{process::ExitCode, time::Instant};

use arena::{Figure, Size};
use clap::Parser;

#[derive(Parser)]
#[command(about = "Judges of canaries on the same simulated traffic")]
struct Arguments {
    /// For xtask: a line for each figure (name, value, unit and aim, by tabs), an empty line, then the text
    #[arg(long)]
    lines: bool,
    /// Few runs on one core; what chance may add is added to the goals
    #[arg(long)]
    short: bool,
    /// Only scenarios whose names have this in them, and no peers: for whoever changes the judge
    #[arg(long, value_name = "TEXT", conflicts_with = "lines")]
    only: Option<String>,
    /// Rollouts of a healthy version in each scenario, in the place of the usual number
    #[arg(long, conflicts_with = "lines")]
    healthy: Option<u64>,
    /// The same of a faulty one
    #[arg(long, conflicts_with = "lines")]
    faulty: Option<u64>,
}

fn main() -> ExitCode {
    let Arguments { lines, short, only, healthy, faulty } = Arguments::parse();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let usual = if short { (100, 40, 1) } else { (1000, 300, threads) };
    let size = Size { healthy: healthy.unwrap_or(usual.0), faulty: faulty.unwrap_or(usual.1), short, threads: usual.2 };
    let begun = Instant::now();
    let findings = arena::run(size, only);
    let text = format!("{}\n{}", method(size), findings.tables.trim_end());
    if lines {
        findings.figures.iter().for_each(|figure| println!("{}", fields(figure)));
        println!("\n{text}");
    } else {
        println!("{text}\n");
        findings.figures.iter().for_each(|figure| println!("{}", line(figure)));
        eprintln!("took {:.0} s", begun.elapsed().as_secs_f64());
    }
    // Whoever reads lines sees for himself what was missed.
    if lines || findings.figures.iter().all(met) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn met(figure: &Figure) -> bool {
    figure.goal.is_none_or(|goal| figure.value <= goal)
}

fn line(figure: &Figure) -> String {
    let Figure { name, value, unit, goal } = figure;
    let goal =
        goal.map_or_else(String::new, |goal| format!(" (≤ {goal:.2}{})", if met(figure) { "" } else { ", MISSED" }));
    format!("{name}: {value:.2} {unit}{goal}")
}

fn method(size: Size) -> String {
    let Size { healthy, faulty, short, .. } = size;
    let chance =
        if short { " Goals of shares and means are widened by what chance may add in so few runs." } else { "" };
    format!(
        "Simulated requests, Poisson, second by second; {healthy} rollouts of a healthy version and {faulty} of a \
         faulty one in each scenario, a tenth to a twentieth of that by the loops of the peers. Serin runs its usual \
         policy, its own judge and ramp, and has read the old version before for no longer than it does in fact: a \
         minute, or 5000 requests. The peers are loops of our own, written from what they document (Flagger 1.44 \
         with steps of 10 %, threshold 5; Argo Rollouts' example; Kayenta and PipeCD at 10 % against a baseline of \
         equal size, by points of a minute; a z-test every 10 s), without the delay of a metric store and with \
         weights that apply at once, which favours them: corrections are welcome.{chance}"
    )
}

/// What xtask reads.
fn fields(figure: &Figure) -> String {
    let Figure { name, value, unit, goal } = figure;
    format!("{name}\t{value}\t{unit}\t{}", goal.map_or_else(String::new, |goal| goal.to_string()))
}
