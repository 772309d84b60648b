//! Log events in streams, streams in groups, groups in a scope.
//!
//! Events of a stream or group are ordered by their time and, among equals, by their arrival. A [`Place`] is a point
//! between two events of that order; pages begin and end at places, so that reading on after the end gives exactly
//! what has come since.

mod event;
mod group;
pub mod insights;
mod pattern;
mod search;
mod stream;
mod trim;

use names::{Tags, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

pub use event::{Appended, Direction, Page, Range, is_kept};
pub use group::{GroupQuery, NewGroup};
pub use pattern::{Pattern, PatternError};
pub use search::{Found, Search};
pub use stream::{StreamOrder, StreamQuery};
pub(crate) use trim::remove_oldest;

use crate::Telemetry;

/// What CloudWatch counts for each event beside its text, in bytes.
pub const EVENT_OVERHEAD: usize = 26;
/// The text of all events of one page, in bytes.
pub const PAGE_BYTES_MAX: usize = 1024 * 1024;
/// The events of one page.
pub const PAGE_EVENTS_MAX: usize = 10_000;

/// The logs; cheap to clone.
#[derive(Clone)]
pub struct Logs(pub(crate) Telemetry);

/// A group of streams.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// For how many days its events are kept; for ever if none.
    pub retention_days: Option<u32>,
    /// Whether it refuses to be deleted.
    pub protected: bool,
    /// Its tags.
    pub tags: Tags,
    /// How many bytes of events it keeps.
    pub bytes: u64,
}

/// What one source wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// The time of its earliest event.
    pub first_event: Option<Timestamp>,
    /// The time of its latest event.
    pub last_event: Option<Timestamp>,
    /// When an event arrived last.
    pub last_arrival: Option<Timestamp>,
}

/// An event as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// When it happened.
    pub time: Timestamp,
    /// What happened.
    pub message: String,
}

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its number, one in the file.
    pub id: i64,
    /// When it happened.
    pub time: Timestamp,
    /// When it arrived.
    pub arrival: Timestamp,
    /// What happened.
    pub message: String,
}

/// A point in the order of events: just before the event of this time and number, be there one or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The time.
    pub time: i64,
    /// The number among events of that time.
    pub id: i64,
}

impl Place {
    /// Just before `event`.
    pub fn before(event: &Event) -> Self {
        Self { time: event.time.as_millis(), id: event.id }
    }

    /// Just after `event`.
    pub fn after(event: &Event) -> Self {
        Self { time: event.time.as_millis(), id: event.id.saturating_add(1) }
    }

    /// Just before every event of `time`.
    pub fn at(time: i64) -> Self {
        Self { time, id: 0 }
    }
}

/// What was asked of the logs can't be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The group is not there.
    #[error("the log group {0} does not exist")]
    NoGroup(String),
    /// The stream is not there.
    #[error("the log stream {stream} does not exist in {group}")]
    NoStream {
        /// The group.
        group: String,
        /// The stream.
        stream: String,
    },
    /// The group is there already.
    #[error("the log group {0} exists already")]
    GroupExists(String),
    /// The stream is there already.
    #[error("the log stream {stream} exists already in {group}")]
    StreamExists {
        /// The group.
        group: String,
        /// The stream.
        stream: String,
    },
    /// The group refuses to be deleted.
    #[error("the log group {0} is protected from deletion")]
    Protected(String),
    /// The file failed.
    #[error(transparent)]
    Database(#[from] crate::Error),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

/// A group's row: its number and for how long it keeps events.
struct GroupRow {
    id: i64,
    retention_days: Option<u32>,
}

impl GroupRow {
    /// The time before which events count as gone, though they may not have been swept yet.
    fn horizon(&self, now: Timestamp) -> i64 {
        self.retention_days.map_or(0, |days| now.as_millis() - i64::from(days) * DAY_MILLIS)
    }
}

const DAY_MILLIS: i64 = 24 * 3600 * 1000;

fn find_group(connection: &Connection, scope: &str, name: &str) -> Result<GroupRow, Error> {
    connection
        .prepare_cached("SELECT id, retention FROM log_group WHERE scope = ?1 AND name = ?2")?
        .query_row(params![scope, name], |row| Ok(GroupRow { id: row.get(0)?, retention_days: row.get(1)? }))
        .optional()?
        .ok_or_else(|| Error::NoGroup(name.to_owned()))
}

fn find_stream(connection: &Connection, group: (&GroupRow, &str), name: &str) -> Result<i64, Error> {
    connection
        .prepare_cached("SELECT id FROM log_stream WHERE group_id = ?1 AND name = ?2")?
        .query_row(params![group.0.id, name], |row| row.get(0))
        .optional()?
        .ok_or_else(|| Error::NoStream { group: group.1.to_owned(), stream: name.to_owned() })
}

/// The smallest text that no text with `prefix` comes after, for range queries; none if every text may.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut letters: Vec<char> = prefix.chars().collect();
    while let Some(last) = letters.pop() {
        // A gap in the numbering of characters (the surrogates) is skipped by trying the next.
        if let Some(next) = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32) {
            letters.push(next);
            return Some(letters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_the_next_text_begins() {
        assert_eq!(after_prefix("/ecs/a"), Some("/ecs/b".to_owned()));
        assert_eq!(after_prefix("\u{d7ff}"), Some("\u{e000}".to_owned()));
        assert_eq!(after_prefix(&format!("a{}", char::MAX)), Some("b".to_owned()));
        assert_eq!(after_prefix(""), None);
    }
}
