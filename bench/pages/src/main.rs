//! `cargo xtask bench telemetry` starts this: how soon the console's pages are there, and what they weigh, in a house with
//! hundreds of tasks.
//!
//! Everything is the house's own, but for the machine: no container runs, and no network is made. Each figure is a line
//! on the standard output: name, value, unit and aim, with tabs between.

mod house;
mod neighbours;
mod paper;

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use axum::{Router, body::Body};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

use house::{CLUSTER, House, SERVICE};

/// Tasks, unless another number is given.
const TASKS: u32 = 500;
/// How often each page is asked for; the median counts.
const ROUNDS: usize = 21;
/// Milliseconds in which a page should be there, and bytes that it may have.
const AIMS: (&str, &str) = ("50", "100000");

#[tokio::main]
async fn main() -> Result<()> {
    let tasks = std::env::args().nth(1).map_or(Ok(TASKS), |count| count.parse())?;
    let folder = tempfile::tempdir()?;
    let house = House::open(folder.path())?;
    house.run(tasks).await?;
    let scope = "/console/000000000000/us-east-1";
    let pages = [
        ("the overview", "/console/".to_owned()),
        ("the services", format!("{scope}/services")),
        ("the service", format!("{scope}/services/{CLUSTER}/{SERVICE}")),
    ];
    for (name, path) in pages {
        let (mut times, mut bytes) = (Vec::new(), 0);
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            bytes = page(&house.console, &path).await?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        println!("{name} with {tasks} tasks\t{}\tms\t{}", times[ROUNDS / 2], AIMS.0);
        println!("{name}: its weight\t{bytes}\tbytes\t{}", AIMS.1);
    }
    Ok(())
}

/// Asks for a page as a browser does; its weight in bytes.
async fn page(console: &Router, path: &str) -> Result<usize> {
    let request = Request::get(path).header("host", "127.0.0.1:4566").header("accept", "text/html");
    let answer = console.clone().oneshot(request.body(Body::empty())?).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await.with_context(|| format!("{path} breaks off"))?.to_bytes();
    ensure!(status == StatusCode::OK, "{path}: {status} {}", String::from_utf8_lossy(&body));
    Ok(body.len())
}
