//! What became of alarms.

use names::{Scope, Timestamp};
use rusqlite::params;

use super::Metrics;
use crate::Error;

/// Something that happened to an alarm.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmEvent {
    /// The alarm's name.
    pub alarm: String,
    /// When.
    pub time: Timestamp,
    /// `ConfigurationUpdate`, `StateUpdate` or `Action`.
    pub kind: String,
    /// In a line.
    pub summary: String,
    /// In full, as JSON.
    pub data: String,
}

/// Which events are asked for; what is none narrows nothing.
#[derive(Clone, Debug, Default)]
pub struct AlarmQuery {
    /// Those of this alarm.
    pub alarm: Option<String>,
    /// Those of this kind.
    pub kind: Option<String>,
    /// Not before this.
    pub start: Option<Timestamp>,
    /// Before this.
    pub end: Option<Timestamp>,
    /// The earliest first, and not the latest.
    pub ascending: bool,
    /// So many are passed over.
    pub skip: usize,
    /// So many at most.
    pub limit: usize,
}

impl Metrics {
    /// Keeps `events`.
    pub fn tell(&self, scope: &Scope, events: &[AlarmEvent]) -> Result<(), Error> {
        let mut writer = self.0.writer();
        let transaction = writer.transaction()?;
        for event in events {
            transaction
                .prepare_cached(
                    "INSERT INTO alarm_event (scope, alarm, time, kind, summary, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![
                    scope.to_string(),
                    event.alarm,
                    event.time.as_millis(),
                    event.kind,
                    event.summary,
                    event.data
                ])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// What became of alarms.
    pub fn alarm_events(&self, scope: &Scope, query: &AlarmQuery) -> Result<Vec<AlarmEvent>, Error> {
        let order = if query.ascending { "ASC" } else { "DESC" };
        let sql = format!(
            "SELECT alarm, time, kind, summary, data FROM alarm_event
             WHERE scope = ?1 AND (?2 IS NULL OR alarm = ?2) AND (?3 IS NULL OR kind = ?3) AND time >= ?4 AND time < ?5
             ORDER BY time {order}, id {order} LIMIT ?6 OFFSET ?7"
        );
        let reader = self.0.reader();
        let mut statement = reader.prepare_cached(&sql)?;
        let bound = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let rows = statement.query_map(
            params![
                scope.to_string(),
                query.alarm,
                query.kind,
                query.start.map_or(i64::MIN, Timestamp::as_millis),
                query.end.map_or(i64::MAX, Timestamp::as_millis),
                bound(query.limit),
                bound(query.skip),
            ],
            |row| {
                let time = Timestamp::from_millis(row.get(1)?);
                Ok(AlarmEvent { alarm: row.get(0)?, time, kind: row.get(2)?, summary: row.get(3)?, data: row.get(4)? })
            },
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Telemetry};

    #[test]
    fn events_are_found_by_alarm_kind_and_time_in_either_order() {
        let (metrics, scope) = (Telemetry::in_memory(Limits::default()).unwrap().metrics(), Scope::default());
        let event = |alarm: &str, kind: &str, time: i64| AlarmEvent {
            alarm: alarm.to_owned(),
            time: Timestamp::from_millis(time),
            kind: kind.to_owned(),
            summary: format!("{alarm} {time}"),
            data: "{}".to_owned(),
        };
        let told = [event("a", "StateUpdate", 1), event("b", "StateUpdate", 2), event("a", "Action", 3)];
        metrics.tell(&scope, &told).unwrap();
        let ask = |query: AlarmQuery| {
            let events = metrics.alarm_events(&scope, &AlarmQuery { limit: 10, ..query }).unwrap();
            events.into_iter().map(|event| event.summary).collect::<Vec<_>>()
        };
        assert_eq!(ask(AlarmQuery::default()), ["a 3", "b 2", "a 1"]);
        assert_eq!(ask(AlarmQuery { ascending: true, skip: 1, ..AlarmQuery::default() }), ["b 2", "a 3"]);
        assert_eq!(ask(AlarmQuery { alarm: Some("a".to_owned()), ..AlarmQuery::default() }), ["a 3", "a 1"]);
        let kind = Some("StateUpdate".to_owned());
        let start = Some(Timestamp::from_millis(2));
        assert_eq!(ask(AlarmQuery { kind, start, ..AlarmQuery::default() }), ["b 2"]);
    }
}
