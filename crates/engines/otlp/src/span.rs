//! A segment document as spans: one for the segment, one for each of its steps.

use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, SpanKind},
        status::StatusCode,
    },
};
use serde_json::{Map, Value};

use crate::{attributes::attribute, ids};

/// The name of a service whose step was sent on its own and does not tell whose it is.
const NAMELESS: &str = "unknown_service";
/// Steps in steps, at most; what is deeper is left out.
const DEPTH_MAX: usize = 64;

/// The spans of one document; none if it is in progress still, or is no segment.
pub(crate) fn spans(document: &str) -> Option<ResourceSpans> {
    let document: Map<String, Value> = serde_json::from_str(document).ok()?;
    let trace_id = ids::trace_from_xray(document.get("trace_id")?.as_str()?)?;
    let mut spans = Vec::new();
    add(&document, &trace_id, None, 0, &mut spans);
    if spans.is_empty() {
        return None;
    }
    let scope = ScopeSpans { spans, ..ScopeSpans::default() };
    Some(ResourceSpans { resource: Some(resource(&document)), scope_spans: vec![scope], ..ResourceSpans::default() })
}

fn resource(document: &Map<String, Value>) -> Resource {
    let is_step = text(document, "type") == Some("subsegment");
    let told = document.get("metadata").and_then(|notes| notes["default"]["otel.resource.service.name"].as_str());
    let name = if is_step { told } else { text(document, "name") };
    let mut attributes = vec![attribute("service.name", &Value::from(name.unwrap_or(NAMELESS)))];
    let platform = text(document, "origin").and_then(|origin| match origin {
        "AWS::ECS::Container" => Some("aws_ecs"),
        "AWS::EC2::Instance" => Some("aws_ec2"),
        "AWS::EKS::Container" => Some("aws_eks"),
        "AWS::Lambda::Function" => Some("aws_lambda"),
        _ => None,
    });
    match (platform, document.get("origin")) {
        (Some(platform), _) => attributes.push(attribute("cloud.platform", &Value::from(platform))),
        (None, Some(origin)) => attributes.push(attribute("aws.xray.origin", origin)),
        (None, None) => {}
    }
    Resource { attributes, ..Resource::default() }
}

/// Adds the span of `document` and those of its steps.
fn add(document: &Map<String, Value>, trace_id: &[u8], parent: Option<&[u8]>, depth: usize, spans: &mut Vec<Span>) {
    let Some(span) = span(document, trace_id, parent).filter(|_| depth < DEPTH_MAX) else { return };
    let id = span.span_id.clone();
    spans.push(span);
    for step in document.get("subsegments").and_then(Value::as_array).into_iter().flatten() {
        if let Some(step) = step.as_object() {
            add(step, trace_id, Some(&id), depth + 1, spans);
        }
    }
}

fn span(document: &Map<String, Value>, trace_id: &[u8], parent: Option<&[u8]>) -> Option<Span> {
    let named = || text(document, "parent_id").and_then(ids::span_from_xray);
    let is_step = parent.is_some() || text(document, "type") == Some("subsegment");
    let kind = match text(document, "namespace") {
        Some("aws" | "remote") => SpanKind::Client,
        _ if is_step => SpanKind::Internal,
        _ => SpanKind::Server,
    };
    Some(Span {
        trace_id: trace_id.to_vec(),
        span_id: ids::span_from_xray(text(document, "id")?)?,
        parent_span_id: parent.map(<[u8]>::to_vec).or_else(named).unwrap_or_default(),
        name: text(document, "name")?.to_owned(),
        kind: kind.into(),
        start_time_unix_nano: nanos(document, "start_time")?,
        end_time_unix_nano: nanos(document, "end_time")?,
        attributes: attributes(document),
        events: exceptions(document),
        status: status(document),
        ..Span::default()
    })
}

fn attributes(document: &Map<String, Value>) -> Vec<KeyValue> {
    let null = Value::Null;
    let http = document.get("http").unwrap_or(&null);
    let (request, response) = (&http["request"], &http["response"]);
    let known = [
        ("http.request.method", &request["method"]),
        ("url.full", &request["url"]),
        ("user_agent.original", &request["user_agent"]),
        ("client.address", &request["client_ip"]),
        ("http.response.status_code", &response["status"]),
        ("http.response.body.size", &response["content_length"]),
        ("enduser.id", document.get("user").unwrap_or(&null)),
        ("db.query.text", document.get("sql").map_or(&null, |sql| &sql["sanitized_query"])),
        ("db.system.name", document.get("sql").map_or(&null, |sql| &sql["database_type"])),
    ];
    let known = known.into_iter().filter(|(_, value)| !value.is_null());
    let mut attributes: Vec<_> = known.map(|(name, value)| attribute(name, value)).collect();
    if text(document, "namespace") == Some("aws") {
        attributes.push(attribute("rpc.system.name", &Value::from("aws-api")));
    }
    for (key, value) in document.get("annotations").and_then(Value::as_object).into_iter().flatten() {
        attributes.push(attribute(format!("annotation.{key}"), value));
    }
    for (space, notes) in document.get("metadata").and_then(Value::as_object).into_iter().flatten() {
        for (key, value) in notes.as_object().into_iter().flatten() {
            // What came as a span's attribute goes as one again.
            let name = if space == "default" { key.clone() } else { format!("{space}.{key}") };
            attributes.push(attribute(name, value));
        }
    }
    attributes
}

fn status(document: &Map<String, Value>) -> Option<Status> {
    let flag = |name: &str| document.get(name).and_then(Value::as_bool).unwrap_or(false);
    let failed = flag("fault") || flag("error") || flag("throttle");
    let message = || document.get("cause")?["exceptions"][0]["message"].as_str().map(str::to_owned);
    failed.then(|| Status { code: StatusCode::Error.into(), message: message().unwrap_or_default() })
}

fn exceptions(document: &Map<String, Value>) -> Vec<Event> {
    let all = document.get("cause").and_then(|cause| cause["exceptions"].as_array()).into_iter().flatten();
    all.map(|exception| {
        let known = [("exception.type", &exception["type"]), ("exception.message", &exception["message"])];
        let known = known.into_iter().filter(|(_, value)| !value.is_null());
        Event {
            name: "exception".to_owned(),
            time_unix_nano: nanos(document, "end_time").unwrap_or_default(),
            attributes: known.map(|(name, value)| attribute(name, value)).collect(),
            ..Event::default()
        }
    })
    .collect()
}

fn text<'d>(document: &'d Map<String, Value>, field: &str) -> Option<&'d str> {
    document.get(field)?.as_str()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float saturates on its way to an integer, and times are not negative"
)]
fn nanos(document: &Map<String, Value>, field: &str) -> Option<u64> {
    // To the microsecond: a float of today's seconds has no more digits.
    let seconds = document.get(field)?.as_f64().filter(|seconds| *seconds > 0.0)?;
    Some((seconds * 1e6).round() as u64 * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"name":"gateway","id":"70de5b6f19ff9a0a","trace_id":"1-581cf771-a006649127e371903a2de979",
        "parent_id":"0123456789abcdef","start_time":1478293361.25,"end_time":1478293361.5,"origin":"AWS::ECS::Container",
        "http":{"request":{"method":"GET","url":"http://gateway/todos"},"response":{"status":500}},"fault":true,
        "cause":{"exceptions":[{"id":"1","type":"KeyError","message":"no such todo"}]},
        "annotations":{"version":"2"},"metadata":{"debug":{"items":[1,2]}},
        "subsegments":[{"name":"api","id":"53995c3f42cd8ad8","start_time":1478293361.3,"end_time":1478293361.4,
                        "namespace":"remote"},{"name":"open","id":"53995c3f42cd8ad9","start_time":1478293361.3}]}"#;

    #[test]
    fn a_document_becomes_a_span_for_each_of_its_parts() {
        let found = spans(DOCUMENT).unwrap();
        let [gateway, api] = &found.scope_spans[0].spans[..] else { panic!("{found:?}") };
        assert_eq!(hex::encode(&gateway.trace_id), "581cf771a006649127e371903a2de979");
        assert_eq!((gateway.kind(), api.kind()), (SpanKind::Server, SpanKind::Client));
        assert_eq!(
            (hex::encode(&gateway.parent_span_id), &api.parent_span_id),
            ("0123456789abcdef".to_owned(), &gateway.span_id)
        );
        assert_eq!(gateway.end_time_unix_nano - gateway.start_time_unix_nano, 250_000_000);
        assert_eq!(gateway.status.as_ref().unwrap().message, "no such todo");
        assert_eq!(gateway.events[0].name, "exception");
        let names: Vec<_> = gateway.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
        assert_eq!(
            names,
            ["http.request.method", "url.full", "http.response.status_code", "annotation.version", "debug.items"]
        );
    }

    #[test]
    fn what_came_as_a_span_goes_as_the_same_span() {
        let document = &spans(DOCUMENT).unwrap().scope_spans[0].spans[0];
        let resource = spans(DOCUMENT).unwrap().resource;
        let again = crate::segment::documents(document, resource.as_ref()).unwrap();
        let again = &spans(&again[0]).unwrap().scope_spans[0].spans[0];
        assert_eq!(
            (&again.trace_id, &again.span_id, &again.parent_span_id),
            (&document.trace_id, &document.span_id, &document.parent_span_id)
        );
        assert_eq!(
            (again.start_time_unix_nano, again.end_time_unix_nano),
            (document.start_time_unix_nano, document.end_time_unix_nano)
        );
        assert_eq!((again.kind(), &again.status), (document.kind(), &document.status));
    }

    #[test]
    fn what_is_in_progress_waits_and_what_is_no_segment_is_none() {
        assert!(spans(&DOCUMENT.replacen("\"end_time\":1478293361.5,", "", 1)).is_none());
        assert!(spans("[]").is_none() && spans("{}").is_none());
    }
}
