//! Runs what was read: the state of a shell, and how each kind of command changes it.
//!
//! A subshell is a copy of the state on a thread of its own; programs of the toolbox run on that thread, everything else
//! as a process. Streams are handed down in the state, so two parts of a pipeline never meet in the process's own.

use std::{
    collections::BTreeMap,
    fmt::Display,
    fs::{File, OpenOptions},
    io::Write,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::Arc,
    thread,
};

use super::{
    builtin, parse, pattern,
    syntax::{AndOr, Command, Join, Kind, List, Mode, Part, Pipeline, Redirect, Word},
};
use crate::{
    applet,
    call::{BROKEN_PIPE, Call, Streams},
    environment,
    files::reason,
};

/// How deep commands that run may lie in each other, `eval` included.
const DEPTH_MAX: u32 = 200;

/// What takes the flow out of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Exit(u8),
    /// Out of so many loops.
    Break(u32),
    /// To the next round of the loop so many out.
    Continue(u32),
}

/// What `set` sets.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(super) struct ShellOptions {
    pub(super) errexit: bool,
    pub(super) nounset: bool,
    pub(super) xtrace: bool,
    pub(super) pipefail: bool,
}

impl ShellOptions {
    pub(super) fn letters(self) -> String {
        let all = [(self.errexit, 'e'), (self.nounset, 'u'), (self.xtrace, 'x')];
        all.into_iter().filter(|(on, _)| *on).map(|(_, letter)| letter).collect()
    }
}

#[derive(Clone, Debug)]
struct Variable {
    value: String,
    exported: bool,
}

/// The state of a shell.
#[derive(Clone)]
pub(super) struct Shell {
    pub(super) name: String,
    pub(super) positional: Vec<String>,
    pub(super) status: u8,
    pub(super) options: ShellOptions,
    pub(super) streams: Streams,
    pub(super) directory: PathBuf,
    variables: BTreeMap<String, Variable>,
    /// In a condition: `set -e` does not look there.
    conditions: u32,
    depth: u32,
}

impl Shell {
    pub(super) fn new(name: &str, call: &Call<'_>) -> Self {
        let exported =
            |(name, value): (&String, &String)| (name.clone(), Variable { value: value.clone(), exported: true });
        let mut shell = Self {
            name: name.to_owned(),
            positional: Vec::new(),
            status: 0,
            options: ShellOptions::default(),
            streams: call.streams.clone(),
            directory: call.directory.to_owned(),
            variables: call.environment.iter().map(exported).collect(),
            conditions: 0,
            depth: 0,
        };
        shell.set("PWD", call.directory.display().to_string());
        shell.variables.remove("IFS");
        shell
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|variable| variable.value.as_str())
    }

    pub(super) fn set(&mut self, name: &str, value: String) {
        let exported = self.variables.get(name).is_some_and(|variable| variable.exported);
        self.variables.insert(name.to_owned(), Variable { value, exported });
    }

    pub(super) fn unset(&mut self, name: &str) {
        self.variables.remove(name);
    }

    pub(super) fn export(&mut self, name: &str) {
        let value = self.variable(name).unwrap_or_default().to_owned();
        self.variables.insert(name.to_owned(), Variable { value, exported: true });
    }

    /// What processes get to see.
    pub(super) fn environment(&self) -> BTreeMap<String, String> {
        let exported = self.variables.iter().filter(|(_, variable)| variable.exported);
        exported.map(|(name, variable)| (name.clone(), variable.value.clone())).collect()
    }

    /// A shell inside this one, whose changes stay its own.
    pub(super) fn subshell(&self) -> Self {
        self.clone()
    }

    /// Says what went wrong.
    pub(super) fn complain(&self, message: impl Display) {
        let _ = writeln!(&*self.streams.0[2], "{}: {message}", self.name);
    }

    /// Says what went wrong and leaves the shell, as an error in an expansion does.
    pub(super) fn abort(&self, message: impl Display) -> Flow {
        self.complain(message);
        Flow::Exit(2)
    }

    /// Runs a script to its end and answers its exit status.
    pub(super) fn script(&mut self, text: &str) -> u8 {
        match parse::parse(text) {
            Ok(list) => self.finish(&list),
            Err(error) => {
                self.complain(error);
                2
            }
        }
    }

    /// Runs a list to its end and answers the exit status.
    pub(super) fn finish(&mut self, list: &List) -> u8 {
        match self.list(list) {
            Err(Flow::Exit(status)) => status,
            _ => self.status,
        }
    }

    pub(super) fn list(&mut self, list: &List) -> Result<(), Flow> {
        if self.depth == DEPTH_MAX {
            return Err(self.abort("commands lie too deep in each other"));
        }
        self.depth += 1;
        let result = list.iter().try_for_each(|commands| self.and_or(commands));
        self.depth -= 1;
        result
    }

    fn and_or(&mut self, commands: &AndOr) -> Result<(), Flow> {
        let mut last = &commands.first;
        self.guarded(last, !commands.rest.is_empty())?;
        for (at, (join, pipeline)) in commands.rest.iter().enumerate() {
            if (*join == Join::And) == (self.status == 0) {
                last = pipeline;
                self.guarded(pipeline, at + 1 < commands.rest.len())?;
            }
        }
        // Only the last of the chain counts, and not where it was turned round.
        let whole = commands.rest.last().is_none_or(|(_, pipeline)| std::ptr::eq(pipeline, last));
        if self.options.errexit && self.status != 0 && self.conditions == 0 && whole && !last.negated {
            return Err(Flow::Exit(self.status));
        }
        Ok(())
    }

    /// Runs a pipeline whose failure is looked at by the script itself, or not.
    fn guarded(&mut self, pipeline: &Pipeline, looked_at: bool) -> Result<(), Flow> {
        let condition = u32::from(looked_at || pipeline.negated);
        self.conditions += condition;
        let result = self.pipeline(pipeline);
        self.conditions -= condition;
        result
    }

    /// Runs a list as a condition and answers whether it held.
    fn condition(&mut self, list: &List) -> Result<bool, Flow> {
        self.conditions += 1;
        let result = self.list(list);
        self.conditions -= 1;
        result.map(|()| self.status == 0)
    }

    fn pipeline(&mut self, pipeline: &Pipeline) -> Result<(), Flow> {
        match pipeline.commands.as_slice() {
            [command] => self.command(command)?,
            commands => self.status = self.piped(commands)?,
        }
        if pipeline.negated {
            self.status = u8::from(self.status == 0);
        }
        Ok(())
    }

    /// Runs commands at once, each reading what the one before writes; answers the status of the last.
    fn piped(&self, commands: &[Command]) -> Result<u8, Flow> {
        let mut shells: Vec<Self> = commands.iter().map(|_| self.subshell()).collect();
        for at in 1..shells.len() {
            let (reader, writer) =
                std::io::pipe().map_err(|error| self.abort(format_args!("a pipe can't be made: {error}")))?;
            shells[at - 1].streams.0[1] = Arc::new(File::from(OwnedFd::from(writer)));
            shells[at].streams.0[0] = Arc::new(File::from(OwnedFd::from(reader)));
        }
        let statuses: Vec<u8> = thread::scope(|scope| {
            // Each shell is dropped when its command ends, and with it its end of the pipe.
            let start = |(mut shell, command): (Self, _)| {
                scope.spawn(move || match shell.command(command) {
                    Err(Flow::Exit(status)) => status,
                    _ => shell.status,
                })
            };
            let threads: Vec<_> = shells.into_iter().zip(commands).map(start).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or(1)).collect()
        });
        let failed = statuses.iter().rev().find(|status| **status != 0).filter(|_| self.options.pipefail);
        Ok(failed.or(statuses.last()).copied().unwrap_or(0))
    }

    fn command(&mut self, command: &Command) -> Result<(), Flow> {
        if let Kind::Simple { assignments, words } = &command.kind {
            return self.simple(assignments, words, &command.redirects);
        }
        let Some(streams) = self.redirected(&command.redirects)? else {
            self.status = 1;
            return Ok(());
        };
        let outer = std::mem::replace(&mut self.streams, streams);
        let result = self.compound(&command.kind);
        self.streams = outer;
        result
    }

    fn compound(&mut self, kind: &Kind) -> Result<(), Flow> {
        match kind {
            Kind::Group(list) => self.list(list),
            Kind::Subshell(list) => {
                self.status = self.subshell().finish(list);
                Ok(())
            }
            Kind::If { arms, otherwise } => {
                for (condition, body) in arms {
                    if self.condition(condition)? {
                        return self.list(body);
                    }
                }
                self.status = 0;
                self.list(otherwise)
            }
            Kind::Loop { until, condition, body } => {
                let mut last = 0;
                while self.condition(condition)? != *until {
                    if !self.round(body)? {
                        break;
                    }
                    last = self.status;
                }
                self.status = last;
                Ok(())
            }
            Kind::For { name, words, body } => self.each(name, words.as_deref(), body),
            Kind::Case { word, arms } => self.case(word, arms),
            Kind::Simple { assignments, words } => self.simple(assignments, words, &[]),
        }
    }

    /// One round of a loop; `false` if it was the last.
    fn round(&mut self, body: &List) -> Result<bool, Flow> {
        match self.list(body) {
            Ok(()) | Err(Flow::Continue(1)) => Ok(true),
            Err(Flow::Break(1)) => Ok(false),
            Err(Flow::Break(loops)) => Err(Flow::Break(loops - 1)),
            Err(Flow::Continue(loops)) => Err(Flow::Continue(loops - 1)),
            Err(exit) => Err(exit),
        }
    }

    fn each(&mut self, name: &str, words: Option<&[Word]>, body: &List) -> Result<(), Flow> {
        let values = match words {
            Some(words) => self.arguments(words)?,
            None => self.positional.clone(),
        };
        self.status = 0;
        for value in values {
            self.set(name, value);
            if !self.round(body)? {
                break;
            }
        }
        Ok(())
    }

    fn case(&mut self, word: &Word, arms: &[(Vec<Word>, List)]) -> Result<(), Flow> {
        let text: Vec<char> = self.text(word)?.chars().collect();
        self.status = 0;
        for (patterns, body) in arms {
            for word in patterns {
                let pattern = self.characters(word)?;
                if pattern::matches(&pattern, &text) {
                    return self.list(body);
                }
            }
        }
        Ok(())
    }

    fn simple(&mut self, assignments: &[(String, Word)], words: &[Word], redirects: &[Redirect]) -> Result<(), Flow> {
        let arguments = self.arguments(words)?;
        let mut values = Vec::new();
        // The status of `x=$(false)` is that of the command in it, of `x=1` it is 0.
        let ran = |word: &Word| word.iter().any(|part| matches!(part, Part::Output { .. }));
        if words.is_empty() && !assignments.iter().any(|(_, word)| ran(word)) {
            self.status = 0;
        }
        for (name, word) in assignments {
            values.push((name, self.text(word)?));
        }
        self.trace(&values, &arguments);
        let Some(streams) = self.redirected(redirects)? else {
            self.status = 1;
            return Ok(());
        };
        let Some((name, arguments)) = arguments.split_first() else {
            for (name, value) in values {
                self.set(name, value);
            }
            return Ok(());
        };
        // Assignments before a command are for it alone.
        let outer = (!values.is_empty()).then(|| self.variables.clone());
        for (name, value) in values {
            self.set(name, value);
            self.export(name);
        }
        let result = self.run(name, arguments, &streams);
        if let Some(outer) = outer {
            self.variables = outer;
        }
        self.status = result?;
        Ok(())
    }

    fn run(&mut self, name: &str, arguments: &[String], streams: &Streams) -> Result<u8, Flow> {
        if let Some(builtin) = builtin::find(name) {
            return builtin(self, arguments, streams);
        }
        if builtin::MISSING.contains(&name) {
            self.complain(format_args!("{name}: not supported by this shell of Serin's built-in images"));
            return Ok(2);
        }
        self.program(name, arguments, streams)
    }

    /// Runs a program: of the toolbox on this thread, any other as a process.
    ///
    /// A process that writes to a pipe without a reader dies of it, and a shell of its own `echo`; so this one ends too,
    /// or `while :; do echo; done | head` would never.
    pub(super) fn program(&self, name: &str, arguments: &[String], streams: &Streams) -> Result<u8, Flow> {
        let environment = self.environment();
        let own = applet(name);
        let call = Call {
            name: if own.is_some() { name } else { &self.name },
            arguments,
            streams,
            directory: &self.directory,
            environment: &environment,
        };
        if let Some(applet) = own {
            match applet(&call) {
                BROKEN_PIPE => Err(Flow::Exit(BROKEN_PIPE)),
                status => Ok(status),
            }
        } else {
            let command: Vec<String> = std::iter::once(name.to_owned()).chain(arguments.iter().cloned()).collect();
            Ok(environment::run(&call, &command, &environment))
        }
    }

    fn trace(&self, values: &[(&String, String)], arguments: &[String]) {
        if self.options.xtrace {
            let values = values.iter().map(|(name, value)| format!("{name}={value}"));
            let line: Vec<String> = values.chain(arguments.iter().cloned()).collect();
            let _ = writeln!(&*self.streams.0[2], "+ {}", line.join(" "));
        }
    }

    /// The streams with these redirections; none if a file can't be opened, which has been said.
    fn redirected(&mut self, redirects: &[Redirect]) -> Result<Option<Streams>, Flow> {
        let mut streams = self.streams.clone();
        for redirect in redirects {
            let target = self.text(&redirect.target)?;
            if redirect.mode == Mode::Duplicate {
                if let Some(stream) = target.parse::<usize>().ok().and_then(|number| streams.0.get(number)).cloned() {
                    streams.0[redirect.stream] = stream;
                } else {
                    self.complain(format_args!("&{target}: only streams 0, 1 and 2 can be duplicated"));
                    return Ok(None);
                }
                continue;
            }
            let mut how = OpenOptions::new();
            match redirect.mode {
                Mode::Read => how.read(true),
                Mode::Append => how.append(true).create(true),
                _ => how.write(true).create(true).truncate(true),
            };
            match how.open(self.directory.join(&target)) {
                Ok(file) => streams.0[redirect.stream] = Arc::new(file),
                Err(error) => {
                    self.complain(format_args!("{target}: {}", reason(&error)));
                    return Ok(None);
                }
            }
        }
        Ok(Some(streams))
    }
}
