//! How the program ends: exit codes as `sysexits.h` has them, and one clear sentence.

use std::{fmt, process::ExitCode};

use clap::error::ErrorKind;

use crate::print;

/// The command line makes no sense.
pub(crate) const USAGE: u8 = 64;
/// Data that was there cannot be used.
pub(crate) const DATA: u8 = 65;
/// Something needed is not there: a port, a running house.
pub(crate) const UNAVAILABLE: u8 = 69;
/// The user may not do this.
pub(crate) const PERMISSION: u8 = 77;
/// Nobody reads what is printed any more: as a shell tells of a program that SIGPIPE ended.
const UNREAD: u8 = 128 + 13;

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

/// Prints a failure and tells its exit code. That a reader has gone is his own affair, and said to nobody.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    if let Some(print::Error::Gone) = error.downcast_ref() {
        return ExitCode::from(UNREAD);
    }
    print::note(format_args!("serin: {error:#}"));
    error.downcast_ref::<Refusal>().map_or(ExitCode::FAILURE, |refusal| ExitCode::from(refusal.code))
}

/// Prints what is wrong with the command line; help and version are no failures.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        return print::text(error).map_or_else(|error| failed(&error.into()), |()| ExitCode::SUCCESS);
    }
    print::note(format_args!("serin: {}; see `serin --help`", sentence(error)));
    ExitCode::from(USAGE)
}

/// What is wrong, without the usage and the hints that clap puts below it.
fn sentence(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "name a command".to_owned();
    }
    let text = error.to_string();
    let lines = text.lines().map(|line| line.trim().trim_start_matches("error: "));
    let said = lines.take_while(|line| !line.starts_with("Usage") && !line.starts_with("For more information"));
    let words: Vec<&str> = said.filter(|line| !line.is_empty()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Arguments;

    fn said(words: &[&str]) -> String {
        sentence(&Arguments::try_parse_from([&["serin"], words].concat()).err().unwrap())
    }

    #[test]
    fn nonsense_is_named_in_one_sentence() {
        assert_eq!(said(&[]), "name a command");
        assert_eq!(said(&["canary"]), "name a command");
        assert_eq!(said(&["nope"]), "unrecognized subcommand 'nope'");
        assert_eq!(said(&["up", "--nope"]), "unexpected argument '--nope' found");
        assert_eq!(said(&["demo", "--rate", "0"]), "invalid value '0' for '--rate <RATE>': 0 is not in 1..=1000");
        assert_eq!(
            said(&["canary", "start", "--mesh", "a"]),
            "the following required arguments were not provided: --router <ROUTER> --route <ROUTE> --to <TO>"
        );
    }
}
