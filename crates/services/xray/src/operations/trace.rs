//! Traces, whole and in short.

use std::cmp::Reverse;

use api::xray as model;
use telemetry::traces::Summary;

use super::{Cx, group, invalid, span, work};
use crate::{Error, show};

/// Traces in one request, as at AWS.
const TRACES_MAX: usize = 5;
/// Summaries on a page.
const PAGE: usize = 100;

/// `BatchGetTraces`.
pub(super) async fn batch_get_traces(
    cx: Cx,
    request: model::BatchGetTracesRequest,
) -> Result<model::BatchGetTracesResponse, Error> {
    let ids = request.trace_ids;
    if ids.len() > TRACES_MAX {
        return Err(invalid(format!("TraceIds can have at most {TRACES_MAX} ids")));
    }
    if request.next_token.is_some() {
        return Err(invalid("NextToken is none that was given: traces come in one page"));
    }
    let asked = ids.clone();
    let found = work(&cx, move |traces, scope| traces.get(scope, &asked)).await?;
    let absent = ids.into_iter().filter(|id| found.iter().all(|trace| trace.id != *id)).collect();
    Ok(model::BatchGetTracesResponse {
        traces: found.into_iter().map(show::trace).collect(),
        unprocessed_trace_ids: absent,
        next_token: None,
    })
}

/// `GetTraceSummaries`.
pub(super) async fn get_trace_summaries(
    cx: Cx,
    request: model::GetTraceSummariesRequest,
) -> Result<model::GetTraceSummariesResponse, Error> {
    let span = span(request.start_time, request.end_time)?;
    let known = |kind: &str| matches!(kind, "TraceId" | "Event" | "Service");
    if let Some(kind) = request.time_range_type.as_deref().filter(|kind| !known(kind)) {
        return Err(invalid(format!("TimeRangeType `{kind}` is not one of TraceId, Event, Service")));
    }
    let filter = group::filter(&cx, request.filter_expression.as_deref().unwrap_or_default())?;
    let (found, looked_at) = work(&cx, move |traces, scope| traces.summaries(scope, span, &filter)).await?;
    let token = request.next_token.as_deref();
    // The bits of numbers above zero are in the order of the numbers.
    let newest_first = |summary: &Summary| (Reverse(summary.start.to_bits()), summary.id.clone());
    let (page, next_token) = wire::page(found, newest_first, PAGE, token)?;
    let account = &cx.scope().account;
    Ok(model::GetTraceSummariesResponse {
        trace_summaries: page.into_iter().map(|summary| show::summary(summary, account)).collect(),
        approximate_time: Some(span.start),
        traces_processed_count: i64::try_from(looked_at).ok(),
        next_token,
    })
}
