//! OTLP by HTTP: protobuf and JSON, plain or packed by gzip.

use std::io::Read;

use axum::{
    Extension, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderMap, StatusCode, header};
use http_body_util::LengthLimitError;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use serde::{Serialize, de::DeserializeOwned};

use super::{Admitted, Receiver, grpc};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

pub(super) fn routes(receiver: Receiver) -> Router {
    Router::new()
        .route("/v1/traces", post(traces))
        .route("/v1/metrics", post(metrics))
        .route("/v1/logs", post(logs))
        .with_state(receiver)
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Protobuf,
    Json,
}

/// Why a request is not taken: the status and the reason.
struct Refusal(StatusCode, String);

async fn traces(
    State(receiver): State<Receiver>,
    Extension(admitted): Extension<Admitted>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = async {
        let (request, encoding) = read::<ExportTraceServiceRequest>(&headers, body)?;
        let taken = receiver.take(admitted, request.resource_spans).await;
        let taken = taken.map_err(|error| Refusal(StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
        let partial_success = (taken.rejected > 0)
            .then_some(ExportTracePartialSuccess { rejected_spans: taken.rejected, error_message: taken.reason });
        Ok(write(&ExportTraceServiceResponse { partial_success }, encoding))
    };
    answer.await.unwrap_or_else(|refusal| refuse(&headers, &refusal))
}

async fn metrics(headers: HeaderMap, body: Bytes) -> Response {
    let answer = read(&headers, body);
    let answer = answer.map(|(request, encoding)| write(&grpc::refuse_metrics(&request), encoding));
    answer.unwrap_or_else(|refusal| refuse(&headers, &refusal))
}

async fn logs(headers: HeaderMap, body: Bytes) -> Response {
    let answer = read(&headers, body);
    let answer = answer.map(|(request, encoding)| write(&grpc::refuse_logs(&request), encoding));
    answer.unwrap_or_else(|refusal| refuse(&headers, &refusal))
}

fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    match kind.split(';').next().unwrap_or_default().trim() {
        PROTOBUF => Some(Encoding::Protobuf),
        JSON => Some(Encoding::Json),
        _ => None,
    }
}

fn read<M: Message + Default + DeserializeOwned>(headers: &HeaderMap, body: Bytes) -> Result<(M, Encoding), Refusal> {
    let unknown = || Refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("the Content-Type is {PROTOBUF} or {JSON}"));
    let encoding = encoding(headers).ok_or_else(unknown)?;
    let body = unpack(headers, body)?;
    let wrong =
        |error: &dyn std::fmt::Display| Refusal(StatusCode::BAD_REQUEST, format!("the batch makes no sense: {error}"));
    let message = match encoding {
        Encoding::Protobuf => M::decode(body).map_err(|error| wrong(&error))?,
        Encoding::Json => serde_json::from_slice(&body).map_err(|error| wrong(&error))?,
    };
    Ok((message, encoding))
}

/// The answer to a body that did not arrive, or is too large.
pub(super) fn unread(headers: &HeaderMap, error: &(dyn std::error::Error + Send + Sync + 'static)) -> Response {
    let refusal = if error.is::<LengthLimitError>() {
        too_large()
    } else {
        Refusal(StatusCode::BAD_REQUEST, format!("the batch did not arrive: {error}"))
    };
    refuse(headers, &refusal)
}

fn too_large() -> Refusal {
    Refusal(StatusCode::PAYLOAD_TOO_LARGE, format!("a batch has at most {} bytes", grpc::BATCH_MAX))
}

fn unpack(headers: &HeaderMap, body: Bytes) -> Result<Bytes, Refusal> {
    match headers.get(header::CONTENT_ENCODING).map(http::HeaderValue::as_bytes) {
        None | Some(b"identity" | b"") => Ok(body),
        Some(b"gzip") => {
            let mut plain = Vec::new();
            let most = u64::try_from(grpc::BATCH_MAX).unwrap_or(u64::MAX);
            let read = GzDecoder::new(&body[..]).take(most + 1).read_to_end(&mut plain);
            read.map_err(|error| Refusal(StatusCode::BAD_REQUEST, format!("the batch can't be unpacked: {error}")))?;
            if plain.len() > grpc::BATCH_MAX { Err(too_large()) } else { Ok(Bytes::from(plain)) }
        }
        Some(other) => {
            let other = String::from_utf8_lossy(other);
            Err(Refusal(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!("a batch is packed by gzip or not at all, not by {other}"),
            ))
        }
    }
}

fn write<M: Message + Serialize>(message: &M, encoding: Encoding) -> Response {
    written(StatusCode::OK, message, encoding)
}

fn written<M: Message + Serialize>(status: StatusCode, message: &M, encoding: Encoding) -> Response {
    match encoding {
        Encoding::Protobuf => (status, [(header::CONTENT_TYPE, PROTOBUF)], message.encode_to_vec()).into_response(),
        Encoding::Json => match serde_json::to_vec(message) {
            Ok(body) => (status, [(header::CONTENT_TYPE, JSON)], body).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        },
    }
}

/// `google.rpc.Status`, which tells of failures.
#[derive(Clone, PartialEq, Message, Serialize)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

fn refuse(headers: &HeaderMap, Refusal(status, message): &Refusal) -> Response {
    let code = if status.is_server_error() { tonic::Code::Unavailable } else { tonic::Code::InvalidArgument };
    let body = Status { code: code.into(), message: message.clone() };
    written(*status, &body, encoding(headers).unwrap_or(Encoding::Json))
}
