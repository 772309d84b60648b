//! Traces: the segments that requests left behind, and what they tell.
//!
//! A *segment* is what one service says of one request; its *subsegments* say what the service did for it, calls to
//! others among them. A segment names the (sub)segment that called it as its parent, so that the segments of a trace
//! form a tree, and many traces together a [`Graph`] of services.
//!
//! Documents are kept as they came, and questions are answered from them. The one thing that is worked out ahead are
//! graphs of whole minutes ([`minutes`]), in which whatever comes in is seen to at the next question.

mod filter;
mod forest;
mod graph;
mod head;
mod histogram;
mod making;
mod minutes;
mod plain;
mod segment;
mod series;
mod summary;
mod tellings;

use std::{collections::BTreeSet, ops::RangeInclusive, time::Duration};

use names::{Scope, Timestamp};
use rusqlite::{Connection, Params, params};
use tracing::warn;

pub use filter::{Filter, FilterError, Selector};
pub use graph::{Edge, Graph, Node, Statistics};
pub use histogram::Histogram;
pub(crate) use minutes::Minutes;
pub use segment::{Http, Place, Segment, SegmentError};
pub use series::Series;
pub use summary::{Annotation, ServiceId, Summary};

use crate::{Error, Telemetry, full::GoneSegments};
use forest::Forest;
use head::Head;
use minutes::{MINUTE_MILLIS, minute_of};

/// Segments of one trace that are given; a trace may have any number.
const TRACE_SEGMENTS_MAX: usize = 1000;
/// Bytes of the documents of one trace that are given.
const TRACE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Segments looked at for one question; the latest are.
const SEGMENTS_EXAMINED_MAX: i64 = 200_000;
/// Segments removed at a time.
const TRIM_BATCH: i64 = 5000;

/// The documents of one trace that begin within a time. The pluses keep SQLite from going through all traces by their
/// times, to be spared the sorting.
const OF_TRACE: &str = "SELECT segment, document FROM segment
    WHERE scope = ?1 AND trace = ?2 AND +begun BETWEEN ?3 AND ?4 ORDER BY +begun, id";

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
    /// The whole minutes that it touches.
    fn of_minutes(self) -> Self {
        Self::from_minutes(&(minute_of(self.start.as_millis())..=minute_of(self.end.as_millis())))
    }

    fn from_minutes(minutes: &RangeInclusive<i64>) -> Self {
        let bound = |minute: i64| Timestamp::from_millis(minute.saturating_mul(MINUTE_MILLIS));
        let end = bound(minutes.end().saturating_add(1)).as_millis().saturating_sub(1);
        Self { start: bound(*minutes.start()), end: Timestamp::from_millis(end) }
    }

    /// Its ends in milliseconds, with a margin around them in which callers are looked for.
    fn with_callers(self) -> (i64, i64) {
        let (start, end) = (self.start.as_millis(), self.end.as_millis());
        let before = start.saturating_sub(minutes::BEFORE * MINUTE_MILLIS);
        (before, end.saturating_add(minutes::AFTER * MINUTE_MILLIS))
    }

    fn holds(&self, segment: &Segment) -> bool {
        (self.start.as_millis()..=self.end.as_millis()).contains(&segment.begun_millis())
    }
}

impl Traces {
    /// Takes segment documents; what is wrong with one keeps no other out.
    pub fn put(&self, scope: &Scope, documents: &[String], now: Timestamp) -> Result<Vec<Rejected>, Error> {
        let (mut rejected, mut taken) = (Vec::new(), Vec::new());
        // Read before the lock is taken: this is the longer part.
        for document in documents {
            match Head::parse(document) {
                Ok(head) => taken.push((head, document.as_str())),
                Err((id, error)) => rejected.push(Rejected { id, error }),
            }
        }
        let name = scope.to_string();
        let replaced = self.0.write(|transaction| {
            let each = taken.iter().map(|(head, document)| Ok(insert(transaction, &name, head, document, now)?));
            each.collect::<Result<Vec<Option<i64>>, Error>>()
        })?;
        let changed = taken.iter().zip(replaced).flat_map(|((head, _), replaced)| {
            let begun = [Some(head.begun_millis()), replaced];
            begun.into_iter().flatten().map(|begun| (minute_of(begun), head.trace_id.as_str()))
        });
        self.0.minutes().change(&name, changed);
        let documents: Vec<_> = taken.into_iter().map(|(_, document)| document).collect();
        self.0.pass_on(&documents);
        Ok(rejected)
    }

    /// The traces called `ids` that are there.
    pub fn get(&self, scope: &Scope, ids: &[String]) -> Result<Vec<Trace>, Error> {
        let mut traces = Vec::new();
        for id in ids {
            let (segments, limit_exceeded) = self.of_trace(scope, id, TRACE_SEGMENTS_MAX, TRACE_BYTES_MAX)?;
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

    /// Who called whom within `span`, in the traces for which `filter` holds. As X-Ray's graph it is of whole minutes.
    pub fn graph(&self, scope: &Scope, span: Span, filter: &Filter) -> Result<Graph, Error> {
        let span = span.of_minutes();
        if filter.is_empty() {
            return self.graph_of_minutes(scope, span);
        }
        let segments = self.within(scope, span)?;
        let forest = Forest::new(&segments);
        let traces = summary::matching(&forest, filter);
        Ok(Graph::of(&forest, |segment| counts(segment, span, Some(&traces))))
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
            let most = usize::try_from(SEGMENTS_EXAMINED_MAX).unwrap_or(usize::MAX);
            let (documents, _) = self.of_trace(scope, id, most, usize::MAX)?;
            segments.extend(documents.iter().filter_map(|(_, document)| Segment::parse(document).ok()));
        }
        Ok(Graph::of(&Forest::new(&segments), |_| true))
    }

    /// The first segments of one trace, at most `most` and so many `bytes` of documents, and whether it has more.
    fn of_trace(
        &self,
        scope: &Scope,
        id: &str,
        most: usize,
        bytes: usize,
    ) -> Result<(Vec<(String, String)>, bool), Error> {
        let reader = self.0.reader();
        let mut statement = reader.prepare_cached(OF_TRACE)?;
        let mut rows = statement.query(params![scope.to_string(), id, i64::MIN, i64::MAX])?;
        let (mut segments, mut weight) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let (segment, document): (String, String) = (row.get(0)?, row.get(1)?);
            weight += document.len();
            if segments.len() == most || weight > bytes {
                return Ok((segments, true));
            }
            segments.push((segment, document));
        }
        Ok((segments, false))
    }

    /// The segments begun within `span` and a margin around it, in which callers are looked for.
    fn within(&self, scope: &Scope, span: Span) -> Result<Vec<Segment>, Error> {
        let reader = self.0.reader();
        let mut statement = reader.prepare_cached(
            "SELECT document FROM segment WHERE scope = ?1 AND begun BETWEEN ?2 AND ?3
             ORDER BY begun DESC, id DESC LIMIT ?4",
        )?;
        let (start, end) = span.with_callers();
        let bounds = params![scope.to_string(), start, end, SEGMENTS_EXAMINED_MAX];
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
        // Numbers are given in the order of arrival and gaps are rare, so they tell how many there are without a count.
        let (first, last): (i64, i64) =
            transaction.query_row("SELECT ifnull(min(id), 1), ifnull(max(id), 0) FROM segment", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let surplus = (last - first + 1).saturating_sub(segments_max);
        let bounds =
            params![first + surplus.min(TRIM_BATCH), now.as_millis().saturating_sub(age_max), first + TRIM_BATCH];
        let gone = remove(&transaction, "id < ?1 OR (id < ?3 AND arrival < ?2)", bounds)?;
        transaction.commit()?;
        drop(writer);
        for (scope, minutes) in &gone.changed {
            self.0.minutes().forget(scope, minutes);
        }
        if surplus > 0 {
            warn!(gone = gone.segments, kept = segments_max, "Traces are full: the oldest segments go.");
        }
        Ok(i64::try_from(gone.segments).is_ok_and(|gone| gone >= TRIM_BATCH))
    }
}

/// Removes the `most` segments that arrived first.
pub(crate) fn remove_oldest(connection: &Connection, most: i64) -> rusqlite::Result<GoneSegments> {
    remove(connection, "id IN (SELECT id FROM segment ORDER BY id LIMIT ?1)", [most])
}

/// Removes the segments for which `condition` holds.
fn remove(connection: &Connection, condition: &str, bounds: impl Params) -> rusqlite::Result<GoneSegments> {
    let statement = format!("DELETE FROM segment WHERE {condition} RETURNING scope, begun");
    let mut statement = connection.prepare_cached(&statement)?;
    let mut gone = GoneSegments::default();
    let rows = statement.query_map(bounds, |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    for row in rows {
        let (scope, begun) = row?;
        gone.changed.entry(scope).or_default().insert(minute_of(begun));
        gone.segments += 1;
    }
    Ok(gone)
}

/// Whether a segment is within the time and, where only some traces are asked for, of one of these.
fn counts(segment: &Segment, span: Span, traces: Option<&BTreeSet<&str>>) -> bool {
    span.holds(segment) && traces.is_none_or(|traces| traces.contains(segment.trace_id.as_str()))
}

/// Keeps a segment. What is complete replaces what was in progress, never the other way round: datagrams overtake
/// each other. Gives the begin of what was replaced, in milliseconds.
fn insert(
    connection: &Connection,
    scope: &str,
    head: &Head,
    document: &str,
    now: Timestamp,
) -> rusqlite::Result<Option<i64>> {
    let (begun, ended) = (head.begun_millis(), head.ended_millis());
    let row = params![scope, head.trace_id, head.id, begun, ended, now.as_millis(), document];
    let inserted = connection
        .prepare_cached(
            "INSERT INTO segment (scope, trace, segment, begun, ended, arrival, document)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (scope, trace, segment) DO NOTHING",
        )?
        .execute(row)?;
    if inserted > 0 {
        return Ok(None);
    }
    let sql = "SELECT begun FROM segment WHERE scope = ?1 AND trace = ?2 AND segment = ?3";
    let key = params![scope, head.trace_id, head.id];
    let replaced: i64 = connection.prepare_cached(sql)?.query_row(key, |row| row.get(0))?;
    connection
        .prepare_cached(
            "UPDATE segment SET begun = ?4, ended = ?5, arrival = ?6, document = ?7
             WHERE scope = ?1 AND trace = ?2 AND segment = ?3 AND (?5 IS NOT NULL OR ended IS NULL)",
        )?
        .execute(row)?;
    Ok(Some(replaced))
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
    fn a_trace_is_found_without_going_through_the_others() {
        let (telemetry, _) = traces(Limits::default());
        let plan = format!("EXPLAIN QUERY PLAN {OF_TRACE}");
        let bounds = params!["", TRACE, 0, 0];
        let step: String = telemetry.reader().query_row(&plan, bounds, |row| row.get(3)).unwrap();
        assert!(step.contains("(scope=? AND trace=?)"), "{step}");
    }

    #[test]
    fn a_trace_without_end_is_shown_in_part() {
        let (_telemetry, traces) = traces(Limits::default());
        let documents: Vec<_> = (0..1200).map(|id| document(id, r#""end_time":1700000001.0"#)).collect();
        put(&traces, &documents);
        assert_eq!((held(&traces)[0].segments.len(), held(&traces)[0].limit_exceeded), (1000, true));
    }

    #[test]
    fn a_trace_of_ten_thousand_segments_is_whole_in_graphs_and_summaries() {
        let (_telemetry, traces) = traces(Limits::default());
        let parent = format!(r#""end_time":1700000001.0,"parent_id":"{:016x}""#, 1);
        let documents: Vec<_> =
            (1..=10_000).map(|id| document(id, if id == 1 { r#""end_time":1700000001.0"# } else { &parent })).collect();
        put(&traces, &documents);
        let ids = [TRACE.to_owned()];
        assert_eq!(traces.graph_of(&Scope::default(), &ids).unwrap().nodes[0].statistics.total(), 10_000);
        let span = Span { start: NOW, end: NOW };
        let (found, looked_at) = traces.summaries(&Scope::default(), span, &Filter::parse("ok").unwrap()).unwrap();
        assert_eq!((found[0].revision, looked_at), (10_000, 1));
        let graph = traces.graph(&Scope::default(), span, &Filter::parse("").unwrap()).unwrap();
        assert_eq!(graph.nodes[0].statistics.total(), 10_000);
    }

    #[test]
    fn heavy_documents_are_given_up_to_a_weight() {
        let (_telemetry, traces) = traces(Limits::default());
        let rest = format!(r#""end_time":1700000001.0,"user":"{}""#, "u".repeat(60_000));
        put(&traces, &(0..100).map(|id| document(id, &rest)).collect::<Vec<_>>());
        let trace = &held(&traces)[0];
        assert!(trace.limit_exceeded && (60..75).contains(&trace.segments.len()), "{}", trace.segments.len());
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
