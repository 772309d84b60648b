//! The table of cases: what is sent, and how the origin answers.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde::Deserialize;

/// The plain request behind an odd one.
const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// Cases that are about the same thing: a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// What they are about: a heading.
    pub about: String,
    /// The cases.
    pub cases: Vec<Case>,
}

/// A message that is odd.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it is, in a few words that no other case has.
    pub name: String,
    /// The lines of the request's head, if they end as they should. None: a plain `GET /`, if nothing else is sent.
    #[serde(default)]
    pub head: Vec<String>,
    /// What is sent behind the head.
    #[serde(default)]
    pub send: Vec<Piece>,
    /// Whether the plain request follows.
    #[serde(default = "yes")]
    pub next: bool,
    /// The fields that are shown of what the origin gets, in lower case.
    #[serde(default)]
    pub show: Vec<String>,
    /// The fields that are shown of what the client gets, in lower case.
    #[serde(default)]
    pub shown: Vec<String>,
    /// What the origin says to the odd request. None: a plain 200.
    #[serde(default)]
    pub reply: Option<Vec<Piece>>,
    /// The origin says it when it has the head, and reads on afterwards.
    #[serde(default)]
    pub early: bool,
    /// The origin closes the connection behind its reply.
    #[serde(default)]
    pub closes: bool,
    /// Why the three do not agree: names of differences.
    #[serde(default)]
    pub why: Vec<String>,
}

/// A part of what is sent. The characters of a text are bytes, up to `\u00ff`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Piece {
    /// As it is.
    Text(String),
    /// So many times.
    Repeat {
        /// What.
        repeat: String,
        /// How many times; `#` in the text is the number of the repetition.
        times: usize,
    },
    /// What follows is not sent before the client has got this.
    Wait {
        /// A part of an answer.
        wait: String,
    },
}

/// A step of a client.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send(Vec<u8>),
    Wait(Vec<u8>),
}

fn yes() -> bool {
    true
}

/// The bytes that the characters of `text` stand for.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).expect("a case's characters are bytes")).collect()
}

impl Piece {
    fn step(&self) -> Step {
        match self {
            Self::Text(text) => Step::Send(bytes(text)),
            Self::Repeat { repeat, times } => {
                let one = |number: usize| bytes(&repeat.replace('#', &number.to_string()));
                Step::Send((0..*times).flat_map(one).collect())
            }
            Self::Wait { wait } => Step::Wait(bytes(wait)),
        }
    }

    /// As the page has it.
    pub(crate) fn show(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Repeat { repeat, times } => format!("{repeat}×{times}"),
            Self::Wait { wait } => format!("…waits for “{wait}”…"),
        }
    }
}

impl Case {
    /// What its client does. What can be sent at once is.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if !self.head.is_empty() {
            steps.push(Step::Send(bytes(&(self.head.join("\r\n") + "\r\n\r\n"))));
        } else if self.send.is_empty() {
            steps.push(Step::Send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()));
        }
        steps.extend(self.send.iter().map(Piece::step));
        if self.next {
            steps.push(Step::Send(NEXT.to_vec()));
        }
        let mut joined: Vec<Step> = Vec::new();
        for step in steps {
            match (joined.last_mut(), step) {
                (Some(Step::Send(before)), Step::Send(more)) => before.extend(more),
                (_, step) => joined.push(step),
            }
        }
        joined
    }

    /// What the origin says to the odd request, if that is not a plain 200.
    pub(crate) fn reply(&self) -> Option<Vec<u8>> {
        let sent = |step| if let Step::Send(bytes) = step { bytes } else { Vec::new() };
        Some(self.reply.as_ref()?.iter().map(Piece::step).flat_map(sent).collect())
    }

    /// Whether the first answer has no body whatever it says.
    pub(crate) fn is_head(&self) -> bool {
        self.head.first().is_some_and(|line| line.starts_with("HEAD "))
    }
}

/// In what the three differ: a name and what it is.
pub type Differences = BTreeMap<String, String>;

/// Reads the differences there are known to be.
///
/// # Panics
/// When they are not as they should be.
pub fn load_differences() -> Differences {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("differences.json");
    serde_json::from_str(&fs::read_to_string(path).expect("the differences")).expect("the differences are JSON")
}

/// Reads the table.
///
/// # Panics
/// When it is not as it should be.
pub fn load() -> Vec<Subject> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("the table").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("a file of the table");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    files.iter().map(read).collect()
}
