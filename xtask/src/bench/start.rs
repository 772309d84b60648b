//! `cargo xtask bench start`: how soon a house is ready, what it takes when idle, and how soon the sample answers.
//!
//! Runs the release binary in a network namespace of its own, several times, and takes medians: machines are noisy.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{Figure, Findings};

/// How often each thing is done.
const RUNS: usize = 5;
/// The binary that is measured.
const BINARY: &str = "target/x86_64-unknown-linux-gnu/release/serin";

/// Measures the start of the house and of the sample; once only if `short`.
pub(super) fn run(short: bool) -> Result<Findings> {
    crate::test::cargo(&["build", "--release", "--package", "serin"])?;
    let runs = if short { 1 } else { RUNS };
    Ok(Findings { method: format!("Medians of {runs} runs of the release binary."), figures: start(runs)? })
}

fn start(runs: usize) -> Result<Vec<Figure>> {
    let (mut ready, mut memory, mut answer) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..runs {
        let folder = std::env::temp_dir().join(format!("serin-bench-{}-{run}", std::process::id()));
        let (seconds, mebibytes) = house(&folder)?;
        ready.push(seconds);
        memory.push(mebibytes);
        answer.push(demo()?);
        fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    Ok(vec![
        Figure::at_most("serin up: ready", median(ready), "s", 0.3),
        Figure::at_most("serin up: resident memory when idle, edge included", median(memory), "MiB", 60.0),
        Figure::at_most("serin demo: first answer of the sample after the start", median(answer), "s", 10.0),
    ])
}

/// `serin` in a network namespace with loopback alone.
fn serin(arguments: &str) -> Command {
    let binary = Path::new(BINARY).canonicalize().unwrap_or_else(|_| BINARY.into());
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c"]);
    command.arg(format!("ip link set lo up && exec {} {arguments}", binary.display()));
    command.stdout(Stdio::piped());
    command
}

/// Starts a house: seconds until it is ready, and the MiB it takes two seconds later.
fn house(folder: &Path) -> Result<(f64, f64)> {
    let mut command = serin(&format!("up --data-dir {}", folder.display()));
    let begun = Instant::now();
    let mut child = command.spawn().context("cannot start unshare")?;
    line_with(&mut child, "ready")?;
    let seconds = begun.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_secs(2));
    let mut mebibytes = resident(child.id())?;
    for pid in processes(&folder.display().to_string()) {
        if pid != child.id() {
            mebibytes += resident(pid)?;
        }
    }
    let stopped = Command::new("kill").arg(child.id().to_string()).status()?;
    if !stopped.success() || !child.wait()?.success() {
        bail!("serin up did not stop as it should");
    }
    Ok((seconds, mebibytes))
}

/// Runs the demo: the seconds it says it took to its first answer.
fn demo() -> Result<f64> {
    let output = serin("demo").output().context("cannot start unshare")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("serin demo failed:\n{text}");
    }
    let line =
        text.lines().find_map(|line| line.strip_prefix("First answer ")).context("the demo names no first answer")?;
    line.split(' ').next().and_then(|seconds| seconds.parse().ok()).context("the demo's time is no number")
}

/// Reads the child's output up to a line with `text`.
fn line_with(child: &mut Child, text: &str) -> Result<()> {
    let stdout = child.stdout.take().context("its output is a pipe")?;
    for line in BufReader::new(stdout).lines() {
        if line?.contains(text) {
            return Ok(());
        }
    }
    bail!("serin ended before it was {text}")
}

/// Processes whose command line names `folder`.
fn processes(folder: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let names = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let first = line.split(|byte| *byte == 0).next().unwrap_or_default();
        first.ends_with(b"serin") && String::from_utf8_lossy(&line).contains(folder)
    };
    pids.filter(names).collect()
}

/// What a process has in memory, in MiB (`VmRSS` of proc(5)); nothing if it has ended meanwhile.
fn resident(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let Some(line) = text.lines().find_map(|line| line.strip_prefix("VmRSS:")) else { return Ok(0.0) };
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes / 1024.0)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
