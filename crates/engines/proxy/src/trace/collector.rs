//! What sends spans: batches by OTLP over gRPC, from a queue that is as long as it may be.
//!
//! No request waits for a collector. What finds no room is dropped, and so is a batch that is not taken: both are
//! counted, and told of now and then.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    trace::v1::{ResourceSpans, Span},
};
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::{Instant, timeout_at},
};
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::{Channel, Endpoint};

use crate::stats::SpanCounters;

/// Spans that wait at most.
const WAITING_MAX: usize = 8192;
/// Spans in one batch.
const BATCH_MAX: usize = 512;
/// How long a batch that is not full waits for company.
const LINGER: Duration = Duration::from_millis(200);
/// How long a connection may take to be made, and a batch to be taken.
const PATIENCE: Duration = Duration::from_secs(5);
/// The least time between two warnings.
const WARN_INTERVAL: Duration = Duration::from_mins(1);

/// The collector cannot be there.
#[derive(Debug, thiserror::Error)]
#[error("the collector of spans is `{endpoint}`, which is no http://<host>:<port>: {source}")]
pub(crate) struct Error {
    endpoint: String,
    source: tonic::transport::Error,
}

/// A collector, and the spans that wait for it.
#[derive(Debug)]
pub(super) struct Collector {
    waiting: mpsc::Sender<Span>,
    counters: Arc<SpanCounters>,
    _sending: AbortOnDropHandle<()>,
}

impl Collector {
    /// Sends spans to `endpoint`, each batch as `wrap` makes it, for as long as this lives. Call it inside a runtime.
    pub(super) fn start(
        endpoint: &str,
        counters: Arc<SpanCounters>,
        wrap: impl Fn(Vec<Span>) -> ResourceSpans + Send + 'static,
    ) -> Result<Self, Error> {
        let wrong = |source| Error { endpoint: endpoint.to_owned(), source };
        let endpoint = Endpoint::from_shared(endpoint.to_owned()).map_err(wrong)?;
        let channel = endpoint.connect_timeout(PATIENCE).timeout(PATIENCE).connect_lazy();
        let (waiting, waited) = mpsc::channel(WAITING_MAX);
        let sending = tokio::spawn(send(TraceServiceClient::new(channel), waited, Arc::clone(&counters), wrap));
        Ok(Self { waiting, counters, _sending: AbortOnDropHandle::new(sending) })
    }

    /// Takes a span to be sent; what finds no room is dropped.
    pub(super) fn take(&self, span: Span) {
        if let Err(TrySendError::Full(_) | TrySendError::Closed(_)) = self.waiting.try_send(span) {
            self.counters.dropped.fetch_add(1, Relaxed);
        }
    }
}

async fn send(
    mut client: TraceServiceClient<Channel>,
    mut waiting: mpsc::Receiver<Span>,
    counters: Arc<SpanCounters>,
    wrap: impl Fn(Vec<Span>) -> ResourceSpans,
) {
    let mut warned = None::<Instant>;
    while let Some(first) = waiting.recv().await {
        let spans = batch(first, &mut waiting).await;
        let count = u64::try_from(spans.len()).unwrap_or(u64::MAX);
        let request = ExportTraceServiceRequest { resource_spans: vec![wrap(spans)] };
        let Err(status) = client.export(request).await else {
            counters.sent.fetch_add(count, Relaxed);
            continue;
        };
        counters.dropped.fetch_add(count, Relaxed);
        if warned.is_none_or(|at| at.elapsed() > WARN_INTERVAL) {
            tracing::warn!(code = ?status.code(), reason = status.message(), "the collector of spans does not take them");
            warned = Some(Instant::now());
        }
    }
}

/// `first` and what comes soon after it.
async fn batch(first: Span, waiting: &mut mpsc::Receiver<Span>) -> Vec<Span> {
    let until = Instant::now() + LINGER;
    let mut spans = vec![first];
    while spans.len() < BATCH_MAX {
        let room = BATCH_MAX - spans.len();
        match timeout_at(until, waiting.recv_many(&mut spans, room)).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    spans
}
