//! The surroundings: `env`, `hostname`, `id`, `pwd`, `sleep`, `timeout`.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, getegid, geteuid},
};

use crate::{
    call::{Call, Opt, Options},
    files::reason,
};

/// How often `timeout` looks whether its process has ended.
const POLL: Duration = Duration::from_millis(10);

/// `pwd`
pub(crate) fn pwd(call: &Call<'_>) -> u8 {
    call.print(format!("{}\n", call.directory.display()))
}

/// `hostname`
pub(crate) fn hostname(call: &Call<'_>) -> u8 {
    if !call.arguments.is_empty() {
        return call.fail("only the plain name is shown: no arguments are taken", 1);
    }
    match nix::unistd::gethostname() {
        Ok(name) => call.print(format!("{}\n", name.to_string_lossy())),
        Err(error) => call.fail(error, 1),
    }
}

/// `id [-ug]`
pub(crate) fn id(call: &Call<'_>) -> u8 {
    let (user, group) = (geteuid(), getegid());
    match call.arguments {
        [] => call.print(format!("uid={user} gid={group} groups={group}\n")),
        [option] if option == "-u" => call.print(format!("{user}\n")),
        [option] if option == "-g" => call.print(format!("{group}\n")),
        other => call.fail(format_args!("`{}` is not supported: -u and -g are", other.join(" ")), 1),
    }
}

/// `sleep TIME…`
pub(crate) fn sleep(call: &Call<'_>) -> u8 {
    let times: Option<Vec<Duration>> = call.arguments.iter().map(|text| duration(text)).collect();
    match times {
        Some(times) if !times.is_empty() => {
            thread::sleep(times.iter().sum());
            0
        }
        _ => call.fail("usage: sleep NUMBER[smhd]…", 1),
    }
}

/// `1.5`, `1.5s`, `2m`, `1h`, `1d`.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(number) => (number, &text[number.len()..]),
        None => (text, "s"),
    };
    let factor = match unit {
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => 1.0,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * factor).ok()
}

/// `env [-i] [-u NAME] [NAME=VALUE…] [COMMAND…]`
pub(crate) fn env(call: &Call<'_>) -> u8 {
    let mut environment = call.environment.clone();
    let mut words = call.arguments.iter();
    let mut command: Vec<String> = Vec::new();
    while let Some(word) = words.next() {
        match (word.as_str(), word.split_once('=')) {
            ("-i" | "-", _) => environment.clear(),
            ("-u", _) => match words.next() {
                Some(name) => drop(environment.remove(name)),
                None => return call.fail("option -u needs a name", 125),
            },
            (text, _) if text.starts_with('-') => return call.fail(format_args!("invalid option {text}"), 125),
            (_, Some((name, value))) => drop(environment.insert(name.to_owned(), value.to_owned())),
            (_, None) => {
                command.push(word.clone());
                command.extend(words.by_ref().cloned());
            }
        }
    }
    if command.is_empty() {
        let lines: Vec<String> = environment.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        return call.print(lines.concat());
    }
    run(call, &command, &environment)
}

/// `timeout [-s SIGNAL] [-k TIME] TIME COMMAND…`: 124 if the time was over.
pub(crate) fn timeout(call: &Call<'_>) -> u8 {
    let (mut signal, mut killed_after) = (Signal::SIGTERM, None);
    let mut options = Options::leading(call.arguments);
    while let Some(option) = options.next() {
        match option {
            Opt::Short('s') => match options.value().and_then(parse_signal) {
                Some(named) => signal = named,
                None => return call.fail("option -s needs a signal", 125),
            },
            Opt::Short('k') => match options.value().and_then(duration) {
                Some(time) => killed_after = Some(time),
                None => return call.fail("option -k needs a time", 125),
            },
            other => return call.fail(format_args!("invalid option {other}"), 125),
        }
    }
    let words = options.rest();
    let Some((time, command)) = words.split_first().filter(|(_, command)| !command.is_empty()) else {
        return call.fail("usage: timeout TIME COMMAND…", 125);
    };
    let Some(time) = duration(time) else {
        return call.fail(format_args!("invalid time interval '{time}'"), 125);
    };
    match spawn(call, command, call.environment) {
        Ok(child) => wait(child, time, signal, killed_after).unwrap_or(125),
        Err(error) => not_run(call, command, &error),
    }
}

fn parse_signal(name: &str) -> Option<Signal> {
    match name.parse::<i32>() {
        Ok(number) => Signal::try_from(number).ok(),
        Err(_) => format!("SIG{}", name.trim_start_matches("SIG")).parse().ok(),
    }
}

fn wait(mut child: Child, time: Duration, signal: Signal, killed_after: Option<Duration>) -> io::Result<u8> {
    let Some(status) = wait_at_most(&mut child, time)? else {
        let pid = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
        kill(pid, signal)?;
        if let Some(more) = killed_after
            && wait_at_most(&mut child, more)?.is_none()
        {
            child.kill()?;
            child.wait()?;
            return Ok(137);
        }
        child.wait()?;
        return Ok(if signal == Signal::SIGKILL { 137 } else { 124 });
    };
    Ok(code(status))
}

fn wait_at_most(child: &mut Child, time: Duration) -> io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(Some(status)),
            None if begun.elapsed() >= time => return Ok(None),
            None => thread::sleep(POLL.min(time)),
        }
    }
}

/// Runs a command as a process and answers its exit status.
pub(crate) fn run(call: &Call<'_>, command: &[String], environment: &BTreeMap<String, String>) -> u8 {
    match spawn(call, command, environment).and_then(|mut child| child.wait()) {
        Ok(status) => code(status),
        Err(error) => not_run(call, command, &error),
    }
}

fn not_run(call: &Call<'_>, command: &[String], error: &io::Error) -> u8 {
    let name = command.first().map_or("", String::as_str);
    match error.kind() {
        io::ErrorKind::NotFound => call.fail(format_args!("{name}: not found"), 127),
        _ => call.fail(format_args!("{name}: {}", reason(error)), 126),
    }
}

/// What a shell makes of how a process ended.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

fn spawn(call: &Call<'_>, command: &[String], environment: &BTreeMap<String, String>) -> io::Result<Child> {
    prepare(call, command, environment)?.spawn()
}

/// A process for `command`, looked for along the `PATH` of its own environment.
pub(crate) fn prepare(
    call: &Call<'_>,
    command: &[String],
    environment: &BTreeMap<String, String>,
) -> io::Result<Command> {
    let (name, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let path = find(name, call.directory, environment).ok_or(io::ErrorKind::NotFound)?;
    let mut process = Command::new(path);
    process.arg0(name).args(arguments).env_clear().envs(environment).current_dir(call.directory);
    process.stdin(call.streams.stdio(0)?).stdout(call.streams.stdio(1)?).stderr(call.streams.stdio(2)?);
    Ok(process)
}

/// Where a command is, as `execvp` would find it.
pub(crate) fn find(name: &str, directory: &Path, environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(directory.join(name)).filter(|path| path.exists());
    }
    let path = environment.get("PATH").map_or("/usr/bin:/bin", String::as_str);
    let candidates = path.split(':').map(|entry| directory.join(entry).join(name));
    candidates.into_iter().find(|candidate| fs::metadata(candidate).is_ok_and(|metadata| metadata.is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::tests::run as call;

    #[test]
    fn env_shows_and_sets() {
        assert_eq!(call(env, &["A=1"], "").output, "A=1\nPATH=/usr/bin:/bin\n");
        assert_eq!(call(env, &["-i", "A=1"], "").output, "A=1\n");
        assert_eq!(call(env, &["-u", "PATH"], "").output, "");
        assert_eq!(call(env, &["A=1", "sh", "-c", "echo $A; exit 3"], "").output, "1\n");
        assert_eq!(call(env, &["sh", "-c", "exit 3"], "").status, 3);
        assert_eq!(call(env, &["/nonexistent"], "").status, 127);
    }

    #[test]
    fn timeout_ends_what_lasts_too_long() {
        assert_eq!(call(timeout, &["5", "sh", "-c", "exit 7"], "").status, 7);
        assert_eq!(call(timeout, &["0.05", "sleep", "10"], "").status, 124);
        assert_eq!(call(timeout, &["-s", "KILL", "0.05", "sleep", "10"], "").status, 137);
        assert_eq!(
            call(timeout, &["-k", "0.05", "0.05", "sh", "-c", "trap '' TERM; while :; do :; done"], "").status,
            137
        );
        assert_eq!(call(timeout, &["5", "/nonexistent"], "").status, 127);
        assert_eq!(call(timeout, &["x", "true"], "").status, 125);
        assert_eq!(call(timeout, &[], "").status, 125);
    }

    #[test]
    fn times_have_units() {
        for (text, milliseconds) in [("1", 1000), ("0.25", 250), ("2m", 120_000), ("1h", 3_600_000), ("1s", 1000)] {
            assert_eq!(duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        assert_eq!((duration("-1"), duration("x"), duration("")), (None, None, None));
        assert_eq!(call(sleep, &["0.001"], "").status, 0);
        assert_eq!(call(sleep, &[], "").status, 1);
    }
}
