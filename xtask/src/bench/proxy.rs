//! `cargo xtask bench proxy`: our proxy beside Envoy, nginx and `HAProxy` at the same work, and a relay as the floor.
//!
//! The work is done by `bench/proxy`, in a network namespace of its own, with what `serin proxy` is (`examples/sidecar` of the proxy crate, in release); the
//! peers must be on the search path. No aim is held here: what a machine can do decides, and the page says what is missed.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, bail};

use super::{Figure, Findings};

/// Where the release binaries are.
const FOLDER: &str = "target/x86_64-unknown-linux-gnu/release";
/// Where the peers' configurations are.
const PEERS: &str = "bench/proxy/peers";

/// So many requests show whether memory grows.
const STEADY: u64 = 10_000_000;

/// Holds the contest; its main row alone if `short`. Many requests go through our proxy afterwards if `steady`.
pub(super) fn run(short: bool, steady: bool) -> Result<Findings> {
    crate::test::cargo(&[
        "build",
        "--release",
        "--package",
        "contest",
        "--package",
        "proxy",
        "--bin",
        "contest",
        "--example",
        "sidecar",
    ])?;
    let folder = Path::new(FOLDER).canonicalize().with_context(|| format!("{FOLDER} is missing"))?;
    let (contest, sidecar) = (folder.join("contest"), folder.join("examples/sidecar"));
    let peers = Path::new(PEERS).canonicalize().with_context(|| format!("{PEERS} is missing"))?;
    let script = format!(
        "ip link set lo up && ulimit -n 20000 && exec {} run --sidecar {} --peers {} {} {}",
        contest.display(),
        sidecar.display(),
        peers.display(),
        if short { "--short" } else { "" },
        if steady { format!("--steady {STEADY}") } else { String::new() }
    );
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", &script]).stderr(std::process::Stdio::inherit());
    let output = command.output().context("cannot start unshare")?;
    if !output.status.success() {
        bail!("the contest failed: {}", output.status);
    }
    let text = String::from_utf8(output.stdout).context("the findings are no text")?;
    let (figures, method) = text.split_once("\n\n").context("the contest found nothing")?;
    Ok(Findings { method: method.trim_end().to_owned(), figures: figures.lines().map(figure).collect::<Result<_>>()? })
}

/// Reads a line of the contest: name, value, unit, and the aim behind `<=` or `>=`.
fn figure(line: &str) -> Result<Figure> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [name, value, "", aim] = fields[..] else { bail!("`{line}` is no figure") };
    let at_least = aim.starts_with(">=");
    let goal = aim.trim_start_matches(['<', '>', '=']);
    let goal = if goal.is_empty() { None } else { Some(goal.parse().with_context(|| format!("`{line}`"))?) };
    Ok(Figure { name: name.to_owned(), value: value.parse()?, unit: "", goal, at_least })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_is_at_most_or_at_least() {
        let most = figure("CPU: ours to Envoy\t0.24\t\t<=0.25").unwrap();
        assert_eq!((most.goal, most.at_least, most.met()), (Some(0.25), false, Some(true)));
        let least = figure("most requests: ours to Envoy\t3.9\t\t>=4").unwrap();
        assert_eq!((least.goal, least.at_least, least.met()), (Some(4.0), true, Some(false)));
        assert!(figure("idle\t1\t\t").unwrap().goal.is_none() && figure("idle 1").is_err());
    }
}
