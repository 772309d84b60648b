//! Batches by every way they may come.

use std::io::Write;

use axum::body::Body;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest,
        trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    },
    trace::v1::{ScopeSpans, Span},
};
use prost::Message;
use serde_json::{Value, json};
use telemetry::{Limits, Telemetry};
use tower::ServiceExt;

use super::*;
use crate::attributes::attribute;

const TRACE: &str = "1-01010101-010101010101010101010101";

struct Anybody;

impl Admit for Anybody {
    fn admit(&self, request: &Parts, _: &[u8]) -> Result<Admitted, String> {
        match request.headers.get("wrong") {
            Some(_) => Err("not you".to_owned()),
            None => Ok(Admitted::Believed(Scope::default())),
        }
    }
}

fn house() -> (Router, Traces) {
    let traces = Telemetry::in_memory(Limits::default()).unwrap().traces();
    (routes(Receiver::new(traces.clone(), Clock::System, Arc::new(Anybody))), traces)
}

fn batch(ids: &[u8]) -> ExportTraceServiceRequest {
    let span = |id: &u8| Span {
        trace_id: vec![1; 16],
        span_id: vec![*id; 8],
        name: "todo".to_owned(),
        start_time_unix_nano: 1_700_000_000_000_000_000,
        end_time_unix_nano: 1_700_000_001_000_000_000,
        ..Span::default()
    };
    let attributes = vec![attribute("cloud.region", &json!("eu-west-1"))];
    let resource = Some(Resource { attributes, ..Resource::default() });
    let scope_spans = vec![ScopeSpans { spans: ids.iter().map(span).collect(), ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
    }
}

fn packed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

async fn ask(router: &Router, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (StatusCode, Bytes) {
    let mut request = http::Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let status = response.status();
    (status, response.into_body().collect().await.unwrap().to_bytes())
}

fn segments(traces: &Traces) -> usize {
    let scope = Scope { region: names::Region::new("eu-west-1"), ..Scope::default() };
    traces.get(&scope, &[TRACE.to_owned()]).unwrap().first().map_or(0, |trace| trace.segments.len())
}

#[tokio::test]
async fn spans_come_as_protobuf_and_as_json_packed_or_not() {
    let protobuf = batch(&[2]).encode_to_vec();
    let json = serde_json::to_vec(&batch(&[2])).unwrap();
    for (kind, body) in [("application/x-protobuf", protobuf), ("application/json; charset=utf-8", json)] {
        let (router, traces) = house();
        let (status, _) = ask(&router, "/v1/traces", &[("content-type", kind)], body.clone()).await;
        assert_eq!((status, segments(&traces)), (StatusCode::OK, 1), "{kind}");
        let (router, traces) = house();
        let headers = [("content-type", kind), ("content-encoding", "gzip")];
        let (status, _) = ask(&router, "/v1/traces", &headers, packed(&body)).await;
        assert_eq!((status, segments(&traces)), (StatusCode::OK, 1), "{kind}, packed");
    }
}

#[tokio::test]
async fn json_is_read_as_the_specification_writes_it() {
    let (router, traces) = house();
    let body = json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "cloud.region", "value": {"stringValue": "eu-west-1"}},
                                    {"key": "service.name", "value": {"stringValue": "my.service"}}]},
        "scopeSpans": [{"scope": {"name": "my.library", "version": "1.0.0"}, "spans": [{
            "traceId": "01010101010101010101010101010101", "spanId": "EEE19B7EC3C1B174",
            "parentSpanId": "EEE19B7EC3C1B173", "name": "I'm a server span",
            "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": "1544712661000000000", "kind": 2,
            "attributes": [{"key": "my.span.attr", "value": {"intValue": "7"}}]}]}]}]});
    let (status, answer) =
        ask(&router, "/v1/traces", &[("content-type", "application/json")], body.to_string().into_bytes()).await;
    assert_eq!((status, segments(&traces)), (StatusCode::OK, 1), "{answer:?}");
}

#[tokio::test]
async fn what_can_not_be_kept_is_counted_and_told_and_keeps_no_other_out() {
    let (router, traces) = house();
    let body = batch(&[2, 0, 0]).encode_to_vec();
    let (status, answer) = ask(&router, "/v1/traces", &[("content-type", "application/x-protobuf")], body).await;
    let told = ExportTraceServiceResponse::decode(answer).unwrap().partial_success.unwrap();
    assert_eq!((status, told.rejected_spans, segments(&traces)), (StatusCode::OK, 2, 1));
    assert!(told.error_message.contains("span_id"), "{}", told.error_message);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_name() {
    let (router, _) = house();
    let (json, gzip) = (("content-type", "application/json"), ("content-encoding", "gzip"));
    let large = packed(&vec![b' '; grpc::BATCH_MAX + 1]);
    for (headers, body, status, reason) in [
        (&[("content-type", "text/plain")][..], b"{}".to_vec(), 415, "Content-Type"),
        (&[json], b"{".to_vec(), 400, "no sense"),
        (&[("content-type", "application/x-protobuf")], vec![0xff; 9], 400, "no sense"),
        (&[json, ("content-encoding", "br")], b"{}".to_vec(), 415, "br"),
        (&[json, gzip], b"{}".to_vec(), 400, "unpacked"),
        (&[json, gzip], large, 413, "at most"),
        (&[json, ("wrong", "1")], b"{}".to_vec(), 401, "not you"),
    ] {
        let (found, answer) = ask(&router, "/v1/traces", headers, body).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(found.as_u16() == status && answer.contains(reason), "{found}: {answer}");
    }
}

#[tokio::test]
async fn logs_and_metrics_are_told_that_they_are_not_taken() {
    let (router, _) = house();
    let logs = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a"}},{"body":{"stringValue":"b"}}]}]}]}"#;
    let (status, answer) = ask(&router, "/v1/logs", &[("content-type", "application/json")], logs.into()).await;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(status, StatusCode::OK);
    assert!(answer["partialSuccess"]["errorMessage"].as_str().unwrap().contains("logs"), "{answer}");
    let metrics = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a"}]}]}]}"#;
    let (_, answer) = ask(&router, "/v1/metrics", &[("content-type", "application/json")], metrics.into()).await;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert!(answer["partialSuccess"]["errorMessage"].as_str().unwrap().contains("metrics"), "{answer}");
}

/// A message as gRPC frames it.
fn framed(message: &impl Message) -> Vec<u8> {
    let body = message.encode_to_vec();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[0][..], &length, &body].concat()
}

#[tokio::test]
async fn spans_come_by_grpc() {
    let (router, traces) = house();
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let (status, answer) = ask(&router, path, &headers, framed(&batch(&[2, 0]))).await;
    assert_eq!((status, segments(&traces)), (StatusCode::OK, 1));
    let told = ExportTraceServiceResponse::decode(&answer[5..]).unwrap().partial_success.unwrap();
    assert_eq!(told.rejected_spans, 1);
    let path = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
    let (status, _) = ask(&router, path, &headers, framed(&ExportLogsServiceRequest::default())).await;
    assert_eq!(status, StatusCode::OK);
}
