//! Letting go: events past their group's time, of groups and streams that are gone, and beyond what the file may hold.

use std::collections::HashMap;

use names::Timestamp;
use rusqlite::{Connection, Params, params};

use super::{DAY_MILLIS, Logs};
use crate::Error;

/// Events removed in one transaction, so that writers wait for milliseconds only.
const BATCH: i64 = 5000;
/// [`EVENT_OVERHEAD`](super::EVENT_OVERHEAD), as SQLite counts.
const OVERHEAD: i64 = 26;

impl Logs {
    /// Removes one batch of each kind; true if there may be more.
    pub(crate) fn trim(&self, now: Timestamp) -> Result<bool, Error> {
        let mut writer = self.0.writer();
        let transaction = writer.transaction()?;
        let gone = gone(&transaction)?;
        let expired = expired(&transaction, now)?;
        let surplus = surplus(&transaction, self.0.limits().log_bytes_max)?;
        transaction.commit()?;
        Ok([gone, expired, surplus].into_iter().any(|removed| removed >= BATCH))
    }
}

/// Removes events of streams that are gone, and then the memory of those streams.
fn gone(connection: &Connection) -> rusqlite::Result<i64> {
    let removed = remove(
        connection,
        "SELECT log_event.id FROM log_stream_gone JOIN log_event ON stream_id = log_stream_gone.id LIMIT ?1",
        [BATCH],
    )?;
    if removed < BATCH {
        connection.execute("DELETE FROM log_stream_gone", [])?;
    }
    Ok(removed)
}

/// Removes events past their group's time.
fn expired(connection: &Connection, now: Timestamp) -> rusqlite::Result<i64> {
    remove(
        connection,
        "SELECT log_event.id FROM log_group JOIN log_event ON group_id = log_group.id
         WHERE retention IS NOT NULL AND time < ?2 - retention * ?3 LIMIT ?1",
        params![BATCH, now.as_millis(), DAY_MILLIS],
    )
}

/// Removes the events that arrived first while there are too many bytes of them.
fn surplus(connection: &Connection, bytes_max: u64) -> rusqlite::Result<i64> {
    let held: i64 = connection.query_row("SELECT coalesce(sum(bytes), 0) FROM log_group", [], |row| row.get(0))?;
    let over = held.saturating_sub(i64::try_from(bytes_max).unwrap_or(i64::MAX));
    if over <= 0 {
        return Ok(0);
    }
    // An event goes as long as those before it have not made enough room.
    remove(
        connection,
        "SELECT id FROM (SELECT id, sum(octet_length(message) + ?3) OVER (ORDER BY id) - octet_length(message) - ?3
                         AS freed FROM (SELECT id, message FROM log_event ORDER BY id LIMIT ?1))
         WHERE freed < ?2",
        params![BATCH, over, OVERHEAD],
    )
}

/// Removes the `most` events that arrived first.
pub(crate) fn remove_oldest(connection: &Connection, most: i64) -> rusqlite::Result<i64> {
    remove(connection, "SELECT id FROM log_event ORDER BY id LIMIT ?1", [most])
}

/// Removes the events that `chosen` selects, and takes their bytes off their groups.
fn remove(connection: &Connection, chosen: &str, bounds: impl Params) -> rusqlite::Result<i64> {
    let statement = format!("DELETE FROM log_event WHERE id IN ({chosen}) RETURNING group_id, octet_length(message)");
    let mut statement = connection.prepare_cached(&statement)?;
    let removed = statement.query_map(bounds, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    let (mut count, mut bytes) = (0, HashMap::<i64, i64>::new());
    for event in removed {
        let (group, length) = event?;
        count += 1;
        *bytes.entry(group).or_default() += length + OVERHEAD;
    }
    for (group, bytes) in bytes {
        connection.execute("UPDATE log_group SET bytes = max(0, bytes - ?2) WHERE id = ?1", params![group, bytes])?;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use names::Scope;

    use super::*;
    use crate::{
        Limits, Telemetry,
        logs::{NewEvent, NewGroup},
    };

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn telemetry(log_bytes_max: u64) -> Telemetry {
        let telemetry = Telemetry::in_memory(Limits { log_bytes_max, ..Limits::default() }).unwrap();
        for group in ["a", "b"] {
            let (logs, scope) = (telemetry.logs(), Scope::default());
            logs.create_group(&scope, &NewGroup { name: group.to_owned(), ..NewGroup::default() }, NOW).unwrap();
            logs.create_stream(&scope, group, "s", NOW).unwrap();
            let event = NewEvent { time: NOW, message: "0123".to_owned() };
            logs.append(&scope, group, "s", &[event.clone(), event], NOW).unwrap();
        }
        telemetry
    }

    fn bytes(telemetry: &Telemetry, group: &str) -> u64 {
        telemetry.logs().group(&Scope::default(), group).unwrap().bytes
    }

    fn events(telemetry: &Telemetry) -> i64 {
        telemetry.reader().query_row("SELECT count(*) FROM log_event", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn what_is_past_its_time_goes() {
        let telemetry = telemetry(u64::MAX);
        telemetry.logs().set_retention(&Scope::default(), "a", Some(1)).unwrap();
        let later = NOW.plus(std::time::Duration::from_hours(25));
        assert!(!telemetry.trim(later).unwrap());
        assert_eq!((bytes(&telemetry, "a"), bytes(&telemetry, "b")), (0, 60));
    }

    #[test]
    fn what_belonged_to_a_deleted_group_goes() {
        let telemetry = telemetry(u64::MAX);
        telemetry.logs().delete_group(&Scope::default(), "a").unwrap();
        assert_eq!(events(&telemetry), 4);
        telemetry.trim(NOW).unwrap();
        assert_eq!(events(&telemetry), 2);
    }

    #[test]
    fn what_arrived_first_makes_room() {
        let telemetry = telemetry(90);
        telemetry.trim(NOW).unwrap();
        assert_eq!((bytes(&telemetry, "a"), bytes(&telemetry, "b")), (30, 60));
        telemetry.trim(NOW).unwrap();
        assert_eq!(events(&telemetry), 3, "no more than needed");
    }
}
