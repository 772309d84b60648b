//! OTLP in: by gRPC and by HTTP, on the house's one port.
//!
//! A batch is taken whole or in part: spans that can't be kept are counted and the first is told of in the answer's
//! `partial_success`, as OTLP asks for. Metrics and logs have no home by this way; they are refused by the same answer, so
//! that an SDK that sends all three keeps its traces and says why it loses the rest.

mod grpc;
mod http_json;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{StatusCode, header, request::Parts};
use http_body_util::{BodyExt, Limited};
use names::{Clock, Scope};
use opentelemetry_proto::tonic::{resource::v1::Resource, trace::v1::ResourceSpans};
use telemetry::Traces;
use tracing::debug;

use crate::{attributes::Attributes, segment};

/// What metrics are told.
const NO_METRICS: &str = "Serin takes no metrics by OTLP: send them by CloudWatch's PutMetricData";
/// What logs are told.
const NO_LOGS: &str =
    "Serin takes no logs by OTLP: send them by CloudWatch Logs' PutLogEvents, or write them to standard output";

/// Who sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// Somebody whose account and region are known.
    As(Scope),
    /// Somebody who is believed: spans say themselves whose they are, and are this scope's if they don't.
    Believed(Scope),
}

/// Knows senders.
pub trait Admit: Send + Sync + 'static {
    /// Who sends this request; an error is why it is refused. The body is that of HTTP; gRPC's signatures are over none.
    fn admit(&self, request: &Parts, body: &[u8]) -> Result<Admitted, String>;
}

/// What takes spans.
#[derive(Clone)]
pub struct Receiver {
    traces: Traces,
    clock: Clock,
    admit: Arc<dyn Admit>,
}

/// What became of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    rejected: i64,
    /// Why the first was rejected.
    reason: String,
}

/// A batch could not be kept at all; trying again may help.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Telemetry(#[from] telemetry::Error),
    #[error("the work on the spans was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// The paths of OTLP, both of gRPC and of HTTP.
pub fn routes(receiver: Receiver) -> Router {
    let guarded = middleware::from_fn_with_state(receiver.clone(), guard);
    grpc::routes(&receiver).merge(http_json::routes(receiver)).layer(guarded)
}

/// Lets in who is admitted, and notes as whom.
async fn guard(State(receiver): State<Receiver>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_grpc = kind.starts_with("application/grpc");
    // What signs by HTTP signs the body too, so that one is read here; batches of gRPC are read in their frames.
    let (signed, body) = if is_grpc {
        (Bytes::new(), body)
    } else {
        match Limited::new(body, grpc::BATCH_MAX).collect().await {
            Ok(body) => (body.to_bytes(), Body::empty()),
            Err(error) => return http_json::unread(&parts.headers, &*error),
        }
    };
    match receiver.admit.admit(&parts, &signed) {
        Ok(admitted) => {
            parts.extensions.insert(admitted);
            let body = if is_grpc { body } else { Body::from(signed) };
            next.run(Request::from_parts(parts, body)).await
        }
        Err(reason) => {
            debug!(reason, "OTLP was refused.");
            if is_grpc {
                tonic::Status::unauthenticated(reason).into_http()
            } else {
                (StatusCode::UNAUTHORIZED, reason).into_response()
            }
        }
    }
}

impl Receiver {
    /// Takes spans into `traces`, from whom `admit` lets in.
    pub fn new(traces: Traces, clock: Clock, admit: Arc<dyn Admit>) -> Self {
        Self { traces, clock, admit }
    }

    /// Keeps a batch.
    pub(crate) async fn take(&self, admitted: Admitted, batch: Vec<ResourceSpans>) -> Result<Taken, Failure> {
        let (traces, now) = (self.traces.clone(), self.clock.now());
        let work = move || {
            let mut taken = Taken::default();
            for spans in &batch {
                let scope = scope_of(&admitted, spans.resource.as_ref());
                let documents = documents(spans, &mut taken);
                for rejected in traces.put(&scope, &documents, now)? {
                    taken.reject(&rejected.error.to_string());
                }
            }
            Ok(taken)
        };
        tokio::task::spawn_blocking(work).await?
    }
}

/// The documents of all spans of one resource.
fn documents(spans: &ResourceSpans, taken: &mut Taken) -> Vec<String> {
    let mut documents = Vec::new();
    for span in spans.scope_spans.iter().flat_map(|scope| &scope.spans) {
        match segment::documents(span, spans.resource.as_ref()) {
            Ok(of_span) => documents.extend(of_span),
            Err(error) => taken.reject(&error.to_string()),
        }
    }
    documents
}

/// Whose spans of `resource` are.
fn scope_of(admitted: &Admitted, resource: Option<&Resource>) -> Scope {
    let believed = match admitted {
        Admitted::As(scope) => return scope.clone(),
        Admitted::Believed(scope) => scope.clone(),
    };
    let of = resource.map(|resource| Attributes::of(&resource.attributes)).unwrap_or_default();
    let account = of.text(&["cloud.account.id"]).and_then(|account| account.parse().ok());
    let region = of.text(&["cloud.region"]).map(names::Region::new);
    Scope { account: account.unwrap_or(believed.account), region: region.unwrap_or(believed.region) }
}

impl Taken {
    fn reject(&mut self, reason: &str) {
        self.rejected += 1;
        if self.reason.is_empty() {
            reason.clone_into(&mut self.reason);
        }
    }
}

#[cfg(test)]
mod tests;
