//! Commands that change the shell itself.
#![expect(clippy::unnecessary_wraps, reason = "each has the type of `Builtin`, whether or not it ever leaves the list")]

use std::{io::Read, os::unix::process::CommandExt, path::Path};

use super::{
    execute::{Flow, Shell},
    parse,
};
use crate::{
    APPLETS, applet,
    call::{BROKEN_PIPE, Call, Streams},
    environment,
    files::reason,
};

/// A command of the shell's own.
pub(super) type Builtin = fn(&mut Shell, &[String], &Streams) -> Result<u8, Flow>;

/// What other shells have and this one has not: refused by name, so that it is not looked for as a program.
pub(super) const MISSING: [&str; 17] = [
    ".", "alias", "bg", "fg", "getopts", "hash", "jobs", "local", "return", "source", "times", "trap", "type",
    "ulimit", "umask", "wait", "declare",
];

/// The command called `name`.
pub(super) fn find(name: &str) -> Option<Builtin> {
    Some(match name {
        ":" => |_, _, _| Ok(0),
        "cd" => cd,
        "command" => command,
        "eval" => eval,
        "exec" => exec,
        "exit" => exit,
        "export" => export,
        "read" => read,
        "set" => set,
        "shift" => shift,
        "unset" => unset,
        "break" => |shell, arguments, _| loops(shell, arguments).map(Flow::Break).and_then(Err),
        "continue" => |shell, arguments, _| loops(shell, arguments).map(Flow::Continue).and_then(Err),
        _ => return None,
    })
}

/// Says what went wrong on the stream the command has, and answers `status`.
fn fail(shell: &Shell, streams: &Streams, message: impl std::fmt::Display, status: u8) -> u8 {
    let call = Call {
        name: &shell.name,
        arguments: &[],
        streams,
        directory: &shell.directory,
        environment: &std::collections::BTreeMap::new(),
    };
    call.fail(message, status)
}

fn print(streams: &Streams, text: &str) -> u8 {
    match std::io::Write::write_all(&mut &*streams.0[1], text.as_bytes()) {
        Ok(()) => 0,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => BROKEN_PIPE,
        Err(_) => 1,
    }
}

fn loops(shell: &Shell, arguments: &[String]) -> Result<u32, Flow> {
    match arguments.first().map(|text| text.parse::<u32>()) {
        None => Ok(1),
        Some(Ok(loops)) if loops > 0 => Ok(loops),
        _ => Err(shell.abort("break and continue take a number of loops")),
    }
}

fn cd(shell: &mut Shell, arguments: &[String], streams: &Streams) -> Result<u8, Flow> {
    let back = arguments.first().is_some_and(|target| target == "-");
    let target = match arguments.first() {
        Some(_) if back => shell.variable("OLDPWD").unwrap_or_default().to_owned(),
        Some(target) => target.clone(),
        None => shell.variable("HOME").unwrap_or("/").to_owned(),
    };
    let path = match shell.directory.join(&target).canonicalize() {
        Ok(path) if path.is_dir() => path,
        Ok(_) => return Ok(fail(shell, streams, format_args!("cd: {target}: Not a directory"), 1)),
        Err(error) => return Ok(fail(shell, streams, format_args!("cd: {target}: {}", reason(&error)), 1)),
    };
    shell.set("OLDPWD", shell.directory.display().to_string());
    shell.set("PWD", path.display().to_string());
    let said = if back { print(streams, &format!("{}\n", path.display())) } else { 0 };
    shell.directory = path;
    Ok(said)
}

fn command(shell: &mut Shell, arguments: &[String], streams: &Streams) -> Result<u8, Flow> {
    match arguments {
        [] => Ok(0),
        [option, name] if option == "-v" => {
            let builtin = find(name).is_some() || (!name.contains('/') && APPLETS.contains(&name.as_str()));
            let path = environment::find(name, &shell.directory, &shell.environment());
            let found = if builtin { Some(name.clone()) } else { path.map(|path| path.display().to_string()) };
            Ok(found.map_or(1, |found| print(streams, &format!("{found}\n"))))
        }
        [option, ..] if option.starts_with('-') => {
            Ok(fail(shell, streams, format_args!("command: option {option} is not supported"), 2))
        }
        [name, arguments @ ..] => match find(name) {
            Some(builtin) => builtin(shell, arguments, streams),
            None => shell.program(name, arguments, streams),
        },
    }
}

fn eval(shell: &mut Shell, arguments: &[String], streams: &Streams) -> Result<u8, Flow> {
    let list = match parse::parse(&arguments.join(" ")) {
        Ok(list) => list,
        Err(error) => return Ok(fail(shell, streams, format_args!("eval: {error}"), 2)),
    };
    shell.status = 0;
    let outer = std::mem::replace(&mut shell.streams, streams.clone());
    let result = shell.list(&list);
    shell.streams = outer;
    result.map(|()| shell.status)
}

/// Without a command its redirections stay; with one, the shell becomes it.
fn exec(shell: &mut Shell, arguments: &[String], streams: &Streams) -> Result<u8, Flow> {
    let Some((name, rest)) = arguments.split_first() else {
        shell.streams = streams.clone();
        return Ok(0);
    };
    if applet(name).is_some() {
        return shell.program(name, rest, streams).map(Flow::Exit).and_then(Err);
    }
    let environment = shell.environment();
    let call =
        Call { name: &shell.name, arguments: rest, streams, directory: &shell.directory, environment: &environment };
    let error = match environment::prepare(&call, arguments, &environment) {
        Ok(mut process) => process.exec(),
        Err(error) => error,
    };
    let status = if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
    Err(Flow::Exit(fail(shell, streams, format_args!("exec: {name}: {}", reason(&error)), status)))
}

fn exit(shell: &mut Shell, arguments: &[String], streams: &Streams) -> Result<u8, Flow> {
    Err(Flow::Exit(match arguments.first().map(|text| text.parse::<i32>()) {
        None => shell.status,
        Some(Ok(status)) => u8::try_from(status & 0xff).unwrap_or(1),
        Some(Err(_)) => fail(shell, streams, "exit: a number is required", 2),
    }))
}

fn export(shell: &mut Shell, arguments: &[String], streams: &Streams) -> Result<u8, Flow> {
    if arguments.is_empty() || arguments == ["-p"] {
        let environment = shell.environment();
        let lines =
            environment.iter().map(|(name, value)| format!("export {name}='{}'\n", value.replace('\'', r"'\''")));
        return Ok(print(streams, &lines.collect::<String>()));
    }
    for argument in arguments {
        let (name, value) = argument.split_once('=').map_or((argument.as_str(), None), |(n, v)| (n, Some(v)));
        if !parse::is_name(name) {
            return Ok(fail(shell, streams, format_args!("export: {name}: bad variable name"), 2));
        }
        if let Some(value) = value {
            shell.set(name, value.to_owned());
        }
        shell.export(name);
    }
    Ok(0)
}

/// Takes one line, byte by byte, so that what follows is left for the next command.
fn read(shell: &mut Shell, arguments: &[String], streams: &Streams) -> Result<u8, Flow> {
    let raw = arguments.first().is_some_and(|option| option == "-r");
    let names = &arguments[usize::from(raw)..];
    if let Some(wrong) = names.iter().find(|name| !parse::is_name(name)) {
        return Ok(fail(shell, streams, format_args!("read: `{wrong}` is not supported"), 2));
    }
    let (mut line, mut ended, mut byte) = (Vec::new(), false, [0]);
    while (&*streams.0[0]).read(&mut byte).is_ok_and(|count| count == 1) {
        if byte[0] == b'\n' && (raw || line.last() != Some(&b'\\')) {
            ended = true;
            break;
        }
        if byte[0] == b'\n' {
            line.pop();
        } else {
            line.push(byte[0]);
        }
    }
    let line = String::from_utf8_lossy(&line).into_owned();
    let line = if raw { line } else { line.replace('\\', "") };
    let separators = shell.variable("IFS").unwrap_or(" \t\n").to_owned();
    let mut rest = line.trim_matches(|c: char| separators.contains(c) && c.is_whitespace());
    let names: Vec<&str> = if names.is_empty() { vec!["REPLY"] } else { names.iter().map(String::as_str).collect() };
    for (at, name) in names.iter().enumerate() {
        let (value, after) = match rest.find(|c: char| separators.contains(c)) {
            Some(end) if at + 1 < names.len() => (&rest[..end], &rest[end + 1..]),
            _ => (rest, ""),
        };
        shell.set(name, value.to_owned());
        rest = after.trim_start_matches(|c: char| separators.contains(c) && c.is_whitespace());
    }
    Ok(u8::from(!ended))
}

fn set(shell: &mut Shell, arguments: &[String], streams: &Streams) -> Result<u8, Flow> {
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let on = word.starts_with('-');
        match word.strip_prefix(['-', '+']) {
            Some("-") if on => {
                shell.positional = words.cloned().collect();
                return Ok(0);
            }
            Some("o") => match words.next().map(String::as_str) {
                Some("pipefail") => shell.options.pipefail = on,
                Some("errexit") => shell.options.errexit = on,
                Some("nounset") => shell.options.nounset = on,
                Some("xtrace") => shell.options.xtrace = on,
                other => {
                    let name = other.unwrap_or("nothing");
                    return Ok(fail(shell, streams, format_args!("set: option {name} is not supported"), 2));
                }
            },
            Some(letters) if !letters.is_empty() => {
                for letter in letters.chars() {
                    if !option(shell, letter, on) {
                        return Ok(fail(shell, streams, format_args!("set: option {letter} is not supported"), 2));
                    }
                }
            }
            _ => {
                shell.positional = std::iter::once(word).chain(words).cloned().collect();
                return Ok(0);
            }
        }
    }
    Ok(0)
}

/// Sets one option; `false` if there is none of that letter.
pub(super) fn option(shell: &mut Shell, letter: char, on: bool) -> bool {
    match letter {
        'e' => shell.options.errexit = on,
        'u' => shell.options.nounset = on,
        'x' => shell.options.xtrace = on,
        _ => return false,
    }
    true
}

fn shift(shell: &mut Shell, arguments: &[String], streams: &Streams) -> Result<u8, Flow> {
    let count = arguments.first().map_or(Some(1), |text| text.parse::<usize>().ok());
    match count.filter(|count| *count <= shell.positional.len()) {
        Some(count) => {
            shell.positional.drain(..count);
            Ok(0)
        }
        None => Ok(fail(shell, streams, "shift: there are not so many parameters", 1)),
    }
}

fn unset(shell: &mut Shell, arguments: &[String], streams: &Streams) -> Result<u8, Flow> {
    let names = arguments.strip_prefix(&["-v".to_owned()]).unwrap_or(arguments);
    for name in names {
        if !parse::is_name(name) {
            return Ok(fail(shell, streams, format_args!("unset: `{name}` is not supported"), 2));
        }
        shell.unset(name);
    }
    Ok(0)
}

/// The text of a script in a file.
pub(super) fn load(path: &Path) -> std::io::Result<String> {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
