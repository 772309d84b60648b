//! Traces: the segments that requests left behind, and what they tell.
//!
//! A *segment* is what one service says of one request; its *subsegments* say what the service did for it, calls to
//! others among them. A segment names the (sub)segment that called it as its parent, so that the segments of a trace
//! form a tree, and many traces together a [`Graph`] of services.
//!
//! Documents are kept as they came. Questions are answered from the documents of the time asked for, read anew each
//! time: there is no second form that could disagree with the first.

mod filter;
mod forest;
mod graph;
mod histogram;
mod segment;
mod series;
mod summary;

use std::{collections::BTreeSet, time::Duration};

use names::{Scope, Timestamp};
use rusqlite::{Connection, params};

pub use filter::{Filter, FilterError, Selector};
pub use graph::{Edge, Graph, Node, Statistics};
pub use histogram::Histogram;
pub use segment::{Http, Place, Segment, SegmentError};
pub use series::Series;
pub use summary::{Annotation, ServiceId, Summary};

use crate::{Error, Telemetry};
use forest::Forest;

/// Segments of one trace that are shown; a trace may have any number.
const TRACE_SEGMENTS_MAX: i64 = 1000;
/// Segments looked at for one question; the latest are.
const SEGMENTS_EXAMINED_MAX: i64 = 50_000;
/// Segments removed at a time.
const TRIM_BATCH: i64 = 5000;
/// A caller is looked for this far outside the time asked for, in milliseconds.
const MARGIN_MILLIS: i64 = 60_000;

/// The traces; cheap to clone.
#[derive(Clone)]
pub struct Traces(pub(crate) Telemetry);

/// A document that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its id, as far as it could be read.
    pub id: Option<String>,
    /// Why.
    pub error: SegmentError,
}

/// A whole trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Its id.
    pub id: String,
    /// Seconds from the first begin to the last end.
    pub duration: f64,
    /// Whether it has more segments than are given.
    pub limit_exceeded: bool,
    /// Its segments, by id and document, in the order of their begins.
    pub segments: Vec<(String, String)>,
}

/// A span of time, both ends in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first moment.
    pub start: Timestamp,
    /// The last moment.
    pub end: Timestamp,
}

impl Span {
    fn holds(&self, segment: &Segment) -> bool {
        (self.start.as_millis()..=self.end.as_millis()).contains(&segment.begun_millis())
    }
}

impl Traces {
    /// Takes segment documents; what is wrong with one keeps no other out.
    pub fn put(&self, scope: &Scope, documents: &[String], now: Timestamp) -> Result<Vec<Rejected>, Error> {
        let mut rejected = Vec::new();
        let mut writer = self.0.writer();
        let transaction = writer.transaction()?;
        for document in documents {
            match Segment::parse(document) {
                Ok(segment) => insert(&transaction, scope, &segment, document, now)?,
                Err((id, error)) => rejected.push(Rejected { id, error }),
            }
        }
        transaction.commit()?;
        Ok(rejected)
    }

    /// The traces called `ids` that are there.
    pub fn get(&self, scope: &Scope, ids: &[String]) -> Result<Vec<Trace>, Error> {
        let mut traces = Vec::new();
        for id in ids {
            let (segments, limit_exceeded) = self.of_trace(scope, id)?;
            if segments.is_empty() {
                continue;
            }
            let read: Vec<_> = segments.iter().filter_map(|(_, document)| Segment::parse(document).ok()).collect();
            let duration = summary::duration(read.iter());
            traces.push(Trace { id: id.clone(), duration, limit_exceeded, segments });
        }
        Ok(traces)
    }

    /// The traces with a segment begun within `span` for which `filter` holds, the latest first; and how many were
    /// looked at.
    pub fn summaries(&self, scope: &Scope, span: Span, filter: &Filter) -> Result<(Vec<Summary>, usize), Error> {
        let segments = self.within(scope, span)?;
        Ok(summary::summaries(&Forest::new(&segments), span, filter))
    }

    /// Who called whom within `span`, in the traces for which `filter` holds.
    pub fn graph(&self, scope: &Scope, span: Span, filter: &Filter) -> Result<Graph, Error> {
        let segments = self.within(scope, span)?;
        let forest = Forest::new(&segments);
        let traces = (!filter.is_empty()).then(|| summary::matching(&forest, filter));
        Ok(Graph::of(&forest, |segment| counts(segment, span, traces.as_ref())))
    }

    /// How what `selector` chooses went within `span`, in the traces for which `filter` holds, by `period`.
    pub fn series(
        &self,
        scope: &Scope,
        span: Span,
        filter: &Filter,
        selector: &Selector,
        period: Duration,
    ) -> Result<Series, Error> {
        let segments = self.within(scope, span)?;
        let forest = Forest::new(&segments);
        let traces = (!filter.is_empty()).then(|| summary::matching(&forest, filter));
        Ok(series::series(&forest, |segment| counts(segment, span, traces.as_ref()), selector, period))
    }

    /// Who called whom in these traces.
    pub fn graph_of(&self, scope: &Scope, ids: &[String]) -> Result<Graph, Error> {
        let mut segments = Vec::new();
        for id in ids {
            let (documents, _) = self.of_trace(scope, id)?;
            segments.extend(documents.iter().filter_map(|(_, document)| Segment::parse(document).ok()));
        }
        Ok(Graph::of(&Forest::new(&segments), |_| true))
    }

    /// The segments of one trace, and whether it has more.
    fn of_trace(&self, scope: &Scope, id: &str) -> Result<(Vec<(String, String)>, bool), Error> {
        let reader = self.0.reader();
        let mut statement = reader.prepare_cached(
            "SELECT segment, document FROM segment WHERE scope = ?1 AND trace = ?2 ORDER BY begun, id LIMIT ?3",
        )?;
        let bounds = params![scope.to_string(), id, TRACE_SEGMENTS_MAX + 1];
        let mut segments =
            statement.query_map(bounds, |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<Vec<_>, _>>()?;
        let shown = usize::try_from(TRACE_SEGMENTS_MAX).unwrap_or(usize::MAX);
        let more = segments.len() > shown;
        segments.truncate(shown);
        Ok((segments, more))
    }

    /// The segments begun within `span` and a margin around it, in which callers are looked for.
    fn within(&self, scope: &Scope, span: Span) -> Result<Vec<Segment>, Error> {
        let reader = self.0.reader();
        let mut statement = reader.prepare_cached(
            "SELECT document FROM segment WHERE scope = ?1 AND begun BETWEEN ?2 AND ?3 ORDER BY begun DESC LIMIT ?4",
        )?;
        let (start, end) = (span.start.as_millis(), span.end.as_millis());
        let bounds = params![
            scope.to_string(),
            start.saturating_sub(MARGIN_MILLIS),
            end.saturating_add(MARGIN_MILLIS),
            SEGMENTS_EXAMINED_MAX
        ];
        let documents = statement.query_map(bounds, |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        drop(statement);
        drop(reader);
        // Read outside the lock: this is the longer part.
        Ok(documents.iter().rev().filter_map(|document| Segment::parse(document).ok()).collect())
    }

    /// Removes one batch of what is too old or too many; true if there may be more.
    pub(crate) fn trim(&self, now: Timestamp) -> Result<bool, Error> {
        let limits = self.0.limits();
        let age_max = i64::try_from(limits.segment_age_max.as_millis()).unwrap_or(i64::MAX);
        let segments_max = i64::try_from(limits.segments_max).unwrap_or(i64::MAX);
        let mut writer = self.0.writer();
        let transaction = writer.transaction()?;
        let old = transaction.execute(
            "DELETE FROM segment WHERE id IN (SELECT id FROM segment WHERE arrival < ?1 ORDER BY arrival LIMIT ?2)",
            params![now.as_millis().saturating_sub(age_max), TRIM_BATCH],
        )?;
        let held: i64 = transaction.query_row("SELECT count(*) FROM segment", [], |row| row.get(0))?;
        let surplus = held.saturating_sub(segments_max).clamp(0, TRIM_BATCH);
        let many = transaction.execute(
            "DELETE FROM segment WHERE id IN (SELECT id FROM segment ORDER BY arrival, id LIMIT ?1)",
            [surplus],
        )?;
        transaction.commit()?;
        let full = usize::try_from(TRIM_BATCH).unwrap_or(usize::MAX);
        Ok(old >= full || many >= full)
    }
}

/// Whether a segment is within the time and, where only some traces are asked for, of one of these.
fn counts(segment: &Segment, span: Span, traces: Option<&BTreeSet<&str>>) -> bool {
    span.holds(segment) && traces.is_none_or(|traces| traces.contains(segment.trace_id.as_str()))
}

/// Keeps a segment. What is complete replaces what was in progress, never the other way round: datagrams overtake
/// each other.
fn insert(
    connection: &Connection,
    scope: &Scope,
    segment: &Segment,
    document: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO segment (scope, trace, segment, begun, ended, arrival, document)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (scope, trace, segment) DO UPDATE
         SET begun = excluded.begun, ended = excluded.ended, arrival = excluded.arrival, document = excluded.document
         WHERE excluded.ended IS NOT NULL OR ended IS NULL",
    )?;
    let (begun, ended) = (segment.begun_millis(), segment.ended_millis());
    let scope = scope.to_string();
    statement.execute(params![scope, segment.trace_id, segment.id, begun, ended, now.as_millis(), document])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const TRACE: &str = "1-6553f100-0123456789abcdef01234567";

    fn traces(limits: Limits) -> (Telemetry, Traces) {
        let telemetry = Telemetry::in_memory(limits).unwrap();
        let traces = telemetry.traces();
        (telemetry, traces)
    }

    fn document(id: u64, rest: &str) -> String {
        format!(r#"{{"name":"api","id":"{id:016x}","trace_id":"{TRACE}","start_time":1700000000.0,{rest}}}"#)
    }

    fn put(traces: &Traces, documents: &[String]) -> Vec<Rejected> {
        traces.put(&Scope::default(), documents, NOW).unwrap()
    }

    fn held(traces: &Traces) -> Vec<Trace> {
        traces.get(&Scope::default(), &[TRACE.to_owned(), "1-00000000-000000000000000000000000".to_owned()]).unwrap()
    }

    #[test]
    fn what_is_complete_stays_complete() {
        let (_telemetry, traces) = traces(Limits::default());
        let (open, closed) = (document(1, r#""in_progress":true"#), document(1, r#""end_time":1700000001.5"#));
        for documents in [[open.clone(), closed.clone()], [closed.clone(), open]] {
            put(&traces, &documents);
            assert_eq!(held(&traces)[0].segments, [("0000000000000001".to_owned(), closed.clone())]);
        }
        assert!((held(&traces)[0].duration - 1.5).abs() < 1e-6);
    }

    #[test]
    fn one_wrong_document_keeps_no_other_out() {
        let (_telemetry, traces) = traces(Limits::default());
        let rejected =
            put(&traces, &["{".to_owned(), document(2, r#""end_time":1700000001.0"#), document(3, r#""x":1"#)]);
        let ids: Vec<_> = rejected.iter().map(|rejected| rejected.id.as_deref()).collect();
        assert_eq!(ids, [None, Some("0000000000000003")]);
        assert_eq!(held(&traces)[0].segments.len(), 1);
    }

    #[test]
    fn scopes_do_not_see_each_other() {
        let (_telemetry, traces) = traces(Limits::default());
        put(&traces, &[document(1, r#""end_time":1700000001.0"#)]);
        let elsewhere = Scope { region: names::Region::new("eu-west-1"), ..Scope::default() };
        assert!(traces.get(&elsewhere, &[TRACE.to_owned()]).unwrap().is_empty());
    }

    #[test]
    fn a_trace_without_end_is_shown_in_part() {
        let (_telemetry, traces) = traces(Limits::default());
        let documents: Vec<_> = (0..1200).map(|id| document(id, r#""end_time":1700000001.0"#)).collect();
        put(&traces, &documents);
        assert_eq!((held(&traces)[0].segments.len(), held(&traces)[0].limit_exceeded), (1000, true));
    }

    #[test]
    fn the_oldest_make_room_and_the_old_go() {
        let limits = Limits { segments_max: 2, segment_age_max: Duration::from_mins(1), ..Limits::default() };
        let (telemetry, traces) = traces(limits);
        let documents: Vec<_> = (1..=3).map(|id| document(id, r#""end_time":1700000001.0"#)).collect();
        put(&traces, &documents);
        assert!(!telemetry.trim(NOW).unwrap());
        let ids: Vec<_> = held(&traces)[0].segments.iter().map(|(id, _)| id.clone()).collect();
        assert_eq!(ids, ["0000000000000002", "0000000000000003"]);
        telemetry.trim(NOW.plus(Duration::from_secs(61))).unwrap();
        assert!(held(&traces).is_empty());
    }
}
