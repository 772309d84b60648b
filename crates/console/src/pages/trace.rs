//! One trace as a waterfall: what was called stands below who called it.
//!
//! Services have clocks of their own, and where two disagree a call seems to begin before its caller. Such a segment,
//! with all that is below it, is drawn as much later as makes it begin with its caller, and its row and the page say so:
//! a picture that moves things in silence is no better than one that is wrong.

use std::collections::{HashMap, HashSet};

use api::{
    Fault,
    xray::{BatchGetTraces, BatchGetTracesRequest},
};
use maud::{Markup, html};
use names::Timestamp;
use telemetry::traces::Segment;

use super::traces::bar;
use crate::{
    ask::Cx,
    view::{Place, View},
    words::{count, date, nothing, span, state},
};

/// Rows on one page.
const ROWS_MAX: usize = 500;
/// How far rows are moved in; those below are as far in as it.
const DEPTH_MAX: usize = 24;
/// What is no more than rounding, in seconds: SDKs tell times to the microsecond.
const ROUNDING: f64 = 2e-6;

/// The page.
pub(crate) async fn view(cx: Cx) -> Result<View, Fault> {
    let id = cx.path("trace").to_owned();
    let request = BatchGetTracesRequest { trace_ids: vec![id.clone()], ..Default::default() };
    let traces = cx.call::<BatchGetTraces>(request).await?.traces;
    let trace = traces.into_iter().next();
    let trace =
        trace.ok_or_else(|| Fault::new("NotFound", 404, format!("There is no trace {id}; it may be too old.")))?;
    let documents = trace.segments.iter().filter_map(|segment| segment.document.as_deref());
    let segments: Vec<Segment> = documents.filter_map(|document| Segment::parse(document).ok()).collect();
    let begun = segments.iter().map(|segment| segment.start).fold(f64::INFINITY, f64::min);
    #[expect(clippy::cast_possible_truncation, reason = "a float saturates on its way to an integer")]
    let at = Timestamp::from_millis((begun * 1000.0) as i64);
    let standing = html! {
        p.standing { "Took " strong { (span(trace.duration.unwrap_or(0.0))) } @if begun.is_finite() { ", began " (date(at)) } "." }
        p.quiet.mono { (id) }
        @if trace.limit_exceeded == Some(true) {
            p.alert { "It has more segments than are given at once: these are the first " (segments.len()) ", and its time is theirs." }
        }
    };
    let from = cx.query("from").parse().unwrap_or(0);
    Ok(View::new(&cx, Place::Traces, format!("Trace …{}", id.get(id.len().saturating_sub(8)..).unwrap_or(&id)))
        .below("Traces", cx.link(&["traces"]))
        .part("standing", standing)
        .part("waterfall", waterfall(&segments, from, &cx.link(&["traces", &id])))
        .command(format!("aws xray batch-get-traces --trace-ids {id}")))
}

/// A row of a waterfall.
struct Row<'a> {
    depth: usize,
    segment: &'a Segment,
    /// Seconds by which it is drawn later than it says.
    moved: f64,
    /// Whether it is the first that was moved, and not part of one.
    is_ahead: bool,
}

impl Row<'_> {
    fn start(&self) -> f64 {
        self.segment.start + self.moved
    }

    fn end(&self) -> Option<f64> {
        self.segment.end.map(|end| end + self.moved)
    }

    /// The row of who was called by this one; or of a step of it, which has the same clock.
    fn below<'a>(&self, segment: &'a Segment, is_step: bool) -> Row<'a> {
        let behind = self.start() - segment.start;
        let is_ahead = !is_step && behind > ROUNDING;
        let moved = if is_step { self.moved } else { behind.max(0.0) };
        Row { depth: self.depth + 1, segment, moved: if is_step || is_ahead { moved } else { 0.0 }, is_ahead }
    }
}

/// Segments and their steps, each below who called it, in the order in which they began.
fn rows(segments: &[Segment]) -> Vec<Row<'_>> {
    let ids: HashSet<&str> = segments.iter().flat_map(Segment::each).map(|entry| entry.id.as_str()).collect();
    let mut called: HashMap<&str, Vec<&Segment>> = HashMap::new();
    let mut first = Vec::new();
    for segment in segments {
        match segment.parent_id.as_deref().filter(|parent| ids.contains(parent)) {
            Some(parent) => called.entry(parent).or_default().push(segment),
            None => first.push(segment),
        }
    }
    first.sort_by(|left, right| left.start.total_cmp(&right.start));
    // Those in a circle are below nobody: each circle begins somewhere.
    let (mut rows, mut seen) = (Vec::new(), HashSet::new());
    for segment in first.into_iter().chain(segments) {
        if seen.insert(std::ptr::from_ref(segment)) {
            put(Row { depth: 0, segment, moved: 0.0, is_ahead: false }, &called, &mut seen, &mut rows);
        }
    }
    rows
}

/// Puts a row and all that is below it.
fn put<'a>(
    first: Row<'a>,
    called: &HashMap<&str, Vec<&'a Segment>>,
    seen: &mut HashSet<*const Segment>,
    rows: &mut Vec<Row<'a>>,
) {
    let mut waiting = vec![first];
    while let Some(row) = waiting.pop() {
        let steps = row.segment.subsegments.iter().map(|step| row.below(step, true));
        let others = called.get(row.segment.id.as_str()).into_iter().flatten();
        let others = others.filter(|other| seen.insert(std::ptr::from_ref(**other)));
        let mut below: Vec<Row<'a>> = steps.chain(others.map(|other| row.below(other, other.is_subsegment))).collect();
        below.sort_by(|left, right| right.start().total_cmp(&left.start()));
        waiting.extend(below);
        rows.push(row);
    }
}

/// The rows from number `from` on, with ways to the others at `link`.
fn waterfall(segments: &[Segment], from: usize, link: &str) -> Markup {
    let rows = rows(segments);
    let begun = rows.iter().map(Row::start).fold(f64::INFINITY, f64::min);
    let ended = rows.iter().filter_map(Row::end).fold(begun, f64::max);
    let from = if from < rows.len() { from } else { 0 };
    let shown = &rows[from..rows.len().min(from + ROWS_MAX)];
    let ahead = rows.iter().filter(|row| row.is_ahead).count();
    html! {
        h2 { "Where the time went" }
        @if ahead > 0 {
            p { "Clocks disagree: " (ahead) " of its segments say they began before what called them. They are drawn as much later as is said beside them." }
        }
        @if rows.is_empty() { (nothing("No segment of it can be read.")) } @else {
            (ways(rows.len(), from, link))
            table {
                thead { tr { th { "Segment" } th { "Answer" } th.wide { "When" } th { "After" } th { "Took" } } }
                tbody { @for row in shown { (shown_row(row, begun, ended)) } }
            }
            @if shown.iter().any(|row| row.depth > DEPTH_MAX) {
                p.quiet { "What is more than " (DEPTH_MAX) " steps deep has its depth in figures." }
            }
        }
    }
}

/// Which rows these are of all, and links to those before and after; nothing where all are shown.
fn ways(rows: usize, from: usize, link: &str) -> Markup {
    let last = rows.min(from + ROWS_MAX);
    let number = |row: usize| count(u64::try_from(row).unwrap_or(u64::MAX));
    html! {
        @if rows > ROWS_MAX {
            nav.ways aria-label="Steps of the trace" {
                "Steps " (number(from + 1)) " to " (number(last)) " of " (number(rows))
                @if from > 0 { " " a href=(format!("{link}?from={}", from.saturating_sub(ROWS_MAX))) rel="prev" { "Before" } }
                @if last < rows { " " a href=(format!("{link}?from={last}")) rel="next" { "After" } }
            }
        }
    }
}

fn shown_row(row: &Row<'_>, begun: f64, ended: f64) -> Markup {
    let (segment, whole) = (row.segment, (ended - begun).max(1e-9));
    let class = if segment.fault {
        "bad"
    } else if segment.error {
        "busy"
    } else {
        ""
    };
    let (start, end) = (row.start(), row.end());
    html! {
        tr {
            td.depth {
                span.in aria-hidden="true" { @if row.depth > 0 { (" ".repeat(row.depth.min(DEPTH_MAX) - 1)) "└ " } }
                @if row.depth > DEPTH_MAX { span.quiet { (row.depth) ": " } }
                (segment.name)
                @if let Some(origin) = &segment.origin { " " span.quiet { (origin.rsplit("::").next().unwrap_or_default()) } }
                @if row.is_ahead { div.why { "its clock is " (span(row.moved)) " or more behind" } }
            }
            td {
                @if segment.fault { (state("fault")) " " } @else if segment.error { (state("refused")) " " }
                @if let Some(status) = segment.http.status { span.number { (status) } }
            }
            td { (bar((start - begun) / whole, (end.unwrap_or(ended) - start) / whole, class)) }
            td.number { (span(start - begun)) }
            td.number { @if let Some(end) = end { (span(end - start)) } @else { "goes on" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{BAD, assert_harmless};

    fn segment(id: &str, parent: Option<&str>, start: f64) -> Segment {
        Segment {
            name: id.to_owned(),
            id: id.to_owned(),
            parent_id: parent.map(str::to_owned),
            start,
            end: Some(start + 1.0),
            ..Segment::default()
        }
    }

    fn order(segments: &[Segment]) -> Vec<(usize, &str)> {
        rows(segments).iter().map(|row| (row.depth, row.segment.name.as_str())).collect()
    }

    #[test]
    fn calls_stand_below_their_callers_in_the_order_of_time() {
        let mut gateway = segment("gateway", None, 0.0);
        gateway.subsegments = vec![segment("call", None, 0.2), segment("first", None, 0.1)];
        let segments = [segment("api", Some("call"), 0.3), gateway];
        assert_eq!(order(&segments), [(0, "gateway"), (1, "first"), (1, "call"), (2, "api")]);
    }

    #[test]
    fn circles_end_and_are_shown_and_names_are_text() {
        let (a, b, c) = (segment("a", Some("b"), 0.0), segment("b", Some("a"), 0.0), segment("c", Some("c"), 9.0));
        assert_eq!(order(&[a, b, c]), [(0, "a"), (1, "b"), (0, "c")]);
        let bad = Segment { name: BAD.to_owned(), origin: Some(BAD.to_owned()), ..segment("x", None, 0.0) };
        assert_harmless(&waterfall(&[bad], 0, "/console"));
    }

    #[test]
    fn who_was_called_never_begins_before_its_caller_and_the_page_says_whose_clock_it_is() {
        let mut api = segment("api", Some("gateway"), 99.999_744);
        api.subsegments = vec![segment("table", None, 100.1)];
        let segments = [segment("gateway", None, 100.0), api, segment("later", Some("api"), 100.4)];
        let rows = rows(&segments);
        for (row, moved) in rows.iter().zip([0.0, 0.000_256, 0.000_256, 0.0]) {
            assert!((row.moved - moved).abs() < 1e-9 && row.start() >= 100.0, "{}: {}", row.segment.name, row.moved);
        }
        let page = waterfall(&segments, 0, "/console").into_string();
        assert!(
            page.contains("1 of its segments say they began before") && page.contains("256 µs or more behind"),
            "{page}"
        );
        let agreeing = [segment("gateway", None, 100.0), segment("api", Some("gateway"), 100.0 - 1e-6)];
        assert!(!waterfall(&agreeing, 0, "").into_string().contains("Clocks"));
    }

    #[test]
    fn ten_thousand_segments_come_in_pages() {
        let wide: Vec<_> = (0..10_000)
            .map(|number| segment(&format!("s{number}"), (number > 0).then_some("s0"), f64::from(number)))
            .collect();
        let page = waterfall(&wide, 0, "/t").into_string();
        assert_eq!(page.matches("<tr>").count(), 1 + ROWS_MAX);
        assert!(page.contains("Steps 1 to 500 of 10\u{202f}000") && page.contains("href=\"/t?from=500\""), "{page}");
        let last = waterfall(&wide, 9_900, "/t").into_string();
        assert!(last.contains("s9999") && last.contains("/t?from=9400") && !last.contains("rel=\"next\""));
        assert!(waterfall(&wide, usize::MAX, "/t").into_string().contains("Steps 1 to 500"));
    }

    #[test]
    fn ten_thousand_steps_within_each_other_are_shown() {
        let deep: Vec<_> = (0..10_000)
            .map(|number| {
                segment(&format!("s{number}"), (number > 0).then(|| format!("s{}", number - 1)).as_deref(), 0.0)
            })
            .collect();
        assert_eq!(rows(&deep).len(), 10_000);
        assert!(waterfall(&deep, 500, "/t").into_string().contains("has its depth in figures"));
    }
}
