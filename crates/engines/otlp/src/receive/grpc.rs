//! OTLP by gRPC.

use axum::{Router, body::Body, extract::Request, routing::any};
use opentelemetry_proto::tonic::collector::{
    logs::v1::{
        ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
        logs_service_server::{LogsService, LogsServiceServer},
    },
    metrics::v1::{
        ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::{MetricsService, MetricsServiceServer},
    },
    trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
};
use tonic::{Response, Status, async_trait, codec::CompressionEncoding, codegen::Service, server::NamedService};

use super::{Admitted, NO_LOGS, NO_METRICS, Receiver};

/// The largest batch, in bytes, unpacked.
pub(super) const BATCH_MAX: usize = 16 * 1024 * 1024;

/// The three services.
pub(super) fn routes(receiver: &Receiver) -> Router {
    let gzip = CompressionEncoding::Gzip;
    let traces = TraceServiceServer::new(receiver.clone()).accept_compressed(gzip).max_decoding_message_size(BATCH_MAX);
    let metrics = MetricsServiceServer::new(Refusing).accept_compressed(gzip).max_decoding_message_size(BATCH_MAX);
    let logs = LogsServiceServer::new(Refusing).accept_compressed(gzip).max_decoding_message_size(BATCH_MAX);
    serving(traces).merge(serving(metrics)).merge(serving(logs))
}

fn serving<S>(service: S) -> Router
where
    S: NamedService
        + Service<http::Request<Body>, Response = http::Response<tonic::body::Body>, Error = std::convert::Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    let serve = move |request: Request| {
        let mut service = service.clone();
        async move {
            match service.call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    };
    Router::new().route(&format!("/{}/{{method}}", S::NAME), any(serve))
}

#[async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let admitted = request.extensions().get::<Admitted>().cloned();
        let admitted = admitted.ok_or_else(|| Status::unauthenticated("the sender is not known"))?;
        let taken = self.take(admitted, request.into_inner().resource_spans).await;
        let taken = taken.map_err(|error| Status::unavailable(error.to_string()))?;
        let partial_success = (taken.rejected > 0)
            .then_some(ExportTracePartialSuccess { rejected_spans: taken.rejected, error_message: taken.reason });
        Ok(Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

/// Says of metrics and logs that they are not taken.
struct Refusing;

#[async_trait]
impl MetricsService for Refusing {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        Ok(Response::new(refuse_metrics(request.get_ref())))
    }
}

#[async_trait]
impl LogsService for Refusing {
    async fn export(
        &self,
        request: tonic::Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        Ok(Response::new(refuse_logs(request.get_ref())))
    }
}

/// The answer to metrics: none is taken. What is counted are metrics, since their points have five shapes.
pub(super) fn refuse_metrics(request: &ExportMetricsServiceRequest) -> ExportMetricsServiceResponse {
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    let count: usize = scopes.map(|scope| scope.metrics.len()).sum();
    let refusal = ExportMetricsPartialSuccess {
        rejected_data_points: i64::try_from(count).unwrap_or(i64::MAX),
        error_message: NO_METRICS.to_owned(),
    };
    ExportMetricsServiceResponse { partial_success: (count > 0).then_some(refusal) }
}

/// The answer to logs: none is taken.
pub(super) fn refuse_logs(request: &ExportLogsServiceRequest) -> ExportLogsServiceResponse {
    let scopes = request.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
    let count: usize = scopes.map(|scope| scope.log_records.len()).sum();
    let refusal = ExportLogsPartialSuccess {
        rejected_log_records: i64::try_from(count).unwrap_or(i64::MAX),
        error_message: NO_LOGS.to_owned(),
    };
    ExportLogsServiceResponse { partial_success: (count > 0).then_some(refusal) }
}
