//! `cargo xtask bench xds`: how soon a fleet of proxies has acknowledged a change of weights, and what that costs.
//!
//! The work is done by `bench/fleet`, in a network namespace of its own: it starts the release binary, one real Envoy,
//! and fake proxies by the thousand, once for each dialect and size.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use super::{Figure, Findings};

/// Where the release binaries are.
const FOLDER: &str = "target/x86_64-unknown-linux-gnu/release";
/// How many proxies, and the milliseconds in which all should have acknowledged.
const FLEETS: [(usize, u32); 2] = [(1_000, 100), (5_000, 500)];
const DIALECTS: [&str; 2] = ["world", "delta"];
/// Weight changes, and those of a quick look.
const ROUNDS: (usize, usize) = (20, 5);

/// Measures both fleets; the small one alone if `short`.
pub(super) fn run(short: bool) -> Result<Findings> {
    crate::test::cargo(&["build", "--release", "--package", "serin", "--package", "fleet"])?;
    let machine = machine()?;
    let (fleets, rounds) = if short { (&FLEETS[..1], ROUNDS.1) } else { (&FLEETS[..], ROUNDS.0) };
    let mut figures = Vec::new();
    for (proxies, aim) in fleets {
        for dialect in DIALECTS {
            figures.extend(fleet(*proxies, *aim, dialect, rounds)?);
        }
    }
    let method = format!(
        "The article's mesh on the release binary; fake proxies and one real Envoy on the same machine, each with a \
         connection of its own; {rounds} weight changes, timed from the call of `UpdateRoute`. A tenth as many proxies \
         more belong to a virtual node that the change does not concern. {machine}"
    );
    Ok(Findings { method, figures })
}

/// How busy the machine is before anything runs: what else runs on it is in every figure.
pub(super) fn machine() -> Result<String> {
    let load = fs::read_to_string("/proc/loadavg").context("cannot read the load average")?;
    let load = load.split(' ').next().unwrap_or_default();
    // Where sessions share the processors between them, a session's niceness counts and not a process's: sched(7).
    let session = fs::read_to_string("/proc/self/autogroup").unwrap_or_default();
    let nice = session.trim().rsplit(' ').next().filter(|nice| !nice.is_empty()).unwrap_or("0");
    let processors = std::thread::available_parallelism()?;
    Ok(format!("{processors} processors, load average {load} before it began, niceness of the session {nice}."))
}

/// Runs one fleet in a network namespace with loopback alone.
fn fleet(proxies: usize, aim: u32, dialect: &str, rounds: usize) -> Result<Vec<Figure>> {
    let folder = Path::new(FOLDER).canonicalize().with_context(|| format!("{FOLDER} is missing"))?;
    let (fleet, serin) = (folder.join("fleet"), folder.join("serin"));
    let script = format!(
        "ip link set lo up && exec {} --serin {} --proxies {proxies} --dialect {dialect} --aim {aim} --rounds {rounds}",
        fleet.display(),
        serin.display()
    );
    let output =
        Command::new("unshare").args(["--net", "sh", "-c", &script]).output().context("cannot start unshare")?;
    if !output.status.success() {
        bail!("the fleet failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout).context("the fleet's figures are no text")?;
    text.lines().map(figure).collect()
}

/// Reads a line of the fleet: name, value, unit and aim.
fn figure(line: &str) -> Result<Figure> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [name, value, unit, aim] = fields[..] else { bail!("`{line}` is no figure") };
    let unit = match unit {
        "ms" => "ms",
        "KiB" => "KiB",
        _ => "",
    };
    let goal = if aim.is_empty() { None } else { Some(aim.parse()?) };
    Ok(Figure { name: name.to_owned(), value: value.parse()?, unit, goal, at_least: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_says_how_busy_it_is() {
        let text = machine().unwrap();
        let numbers: Vec<f64> =
            text.split([' ', ',']).filter_map(|word| word.trim_end_matches('.').parse().ok()).collect();
        assert!(numbers.len() == 3 && numbers[2].abs() <= 20.0, "{text}");
    }

    #[test]
    fn a_figure_is_read_with_and_without_an_aim() {
        let with = figure("1000 delta: last ACK\t81.5\tms\t100").unwrap();
        assert_eq!(
            (with.name.as_str(), with.unit, with.goal, with.met()),
            ("1000 delta: last ACK", "ms", Some(100.0), Some(true))
        );
        assert_eq!(figure("cpu\t4\tms\t").unwrap().goal, None);
        assert!(figure("cpu 4").is_err());
    }
}
