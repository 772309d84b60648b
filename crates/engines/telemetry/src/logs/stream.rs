//! Streams: made, listed, deleted.

use names::{Scope, Timestamp};
use rusqlite::{Row, params};

use super::{Error, Logs, Stream, after_prefix, find_group};

/// What streams are listed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamOrder {
    /// Their names.
    #[default]
    Name,
    /// The times of their latest events; those without come first.
    LastEvent,
}

/// Which streams to list.
#[derive(Clone, Debug, Default)]
pub struct StreamQuery {
    /// Only those whose names begin with this.
    pub prefix: String,
    /// What comes first.
    pub order: StreamOrder,
    /// Whether the last comes first.
    pub descending: bool,
    /// How many to leave out at the front.
    pub skip: usize,
    /// How many at most.
    pub limit: usize,
}

impl Logs {
    /// Makes a stream.
    pub fn create_stream(&self, scope: &Scope, group: &str, name: &str, now: Timestamp) -> Result<(), Error> {
        let writer = self.0.writer();
        let row = find_group(&writer, &scope.to_string(), group)?;
        let made = writer.execute(
            "INSERT INTO log_stream (group_id, name, created) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            params![row.id, name, now.as_millis()],
        )?;
        if made == 0 {
            return Err(Error::StreamExists { group: group.to_owned(), stream: name.to_owned() });
        }
        Ok(())
    }

    /// Deletes a stream. Its events are out of sight at once and swept later.
    pub fn delete_stream(&self, scope: &Scope, group: &str, name: &str) -> Result<(), Error> {
        let writer = self.0.writer();
        let row = find_group(&writer, &scope.to_string(), group)?;
        let statement = "DELETE FROM log_stream WHERE group_id = ?1 AND name = ?2";
        if writer.execute(statement, params![row.id, name])? == 0 {
            return Err(Error::NoStream { group: group.to_owned(), stream: name.to_owned() });
        }
        Ok(())
    }

    /// The streams of `group` that `query` asks for, and whether there are more.
    pub fn streams(&self, scope: &Scope, group: &str, query: &StreamQuery) -> Result<(Vec<Stream>, bool), Error> {
        let reader = self.0.reader();
        let row = find_group(&reader, &scope.to_string(), group)?;
        let mut statement = reader.prepare_cached(statement(query))?;
        let end = after_prefix(&query.prefix);
        // One more than asked tells whether there are more.
        let (limit, skip) = (signed(query.limit.saturating_add(1)), signed(query.skip));
        let found = statement.query_map(params![row.id, query.prefix, end, limit, skip], read)?;
        let mut found = found.collect::<Result<Vec<_>, _>>()?;
        let more = found.len() > query.limit;
        found.truncate(query.limit);
        Ok((found, more))
    }
}

/// The four orders as texts of their own, so that each stays prepared.
fn statement(query: &StreamQuery) -> &'static str {
    macro_rules! ordered {
        ($order:literal) => {
            concat!(
                "SELECT name, created, first_event, last_event, last_arrival FROM log_stream
                 WHERE group_id = ?1 AND name >= ?2 AND (?3 IS NULL OR name < ?3) ORDER BY ",
                $order,
                " LIMIT ?4 OFFSET ?5"
            )
        };
    }
    match (query.order, query.descending) {
        (StreamOrder::Name, false) => ordered!("name"),
        (StreamOrder::Name, true) => ordered!("name DESC"),
        (StreamOrder::LastEvent, false) => ordered!("last_event, name"),
        (StreamOrder::LastEvent, true) => ordered!("last_event DESC, name DESC"),
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Stream> {
    let time = |column| row.get::<_, Option<i64>>(column).map(|millis| millis.map(Timestamp::from_millis));
    Ok(Stream {
        name: row.get(0)?,
        created: Timestamp::from_millis(row.get(1)?),
        first_event: time(2)?,
        last_event: time(3)?,
        last_arrival: time(4)?,
    })
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Limits, Telemetry,
        logs::{NewEvent, NewGroup},
    };

    #[test]
    fn streams_are_listed_by_name_or_by_their_last_event() {
        let (scope, now) = (Scope::default(), Timestamp::from_millis(1_000_000));
        let logs = Telemetry::in_memory(Limits::default()).unwrap().logs();
        logs.create_group(&scope, &NewGroup { name: "g".to_owned(), ..NewGroup::default() }, now).unwrap();
        for (index, name) in ["c", "a", "b"].into_iter().enumerate() {
            logs.create_stream(&scope, "g", name, now).unwrap();
            let time = Timestamp::from_millis(i64::try_from(index).unwrap());
            logs.append(&scope, "g", name, &[NewEvent { time, message: "x".to_owned() }], now).unwrap();
        }
        let names = |query: StreamQuery| {
            let (streams, more) = logs.streams(&scope, "g", &StreamQuery { limit: 2, ..query }).unwrap();
            (streams.into_iter().map(|stream| stream.name).collect::<Vec<_>>().join(","), more)
        };
        assert_eq!(names(StreamQuery::default()), ("a,b".to_owned(), true));
        assert_eq!(names(StreamQuery { skip: 2, ..StreamQuery::default() }), ("c".to_owned(), false));
        let newest = StreamQuery { order: StreamOrder::LastEvent, descending: true, ..StreamQuery::default() };
        assert_eq!(names(newest), ("b,a".to_owned(), true));
        assert_eq!(names(StreamQuery { prefix: "c".to_owned(), ..StreamQuery::default() }), ("c".to_owned(), false));
    }

    #[test]
    fn a_stream_needs_its_group_and_a_name_of_its_own() {
        let (scope, now) = (Scope::default(), Timestamp::default());
        let logs = Telemetry::in_memory(Limits::default()).unwrap().logs();
        assert!(matches!(logs.create_stream(&scope, "g", "s", now), Err(Error::NoGroup(_))));
        logs.create_group(&scope, &NewGroup { name: "g".to_owned(), ..NewGroup::default() }, now).unwrap();
        logs.create_stream(&scope, "g", "s", now).unwrap();
        assert!(matches!(logs.create_stream(&scope, "g", "s", now), Err(Error::StreamExists { .. })));
        logs.delete_stream(&scope, "g", "s").unwrap();
        assert!(matches!(logs.delete_stream(&scope, "g", "s"), Err(Error::NoStream { .. })));
    }
}
