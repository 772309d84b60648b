//! Every check, in parts that can be run alone. A part that cannot run fails.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::{bench, licences, sizes, suite, walls};

/// A part of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Formatting, lints, who imports whom, licences, file lengths
    House,
    /// Unit and engine tests of every crate; needs root
    Unit,
    /// The judge of canaries against its promises, in simulation
    Canary,
    /// Both data planes, a real Envoy and our own, against one table of meshes, and against nginx on odd messages; needs
    /// root
    Mesh,
    /// The real clients against the real binary; needs root
    E2e,
}

/// The packages of [`Part::Mesh`].
const MESH: [&str; 2] = ["conformance", "differential"];

/// The package of [`Part::E2e`].
const E2E: &str = "e2e";

/// Runs `parts` in their order, or all of them.
pub(crate) fn run(parts: &[Part]) -> Result<()> {
    let all = Part::value_variants();
    let mut unsteady = Vec::new();
    for part in if parts.is_empty() { all } else { parts } {
        println!("── {part:?} ──");
        match part {
            Part::House => house()?,
            Part::Unit => unsteady.extend(unit()?),
            Part::Canary => {
                bench::run(bench::Bench::Canary, &bench::Options { short: true, ..bench::Options::default() })?;
            }
            Part::Mesh => unsteady.extend(mesh()?),
            Part::E2e => unsteady.extend(end_to_end()?),
        }
    }
    if !unsteady.is_empty() {
        println!("── Passed only when run again, to be mended: {} ──", unsteady.join(", "));
    }
    Ok(())
}

fn house() -> Result<()> {
    walls::check()?;
    licences::check()?;
    sizes::check()?;
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"])
}

fn unit() -> Result<Vec<String>> {
    needs_root()?;
    suite::run(|package| !MESH.contains(&package) && package != E2E)
}

fn mesh() -> Result<Vec<String>> {
    needs_root()?;
    suite::run(|package| MESH.contains(&package))
}

fn end_to_end() -> Result<Vec<String>> {
    needs_root()?;
    suite::run(|package| package == E2E)
}

/// Runs the test that compares the coverage pages; without `check` it writes them instead.
pub(crate) fn coverage(check: bool) -> Result<()> {
    const WRITE: &str = "SERIN_WRITE_COVERAGE";
    let mut test = cargo_command();
    test.args(["test", "--package", "api", "--test", "models", "coverage_pages"]).env_remove(WRITE);
    if !check {
        test.env(WRITE, "1");
    }
    if !test.status().context("cannot start cargo")?.success() {
        bail!("the pages {}", if check { "are stale" } else { "were not written" });
    }
    Ok(())
}

/// Takes pictures of every page of the console, of a house that is started for it.
pub(crate) fn screenshots(folder: &Path) -> Result<()> {
    needs_root()?;
    cargo(&["build", "--package", "serin", "--package", "todo"])?;
    let folder = folder.to_str().context("the folder's name is no text")?;
    cargo(&["run", "--package", "e2e", "--bin", "screenshots", "--", folder])
}

/// Namespaces, control groups and mounts are root's.
fn needs_root() -> Result<()> {
    let output = Command::new("id").arg("-u").output().context("cannot ask who runs this")?;
    if output.stdout.trim_ascii() != b"0" {
        bail!("these tests make network namespaces and containers of their own: run them as root");
    }
    Ok(())
}

/// Runs cargo, which must succeed.
pub(crate) fn cargo(arguments: &[&str]) -> Result<()> {
    let status = cargo_command().args(arguments).status().context("cannot start cargo")?;
    if !status.success() {
        bail!("cargo {} failed", arguments.join(" "));
    }
    Ok(())
}

/// Cargo as a user's shell would start it.
///
/// `cargo run`, by which this program was started, tells it in variables which package it is. Some build scripts (ring's)
/// run again when those change, and with them everything above is built anew, here and once more in the shell.
pub(crate) fn cargo_command() -> Command {
    let mut command = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
    command
}
