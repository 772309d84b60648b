//! The project's own chores, all under one name: `cargo xtask <chore>`.

mod bench;
mod licences;
mod sizes;
mod suite;
mod test;
mod walls;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own chores")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Runs every check, or only the parts named
    Test {
        /// Parts to run, in this order; all of them where none is named
        #[arg(value_enum)]
        parts: Vec<test::Part>,
    },
    /// Measures, and writes down what it finds
    Bench {
        /// What to measure
        #[arg(value_enum)]
        bench: bench::Bench,
        /// One line of JSON for each figure
        #[arg(long)]
        json: bool,
        /// Once only, for a quick look
        #[arg(long)]
        short: bool,
        /// The second part of `canary`: on the real program, under load; needs root
        #[arg(long)]
        live: bool,
        /// The last part of `proxy`: ten million requests through ours, to see whether its memory grows
        #[arg(long)]
        steady: bool,
        /// What the second part is told: `--rate`, `--faulty`, `--sound`, `--policy`
        #[arg(last = true)]
        more: Vec<String>,
    },
    /// Writes docs/coverage from crates/api and the API models of the `aws` CLI on PATH
    ApiCoverage {
        /// Writes nothing, and fails where a page is stale
        #[arg(long)]
        check: bool,
    },
    /// Takes pictures of every page of the console; needs root
    Screenshots {
        /// Where to put them
        folder: std::path::PathBuf,
    },
    /// Checks who imports whom
    Walls,
    /// Checks the licences of what the binary is made of
    Licences,
    /// Checks the length of files
    Sizes,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().chore {
        Chore::Test { parts } => test::run(&parts),
        Chore::Bench { bench, json, short, live, steady, more } => {
            bench::run(bench, &bench::Options { json, short, live, steady, more })
        }
        Chore::ApiCoverage { check } => test::coverage(check),
        Chore::Screenshots { folder } => test::screenshots(&folder),
        Chore::Walls => walls::check(),
        Chore::Licences => licences::check(),
        Chore::Sizes => sizes::check(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
