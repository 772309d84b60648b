//! Segments in, and what daemons tell of themselves.

use api::xray as model;
use tracing::debug;

use super::{Cx, invalid, work};
use crate::Error;

/// Documents in one request.
const DOCUMENTS_MAX: usize = 1000;

/// `PutTraceSegments`.
pub(super) async fn put_trace_segments(
    cx: Cx,
    request: model::PutTraceSegmentsRequest,
) -> Result<model::PutTraceSegmentsResponse, Error> {
    let documents = request.trace_segment_documents;
    if documents.len() > DOCUMENTS_MAX {
        return Err(invalid(format!("TraceSegmentDocuments can have at most {DOCUMENTS_MAX} documents")));
    }
    let now = cx.clock.now();
    let rejected = work(&cx, move |traces, scope| traces.put(scope, &documents, now)).await?;
    let unprocessed = rejected.into_iter().map(|rejected| model::UnprocessedTraceSegment {
        id: rejected.id,
        error_code: Some(rejected.error.code().to_owned()),
        message: Some(rejected.error.to_string()),
    });
    Ok(model::PutTraceSegmentsResponse { unprocessed_trace_segments: unprocessed.collect() })
}

/// `PutTelemetryRecords`. X-Ray has no operation that gives them back; here they go to the log.
pub(super) async fn put_telemetry_records(
    cx: Cx,
    request: model::PutTelemetryRecordsRequest,
) -> Result<model::PutTelemetryRecordsResponse, Error> {
    for record in &request.telemetry_records {
        debug!(
            scope = %cx.scope(),
            host = request.hostname,
            received = record.segments_received_count,
            sent = record.segments_sent_count,
            dropped = record.segments_spillover_count,
            rejected = record.segments_rejected_count,
            "An X-Ray daemon reports."
        );
    }
    Ok(model::PutTelemetryRecordsResponse {})
}
