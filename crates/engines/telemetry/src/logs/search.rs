//! Events of a whole group, of all its streams at once, that say a certain thing.

use std::collections::HashMap;

use names::{Scope, Timestamp};
use rusqlite::{Connection, params};

use super::{
    Direction, EVENT_OVERHEAD, Error, Event, GroupRow, Logs, PAGE_BYTES_MAX, Pattern, Place, Range, after_prefix,
    event::read, find_group, find_stream,
};

/// Events looked at for one page, so that a rare pattern in a large group does not hold a caller for minutes: such a
/// page may be empty and still not be the last.
const EVENTS_EXAMINED_MAX: usize = 50_000;

/// What to look for.
#[derive(Clone, Debug)]
pub struct Search {
    /// Only these streams, if any are given.
    pub streams: Vec<String>,
    /// Only streams whose names begin with this.
    pub stream_prefix: String,
    /// Only events of this time.
    pub range: Range,
    /// Only events that say this.
    pub pattern: Pattern,
    /// Where to begin.
    pub from: Place,
    /// Which way to go on.
    pub direction: Direction,
    /// How many at most.
    pub limit: usize,
}

/// A page of what was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The events with their streams, in the order of the search.
    pub events: Vec<(String, Event)>,
    /// Where to go on, unless everything was looked at.
    pub next: Option<Place>,
}

impl Logs {
    /// One page of what `search` finds in `group`.
    pub fn search(&self, scope: &Scope, group: &str, search: &Search, now: Timestamp) -> Result<Found, Error> {
        let reader = self.0.reader();
        let row = find_group(&reader, &scope.to_string(), group)?;
        let streams = streams(&reader, (&row, group), search)?;
        let mut statement = reader.prepare_cached(GroupRow::statement(search.direction))?;
        let Range { start, end } = search.range;
        let start = start.max(row.horizon(now));
        let mut rows = statement.query(params![row.id, start, end, search.from.time, search.from.id])?;
        let (mut found, mut examined, mut bytes) = (Found::default(), 0, 0);
        while let Some(row) = rows.next()? {
            let event = read(row)?;
            let here = match search.direction {
                Direction::Forward => Place::before(&event),
                Direction::Backward => Place::after(&event),
            };
            if found.events.len() == search.limit || examined == EVENTS_EXAMINED_MAX {
                found.next = Some(here);
                break;
            }
            examined += 1;
            let Some(stream) = streams.get(&row.get::<_, i64>(4)?) else { continue };
            if !search.pattern.matches(&event.message) {
                continue;
            }
            bytes += event.message.len() + EVENT_OVERHEAD;
            if bytes > PAGE_BYTES_MAX && !found.events.is_empty() {
                found.next = Some(here);
                break;
            }
            found.events.push((stream.clone(), event));
        }
        Ok(found)
    }
}

/// The names of the streams to look at, by number. A stream that was asked for by name must be there.
fn streams(
    connection: &Connection,
    (row, group): (&GroupRow, &str),
    search: &Search,
) -> Result<HashMap<i64, String>, Error> {
    if !search.streams.is_empty() {
        let find = |name: &String| Ok((find_stream(connection, (row, group), name)?, name.clone()));
        return search.streams.iter().map(find).collect();
    }
    let mut statement = connection.prepare_cached(
        "SELECT id, name FROM log_stream WHERE group_id = ?1 AND name >= ?2 AND (?3 IS NULL OR name < ?3)",
    )?;
    let bounds = params![row.id, search.stream_prefix, after_prefix(&search.stream_prefix)];
    let named = statement.query_map(bounds, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(named.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Limits, Telemetry,
        logs::{NewEvent, NewGroup},
    };

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn logs() -> (Logs, Scope) {
        let (logs, scope) = (Telemetry::in_memory(Limits::default()).unwrap().logs(), Scope::default());
        logs.create_group(&scope, &NewGroup { name: "g".to_owned(), ..NewGroup::default() }, NOW).unwrap();
        for (stream, offsets) in [("app/1", [1, 4, 5]), ("app/2", [2, 3, 6]), ("envoy/1", [1, 2, 3])] {
            logs.create_stream(&scope, "g", stream, NOW).unwrap();
            let events =
                offsets.map(|time| NewEvent { time: Timestamp::from_millis(time), message: stream.to_owned() });
            logs.append(&scope, "g", stream, &events, NOW).unwrap();
        }
        (logs, scope)
    }

    fn search() -> Search {
        Search {
            streams: Vec::new(),
            stream_prefix: "app/".to_owned(),
            range: Range::default(),
            pattern: Pattern::default(),
            from: Place::default(),
            direction: Direction::Forward,
            limit: 4,
        }
    }

    fn times(found: &Found) -> Vec<i64> {
        found.events.iter().map(|(_, event)| event.time.as_millis()).collect()
    }

    #[test]
    fn streams_are_interleaved_and_pages_follow_each_other() {
        let (logs, scope) = logs();
        let first = logs.search(&scope, "g", &search(), NOW).unwrap();
        assert_eq!(times(&first), [1, 2, 3, 4]);
        let rest = logs.search(&scope, "g", &Search { from: first.next.unwrap(), ..search() }, NOW).unwrap();
        assert_eq!((times(&rest), rest.next), (vec![5, 6], None));
    }

    #[test]
    fn the_latest_may_come_first() {
        let (logs, scope) = logs();
        let latest = Search { direction: Direction::Backward, from: Place::at(i64::MAX), ..search() };
        let first = logs.search(&scope, "g", &latest, NOW).unwrap();
        assert_eq!(times(&first), [6, 5, 4, 3]);
        let rest = logs.search(&scope, "g", &Search { from: first.next.unwrap(), ..latest }, NOW).unwrap();
        assert_eq!((times(&rest), rest.next), (vec![2, 1], None));
    }

    #[test]
    fn only_the_streams_times_and_words_that_were_asked_for() {
        let (logs, scope) = logs();
        let one = Search { streams: vec!["envoy/1".to_owned()], range: Range { start: 2, end: 3 }, ..search() };
        assert_eq!(times(&logs.search(&scope, "g", &one, NOW).unwrap()), [2]);
        let words = Search { stream_prefix: String::new(), pattern: Pattern::parse("envoy").unwrap(), ..search() };
        assert_eq!(times(&logs.search(&scope, "g", &words, NOW).unwrap()), [1, 2, 3]);
        let absent = Search { streams: vec!["nope".to_owned()], ..search() };
        assert!(matches!(logs.search(&scope, "g", &absent, NOW), Err(Error::NoStream { .. })));
    }
}
