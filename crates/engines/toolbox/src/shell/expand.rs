//! From words as written to arguments as given: parameters, the output of commands, splitting, paths.

use std::{fs::File, io::Read, sync::Arc, thread};

use super::{
    execute::{Flow, Shell},
    pattern::{self, Characters},
    syntax::{List, Operation, OperationKind, Part, Word},
};

/// The most bytes that `$(…)` takes in.
const OUTPUT_MAX: u64 = 16 * 1024 * 1024;

/// Words being put together: fields, the last of which may still grow.
#[derive(Default)]
struct Fields {
    done: Vec<Characters>,
    open: Option<Characters>,
}

impl Fields {
    fn push(&mut self, text: &str, quoted: bool) {
        let open = self.open.get_or_insert_default();
        open.extend(text.chars().map(|character| (character, quoted)));
    }

    fn end(&mut self) {
        self.done.extend(self.open.take());
    }

    /// Adds a value that was not quoted: separators in it end a field.
    fn split(&mut self, value: &str, separators: &str) {
        let mut after_separator = false;
        for character in value.chars() {
            if !separators.contains(character) {
                self.push(&character.to_string(), false);
                after_separator = false;
                continue;
            }
            // Blanks count once, other separators each for itself.
            if !character.is_ascii_whitespace() && (after_separator || self.open.is_none()) {
                self.open.get_or_insert_default();
            }
            after_separator |= !character.is_ascii_whitespace();
            self.end();
        }
    }
}

impl Shell {
    /// The arguments that words become.
    pub(super) fn arguments(&mut self, words: &[Word]) -> Result<Vec<String>, Flow> {
        let mut arguments = Vec::new();
        for word in words {
            let mut fields = Fields::default();
            self.fields(word, &mut fields)?;
            fields.end();
            for field in fields.done {
                let paths = pattern::paths(&field, &self.directory);
                if paths.is_empty() { arguments.push(pattern::text(&field)) } else { arguments.extend(paths) }
            }
        }
        Ok(arguments)
    }

    /// The one text that a word is where it is not split: a value, a file's name.
    pub(super) fn text(&mut self, word: &Word) -> Result<String, Flow> {
        Ok(pattern::text(&self.characters(word)?))
    }

    /// The same with what of it is quoted, for patterns.
    pub(super) fn characters(&mut self, word: &Word) -> Result<Characters, Flow> {
        let mut characters = Vec::new();
        for part in word {
            let (text, quoted) = match part {
                Part::Text(text) => (text.clone(), false),
                Part::Quoted(text) => (text.clone(), true),
                Part::Home => (self.home(), true),
                Part::Parameter { name, operation, quoted } => (self.value(name, operation.as_deref())?, *quoted),
                Part::Output { list, quoted } => (self.output(list)?, *quoted),
            };
            characters.extend(text.chars().map(|character| (character, quoted)));
        }
        Ok(characters)
    }

    fn fields(&mut self, word: &Word, fields: &mut Fields) -> Result<(), Flow> {
        let separators = self.variable("IFS").unwrap_or(" \t\n").to_owned();
        for part in word {
            match part {
                Part::Text(text) => fields.push(text, false),
                Part::Quoted(text) => fields.push(text, true),
                Part::Home => fields.push(&self.home(), true),
                Part::Parameter { name, operation: None, quoted } if name == "@" || (name == "*" && !quoted) => {
                    self.positional_fields(*quoted, &separators, fields);
                }
                Part::Parameter { name, operation, quoted } => {
                    let value = self.value(name, operation.as_deref())?;
                    if *quoted { fields.push(&value, true) } else { fields.split(&value, &separators) }
                }
                Part::Output { list, quoted } => {
                    let value = self.output(list)?;
                    if *quoted { fields.push(&value, true) } else { fields.split(&value, &separators) }
                }
            }
        }
        Ok(())
    }

    /// `$@` and `$*`: each parameter begins a field. `"$@"` without any is no word at all.
    fn positional_fields(&mut self, quoted: bool, separators: &str, fields: &mut Fields) {
        if self.positional.is_empty() && fields.open.as_ref().is_some_and(Vec::is_empty) {
            fields.open = None;
        }
        for (at, parameter) in self.positional.iter().enumerate() {
            if at > 0 {
                fields.end();
            }
            if quoted { fields.push(parameter, true) } else { fields.split(parameter, separators) }
        }
    }

    fn home(&self) -> String {
        self.variable("HOME").unwrap_or("~").to_owned()
    }

    fn value(&mut self, name: &str, operation: Option<&Operation>) -> Result<String, Flow> {
        let value = self.parameter(name);
        let Some(Operation { kind, or_empty, word }) = operation else {
            return match value {
                None if self.options.nounset && !matches!(name, "@" | "*") => {
                    Err(self.abort(format_args!("{name}: parameter not set")))
                }
                value => Ok(value.unwrap_or_default()),
            };
        };
        let set = value.filter(|value| !(*or_empty && value.is_empty()));
        match (kind, set) {
            (OperationKind::Default | OperationKind::Assign | OperationKind::Require, Some(value)) => Ok(value),
            (OperationKind::Alternative, None) => Ok(String::new()),
            (OperationKind::Default, None) | (OperationKind::Alternative, Some(_)) => self.text(word),
            (OperationKind::Assign, None) => {
                let value = self.text(word)?;
                self.set(name, value.clone());
                Ok(value)
            }
            (OperationKind::Require, None) => {
                let message = self.text(word)?;
                let message = if message.is_empty() { "parameter not set".to_owned() } else { message };
                Err(self.abort(format_args!("{name}: {message}")))
            }
            (OperationKind::Length, value) => Ok(value.unwrap_or_default().chars().count().to_string()),
            (OperationKind::Prefix { longest }, value) => {
                let pattern = self.characters(word)?;
                Ok(trimmed(&value.unwrap_or_default(), &pattern, *longest, true))
            }
            (OperationKind::Suffix { longest }, value) => {
                let pattern = self.characters(word)?;
                Ok(trimmed(&value.unwrap_or_default(), &pattern, *longest, false))
            }
        }
    }

    fn parameter(&self, name: &str) -> Option<String> {
        match name {
            "?" => Some(self.status.to_string()),
            "$" => Some(std::process::id().to_string()),
            "#" => Some(self.positional.len().to_string()),
            "@" | "*" => Some(self.positional.join(" ")),
            "-" => Some(self.options.letters()),
            "0" => Some(self.name.clone()),
            _ => match name.parse::<usize>() {
                Ok(number) => self.positional.get(number - 1).cloned(),
                Err(_) => self.variable(name).map(ToOwned::to_owned),
            },
        }
    }

    /// What `$(…)` becomes: the output without its last line ends.
    fn output(&mut self, list: &List) -> Result<String, Flow> {
        let (reader, writer) =
            std::io::pipe().map_err(|error| self.abort(format_args!("a pipe can't be made: {error}")))?;
        let mut inner = self.subshell();
        inner.streams.0[1] = Arc::new(File::from(std::os::fd::OwnedFd::from(writer)));
        let (bytes, status) = thread::scope(|scope| {
            let running = scope.spawn(move || inner.finish(list));
            let mut bytes = Vec::new();
            // Only so much is read; whoever writes more learns that nobody listens.
            let read = reader.take(OUTPUT_MAX).read_to_end(&mut bytes);
            (read.map(|_| bytes).unwrap_or_default(), running.join().unwrap_or(1))
        });
        self.status = status;
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
    }
}

fn trimmed(value: &str, pattern: &[(char, bool)], longest: bool, prefix: bool) -> String {
    let characters: Vec<char> = value.chars().collect();
    let count = characters.len();
    let mut lengths: Vec<usize> = (0..=count).collect();
    if longest {
        lengths.reverse();
    }
    let part = |length: usize| if prefix { &characters[..length] } else { &characters[count - length..] };
    match lengths.into_iter().find(|length| pattern::matches(pattern, part(*length))) {
        Some(length) if prefix => characters[length..].iter().collect(),
        Some(length) => characters[..count - length].iter().collect(),
        None => value.to_owned(),
    }
}
