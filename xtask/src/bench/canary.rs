//! `cargo xtask bench canary`: judges of canaries against each other on simulated traffic.
//!
//! The work is done by `bench/canary`. A missed goal is a failure here, and CI runs the short form: whoever changes the
//! judge is told what it costs.

use anyhow::{Context, Result, bail};

use super::{Figure, Findings};

/// Runs the arena; few runs on one core if `short`.
pub(super) fn run(short: bool) -> Result<Findings> {
    let mut arena = crate::test::cargo_command();
    arena.args(["run", "--quiet", "--release", "--package", "arena", "--", "--lines"]);
    if short {
        arena.arg("--short");
    }
    let output = arena.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the arena failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout).context("the arena's findings are no text")?;
    let (figures, method) = text.split_once("\n\n").context("the arena found nothing")?;
    Ok(Findings { method: method.trim_end().to_owned(), figures: figures.lines().map(figure).collect::<Result<_>>()? })
}

/// Reads a line of the arena: name, value, unit and aim.
fn figure(line: &str) -> Result<Figure> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [name, value, unit, aim] = fields[..] else { bail!("`{line}` is no figure") };
    let unit = match unit {
        "%" => "%",
        "s" => "s",
        "requests" => "requests",
        _ => bail!("`{line}`: no such unit"),
    };
    let number = |text: &str| text.parse().with_context(|| format!("`{line}`: {text} is no number"));
    let goal = if aim.is_empty() { None } else { Some(number(aim)?) };
    Ok(Figure { name: name.to_owned(), value: number(value)?, unit, goal, at_least: false })
}
