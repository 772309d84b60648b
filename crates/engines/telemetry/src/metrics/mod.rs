//! Numbers that workloads report, by metric and time.
//!
//! A *metric* is a name in a namespace, with dimensions that tell it from others of its name. What is reported of it in
//! one second (or minute, as the reporter likes) is folded into one [`Set`], so that a metric reported a thousand
//! times a second takes no more room than one reported once. Whoever asks gets sets folded further, over periods.

mod alarm;
mod set;
mod spread;
mod trim;

use std::collections::BTreeMap;

use names::{Scope, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

pub use alarm::{AlarmEvent, AlarmQuery};
pub use set::Set;
pub use spread::Spread;
pub(crate) use trim::remove_oldest;

use crate::{Error, Telemetry};

/// The metrics; cheap to clone.
#[derive(Clone)]
pub struct Metrics(pub(crate) Telemetry);

/// Which metric.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricId {
    /// Whose it is: `AWS/ApplicationELB`.
    pub namespace: String,
    /// What is counted: `RequestCount`.
    pub name: String,
    /// Of what: `LoadBalancer` is `app/web/0123456789abcdef`.
    pub dimensions: BTreeMap<String, String>,
}

/// How finely a point keeps its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resolution {
    /// To the second.
    Second,
    /// To the minute.
    #[default]
    Minute,
}

impl Resolution {
    const fn millis(self) -> i64 {
        match self {
            Self::Second => 1000,
            Self::Minute => 60_000,
        }
    }
}

/// What was reported at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// When.
    pub time: Timestamp,
    /// In which unit, as CloudWatch spells it: `Seconds`, `Count`, `None`.
    pub unit: String,
    /// The numbers.
    pub set: Set,
}

/// Which metrics are listed; what is empty or none narrows nothing.
#[derive(Clone, Debug, Default)]
pub struct MetricQuery {
    /// Their namespace.
    pub namespace: Option<String>,
    /// Their name.
    pub name: Option<String>,
    /// Dimensions they have, with these values or with any.
    pub dimensions: Vec<(String, Option<String>)>,
    /// Only those of which something arrived since.
    pub since: Option<Timestamp>,
}

impl MetricQuery {
    fn takes(&self, metric: &MetricId) -> bool {
        self.dimensions.iter().all(|(name, value)| {
            let found = metric.dimensions.get(name);
            found.is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
        })
    }
}

impl Metrics {
    /// Adds what was reported, all of it or, when this fails, nothing.
    pub fn add(&self, scope: &Scope, reported: &[(MetricId, Resolution, Point)], now: Timestamp) -> Result<(), Error> {
        self.0.write(|transaction| {
            for (metric, resolution, point) in reported {
                let id = find_or_make(transaction, &scope.to_string(), metric, now)?;
                let time = point.time.as_millis().div_euclid(resolution.millis()) * resolution.millis();
                fold(transaction, id, time, point)?;
            }
            Ok(())
        })
    }

    /// Points of a metric with `start <= time < end`, the earliest first; those of `unit` alone, if there is one.
    pub fn points(
        &self,
        scope: &Scope,
        metric: &MetricId,
        unit: Option<&str>,
        (start, end): (Timestamp, Timestamp),
    ) -> Result<Vec<Point>, Error> {
        let reader = self.0.reader();
        let Some(id) = find(&reader, &scope.to_string(), metric)? else { return Ok(Vec::new()) };
        let mut statement = reader.prepare_cached(
            "SELECT time, unit, samples, sum, minimum, maximum, spread FROM metric_point
             WHERE metric_id = ?1 AND time >= ?2 AND time < ?3 AND (?4 IS NULL OR unit = ?4) ORDER BY time, unit",
        )?;
        let rows = statement.query_map(params![id, start.as_millis(), end.as_millis(), unit], |row| {
            let time = Timestamp::from_millis(row.get("time")?);
            Ok(Point { time, unit: row.get("unit")?, set: set_of(row)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The metrics that `query` selects, by namespace, name and dimensions.
    pub fn list(&self, scope: &Scope, query: &MetricQuery) -> Result<Vec<MetricId>, Error> {
        let reader = self.0.reader();
        let mut statement = reader.prepare_cached(
            "SELECT namespace, name, dimensions FROM metric
             WHERE scope = ?1 AND (?2 IS NULL OR namespace = ?2) AND (?3 IS NULL OR name = ?3) AND last_arrival >= ?4
             ORDER BY namespace, name, dimensions",
        )?;
        let since = query.since.map_or(i64::MIN, Timestamp::as_millis);
        let rows = statement.query_map(params![scope.to_string(), query.namespace, query.name, since], |row| {
            let dimensions: String = row.get(2)?;
            let dimensions = serde_json::from_str(&dimensions).unwrap_or_default();
            Ok(MetricId { namespace: row.get(0)?, name: row.get(1)?, dimensions })
        })?;
        let metrics: Vec<MetricId> = rows.collect::<Result<_, _>>()?;
        Ok(metrics.into_iter().filter(|metric| query.takes(metric)).collect())
    }
}

/// The set in a row of `metric_point`.
fn set_of(row: &Row<'_>) -> rusqlite::Result<Set> {
    let spread: Option<String> = row.get("spread")?;
    Ok(Set {
        samples: row.get("samples")?,
        sum: row.get("sum")?,
        minimum: row.get("minimum")?,
        maximum: row.get("maximum")?,
        spread: spread.as_deref().and_then(Spread::read),
    })
}

fn spelt(dimensions: &BTreeMap<String, String>) -> String {
    serde_json::to_string(dimensions).expect("a map of texts is JSON")
}

fn find(connection: &Connection, scope: &str, metric: &MetricId) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT id FROM metric WHERE scope = ?1 AND namespace = ?2 AND name = ?3 AND dimensions = ?4";
    let key = params![scope, metric.namespace, metric.name, spelt(&metric.dimensions)];
    connection.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()
}

fn find_or_make(connection: &Connection, scope: &str, metric: &MetricId, now: Timestamp) -> rusqlite::Result<i64> {
    let sql = "INSERT INTO metric (scope, namespace, name, dimensions, last_arrival) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT DO UPDATE SET last_arrival = max(last_arrival, excluded.last_arrival) RETURNING id";
    let row = params![scope, metric.namespace, metric.name, spelt(&metric.dimensions), now.as_millis()];
    connection.prepare_cached(sql)?.query_row(row, |row| row.get(0))
}

/// Folds `point` into what is kept of its second or minute, which begins at `time`.
fn fold(connection: &Connection, metric: i64, time: i64, point: &Point) -> rusqlite::Result<()> {
    let sql = "SELECT samples, sum, minimum, maximum, spread FROM metric_point
               WHERE metric_id = ?1 AND time = ?2 AND unit = ?3";
    let kept = connection.prepare_cached(sql)?.query_row(params![metric, time, point.unit], set_of);
    let set = match kept.optional()? {
        Some(mut kept) => {
            kept.add(&point.set);
            kept
        }
        None => point.set.clone(),
    };
    let sql = "INSERT OR REPLACE INTO metric_point (metric_id, time, unit, samples, sum, minimum, maximum, spread)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let spread = set.spread.as_ref().map(Spread::write);
    let row = params![metric, time, point.unit, set.samples, set.sum, set.minimum, set.maximum, spread];
    connection.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn metric(dimensions: &[(&str, &str)]) -> MetricId {
        let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        MetricId { namespace: "shop".to_owned(), name: "orders".to_owned(), dimensions }
    }

    fn point(seconds: i64, value: f64) -> Point {
        Point { time: at(seconds), unit: "Count".to_owned(), set: Set::of(value, 1.0) }
    }

    #[test]
    fn what_is_reported_in_one_minute_is_one_point() {
        let (metrics, scope) = (Telemetry::in_memory(Limits::default()).unwrap().metrics(), Scope::default());
        let reported = [61, 119, 120].map(|second| (metric(&[]), Resolution::Minute, point(second, 2.0)));
        metrics.add(&scope, &reported, at(121)).unwrap();
        let points = metrics.points(&scope, &metric(&[]), None, (at(0), at(1000))).unwrap();
        let seen: Vec<_> = points.iter().map(|point| (point.time, point.set.samples, point.set.sum)).collect();
        assert_eq!(seen, [(at(60), 2.0, 4.0), (at(120), 1.0, 2.0)]);
        assert!(metrics.points(&scope, &metric(&[]), Some("Bytes"), (at(0), at(1000))).unwrap().is_empty());
        assert!(metrics.points(&scope, &metric(&[("a", "b")]), None, (at(0), at(1000))).unwrap().is_empty());
    }

    #[test]
    fn seconds_are_kept_where_asked() {
        let (metrics, scope) = (Telemetry::in_memory(Limits::default()).unwrap().metrics(), Scope::default());
        let reported = [1, 2, 2].map(|second| (metric(&[]), Resolution::Second, point(second, 1.0)));
        metrics.add(&scope, &reported, at(3)).unwrap();
        let points = metrics.points(&scope, &metric(&[]), None, (at(2), at(3))).unwrap();
        assert_eq!(points.iter().map(|point| point.set.samples).collect::<Vec<_>>(), [2.0]);
    }

    #[test]
    fn metrics_are_listed_by_their_dimensions() {
        let (metrics, scope) = (Telemetry::in_memory(Limits::default()).unwrap().metrics(), Scope::default());
        let (plain, blue) = (metric(&[]), metric(&[("version", "blue"), ("zone", "a")]));
        let reported =
            [(plain.clone(), Resolution::Minute, point(1, 1.0)), (blue.clone(), Resolution::Minute, point(1, 1.0))];
        metrics.add(&scope, &reported, at(1)).unwrap();
        let list = |dimensions: &[(&str, Option<&str>)]| {
            let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)));
            let query = MetricQuery { dimensions: dimensions.collect(), ..MetricQuery::default() };
            metrics.list(&scope, &query).unwrap()
        };
        assert_eq!(list(&[]), [blue.clone(), plain]);
        assert_eq!(list(&[("zone", None), ("version", Some("blue"))]), [blue]);
        assert!(list(&[("version", Some("green"))]).is_empty());
        let query = MetricQuery { since: Some(at(2)), ..MetricQuery::default() };
        assert!(metrics.list(&scope, &query).unwrap().is_empty());
    }
}
