//! What a judge saw and what it answered, line by line, and the proof that the one follows from the other.
//!
//! A record is JSON lines: a head with the version of the format and the settings, then ticks as they were judged and
//! the decisions with their evidence. A replay gives the ticks to a new judge and writes its decisions anew: they must
//! be the same text. Shortest decimal forms of two numbers are equal only if their bits are, so equal text is equal
//! bits. A judge that was interrupted is brought back the same way, from its record.

use serde::{Deserialize, Serialize};

use super::{Evidence, Judge, Question, Settings, Tick, Verdict};

/// The version of the format and of the mathematics behind it: a change of either is a new one.
///
/// 1 had no margin of latency, 1 and 2 no doubt about clusters; settings that do not say mean none.
pub const VERSION: u32 = 3;
/// The oldest version that is still replayed.
const VERSION_MIN: u32 = 1;
/// A longer line is not one of ours.
const LINE_BYTES_MAX: usize = 1 << 20;

/// One line of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry {
    /// The first line.
    Head(Head),
    /// What was counted.
    Tick(Tick),
    /// What was decided.
    Decision(Decision),
}

/// What a record begins with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Of the format.
    pub version: u32,
    /// The new version that is judged.
    pub revision: String,
    /// How it is judged.
    pub settings: Settings,
}

/// An answer, and what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// What was asked.
    pub question: Question,
    /// What was answered.
    pub verdict: Verdict,
    /// Why.
    pub evidence: Evidence,
}

/// A record that cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is empty, or begins in its middle.
    #[error("line {line} of the record: the head is missing or comes twice; a record begins with one")]
    Head {
        /// Counted from 1.
        line: usize,
    },
    /// It was made by a judge that reckoned otherwise.
    #[error("the record is of version {found}, and this judge replays versions {VERSION_MIN} to {VERSION}")]
    Version {
        /// The record's.
        found: u32,
    },
    /// A line is no entry.
    #[error("line {line} of the record is no entry")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A line is too long.
    #[error("line {line} of the record is longer than {LINE_BYTES_MAX} bytes")]
    Long {
        /// Counted from 1.
        line: usize,
    },
}

/// What came of a replay.
#[derive(Debug)]
pub struct Replay {
    /// The new version that was judged.
    pub revision: String,
    /// The judge after the last line, ready to go on.
    pub judge: Judge,
    /// How many ticks there were.
    pub ticks: usize,
    /// The decisions, as they come out now.
    pub decisions: Vec<Decision>,
    /// Where that is not what was recorded.
    pub differences: Vec<Difference>,
}

/// A decision that comes out otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Counted from 1.
    pub line: usize,
    /// As recorded.
    pub recorded: String,
    /// As it comes out now.
    pub replayed: String,
}

/// The head of a record.
pub fn head(revision: &str, settings: &Settings) -> Entry {
    Entry::Head(Head { version: VERSION, revision: revision.to_owned(), settings: settings.clone() })
}

/// `entry` as a line, without its end.
pub fn line(entry: &Entry) -> String {
    serde_json::to_string(entry).expect("entries have string keys and finite numbers")
}

/// Asks `judge`, at `at` milliseconds since 1970.
pub fn decide(judge: &Judge, question: Question, at: u64) -> Decision {
    Decision { at, question, verdict: judge.verdict(&question), evidence: judge.evidence(&question) }
}

/// Judges anew what was recorded.
pub fn replay<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Replay, Error> {
    let mut replay: Option<Replay> = None;
    let mut number = 0;
    for text in lines {
        number += 1;
        let entry = parse(text, number)?;
        match (&mut replay, entry) {
            (None, Entry::Head(head)) => replay = Some(begin(head)?),
            (None, _) | (Some(_), Entry::Head(_)) => return Err(Error::Head { line: number }),
            (Some(replay), Entry::Tick(tick)) => {
                replay.judge.observe(&tick);
                replay.ticks += 1;
            }
            (Some(replay), Entry::Decision(recorded)) => {
                let decision = decide(&replay.judge, recorded.question, recorded.at);
                let replayed = line(&Entry::Decision(decision.clone()));
                if replayed != text {
                    replay.differences.push(Difference { line: number, recorded: text.to_owned(), replayed });
                }
                replay.decisions.push(decision);
            }
        }
    }
    replay.ok_or(Error::Head { line: number + 1 })
}

fn parse(text: &str, line: usize) -> Result<Entry, Error> {
    if text.len() > LINE_BYTES_MAX {
        return Err(Error::Long { line });
    }
    serde_json::from_str(text).map_err(|source| Error::Line { line, source })
}

fn begin(head: Head) -> Result<Replay, Error> {
    if !(VERSION_MIN..=VERSION).contains(&head.version) {
        return Err(Error::Version { found: head.version });
    }
    let judge = Judge::new(head.settings);
    Ok(Replay { revision: head.revision, judge, ticks: 0, decisions: Vec::new(), differences: Vec::new() })
}
