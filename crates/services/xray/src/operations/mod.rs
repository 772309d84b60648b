//! The table of operations, and what they share.

mod graph;
mod group;
mod keeping;
mod sampling;
mod segment;
mod series;
mod tag;
mod target;
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
        bind::<model::CreateSamplingRule, _, _, _, _>(sampling::create_sampling_rule),
        bind::<model::UpdateSamplingRule, _, _, _, _>(sampling::update_sampling_rule),
        bind::<model::DeleteSamplingRule, _, _, _, _>(sampling::delete_sampling_rule),
        bind::<model::GetSamplingTargets, _, _, _, _>(target::get_sampling_targets),
        bind::<model::GetSamplingStatisticSummaries, _, _, _, _>(target::get_sampling_statistic_summaries),
        bind::<model::GetTimeSeriesServiceStatistics, _, _, _, _>(series::get_time_series_service_statistics),
        bind::<model::CreateGroup, _, _, _, _>(group::create_group),
        bind::<model::UpdateGroup, _, _, _, _>(group::update_group),
        bind::<model::GetGroup, _, _, _, _>(group::get_group),
        bind::<model::GetGroups, _, _, _, _>(group::get_groups),
        bind::<model::DeleteGroup, _, _, _, _>(group::delete_group),
        bind::<model::TagResource, _, _, _, _>(tag::tag_resource),
        bind::<model::UntagResource, _, _, _, _>(tag::untag_resource),
        bind::<model::ListTagsForResource, _, _, _, _>(tag::list_tags_for_resource),
        bind::<model::GetEncryptionConfig, _, _, _, _>(keeping::get_encryption_config),
        bind::<model::PutEncryptionConfig, _, _, _, _>(keeping::put_encryption_config),
        bind::<model::GetTraceSegmentDestination, _, _, _, _>(keeping::get_trace_segment_destination),
        bind::<model::UpdateTraceSegmentDestination, _, _, _, _>(keeping::update_trace_segment_destination),
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
