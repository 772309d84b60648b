//! `cargo xtask bench canary --live`: canaries on the real program, its proxies and the sample's tasks, under load.
//!
//! The work is done by `bench/live`, which makes itself a network namespace and tells its progress. Times depend on the
//! machine, and no aim for them is held: a load that cannot be kept up shows in the share of requests that were sent
//! late. That no faulty version is missed, and no request fails of a sound one, is held everywhere.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use super::{Figure, Findings};

/// The bench's name on the page.
pub(super) const NAME: &str = "canary --live";
/// Where binaries are: those of the tests, and those of a release.
const FOLDERS: [&str; 2] = ["target/x86_64-unknown-linux-gnu/debug", "target/x86_64-unknown-linux-gnu/release"];
/// What a quick look does, with the binaries of the tests: one rollout of each kind at 50 requests a second, judged by
/// errors alone, and each thing that may happen once.
const SHORT: [&str; 8] = [
    "--rate",
    "50",
    "--faulty",
    "1",
    "--sound",
    "6",
    "--policy",
    r#"{"BaselineSeconds": 5, "MinimumStepSeconds": 2, "Metrics": ["Errors"]}"#,
];

/// Measures, with `more` arguments; a quick look if `short`.
pub(super) fn run(short: bool, more: &[String]) -> Result<Findings> {
    // One after the other, as the tests build them: together they would be built with each other's features.
    for packages in [["serin", "todo"].as_slice(), &["live"]] {
        let mut build = vec!["build"];
        build.extend(packages.iter().flat_map(|package| ["--package", package]));
        if !short {
            build.push("--release");
        }
        crate::test::cargo(&build)?;
    }
    let live = Path::new(FOLDERS[usize::from(!short)]).join("live");
    let mut command = Command::new(&live);
    command.stderr(Stdio::inherit()).args(if short { SHORT.as_slice() } else { &[] }).args(more);
    let machine = super::xds::machine()?;
    let output = command.output().with_context(|| format!("cannot start {}", live.display()))?;
    if !output.status.success() {
        bail!("the live arena failed: {}", output.status);
    }
    let text = String::from_utf8(output.stdout).context("its figures are no text")?;
    let policy = more.iter().skip_while(|word| *word != "--policy").nth(1).filter(|_| !short);
    let policy = policy.map_or_else(|| "the usual policy".to_owned(), |policy| format!("`{policy}`"));
    let method = format!(
        "The todo sample on the release binary, its tasks and our proxies, on one machine with the load, which is sent when it \
         is due, whatever was answered. Half, or a twentieth, of the new version's requests are failed by its own proxy; it is \
         judged by {policy}. A request counts as sent late if it was by 50 ms. {machine}"
    );
    // What the house itself prints goes by.
    let lines = text.lines().filter(|line| line.contains('\t'));
    Ok(Findings { method, figures: lines.map(figure).collect::<Result<_>>()? })
}

/// Whether the aim of `figure` is to be met on every machine.
pub(super) fn binds(figure: &Figure) -> bool {
    figure.name.ends_with(": missed") || figure.name.ends_with(": requests failed")
}

/// Reads a line: name, value, unit and aim.
fn figure(line: &str) -> Result<Figure> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [name, value, unit, aim] = fields[..] else { bail!("`{line}` is no figure") };
    let unit = match unit {
        "%" => "%",
        "s" => "s",
        "ms" => "ms",
        "requests" => "requests",
        _ => bail!("`{line}`: no such unit"),
    };
    let goal = if aim.is_empty() { None } else { Some(aim.parse().with_context(|| line.to_owned())?) };
    Ok(Figure { name: name.to_owned(), value: value.parse()?, unit, goal, at_least: false })
}
