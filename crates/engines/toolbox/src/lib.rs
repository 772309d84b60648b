//! The few programs that an image made of the running executable carries: `sh`, `curl`, `grep` and what goes between
//! them, so that a health check such as `curl -s http://localhost:9901/server_info | grep state | grep -q LIVE` runs in
//! a container that holds nothing but this executable.
//!
//! Called by one of their names, the executable is that program; [`run`] decides by `argv[0]`. They are the programs'
//! common core and not all of them: an option or a piece of syntax that is not there is refused by its name with the
//! exit status of the real program's usage error, and never skipped. A full shell was looked at (`brush-core`,
//! `deno_task_shell`): the first brings a hundred crates into every build for one line of script, the second reads
//! another language than POSIX shell.
//!
//! The shell runs these programs inside itself, a thread for each part of a pipeline, because a health check comes every
//! few seconds in every task; it starts a process for everything else.

mod call;
mod curl;
mod environment;
mod files;
mod format;
mod grep;
mod regular;
mod shell;
mod test;
mod text;

use std::{collections::BTreeMap, ffi::OsString, path::Path, process::ExitCode};

use call::{Applet, Call, Streams};

/// The names the executable answers to, for the links in an image.
pub const APPLETS: &[&str] = &[
    "[", "bash", "cat", "curl", "cut", "echo", "egrep", "env", "false", "fgrep", "grep", "head", "hostname", "id",
    "ls", "printf", "pwd", "sh", "sleep", "tail", "test", "timeout", "tr", "true", "wc",
];

/// The program called `name`.
fn applet(name: &str) -> Option<Applet> {
    Some(match name {
        "sh" | "bash" => shell::main,
        "curl" => curl::main,
        "grep" | "egrep" | "fgrep" => grep::main,
        "cat" => files::cat,
        "ls" => files::ls,
        "cut" => text::cut,
        "head" => text::head,
        "tail" => text::tail,
        "tr" => text::tr,
        "wc" => text::wc,
        "echo" => format::echo,
        "printf" => format::printf,
        "test" | "[" => test::main,
        "env" => environment::env,
        "hostname" => environment::hostname,
        "id" => environment::id,
        "pwd" => environment::pwd,
        "sleep" => environment::sleep,
        "timeout" => environment::timeout,
        "true" => |_| 0,
        "false" => |_| 1,
        _ => return None,
    })
}

/// Runs the program that `arguments[0]` names and answers its exit status; `None` if it names none of them, and the
/// caller is itself.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter();
    let name = Path::new(&arguments.next()?).file_name()?.to_str()?.to_owned();
    let applet = applet(&name)?;
    let arguments: Vec<String> = arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    let Ok(streams) = Streams::inherited() else {
        // Nobody listens: the standard streams are closed.
        return Some(ExitCode::from(2));
    };
    let directory = std::env::current_dir().unwrap_or_else(|_| Path::new("/").to_owned());
    let call = Call {
        name: &name,
        arguments: &arguments,
        streams: &streams,
        directory: &directory,
        environment: &environment,
    };
    Some(ExitCode::from(applet(&call)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_program_and_no_other_is() {
        for name in APPLETS {
            assert!(applet(name).is_some(), "{name}");
        }
        for other in ["serin", "", "sh2", "/"] {
            assert!(run([OsString::from(other)]).is_none(), "{other}");
        }
        assert_eq!(run(["/bin/true".into()]), Some(ExitCode::SUCCESS));
    }
}
