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
}

fn main() -> ExitCode {
    let Arguments { lines, short } = Arguments::parse();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let size = if short {
        Size { healthy: 100, faulty: 40, short, threads: 1 }
    } else {
        Size { healthy: 1000, faulty: 300, short, threads }
    };
    let begun = Instant::now();
    let findings = arena::run(size);
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
         policy, its own judge and ramp. The peers are loops of our own, written from what they document (Flagger 1.44 \
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
