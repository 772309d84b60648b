//! `cargo xtask bench telemetry`: how many segments a second one core takes, what they weigh, how soon the service
//! graph of a million of them is there, and how soon the console's pages are with hundreds of tasks.
//!
//! The first is done by an example of the telemetry crate, on a file of its own: one thread, no network. The pages are
//! asked of `bench/pages`: the house's own services and console, on a machine that exists on paper.

use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Figure, Findings};

/// Segments, and those of a quick look.
const SEGMENTS: (u32, u32) = (1_000_000, 100_000);

/// Tasks of the house whose pages are asked for.
const TASKS: &str = "500";

/// Measures a million segments; a tenth of that if `short`.
pub(super) fn run(short: bool) -> Result<Findings> {
    let segments = if short { SEGMENTS.1 } else { SEGMENTS.0 };
    let mut measured = figures(&["--package", "telemetry", "--example", "segments", "--", &segments.to_string()])?;
    measured.extend(figures(&["--package", "pages", "--", TASKS])?);
    let load = std::fs::read_to_string("/proc/loadavg").context("cannot read the load average")?;
    let method = format!(
        "{segments} segments of traces of three (a gateway with the step that calls, a proxy, an API), spread over an \
         hour, put in batches of 50 by one thread into a file, on a temporary folder's disk; then the graph of the whole \
         hour. Then a house with {TASKS} tasks of one service, of which no container runs: each page asked for 21 times, \
         the median. Load average {} on {} processors.",
        load.split(' ').next().unwrap_or_default(),
        std::thread::available_parallelism()?
    );
    Ok(Findings { method, figures: measured })
}

/// Runs one of the programs that measure.
fn figures(program: &[&str]) -> Result<Vec<Figure>> {
    let mut command = Command::new("cargo");
    command.args(["run", "--release", "--quiet"]).args(program);
    let output = command.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the bench failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout).context("its figures are no text")?;
    text.lines().map(figure).collect()
}

/// Reads a line: name, value, unit and aim, which has a `+` if it is to be reached.
fn figure(line: &str) -> Result<Figure> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [name, value, unit, aim] = fields[..] else { bail!("`{line}` is no figure") };
    let unit = match unit {
        "1/s" => "1/s",
        "ms" => "ms",
        "bytes" => "bytes",
        _ => "",
    };
    let at_least = aim.starts_with('+');
    let goal = if aim.is_empty() { None } else { Some(aim.trim_start_matches('+').parse()?) };
    Ok(Figure { name: name.to_owned(), value: value.parse()?, unit, goal, at_least })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aims_are_to_be_reached_or_kept_under() {
        let taken = figure("taken\t120000.5\t1/s\t+100000").unwrap();
        assert_eq!((taken.unit, taken.at_least, taken.met()), ("1/s", true, Some(true)));
        let graph = figure("graph\t120\tms\t100").unwrap();
        assert_eq!((graph.at_least, graph.met()), (false, Some(false)));
        assert!(figure("graph 120").is_err());
    }
}
