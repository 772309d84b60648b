//! Traces: the latest, filtered, and one as a waterfall.

use api::{
    Fault,
    xray::{BatchGetTraces, BatchGetTracesRequest, GetTraceSummaries, GetTraceSummariesRequest, TraceSummary},
};
use maud::{Markup, html};
use names::Timestamp;
use telemetry::traces::Segment;

use crate::{
    ask::Cx,
    view::{Place, View},
    words::{date, nothing, span, state, time},
};

/// Traces that a page lists, the latest.
const TRACES_MAX: usize = 100;
/// Answers that are read on.
const ANSWERS_MAX: usize = 10;
/// How far back is looked first, in seconds: where there is traffic, the latest are found there.
const FIRST_LOOKS: [i64; 2] = [15, 120];
/// Rows of a waterfall, and how deep steps are nested in it.
const ROWS_MAX: usize = 500;
const DEPTH_MAX: usize = 24;

/// The list.
pub(crate) async fn list(cx: Cx) -> Result<View, Fault> {
    let filter = cx.query("filter").to_owned();
    let minutes = cx.query("minutes").parse::<i64>().unwrap_or(10).clamp(1, 360);
    let shown = match summaries(&cx, &filter, minutes).await {
        Ok(traces) if traces.is_empty() => nothing("No trace in this time."),
        Ok(traces) => table(&cx, &traces),
        Err(fault) if fault.status == 400 => html! { p.alert role="alert" { (fault.message) } },
        Err(fault) => return Err(fault),
    };
    let form = html! {
        form.search method="get" role="search" {
            label.grow { "Filter" input type="search" name="filter" value=(filter) spellcheck="false"
                placeholder="fault = true AND responsetime > 0.5"; }
            label { "In the last" select name="minutes" {
                @for (choice, name) in [(1, "minute"), (10, "10 minutes"), (60, "hour"), (360, "6 hours")] {
                    option value=(choice) selected[choice == minutes] { (name) }
                }
            } }
            button.primary { "Search" }
        }
    };
    Ok(View::new(&cx, Place::Traces, "Traces")
        .part("search", form)
        .part("traces", shown)
        .command("aws xray get-trace-summaries --start-time … --end-time … --filter-expression …"))
}

async fn summaries(cx: &Cx, filter: &str, minutes: i64) -> Result<Vec<TraceSummary>, Fault> {
    for seconds in FIRST_LOOKS.into_iter().filter(|seconds| *seconds < minutes * 60) {
        let found = summaries_since(cx, filter, seconds).await?;
        if found.len() >= TRACES_MAX {
            return Ok(found);
        }
    }
    summaries_since(cx, filter, minutes * 60).await
}

/// The latest of the last so many seconds.
async fn summaries_since(cx: &Cx, filter: &str, seconds: i64) -> Result<Vec<TraceSummary>, Fault> {
    let now = cx.console.clock.now();
    let mut request = GetTraceSummariesRequest {
        start_time: Timestamp::from_millis(now.as_millis() - seconds * 1000),
        end_time: now,
        filter_expression: Some(filter.to_owned()).filter(|filter| !filter.is_empty()),
        ..Default::default()
    };
    let mut found = Vec::new();
    for _ in 0..ANSWERS_MAX {
        let answer = cx.call::<GetTraceSummaries>(request.clone()).await?;
        found.extend(answer.trace_summaries);
        request.next_token = answer.next_token;
        if request.next_token.is_none() {
            break;
        }
    }
    found.sort_by_key(|trace| std::cmp::Reverse(trace.start_time));
    found.truncate(TRACES_MAX);
    Ok(found)
}

fn table(cx: &Cx, traces: &[TraceSummary]) -> Markup {
    let slowest = traces.iter().filter_map(|trace| trace.duration).fold(0.0, f64::max);
    html! {
        table {
            thead { tr { th { "Began" } th { "Trace" } th { "Request" } th { "Answer" } th.wide { "Took" } th { "Through" } } }
            tbody { @for trace in traces {
                @let id = trace.id.as_deref().unwrap_or_default();
                @let http = trace.http.clone().unwrap_or_default();
                @let took = trace.duration.unwrap_or(0.0);
                tr {
                    td.number { @if let Some(at) = trace.start_time { (time(at)) } }
                    td.mono { a href=(cx.link(&["traces", id])) title=(id) { (id.get(id.len().saturating_sub(8)..).unwrap_or(id)) } }
                    td { (http.http_method.as_deref().unwrap_or_default()) " " (path(http.http_url.as_deref().unwrap_or_default())) }
                    td {
                        @if trace.has_fault == Some(true) { (state("fault")) " " } @else if trace.has_error == Some(true) { (state("refused")) " " }
                        @if let Some(status) = http.http_status { span.number { (status) } }
                    }
                    td { div.ends { (bar(0.0, if slowest > 0.0 { took / slowest } else { 0.0 }, "")) span.number { (span(took)) } } }
                    td.why { (services(trace)) }
                }
            } }
        }
    }
}

/// The names of the services a request went through.
fn services(trace: &TraceSummary) -> String {
    let mut names: Vec<&str> = trace.service_ids.iter().filter_map(|id| id.name.as_deref()).collect();
    names.dedup();
    names.join(", ")
}

/// The path of a URL; all of it if it has none.
fn path(url: &str) -> &str {
    url.split_once("://").and_then(|(_, rest)| rest.find('/').map(|slash| &rest[slash..])).unwrap_or(url)
}

/// One trace.
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
    };
    Ok(View::new(&cx, Place::Traces, format!("Trace …{}", id.get(id.len().saturating_sub(8)..).unwrap_or(&id)))
        .below("Traces", cx.link(&["traces"]))
        .part("standing", standing)
        .part("waterfall", waterfall(&segments))
        .command(format!("aws xray batch-get-traces --trace-ids {id}")))
}

/// A row of a waterfall.
struct Row<'a> {
    depth: usize,
    segment: &'a Segment,
}

/// Segments and their steps, each below who called it, in the order in which they began.
fn rows(segments: &[Segment]) -> Vec<Row<'_>> {
    let holds = |segment: &Segment, id: &str| segment_has(segment, id, 0);
    let is_root = |segment: &&Segment| {
        let parent = segment.parent_id.as_deref();
        !parent.is_some_and(|parent| segments.iter().any(|other| other.id != segment.id && holds(other, parent)))
    };
    let mut rows = Vec::new();
    let mut roots: Vec<&Segment> = segments.iter().filter(is_root).collect();
    roots.sort_by(|left, right| left.start.total_cmp(&right.start));
    for root in roots {
        put(root, 0, segments, &mut rows);
    }
    rows
}

fn segment_has(segment: &Segment, id: &str, depth: usize) -> bool {
    segment.id == id || depth < DEPTH_MAX && segment.subsegments.iter().any(|step| segment_has(step, id, depth + 1))
}

fn put<'a>(segment: &'a Segment, depth: usize, segments: &'a [Segment], rows: &mut Vec<Row<'a>>) {
    if rows.len() >= ROWS_MAX || depth > DEPTH_MAX {
        return;
    }
    rows.push(Row { depth, segment });
    let called =
        segments.iter().filter(|other| other.parent_id.as_deref() == Some(&segment.id) && other.id != segment.id);
    let mut below: Vec<&Segment> = segment.subsegments.iter().chain(called).collect();
    below.sort_by(|left, right| left.start.total_cmp(&right.start));
    for step in below {
        put(step, depth + 1, segments, rows);
    }
}

fn waterfall(segments: &[Segment]) -> Markup {
    let rows = rows(segments);
    let begun = rows.iter().map(|row| row.segment.start).fold(f64::INFINITY, f64::min);
    let ended = rows.iter().filter_map(|row| row.segment.end).fold(begun, f64::max);
    let whole = (ended - begun).max(1e-9);
    html! {
        h2 { "Where the time went" }
        @if rows.is_empty() { (nothing("No segment of it can be read.")) } @else {
            table {
                thead { tr { th { "Segment" } th { "Answer" } th.wide { "When" } th { "After" } th { "Took" } } }
                tbody { @for Row { depth, segment } in &rows {
                    @let class = if segment.fault { "bad" } else if segment.error { "busy" } else { "" };
                    tr {
                        td.depth {
                            span.in aria-hidden="true" { @if *depth > 0 { (" ".repeat(depth - 1)) "└ " } }
                            (segment.name)
                            @if let Some(origin) = &segment.origin { " " span.quiet { (origin.rsplit("::").next().unwrap_or_default()) } }
                        }
                        td {
                            @if segment.fault { (state("fault")) " " } @else if segment.error { (state("refused")) " " }
                            @if let Some(status) = segment.http.status { span.number { (status) } }
                        }
                        td { (bar((segment.start - begun) / whole, (segment.end.unwrap_or(ended) - segment.start) / whole, class)) }
                        td.number { (span(segment.start - begun)) }
                        td.number { @if let Some(end) = segment.end { (span(end - segment.start)) } @else { "goes on" } }
                    }
                } }
            }
            @if rows.len() >= ROWS_MAX { p.quiet { "It has more steps than are shown." } }
        }
    }
}

/// A bar from one part of the row to another.
fn bar(from: f64, length: f64, class: &str) -> Markup {
    let from = from.clamp(0.0, 1.0) * 200.0;
    let length = (length.clamp(0.0, 1.0) * 200.0).clamp(1.0, 200.0 - from.min(199.0));
    html! {
        svg.span viewBox="0 0 200 10" preserveAspectRatio="none" aria-hidden="true" {
            rect.track width="200" height="10" {}
            rect class=(format!("fill {class}")) x=(format!("{:.1}", from.min(199.0))) width=(format!("{length:.1}")) height="10" {}
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

    #[test]
    fn calls_stand_below_their_callers_in_the_order_of_time() {
        let mut gateway = segment("gateway", None, 0.0);
        gateway.subsegments = vec![segment("call", None, 0.2), segment("first", None, 0.1)];
        let api = segment("api", Some("call"), 0.3);
        let segments = [api, gateway];
        let order: Vec<_> = rows(&segments).iter().map(|row| (row.depth, row.segment.name.clone())).collect();
        assert_eq!(order, [(0, "gateway"), (1, "first"), (1, "call"), (2, "api")].map(|(d, n)| (d, n.to_owned())));
    }

    #[test]
    fn circles_end_and_names_are_text() {
        let (a, b) = (segment("a", Some("b"), 0.0), segment("b", Some("a"), 0.0));
        assert!(rows(&[a, b]).len() <= ROWS_MAX);
        let bad = Segment { name: BAD.to_owned(), origin: Some(BAD.to_owned()), ..segment("x", None, 0.0) };
        assert_harmless(&waterfall(&[bad]));
    }
}
