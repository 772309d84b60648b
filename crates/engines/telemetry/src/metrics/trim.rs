//! Letting go: points past their time or beyond what the file may hold, metrics of which nothing is left, old events.

use names::Timestamp;
use rusqlite::{Connection, params};

use super::Metrics;
use crate::Error;

/// Rows removed in one transaction, so that writers wait for milliseconds only.
const BATCH: i64 = 5000;

/// Removes the `most` points that are of the earliest time.
pub(crate) fn remove_oldest(connection: &Connection, most: i64) -> rusqlite::Result<usize> {
    connection.execute(
        "DELETE FROM metric_point WHERE (metric_id, time, unit) IN
         (SELECT metric_id, time, unit FROM metric_point ORDER BY time LIMIT ?1)",
        [most],
    )
}

impl Metrics {
    /// Removes one batch of each kind; true if there may be more.
    pub(crate) fn trim(&self, now: Timestamp) -> Result<bool, Error> {
        let limits = self.0.limits();
        let age = i64::try_from(limits.metric_age_max.as_millis()).unwrap_or(i64::MAX);
        let horizon = now.as_millis().saturating_sub(age);
        let points_max = i64::try_from(limits.metric_points_max).unwrap_or(i64::MAX);
        let mut writer = self.0.writer();
        let transaction = writer.transaction()?;
        let expired = transaction.execute(
            "DELETE FROM metric_point WHERE (metric_id, time, unit) IN
             (SELECT metric_id, time, unit FROM metric_point WHERE time < ?1 LIMIT ?2)",
            params![horizon, BATCH],
        )?;
        let kept: i64 = transaction.query_row("SELECT count(*) FROM metric_point", [], |row| row.get(0))?;
        let surplus = remove_oldest(&transaction, kept.saturating_sub(points_max).clamp(0, BATCH))?;
        transaction.execute(
            "DELETE FROM metric WHERE id IN (SELECT id FROM metric WHERE last_arrival < ?1
             AND NOT EXISTS (SELECT 1 FROM metric_point WHERE metric_id = metric.id) LIMIT ?2)",
            params![horizon, BATCH],
        )?;
        transaction.execute(
            "DELETE FROM alarm_event WHERE id IN (SELECT id FROM alarm_event WHERE time < ?1 LIMIT ?2)",
            params![horizon, BATCH],
        )?;
        transaction.commit()?;
        Ok([expired, surplus].into_iter().any(|removed| i64::try_from(removed).is_ok_and(|removed| removed >= BATCH)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use names::Scope;

    use crate::{
        Limits, Telemetry,
        metrics::{MetricId, MetricQuery, Point, Resolution, Set},
    };

    use super::*;

    #[test]
    fn what_is_old_or_too_much_goes_and_its_metric_with_it() {
        let limits = Limits { metric_points_max: 1, metric_age_max: Duration::from_secs(100), ..Limits::default() };
        let (metrics, scope) = (Telemetry::in_memory(limits).unwrap().metrics(), Scope::default());
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let report = |name: &str, seconds: i64| {
            let metric = MetricId { name: name.to_owned(), ..MetricId::default() };
            let point = Point { time: at(seconds), unit: "None".to_owned(), set: Set::of(1.0, 1.0) };
            metrics.add(&scope, &[(metric, Resolution::Second, point)], at(seconds)).unwrap();
        };
        report("old", 1);
        report("new", 150);
        report("new", 151);
        metrics.trim(at(160)).unwrap();
        let left = metrics.list(&scope, &MetricQuery::default()).unwrap();
        assert_eq!(left.iter().map(|metric| metric.name.as_str()).collect::<Vec<_>>(), ["new"]);
        let points = metrics.points(&scope, &left[0], None, (at(0), at(1000))).unwrap();
        assert_eq!(points.iter().map(|point| point.time).collect::<Vec<_>>(), [at(151)]);
    }
}
