//! Our proxy beside Envoy, nginx and `HAProxy` at the same work in one run, with a plain TCP relay as the floor.
//!
//! ```text
//!     processor 1                 processor 0                 processor 1
//!     load: one process a run ──▶ one proxy of five ────────▶ two servers, weights 2:1
//! ```
//!
//! All proxies are up all the time and take turns: each round measures every proxy at one kind of work before it goes on to
//! the next kind, and every second round goes the other way, so that whatever else the machine does falls on all alike.
//! What counts is CPU time, which the scheduler accounts for by the nanosecond, and ratios within a round.

mod ask;
mod load;
mod mesh;
mod peers;
mod poll;
mod ports;
mod process;
mod relay;
mod report;
mod results;
mod run;
mod steady;
mod upstream;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Our proxy beside its peers at the same work in one run")]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Holds the contest and prints what it finds
    Run {
        /// The program that has our proxy
        #[arg(long)]
        sidecar: PathBuf,
        /// The folder of the peers' configurations
        #[arg(long)]
        peers: PathBuf,
        /// The main row alone
        #[arg(long)]
        short: bool,
        /// How often each proxy does each kind of work
        #[arg(long)]
        rounds: Option<usize>,
        /// The proxies, by name; all of them where none is named
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
        /// The protocols; all of them where none is named
        #[arg(long, value_enum, value_delimiter = ',')]
        protocols: Vec<load::Protocol>,
        /// So many requests of all kinds go through our proxy afterwards, to see whether its memory grows
        #[arg(long)]
        steady: Option<u64>,
    },
    /// A client
    Load(load::Work),
    /// The servers
    Upstream,
    /// The relay
    Relay {
        /// Its port
        port: u16,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().part {
        Part::Run { sidecar, peers, short, rounds, only, protocols, steady } => {
            run::run(&run::Settings { sidecar, peers, short, rounds, only, protocols, steady })
        }
        Part::Load(work) => load::run(&work),
        Part::Upstream => upstream::serve(),
        Part::Relay { port } => relay::run(port, ports::servers(false)),
    }
}
