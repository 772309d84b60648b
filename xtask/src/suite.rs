//! The test programs of the workspace: built once, run one after the other, and those of few failures asked again.
//!
//! Everything is built in one go, whichever tests are wanted: cargo chooses the features of a crate by the packages it
//! is asked for, so that asking for some tests and then for others compiles half of what lies below them twice.
//!
//! The tests make namespaces, containers and browsers on whatever machine CI has; one that lost a race there says
//! little about the change at hand, and throwing the whole run away for it says less. So it is asked again, and what
//! passed only then is told at the end, by name: a defect to mend, that no longer stands in everybody's way
//! (docs/decisions/0011). More than a few failures are no accident and get no second run.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, pipe},
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Message, PackageId};

/// Failed tests that are run again; more than these are a broken tree.
const AGAIN_MAX: usize = 4;

/// A test program.
struct Program {
    package: String,
    /// The library, binary or file of tests that it is made of.
    target: String,
    path: PathBuf,
    /// Its package's folder, where it runs.
    folder: PathBuf,
}

/// Builds every program of the workspace, and runs the test programs of the packages that are `wanted`. Gives the tests
/// that passed only the second time.
pub(crate) fn run(wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let programs = build()?;
    let mut failed = Vec::new();
    for program in programs.iter().filter(|program| wanted(&program.package)) {
        let outcome = program.run(&[])?;
        if !outcome.failed.is_empty() {
            failed.push((program, outcome.failed));
        }
    }
    let names = |failed: &[(&Program, Vec<String>)]| -> Vec<String> {
        let named = |(program, tests): &(&Program, Vec<String>)| {
            let name = |test: &String| format!("{} {} {test}", program.package, program.target);
            tests.iter().map(name).collect::<Vec<_>>()
        };
        failed.iter().flat_map(named).collect()
    };
    let unsteady = names(&failed);
    if unsteady.len() > AGAIN_MAX {
        bail!("{} tests failed: {}", unsteady.len(), unsteady.join(", "));
    }
    for (program, tests) in failed {
        println!("── Again, alone: {} ──", tests.join(", "));
        let mut by_name = vec!["--exact", "--test-threads=1"];
        by_name.extend(tests.iter().map(String::as_str));
        let outcome = program.run(&by_name)?;
        if !outcome.failed.is_empty() || outcome.passed < tests.len() {
            bail!("failed twice, the second time alone: {}", tests.join(", "));
        }
    }
    Ok(unsteady)
}

/// Builds everything, and tells which test programs there are.
fn build() -> Result<Vec<Program>> {
    let packages =
        cargo_metadata::MetadataCommand::new().no_deps().exec().context("cannot ask what packages there are")?;
    let packages: BTreeMap<PackageId, (String, PathBuf)> = packages
        .packages
        .into_iter()
        .map(|package| {
            let folder = package.manifest_path.parent().map(|folder| folder.to_path_buf().into_std_path_buf());
            (package.id, (package.name.to_string(), folder.unwrap_or_default()))
        })
        .collect();
    let mut cargo = crate::test::cargo_command();
    cargo.args(["build", "--workspace", "--all-targets", "--message-format=json-render-diagnostics"]);
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let output = child.stdout.take().context("cargo says nothing")?;
    let mut programs = Vec::new();
    for message in Message::parse_stream(BufReader::new(output)) {
        let Message::CompilerArtifact(made) = message.context("cannot read what cargo says")? else { continue };
        let (Some(path), Some((package, folder))) = (made.executable, packages.get(&made.package_id)) else { continue };
        if made.profile.test && !made.target.is_bench() {
            let (package, folder) = (package.clone(), folder.clone());
            programs.push(Program { package, target: made.target.name, path: path.into(), folder });
        }
    }
    if !child.wait().context("cargo is gone")?.success() {
        bail!("the workspace does not build");
    }
    programs.sort_by(|one, other| (&one.package, &one.target).cmp(&(&other.package, &other.target)));
    Ok(programs)
}

impl Program {
    /// Runs it, and shows what it says.
    fn run(&self, arguments: &[&str]) -> Result<Outcome> {
        println!("── {} {} ──", self.package, self.target);
        let (reader, writer) = pipe().context("cannot make a pipe")?;
        let mut command = Command::new(&self.path);
        command.args(arguments).current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder);
        command.stdout(writer.try_clone().context("cannot make a pipe")?).stderr(writer);
        let mut child = command.spawn().with_context(|| format!("cannot start {}", self.path.display()))?;
        // Our copies of the writing end: the reader would wait for them for ever.
        drop(command);
        let mut outcome = Outcome::default();
        for line in BufReader::new(reader).split(b'\n') {
            let line = line.context("cannot read what a test program says")?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            outcome.read(&line);
        }
        let status = child.wait().context("a test program is gone")?;
        // A program that crashed names no test; one that has no harness tells by its status alone.
        if status.success() != outcome.failed.is_empty() {
            bail!("{} {} ended with {status}, and not by its tests alone: see above", self.package, self.target);
        }
        Ok(outcome)
    }
}

/// What the lines of a test program tell.
#[derive(Debug, Default)]
struct Outcome {
    passed: usize,
    failed: Vec<String>,
    /// The names under the latest `failures:`. The first such list holds the tests' output, the last the names alone.
    listed: Vec<String>,
    listing: bool,
}

impl Outcome {
    fn read(&mut self, line: &str) {
        if line == "failures:" {
            (self.listed, self.listing) = (Vec::new(), true);
        } else if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += count(result, " passed");
            self.listing = false;
            if result.starts_with("FAILED") {
                self.failed.append(&mut self.listed);
            }
        } else if let Some(name) = line.strip_prefix("    ").filter(|_| self.listing) {
            self.listed.push(name.trim().to_owned());
        }
    }
}

/// The number right before `what`.
fn count(line: &str, what: &str) -> usize {
    let number = line.split(what).next().and_then(|before| before.rsplit(' ').next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str) -> Outcome {
        let mut outcome = Outcome::default();
        text.lines().for_each(|line| outcome.read(line));
        outcome
    }

    const FAILED: &str = "running 2 tests
test one ... ok
test edge::two ... FAILED

failures:

---- edge::two stdout ----
    indented words of the test itself

failures:
    edge::two

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.60s
";

    #[test]
    fn the_failed_tests_are_known_by_name_and_not_by_what_they_print() {
        let outcome = outcome(FAILED);
        assert_eq!((outcome.failed, outcome.passed), (vec!["edge::two".to_owned()], 1));
    }

    #[test]
    fn a_program_that_crashed_names_no_test() {
        assert!(outcome(FAILED.split("test result").next().unwrap()).failed.is_empty());
    }
}
