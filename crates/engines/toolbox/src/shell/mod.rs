//! `sh`: the part of the POSIX shell that one-line scripts use.
//!
//! Lists, pipelines, `&&`, `||`, `!`, quotes, parameters and their `${…}` forms, `$(…)`, redirections, `if`, `while`,
//! `until`, `for`, `case`, `{ }`, `( )`, `set -eux -o pipefail` and the usual commands of the shell. What is not there
//! is named by [`parse`] and [`builtin::MISSING`].

mod builtin;
mod execute;
mod expand;
mod parse;
mod pattern;
mod syntax;
mod word;

use std::io::Read;

use crate::{
    call::{Call, Opt, Options},
    files::reason,
};
use execute::Shell;

/// The most bytes of a script.
const SCRIPT_MAX: u64 = 1024 * 1024;

/// `sh [-eux] [-c SCRIPT [NAME [ARGUMENT…]] | FILE [ARGUMENT…]]`; without either, the script is standard input.
pub(crate) fn main(call: &Call<'_>) -> u8 {
    let mut shell = Shell::new(call.name, call);
    let (mut inline, mut from_input) = (false, false);
    let mut options = Options::leading(call.arguments);
    while let Some(option) = options.next() {
        match option {
            Opt::Short('c') => inline = true,
            Opt::Short('s') => from_input = true,
            // There is no profile in a built-in image that a login shell would read.
            Opt::Short('l') | Opt::Long("login" | "norc" | "noprofile" | "posix") => {}
            Opt::Short('o') if options.value() == Some("pipefail") => shell.options.pipefail = true,
            Opt::Short(letter) if builtin::option(&mut shell, letter, true) => {}
            other => return call.fail(format_args!("option {other} is not supported"), 2),
        }
    }
    let mut operands = options.rest().into_iter();
    let script = if inline {
        let Some(script) = operands.next() else { return call.fail("option -c needs a script", 2) };
        shell.name = operands.next().unwrap_or_else(|| shell.name.clone());
        Ok(script)
    } else if let Some(file) = operands.next().filter(|_| !from_input) {
        let script = builtin::load(&call.path(&file)).map_err(|error| (file.clone(), error));
        shell.name = file;
        script
    } else {
        let mut text = String::new();
        let read = call.input().take(SCRIPT_MAX).read_to_string(&mut text);
        read.map(|_| text).map_err(|error| ("standard input".to_owned(), error))
    };
    shell.positional = operands.collect();
    match script {
        Ok(script) => shell.script(&script),
        Err((file, error)) => call.fail(format_args!("{file}: {}", reason(&error)), 127),
    }
}

#[cfg(test)]
mod tests;
