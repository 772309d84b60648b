//! The table of operations, and what they share.

mod graph;
mod sampling;
mod segment;
mod trace;

use api::xray as model;
use names::{Scope, Timestamp};
use telemetry::{Traces, traces::Span};
use wire::{Bound, Context, bind};

use crate::{Error, XRay};

pub(crate) fn operations() -> Vec<Bound<XRay>> {
    vec![
        bind::<model::PutTraceSegments, _, _, _, _>(segment::put_trace_segments),
        bind::<model::PutTelemetryRecords, _, _, _, _>(segment::put_telemetry_records),
        bind::<model::BatchGetTraces, _, _, _, _>(trace::batch_get_traces),
        bind::<model::GetTraceSummaries, _, _, _, _>(trace::get_trace_summaries),
        bind::<model::GetServiceGraph, _, _, _, _>(graph::get_service_graph),
        bind::<model::GetTraceGraph, _, _, _, _>(graph::get_trace_graph),
        bind::<model::GetSamplingRules, _, _, _, _>(sampling::get_sampling_rules),
        bind::<model::GetSamplingTargets, _, _, _, _>(sampling::get_sampling_targets),
    ]
}

type Cx = Context<XRay>;

/// Does `work` on a thread where it may wait for the disk.
async fn work<T: Send + 'static>(
    cx: &Cx,
    work: impl FnOnce(&Traces, &Scope) -> Result<T, telemetry::Error> + Send + 'static,
) -> Result<T, Error> {
    let (traces, scope) = (cx.traces.clone(), cx.scope().clone());
    Ok(tokio::task::spawn_blocking(move || work(&traces, &scope)).await??)
}

fn invalid(message: impl Into<String>) -> Error {
    Error::InvalidRequest(message.into())
}

/// The time asked for, whose end must not lie before its start.
fn span(start: Timestamp, end: Timestamp) -> Result<Span, Error> {
    if end < start {
        return Err(invalid("StartTime must not be after EndTime"));
    }
    Ok(Span { start, end })
}
