//! What commands say on standard output and standard error.
//!
//! Who reads may go before all is said, as `head` does. `println!` panics then, and what a command had begun is never
//! cleaned up. So every command says what it has to say here, and that nobody listens any more is an error like any
//! other, [`Error::Gone`]: it ends the command by the usual way, quietly (`exit.rs`). Rejected: the default action of
//! SIGPIPE, which would end `demo` with its tasks running.

use std::{
    fmt::Display,
    io::{self, Write},
};

use serde::Serialize;

/// Why something could not be said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Whoever read has gone.
    #[error("nobody reads standard output any more")]
    Gone,
    /// A full disk, as a rule.
    #[error("cannot write to standard output: {0}")]
    Failed(#[source] io::Error),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Gone } else { Self::Failed(error) }
    }
}

/// Says `text` as it is, now.
pub(crate) fn text(text: impl Display) -> Result<(), Error> {
    say(&mut io::stdout().lock(), text)
}

/// Says `text` on a line of its own.
pub(crate) fn line(line: impl Display) -> Result<(), Error> {
    text(format_args!("{line}\n"))
}

/// Says `value` as JSON that people can read.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(line(serde_json::to_string_pretty(value)?)?)
}

/// Says `line` on standard error. It is no reason to end that nobody reads there.
pub(crate) fn note(line: impl Display) {
    let _ = say(&mut io::stderr().lock(), format_args!("{line}\n"));
}

/// What is left in a buffer would be lost without a word at the end of the process.
fn say(to: &mut impl Write, text: impl Display) -> Result<(), Error> {
    to.write_all(text.to_string().as_bytes())?;
    Ok(to.flush()?)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_told_from_what_went_wrong() {
        let (reader, mut writer) = io::pipe().unwrap();
        drop(reader);
        assert!(matches!(say(&mut writer, "anything"), Err(Error::Gone)));
        let mut full = File::options().write(true).open("/dev/full").unwrap();
        let wrong = say(&mut full, "anything").unwrap_err();
        assert!(matches!(wrong, Error::Failed(_)) && wrong.to_string().contains("standard output"), "{wrong}");
    }

    #[test]
    fn what_is_said_is_said_at_once() {
        let mut said = io::BufWriter::new(Vec::new());
        say(&mut said, "no line").unwrap();
        assert_eq!(said.get_ref(), b"no line");
    }
}
