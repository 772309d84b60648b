//! What came of a case, in words that are the same each time.

use std::collections::BTreeMap;

use crate::{
    case::Case,
    message::{Framing, Message, latin},
};

/// The most of a body or line that is shown.
const SHOWN_MAX: usize = 60;

/// What a proxy made of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What the client got.
    pub answers: Vec<String>,
    /// What the origin got, the plain request behind the odd one left out.
    pub origin: Vec<String>,
}

/// What each of the proxies made of each case, by its name: ours, Envoy, nginx.
pub type Results = BTreeMap<String, [Outcome; 3]>;

impl Outcome {
    pub(crate) fn of(case: &Case, answers: &[Message], origin: &[Message]) -> Self {
        let odd = origin.iter().filter(|message| !message.start.starts_with("GET /next "));
        Self {
            answers: answers.iter().map(|message| answer(message, case)).collect(),
            origin: odd.map(|message| request(message, case)).collect(),
        }
    }

    /// Nothing of the odd request went on.
    pub fn is_refused(&self) -> bool {
        self.origin.is_empty()
    }

    /// Somebody took a part of a message for a message.
    pub fn is_smuggled(&self) -> bool {
        let smuggled = |text: &String| text.split(' ').nth(1).is_some_and(|target| target.contains("/smuggled"));
        self.origin.iter().any(smuggled) || self.answers.iter().any(|text| text.starts_with("299"))
    }
}

fn answer(message: &Message, case: &Case) -> String {
    if message.cut && message.fields.is_empty() {
        return format!("not HTTP: {}", short(&message.start));
    }
    let mut text = message.status().to_owned();
    if message.body == b"next" {
        return "next".to_owned();
    }
    let fields = case.shown.iter().flat_map(|name| message.fields.iter().filter(move |(found, _)| found == name));
    for (name, value) in fields {
        text += &format!(" {name}: {}", short(value));
    }
    if message.field("x-origin").is_some() && message.body != b"fine" {
        text += &body(message);
    }
    if message.cut { text + " (cut)" } else { text }
}

fn request(message: &Message, case: &Case) -> String {
    let line = message.start.strip_suffix(" HTTP/1.1").unwrap_or(&message.start);
    let mut text = short(line);
    let fields = case.show.iter().flat_map(|name| message.fields.iter().filter(move |(found, _)| found == name));
    for (name, value) in fields {
        text += &format!(" {name}: {}", short(value));
    }
    text += &body(message);
    if message.cut { text + " (cut)" } else { text }
}

/// The content alone: a body may be framed anew on its way.
fn body(message: &Message) -> String {
    let body = short(&latin(&message.body));
    let expected = matches!(message.framing, Framing::Length | Framing::Chunked);
    if body.is_empty() && !expected { String::new() } else { format!(" “{body}”") }
}

/// `text` with what can't be printed escaped, and its middle left out if it is long.
pub(crate) fn short(text: &str) -> String {
    let escaped = |character: char| match character {
        ' '..='~' | '“' | '”' | '…' | '×' => character.to_string(),
        '\r' => "\\r".to_owned(),
        '\n' => "\\n".to_owned(),
        '\t' => "\\t".to_owned(),
        other => format!("\\x{:02x}", u32::from(other)),
    };
    let length = text.chars().count();
    if length <= SHOWN_MAX {
        return text.chars().map(escaped).collect();
    }
    let start: String = text.chars().take(SHOWN_MAX / 2).map(escaped).collect();
    format!("{start}… ({length})")
}
