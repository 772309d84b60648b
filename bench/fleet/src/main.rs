//! `cargo xtask bench xds` starts this: a control plane of its own, one real Envoy, and fake proxies by the thousand.
//!
//! It changes the weights of a route, again and again, and takes the time until the last proxy has acknowledged, by its
//! own word and by the control plane's. It expects to be alone in its network namespace. Each figure is a line on the
//! standard output: name, value, unit and aim, with tabs between.

mod control_plane;
mod envoy;
mod mesh;
mod proxy;
mod tally;

use std::{path::PathBuf, sync::Arc, time::Instant};

use anyhow::{Context, Result};
use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::sync::Semaphore;

use control_plane::ControlPlane;
use envoy::Envoy;
use proxy::Dialect;
use tally::Tally;

/// Proxies that connect at the same time.
const CONNECTING_MAX: u32 = 128;
/// One in so many more proxies is of a node that the change does not concern.
const BYSTANDERS: usize = 10;

#[derive(Parser)]
struct Arguments {
    /// The `serin` to measure
    #[arg(long)]
    serin: PathBuf,
    /// Fake proxies that every change concerns
    #[arg(long)]
    proxies: usize,
    /// How they speak
    #[arg(long, value_enum)]
    dialect: Dialect,
    /// How often the weights change
    #[arg(long, default_value_t = 10)]
    rounds: usize,
    /// Milliseconds in which all should have acknowledged
    #[arg(long)]
    aim: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let folder = tempfile::tempdir()?;
    let control_plane = ControlPlane::start(&arguments.serin, folder.path()).await?;
    let bench = Bench { control_plane, tally: Arc::new(Tally::default()), arguments };
    let result = bench.run(folder.path()).await;
    bench.tally.end();
    let stopped = bench.control_plane.stop().await;
    result.and(stopped).with_context(|| control_plane::last_words(folder.path()))
}

struct Bench {
    control_plane: ControlPlane,
    tally: Arc<Tally>,
    arguments: Arguments,
}

impl Bench {
    async fn run(&self, folder: &std::path::Path) -> Result<()> {
        let Arguments { proxies, dialect, .. } = self.arguments;
        mesh::create(&self.control_plane.client).await?;
        let _envoy = Envoy::start(folder, self.control_plane.address, dialect)?;
        self.control_plane.acknowledged_by(1).await.context("Envoy takes no configuration")?;
        let before = self.control_plane.resident_kib()?;
        let begun = Instant::now();
        self.connect().await?;
        self.control_plane.acknowledged_by(proxies + 1).await?;
        let what = format!("{proxies} {dialect}");
        figure(&format!("{what}: all connected and configured"), begun.elapsed().as_secs_f64() * 1e3, "ms", None);
        let all = proxies + proxies / BYSTANDERS;
        let memory = (self.control_plane.resident_kib()? - before) / number(all);
        figure(&format!("{what}: memory a proxy"), memory, "KiB", Some(50.0));
        self.change(&what).await
    }

    /// Connects all fake proxies, and waits until each has routes.
    async fn connect(&self) -> Result<()> {
        let Arguments { proxies, dialect, .. } = self.arguments;
        let places = Arc::new(Semaphore::new(CONNECTING_MAX as usize));
        self.tally.expect(proxies);
        let mine = (0..proxies).map(|_| mesh::NODE);
        for node in mine.chain((0..proxies / BYSTANDERS).map(|_| mesh::BYSTANDER)) {
            let place = Arc::clone(&places).acquire_owned().await?;
            let (address, tally) = (self.control_plane.address, Arc::clone(&self.tally));
            tokio::spawn(async move {
                if let Err(error) = proxy::run(address, dialect, node, Arc::clone(&tally), place).await
                    && !tally.is_over()
                {
                    eprintln!("a proxy left: {error:#}");
                }
            });
        }
        // A proxy gives up its place when it is configured.
        let _all = places.acquire_many(CONNECTING_MAX).await?;
        self.tally.all().await.map(drop)
    }

    /// Changes weights, and prints how that went.
    async fn change(&self, what: &str) -> Result<()> {
        let Arguments { proxies, rounds, aim, .. } = self.arguments;
        let (mut sent, mut known) = (Vec::new(), Vec::new());
        self.tally.forget_bystanders();
        let cpu = self.control_plane.cpu_ms()?;
        for round in 0..rounds {
            self.tally.expect(proxies);
            let begun = Instant::now();
            mesh::set_weights(&self.control_plane.client, round).await?;
            self.control_plane.acknowledged_by(proxies + 1).await?;
            known.push(begun.elapsed().as_secs_f64() * 1e3);
            sent.push((self.tally.all().await? - begun).as_secs_f64() * 1e3);
        }
        let cpu = (self.control_plane.cpu_ms()? - cpu) / number(rounds);
        figure(&format!("{what}: weight change to the last ACK, median"), median(&mut sent), "ms", Some(aim));
        figure(&format!("{what}: weight change to the last ACK, worst"), worst(&sent), "ms", None);
        let name = format!("{what}: weight change to all ACKs known to the control plane, median");
        figure(&name, median(&mut known), "ms", None);
        figure(&format!("{what}: CPU of the control plane for a change"), cpu, "ms", None);
        let bystanders = self.tally.bystanders();
        figure(
            &format!("{what}: responses to proxies that need nothing of a change"),
            number(bystanders),
            "",
            Some(0.0),
        );
        Ok(())
    }
}

/// Prints a figure.
fn figure(name: &str, value: f64, unit: &str, aim: Option<f64>) {
    let aim = aim.map(|aim| aim.to_string()).unwrap_or_default();
    println!("{name}\t{value}\t{unit}\t{aim}");
}

/// A count as a figure.
fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn worst(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}
