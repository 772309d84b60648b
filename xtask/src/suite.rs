//! `cargo test` with a second run, alone and by name, of the few tests that failed.
//!
//! The tests make namespaces, containers and browsers on whatever machine CI has; one that lost a race there says
//! little about the change at hand, and throwing the whole run away for it says less. So it is asked again, and what
//! passed only then is told at the end, by name: a defect to mend, that no longer stands in everybody's way
//! (docs/decisions/0011). More than a few failures are no accident and get no second run.

use std::io::{BufRead, BufReader, pipe};

use anyhow::{Context, Result, bail};

/// Failed tests that are run again; more than these are a broken tree.
const AGAIN_MAX: usize = 4;

/// Runs `cargo test` with `selection`. Gives the tests that passed only the second time.
pub(crate) fn run(selection: &[&str]) -> Result<Vec<String>> {
    let first = cargo_test(selection, &["--no-fail-fast"])?;
    if first.success {
        return Ok(Vec::new());
    }
    let failed = first.outcome.failed()?;
    if failed.len() > AGAIN_MAX {
        bail!("{} tests failed: {}", failed.len(), failed.join(", "));
    }
    println!("── Again, alone: {} ──", failed.join(", "));
    let mut by_name = vec!["--", "--exact", "--test-threads=1"];
    by_name.extend(failed.iter().map(String::as_str));
    let second = cargo_test(selection, &by_name)?;
    if !second.success || second.outcome.passed < failed.len() {
        bail!("failed twice, the second time alone: {}", failed.join(", "));
    }
    Ok(failed)
}

/// One run of cargo.
struct Run {
    success: bool,
    outcome: Outcome,
}

fn cargo_test(selection: &[&str], more: &[&str]) -> Result<Run> {
    let (reader, writer) = pipe().context("cannot make a pipe")?;
    let mut command = crate::test::cargo_command();
    // Its own words are read, and so are not to be coloured.
    command.arg("test").args(selection).args(more).env("CARGO_TERM_COLOR", "never");
    command.stdout(writer.try_clone().context("cannot make a pipe")?).stderr(writer);
    let mut child = command.spawn().context("cannot start cargo")?;
    // Our copies of the writing end: the reader would wait for them for ever.
    drop(command);
    let mut outcome = Outcome::default();
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.context("cannot read what cargo says")?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        outcome.read(&line);
    }
    Ok(Run { success: child.wait().context("cargo is gone")?.success(), outcome })
}

/// What the lines of `cargo test` tell.
#[derive(Debug, Default)]
struct Outcome {
    passed: usize,
    /// The names under the latest `failures:`. The first such list of a program holds its tests' output, the last the
    /// names alone.
    listed: Vec<String>,
    listing: bool,
    failed: Vec<String>,
    /// Programs that ended with a count of failures, and programs that cargo says failed.
    counted: usize,
    targets: usize,
}

impl Outcome {
    fn read(&mut self, line: &str) {
        if line == "failures:" {
            (self.listed, self.listing) = (Vec::new(), true);
        } else if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += count(result, " passed");
            if result.starts_with("FAILED") {
                self.counted += 1;
                self.failed.append(&mut self.listed);
            }
            self.listing = false;
        } else if let Some(name) = line.strip_prefix("    ").filter(|_| self.listing) {
            self.listed.push(name.trim().to_owned());
        } else if line.starts_with("error: ") && line.ends_with(" failed:") {
            self.targets = count(line, " target");
        }
    }

    /// The failed tests, if they are all that failed: a program that crashed or did not compile names none.
    fn failed(&self) -> Result<Vec<String>> {
        if self.failed.is_empty() || self.counted != self.targets {
            bail!("cargo test failed, and not by its tests alone: see above");
        }
        Ok(self.failed.clone())
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

error: 1 target failed:
    `-p edge --test edge`
";

    #[test]
    fn the_failed_tests_are_known_by_name_and_not_by_what_they_print() {
        let outcome = outcome(FAILED);
        assert_eq!(outcome.failed().ok(), Some(vec!["edge::two".to_owned()]));
        assert_eq!(outcome.passed, 1);
    }

    #[test]
    fn a_program_that_crashed_gets_no_second_run() {
        assert!(outcome("error: could not compile `edge`").failed().is_err());
        let crashed = FAILED.replace("1 target failed", "2 targets failed");
        assert!(outcome(&crashed).failed().is_err());
    }

    #[test]
    fn passed_tests_of_all_programs_are_counted() {
        let line = "test result: ok. 11 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.60s\n";
        assert_eq!(outcome(&line.repeat(2)).passed, 22);
    }
}
