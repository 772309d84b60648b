//! Traces: the latest, filtered. One of them is a page of its own, `trace.rs`.

use api::{
    Fault,
    xray::{GetTraceSummaries, GetTraceSummariesRequest, TraceSummary},
};
use maud::{Markup, html};
use names::Timestamp;

use crate::{
    ask::Cx,
    view::{Place, View},
    words::{nothing, span, state, time},
};

/// Traces that a page lists, the latest.
const TRACES_MAX: usize = 100;
/// Answers that are read on.
const ANSWERS_MAX: usize = 10;
/// How far back is looked first, in seconds: where there is traffic, the latest are found there.
const FIRST_LOOKS: [i64; 2] = [15, 120];

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

/// A bar from one part of the row to another.
pub(super) fn bar(from: f64, length: f64, class: &str) -> Markup {
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
    use api::xray::{Http, ServiceId};

    use super::*;
    use crate::testing::{BAD, assert_harmless, cx};

    #[test]
    fn what_segments_say_is_text() {
        let bad = || Some(BAD.to_owned());
        let trace = TraceSummary {
            id: bad(),
            http: Some(Http { http_url: bad(), http_method: bad(), ..Http::default() }),
            service_ids: vec![ServiceId { name: bad(), ..ServiceId::default() }],
            ..TraceSummary::default()
        };
        assert_harmless(&table(&cx(), &[trace]));
    }
}
