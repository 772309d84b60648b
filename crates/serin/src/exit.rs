//! How the program ends: exit codes as `sysexits.h` has them, and one clear sentence.

use std::{fmt, process::ExitCode};

/// The command line makes no sense.
pub(crate) const USAGE: u8 = 64;
/// Data that was there cannot be used.
pub(crate) const DATA: u8 = 65;
/// Something needed is not there: a port, a running house.
pub(crate) const UNAVAILABLE: u8 = 69;
/// The user may not do this.
pub(crate) const PERMISSION: u8 = 77;

/// A failure that knows its exit code.
#[derive(Debug)]
pub(crate) struct Refusal {
    code: u8,
    message: String,
}

impl Refusal {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

/// Prints a failure and tells its exit code.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("serin: {error:#}");
    error.downcast_ref::<Refusal>().map_or(ExitCode::FAILURE, |refusal| ExitCode::from(refusal.code))
}

/// Prints what is wrong with the command line; help and version are no failures.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        print!("{error}");
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    let sentence = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let detail: Vec<&str> = text.lines().skip(1).map(str::trim).take_while(|line| !line.starts_with("Usage")).collect();
    let detail = detail.join(" ");
    eprintln!("serin: {sentence} {}", detail.trim());
    eprintln!("Try `serin --help`.");
    ExitCode::from(USAGE)
}
