//! How findings are written down.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result};

use super::{Figure, Findings};

/// Where tables are kept.
const PAGE: &str = "bench/README.md";

/// The head of the page.
const HEAD: &str = "# Measured\n\nEach section is written by the command it names, on the machine it ran on. Machines differ \
and are noisy:\nwhat counts is whether an aim is met, and ratios between figures of one run.\n";

/// A figure as a line of JSON.
pub(super) fn line(bench: &str, figure: &Figure) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "null".to_owned(), |value| value.to_string());
    let met = figure.met().map_or_else(|| "null".to_owned(), |met| met.to_string());
    format!(
        r#"{{"bench":"{bench}","figure":"{}","value":{:.3},"unit":"{}","goal":{},"met":{met}}}"#,
        figure.name,
        figure.value,
        figure.unit,
        number(figure.goal),
    )
}

/// The section of a bench, from its heading on.
pub(super) fn section(bench: &str, findings: &Findings) -> String {
    let mut text = format!(
        "## `cargo xtask bench {bench}`\n\n{}\n\n| figure | measured | aim | met |\n|---|---|---|---|\n",
        findings.method
    );
    for figure in &findings.figures {
        let Figure { name, value, unit, goal, at_least } = figure;
        let sign = if *at_least { '≥' } else { '≤' };
        let aim = goal.map_or_else(String::new, |goal| format!("{sign} {goal} {unit}"));
        let met = figure.met().map_or("", |met| if met { "yes" } else { "**no**" });
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {name} | {value:.2} {unit} | {aim} | {met} |");
    }
    text
}

/// Puts `section` in the place of the one that the page has of `bench`, or at its end.
pub(super) fn keep(bench: &str, section: &str) -> Result<()> {
    let page = Path::new(PAGE);
    let text = if page.exists() { fs::read_to_string(page)? } else { HEAD.to_owned() };
    fs::create_dir_all("bench").context("cannot make the folder bench")?;
    fs::write(page, replaced(&text, bench, section)).with_context(|| format!("cannot write {PAGE}"))
}

fn replaced(page: &str, bench: &str, section: &str) -> String {
    let heading = format!("## `cargo xtask bench {bench}`");
    let mut parts: Vec<String> = Vec::new();
    for (place, part) in page.split("\n## ").enumerate() {
        parts.push(if place == 0 { part.to_owned() } else { format!("## {part}") });
    }
    match parts.iter_mut().find(|part| part.starts_with(&heading)) {
        Some(part) => section.clone_into(part),
        None => parts.push(section.to_owned()),
    }
    parts.iter().map(|part| part.trim_end()).collect::<Vec<_>>().join("\n\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_replaces_its_own_and_no_other() {
        let first = replaced(HEAD, "start", "## `cargo xtask bench start`\n\none\n");
        let both = replaced(&first, "xds", "## `cargo xtask bench xds`\n\ntwo\n");
        let again = replaced(&both, "start", "## `cargo xtask bench start`\n\nthree\n");
        assert!(again.starts_with(HEAD.trim_end()));
        assert!(again.contains("three") && again.contains("two") && !again.contains("one\n"), "{again}");
        assert_eq!(again.matches("## ").count(), 2);
        assert_eq!(replaced(&again, "xds", "## `cargo xtask bench xds`\n\ntwo\n"), again);
    }
}
