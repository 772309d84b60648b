//! How long files may be: a reader should take one in at a sitting.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// Lines a file may have, its unit tests left out. The aim is half of it.
const LINES_MAX: usize = 600;
/// Where code lives.
const ROOTS: &[&str] = &["bench", "crates", "examples", "tests", "xtask"];

/// Fails with every file that is too long.
pub(crate) fn check() -> Result<()> {
    let mut files = Vec::new();
    for root in ROOTS {
        collect(Path::new(root), &mut files)?;
    }
    let mut wrong = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
        if lines > LINES_MAX {
            wrong.push(format!("{}: {lines} lines, {LINES_MAX} at most", file.display()));
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{}: begins without saying what it is (//!)", file.display()));
        }
    }
    if !wrong.is_empty() {
        bail!("files to cut:\n  {}", wrong.join("\n  "));
    }
    println!("sizes: {} files, none longer than {LINES_MAX} lines", files.len());
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
