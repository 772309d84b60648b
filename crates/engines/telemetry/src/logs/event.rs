//! Events of one stream: appended, and read forward and backward.

use names::{Scope, Timestamp};
use rusqlite::{Row, Transaction, params};

use super::{
    DAY_MILLIS, EVENT_OVERHEAD, Error, Event, GroupRow, Logs, NewEvent, PAGE_BYTES_MAX, Place, find_group, find_stream,
};

/// Events further ahead than this are not kept.
const FUTURE_MAX_MILLIS: i64 = 2 * 3600 * 1000;
/// Events further back than this are not kept.
const PAST_MAX_MILLIS: i64 = 14 * DAY_MILLIS;

/// Which events of a batch were not kept, by index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// From here on they lie more than two hours ahead.
    pub too_new_from: Option<usize>,
    /// Up to here, exclusive, they are older than fourteen days.
    pub too_old_until: Option<usize>,
    /// Up to here, exclusive, they are older than the group keeps events.
    pub expired_until: Option<usize>,
}

/// A span of time: from its start, up to and without its end. Milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first moment in it.
    pub start: i64,
    /// The first moment after it.
    pub end: i64,
}

impl Default for Range {
    fn default() -> Self {
        Self { start: 0, end: i64::MAX }
    }
}

/// Which way to read from a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What comes after the place.
    Forward,
    /// What comes before it.
    Backward,
}

/// Some events in a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The events, the earliest first.
    pub events: Vec<Event>,
}

impl Logs {
    /// Adds `events`, which are in the order of their times, to a stream; all that can be kept, or none on failure.
    pub fn append(
        &self,
        scope: &Scope,
        group: &str,
        stream: &str,
        events: &[NewEvent],
        now: Timestamp,
    ) -> Result<Appended, Error> {
        self.0.write(|transaction| insert(transaction, scope, (group, stream), events, now))
    }

    /// At most `limit` events of a stream within `range`, beside `from` on the side of `direction`.
    pub fn read(
        &self,
        scope: &Scope,
        (group, stream): (&str, &str),
        range: Range,
        (from, direction): (Place, Direction),
        limit: usize,
        now: Timestamp,
    ) -> Result<Page, Error> {
        let reader = self.0.reader();
        let row = find_group(&reader, &scope.to_string(), group)?;
        let stream_id = find_stream(&reader, (&row, group), stream)?;
        let start = range.start.max(row.horizon(now));
        let query = match direction {
            Direction::Forward => {
                "SELECT id, time, arrival, message FROM log_event
                 WHERE stream_id = ?1 AND time >= ?2 AND time < ?3 AND (time, id) >= (?4, ?5) ORDER BY time, id LIMIT ?6"
            }
            Direction::Backward => {
                "SELECT id, time, arrival, message FROM log_event
                 WHERE stream_id = ?1 AND time >= ?2 AND time < ?3 AND (time, id) < (?4, ?5)
                 ORDER BY time DESC, id DESC LIMIT ?6"
            }
        };
        let mut statement = reader.prepare_cached(query)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![stream_id, start, range.end, from.time, from.id, limit], read)?;
        let mut events = until_full(rows)?;
        if direction == Direction::Backward {
            events.reverse();
        }
        Ok(Page { events })
    }
}

/// Writes what can be kept of `events`.
fn insert(
    transaction: &Transaction<'_>,
    scope: &Scope,
    (group, stream): (&str, &str),
    events: &[NewEvent],
    now: Timestamp,
) -> Result<Appended, Error> {
    let row = find_group(transaction, &scope.to_string(), group)?;
    let stream_id = find_stream(transaction, (&row, group), stream)?;
    let (appended, kept) = sift(events, row.horizon(now), now);
    let mut insert = transaction.prepare_cached(
        "INSERT INTO log_event (group_id, stream_id, time, arrival, message) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for event in kept {
        insert.execute(params![row.id, stream_id, event.time.as_millis(), now.as_millis(), event.message])?;
    }
    if let (Some(first), Some(last)) = (kept.first(), kept.last()) {
        let bytes = kept.iter().map(|event| event.message.len() + EVENT_OVERHEAD).sum::<usize>();
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        transaction.execute("UPDATE log_group SET bytes = bytes + ?2 WHERE id = ?1", params![row.id, bytes])?;
        transaction.execute(
            "UPDATE log_stream SET first_event = min(coalesce(first_event, ?2), ?2),
                    last_event = max(coalesce(last_event, ?3), ?3), last_arrival = ?4 WHERE id = ?1",
            params![stream_id, first.time.as_millis(), last.time.as_millis(), now.as_millis()],
        )?;
    }
    Ok(appended)
}

/// Whether an event of `time` is near enough to `now` to be kept, whatever its group; milliseconds since 1970.
pub fn is_kept(time: i64, now: i64) -> bool {
    (now - PAST_MAX_MILLIS..=now + FUTURE_MAX_MILLIS).contains(&time)
}

/// What can be kept of `events`, given the moment before which the group keeps nothing.
fn sift(events: &[NewEvent], horizon: i64, now: Timestamp) -> (Appended, &[NewEvent]) {
    let until = |moment: i64| events.partition_point(|event| event.time.as_millis() < moment);
    let too_old = until(now.as_millis() - PAST_MAX_MILLIS);
    let expired = until(horizon);
    let too_new = until(now.as_millis() + FUTURE_MAX_MILLIS + 1);
    let appended = Appended {
        too_new_from: (too_new < events.len()).then_some(too_new),
        too_old_until: (too_old > 0).then_some(too_old),
        expired_until: (expired > too_old).then_some(expired),
    };
    let first = too_old.max(expired);
    (appended, events.get(first..too_new).unwrap_or_default())
}

/// Events up to what fits on a page; at least one, however long.
fn until_full(rows: impl Iterator<Item = rusqlite::Result<Event>>) -> rusqlite::Result<Vec<Event>> {
    let (mut events, mut bytes) = (Vec::new(), 0);
    for event in rows {
        let event = event?;
        bytes += event.message.len() + EVENT_OVERHEAD;
        if bytes > PAGE_BYTES_MAX && !events.is_empty() {
            break;
        }
        events.push(event);
    }
    Ok(events)
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        id: row.get(0)?,
        time: Timestamp::from_millis(row.get(1)?),
        arrival: Timestamp::from_millis(row.get(2)?),
        message: row.get(3)?,
    })
}

impl GroupRow {
    /// The events of the whole group from `from` on, the earliest first, or before it, the latest first.
    pub(super) fn statement(direction: Direction) -> &'static str {
        match direction {
            Direction::Forward => {
                "SELECT id, time, arrival, message, stream_id FROM log_event
                 WHERE group_id = ?1 AND time >= ?2 AND time < ?3 AND (time, id) >= (?4, ?5) ORDER BY time, id"
            }
            Direction::Backward => {
                "SELECT id, time, arrival, message, stream_id FROM log_event
                 WHERE group_id = ?1 AND time >= ?2 AND time < ?3 AND (time, id) < (?4, ?5)
                 ORDER BY time DESC, id DESC"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Limits, Telemetry, logs::NewGroup};

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn logs() -> (Logs, Scope) {
        let (logs, scope) = (Telemetry::in_memory(Limits::default()).unwrap().logs(), Scope::default());
        logs.create_group(&scope, &NewGroup { name: "g".to_owned(), ..NewGroup::default() }, NOW).unwrap();
        logs.create_stream(&scope, "g", "s", NOW).unwrap();
        (logs, scope)
    }

    fn event(offset: i64) -> NewEvent {
        NewEvent { time: Timestamp::from_millis(NOW.as_millis() + offset), message: format!("at {offset}") }
    }

    fn write(logs: &Logs, scope: &Scope, offsets: &[i64]) -> Appended {
        let events: Vec<_> = offsets.iter().copied().map(event).collect();
        logs.append(scope, "g", "s", &events, NOW).unwrap()
    }

    fn page(logs: &Logs, from: Place, direction: Direction, limit: usize) -> Vec<Event> {
        let from = (from, direction);
        logs.read(&Scope::default(), ("g", "s"), Range::default(), from, limit, NOW).unwrap().events
    }

    #[test]
    fn what_comes_after_the_end_is_read_from_the_end() {
        let (logs, scope) = logs();
        write(&logs, &scope, &[1, 2]);
        let first = page(&logs, Place::at(0), Direction::Forward, 10);
        let end = Place::after(first.last().unwrap());
        assert!(page(&logs, end, Direction::Forward, 10).is_empty());
        write(&logs, &scope, &[2, 3]);
        let more = page(&logs, end, Direction::Forward, 10);
        assert_eq!(more.iter().map(|e| e.message.as_str()).collect::<Vec<_>>(), ["at 2", "at 3"]);
        assert_eq!(page(&logs, end, Direction::Backward, 1)[0].message, "at 2");
    }

    #[test]
    fn what_lies_too_far_off_is_named_and_left_out() {
        let (logs, scope) = logs();
        logs.set_retention(&scope, "g", Some(1)).unwrap();
        let day = DAY_MILLIS;
        let appended = write(&logs, &scope, &[-15 * day, -2 * day, 0, 1, day]);
        assert_eq!(appended, Appended { too_new_from: Some(4), too_old_until: Some(1), expired_until: Some(2) });
        let kept = page(&logs, Place::at(0), Direction::Forward, 10);
        assert_eq!(kept.iter().map(|e| e.message.as_str()).collect::<Vec<_>>(), ["at 0", "at 1"]);
        assert_eq!(logs.group(&scope, "g").unwrap().bytes, 2 * (4 + 26));
    }

    #[test]
    fn a_page_is_no_longer_than_a_megabyte() {
        let (logs, scope) = logs();
        let message = "x".repeat(700_000);
        for offset in 0..3 {
            let event = NewEvent { message: message.clone(), ..event(offset) };
            logs.append(&scope, "g", "s", &[event], NOW).unwrap();
        }
        assert_eq!(page(&logs, Place::at(0), Direction::Forward, 10).len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        /// Whatever was written in whatever batches, pages of any size in either direction give all of it, once.
        #[test]
        fn pages_give_everything_once(
            batches in prop::collection::vec(prop::collection::vec(0_i64..20, 1..6), 1..6),
            limit in 1_usize..7,
        ) {
            let (logs, scope) = logs();
            for batch in &batches {
                let mut batch = batch.clone();
                batch.sort_unstable();
                write(&logs, &scope, &batch);
            }
            let all = page(&logs, Place::at(0), Direction::Forward, usize::MAX);
            let (mut forward, mut from) = (Vec::new(), Place::at(0));
            loop {
                let events = page(&logs, from, Direction::Forward, limit);
                let Some(last) = events.last() else { break };
                from = Place::after(last);
                forward.extend(events);
            }
            prop_assert_eq!(&forward, &all);
            let (mut backward, mut from) = (Vec::new(), Place::at(i64::MAX));
            loop {
                let events = page(&logs, from, Direction::Backward, limit);
                let Some(first) = events.first() else { break };
                from = Place::before(first);
                backward.splice(0..0, events);
            }
            prop_assert_eq!(&backward, &all);
        }
    }
}
