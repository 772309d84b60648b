//! A span as a segment document.
//!
//! A span that a service begins with becomes a segment: one without a parent, one whose parent is elsewhere, and every
//! span of a server or a consumer. All others become subsegments, sent each on its own, as X-Ray allows. A service that
//! begins with a call (a script, say) gets a segment around it, since it is the step that calls and not the service.
//!
//! Attributes have a place in a document where X-Ray has one for them. Those that `aws.xray.annotations` lists, or whose
//! names begin with `annotation.`, become annotations; all others are metadata, which filters do not see.
//!
//! Names of attributes: <https://opentelemetry.io/docs/specs/semconv/>.

use opentelemetry_proto::tonic::{
    resource::v1::Resource,
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use serde_json::{Map, Value, json};

use crate::{attributes::Attributes, ids};

/// The longest name of a segment, in characters, as at AWS.
const NAME_MAX: usize = 200;
/// The longest stack trace that is kept, in characters.
const STACK_MAX: usize = 8192;
/// The name of a service that does not tell its own.
const NAMELESS: &str = "unknown_service";
/// In `flags`: whether it is said that the parent is elsewhere, and that it is.
const REMOTE_IS_KNOWN: u32 = 0x100;
const REMOTE: u32 = 0x200;

/// Why a span can't be kept.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum SpanError {
    #[error("a span `{0}` has a trace_id that is not 16 bytes, or all zero")]
    TraceId(String),
    #[error("a span `{0}` has a span_id that is not 8 bytes, or all zero")]
    SpanId(String),
    #[error("the span `{0}` has no start_time_unix_nano")]
    Start(String),
    #[error("the span `{0}` has no end_time_unix_nano")]
    End(String),
}

/// The documents of one span: one, or two where a service begins with a call.
pub(crate) fn documents(span: &Span, resource: Option<&Resource>) -> Result<Vec<String>, SpanError> {
    let name = || span.name.clone();
    let trace_id = ids::trace_to_xray(&span.trace_id).ok_or_else(|| SpanError::TraceId(name()))?;
    let id = ids::span_to_xray(&span.span_id).ok_or_else(|| SpanError::SpanId(name()))?;
    if span.start_time_unix_nano == 0 {
        return Err(SpanError::Start(name()));
    }
    if span.end_time_unix_nano == 0 {
        return Err(SpanError::End(name()));
    }
    let resource = resource.map(|resource| Attributes::of(&resource.attributes)).unwrap_or_default();
    let writer = Writer { span, of: Attributes::of(&span.attributes), resource, trace_id, id };
    Ok(writer.documents())
}

struct Writer<'a> {
    span: &'a Span,
    of: Attributes<'a>,
    resource: Attributes<'a>,
    trace_id: String,
    id: String,
}

impl Writer<'_> {
    fn documents(&self) -> Vec<String> {
        let parent = ids::span_to_xray(&self.span.parent_span_id);
        let is_call = matches!(self.span.kind(), SpanKind::Client | SpanKind::Producer);
        let begins = parent.is_none() || self.parent_is_elsewhere();
        if is_call && begins {
            let around = ids::beside(&self.id, 0);
            let mut service = self.service();
            service.insert("id".to_owned(), json!(around));
            service.extend(parent.map(|parent| ("parent_id".to_owned(), json!(parent))));
            self.outcome(&mut service);
            return [service, self.step(&around)].map(|document| Value::Object(document).to_string()).to_vec();
        }
        let is_service = begins || matches!(self.span.kind(), SpanKind::Server | SpanKind::Consumer);
        let document = match parent {
            Some(parent) if !is_service => self.step(&parent),
            parent => {
                let mut service = self.whole(self.service());
                service.extend(parent.map(|parent| ("parent_id".to_owned(), json!(parent))));
                service
            }
        };
        vec![Value::Object(document).to_string()]
    }

    fn parent_is_elsewhere(&self) -> bool {
        self.span.flags & (REMOTE_IS_KNOWN | REMOTE) == REMOTE_IS_KNOWN | REMOTE
    }

    /// What each document begins with.
    fn begun(&self, name: &str) -> Map<String, Value> {
        let mut document = Map::new();
        document.insert("name".to_owned(), json!(sound_name(name)));
        document.insert("id".to_owned(), json!(self.id));
        document.insert("trace_id".to_owned(), json!(self.trace_id));
        document.insert("start_time".to_owned(), json!(seconds(self.span.start_time_unix_nano)));
        document.insert("end_time".to_owned(), json!(seconds(self.span.end_time_unix_nano)));
        document
    }

    /// The service that the span is of.
    fn service(&self) -> Map<String, Value> {
        let name = self.resource.text(&["service.name"]).unwrap_or_else(|| NAMELESS.to_owned());
        let mut document = self.begun(&name);
        document.extend(self.origin().map(|origin| ("origin".to_owned(), json!(origin))));
        let arn = self.resource.text(&["aws.ecs.task.arn", "cloud.resource_id"]);
        document.extend(arn.map(|arn| ("resource_arn".to_owned(), json!(arn))));
        document.insert("aws".to_owned(), self.aws());
        document
    }

    /// The span as a step of `parent`.
    fn step(&self, parent: &str) -> Map<String, Value> {
        let mut document = self.begun(&self.step_name());
        document.insert("type".to_owned(), json!("subsegment"));
        document.insert("parent_id".to_owned(), json!(parent));
        if let Some(namespace) = self.namespace() {
            document.insert("namespace".to_owned(), json!(namespace));
        }
        self.whole(document)
    }

    /// Adds all that the span tells of the request.
    fn whole(&self, mut document: Map<String, Value>) -> Map<String, Value> {
        self.outcome(&mut document);
        document.extend(self.http().map(|http| ("http".to_owned(), http)));
        document.extend(self.sql().map(|sql| ("sql".to_owned(), sql)));
        let user = self.of.text(&["enduser.id", "user.id"]);
        document.extend(user.map(|user| ("user".to_owned(), json!(user))));
        let (annotations, metadata) = self.notes();
        if !annotations.is_empty() {
            document.insert("annotations".to_owned(), Value::Object(annotations));
        }
        document.insert("metadata".to_owned(), json!({ "default": metadata }));
        let links = self.links();
        if !links.is_empty() {
            document.insert("links".to_owned(), Value::Array(links));
        }
        document
    }

    fn status(&self) -> Option<i64> {
        self.of.number(&["http.response.status_code", "http.status_code"])
    }

    /// How it went: X-Ray tells whose fault it was, by the status of HTTP where there is one.
    fn outcome(&self, document: &mut Map<String, Value>) {
        let failed = self.span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error);
        let flag = match self.status() {
            Some(429) => {
                document.insert("throttle".to_owned(), json!(true));
                Some("error")
            }
            Some(400..=499) => Some("error"),
            Some(500..=599) => Some("fault"),
            _ => failed.then_some("fault"),
        };
        document.extend(flag.map(|flag| (flag.to_owned(), json!(true))));
        let exceptions = self.exceptions(failed);
        if !exceptions.is_empty() {
            document.insert("cause".to_owned(), json!({ "exceptions": exceptions }));
        }
    }

    fn exceptions(&self, failed: bool) -> Vec<Value> {
        let events = self.span.events.iter().filter(|event| event.name == "exception");
        let mut exceptions: Vec<_> = (1..)
            .zip(events)
            .map(|(number, event)| {
                let of = Attributes::of(&event.attributes);
                json!({
                    "id": ids::beside(&self.id, number),
                    "type": of.text(&["exception.type"]),
                    "message": of.text(&["exception.message"]),
                })
            })
            .collect();
        let message = self.span.status.as_ref().map(|status| status.message.as_str()).unwrap_or_default();
        if failed && exceptions.is_empty() && !message.is_empty() {
            exceptions.push(json!({ "id": ids::beside(&self.id, 1), "message": message }));
        }
        exceptions
    }

    fn http(&self) -> Option<Value> {
        let method = self.of.text(&["http.request.method", "http.method"]);
        let (status, url) = (self.status(), self.url());
        if method.is_none() && status.is_none() && url.is_none() {
            return None;
        }
        let is_server = self.span.kind() == SpanKind::Server;
        let client = ["client.address", "http.client_ip", "net.sock.peer.addr", "net.peer.ip"];
        let client = is_server.then(|| self.of.text(&client)).flatten();
        let agent = self.of.text(&["user_agent.original", "http.user_agent"]);
        let length = self.of.number(&["http.response.body.size", "http.response_content_length"]);
        let mut request = present([("method", method), ("url", url), ("user_agent", agent), ("client_ip", client)]);
        // X-Ray draws no arrow to a client whose address came from a header; here it came from the socket or not at all.
        request.retain(|_, value| !value.is_null());
        let response = present([("status", status), ("content_length", length)]);
        Some(json!({ "request": request, "response": response }))
    }

    /// The whole address, put together from its parts where it is not told whole.
    fn url(&self) -> Option<String> {
        if let Some(url) = self.of.text(&["url.full", "http.url"]) {
            return Some(url);
        }
        let target = self.of.text(&["http.target"]).or_else(|| {
            let path = self.of.text(&["url.path"])?;
            Some(self.of.text(&["url.query"]).map_or(path.clone(), |query| format!("{path}?{query}")))
        })?;
        let scheme = self.of.text(&["url.scheme", "http.scheme"]).unwrap_or_else(|| "http".to_owned());
        let Some(host) = self.of.text(&["http.host", "server.address", "net.host.name"]) else { return Some(target) };
        let port = self.of.number(&["server.port", "net.host.port"]);
        let port = port
            .filter(|port| !host.contains(':') && !matches!((scheme.as_str(), port), ("http", 80) | ("https", 443)));
        Some(format!("{scheme}://{host}{}{target}", port.map(|port| format!(":{port}")).unwrap_or_default()))
    }

    fn sql(&self) -> Option<Value> {
        let kind = self.of.text(&["db.system.name", "db.system"]);
        let query = self.of.text(&["db.query.text", "db.statement"]);
        let fields = present([("database_type", kind?.into()), ("sanitized_query", query)]);
        Some(Value::Object(fields))
    }

    fn namespace(&self) -> Option<&'static str> {
        let of_aws = self.of.text(&["rpc.system", "rpc.system.name"]).is_some_and(|system| system == "aws-api");
        match self.span.kind() {
            _ if of_aws => Some("aws"),
            SpanKind::Client | SpanKind::Producer => Some("remote"),
            _ => None,
        }
    }

    /// Whom a step calls, or what it does.
    fn step_name(&self) -> String {
        let called = match self.namespace() {
            None => None,
            Some("aws") => self.of.text(&["aws.service", "rpc.service"]),
            Some(_) => {
                let host = || self.url().and_then(|url| url.parse::<http::Uri>().ok()?.host().map(str::to_owned));
                let told = self.of.text(&["peer.service", "service.peer.name", "db.namespace", "db.name"]);
                told.or_else(|| self.of.text(&["server.address", "net.peer.name", "messaging.destination.name"]))
                    .or_else(host)
            }
        };
        called.unwrap_or_else(|| self.span.name.clone())
    }

    fn origin(&self) -> Option<&'static str> {
        Some(match self.resource.text(&["cloud.platform"])?.as_str() {
            "aws_ecs" => "AWS::ECS::Container",
            "aws_ec2" => "AWS::EC2::Instance",
            "aws_eks" => "AWS::EKS::Container",
            "aws_lambda" => "AWS::Lambda::Function",
            "aws_elastic_beanstalk" => "AWS::ElasticBeanstalk::Environment",
            "aws_app_runner" => "AWS::AppRunner::Service",
            _ => return None,
        })
    }

    fn aws(&self) -> Value {
        let of = |names: &[&str]| self.resource.text(names);
        let sdk = of(&["telemetry.sdk.name"]).map(|name| match of(&["telemetry.sdk.language"]) {
            Some(language) => format!("{name} for {language}"),
            None => name,
        });
        let xray = present([("sdk", sdk), ("sdk_version", of(&["telemetry.sdk.version"]))]);
        let ec2 = present([("instance_id", of(&["host.id"])), ("availability_zone", of(&["cloud.availability_zone"]))]);
        let ecs = present([("container", of(&["container.name"])), ("container_id", of(&["container.id"]))]);
        let parts = [("xray", xray), ("ec2", ec2), ("ecs", ecs)];
        let parts = parts.into_iter().filter(|(_, part)| !part.is_empty());
        Value::Object(parts.map(|(name, part)| (name.to_owned(), Value::Object(part))).collect())
    }

    /// Annotations and metadata.
    fn notes(&self) -> (Map<String, Value>, Map<String, Value>) {
        let listed = self.of.texts("aws.xray.annotations");
        let (mut annotations, mut metadata) = (Map::new(), Map::new());
        for (name, value) in self.of.each() {
            let plain = value.is_string() || value.is_number() || value.is_boolean();
            let noted =
                name.strip_prefix("annotation.").or_else(|| listed.iter().any(|key| key == name).then_some(name));
            match noted.filter(|_| plain) {
                Some(key) => _ = annotations.insert(annotation_key(key), value),
                None => _ = metadata.insert(name.to_owned(), value),
            }
        }
        metadata.insert("otel.span.name".to_owned(), json!(self.span.name));
        metadata.extend(self.resource.each().map(|(name, value)| (format!("otel.resource.{name}"), value)));
        let events: Vec<_> = self
            .span
            .events
            .iter()
            .map(|event| {
                let of: Map<_, _> = Attributes::of(&event.attributes)
                    .each()
                    .map(|(name, value)| (name.to_owned(), shortened(value)))
                    .collect();
                json!({ "name": event.name, "time": seconds(event.time_unix_nano), "attributes": of })
            })
            .collect();
        if !events.is_empty() {
            metadata.insert("otel.events".to_owned(), Value::Array(events));
        }
        (annotations, metadata)
    }

    fn links(&self) -> Vec<Value> {
        let link = |link: &opentelemetry_proto::tonic::trace::v1::span::Link| {
            let of: Map<_, _> =
                Attributes::of(&link.attributes).each().map(|(name, value)| (name.to_owned(), value)).collect();
            let (trace, span) = (ids::trace_to_xray(&link.trace_id)?, ids::span_to_xray(&link.span_id)?);
            Some(json!({ "trace_id": trace, "id": span, "attributes": of }))
        };
        self.span.links.iter().filter_map(link).collect()
    }
}

/// Those fields that are there.
fn present<T: Into<Value>, const N: usize>(fields: [(&str, Option<T>); N]) -> Map<String, Value> {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a float has more digits than X-Ray reads")]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// A name of the characters that X-Ray takes, and not too long.
fn sound_name(name: &str) -> String {
    let sound = |c: &char| c.is_alphanumeric() || c.is_whitespace() || "_.:/%&#=+\\-@".contains(*c);
    let name: String = name.chars().filter(sound).take(NAME_MAX).collect();
    if name.trim().is_empty() { "-".to_owned() } else { name }
}

/// A key of the characters that filter expressions take.
fn annotation_key(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).collect()
}

/// A value whose text is not too long: stack traces are, and a document has 64 KiB.
fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > STACK_MAX => {
            Value::String(text.chars().take(STACK_MAX).chain(['…']).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::{
        common::v1::KeyValue,
        trace::v1::{Status, span::Event},
    };
    use telemetry::traces::Segment;

    use super::*;
    use crate::attributes::attribute;

    fn list(pairs: &[(&str, Value)]) -> Vec<KeyValue> {
        pairs.iter().map(|(key, value)| attribute(*key, value)).collect()
    }

    fn resource() -> Resource {
        let attributes = list(&[
            ("service.name", json!("checkout")),
            ("cloud.platform", json!("aws_ecs")),
            ("telemetry.sdk.language", json!("python")),
            ("telemetry.sdk.name", json!("opentelemetry")),
        ]);
        Resource { attributes, ..Resource::default() }
    }

    fn span(kind: SpanKind, parent: bool, attributes: &[(&str, Value)]) -> Span {
        Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            parent_span_id: if parent { vec![3; 8] } else { Vec::new() },
            name: "GET /orders".to_owned(),
            kind: kind.into(),
            start_time_unix_nano: 1_700_000_000_000_000_000,
            end_time_unix_nano: 1_700_000_000_250_000_000,
            attributes: list(attributes),
            ..Span::default()
        }
    }

    fn written(span: &Span) -> Vec<(Segment, Value)> {
        let documents = documents(span, Some(&resource())).unwrap();
        let read = |document: &String| (Segment::parse(document).unwrap(), serde_json::from_str(document).unwrap());
        documents.iter().map(read).collect()
    }

    #[test]
    fn a_server_s_span_is_a_segment_by_old_names_and_new() {
        let old = [
            ("http.method", json!("GET")),
            ("http.scheme", json!("http")),
            ("http.host", json!("shop:8080")),
            ("http.target", json!("/orders?page=2")),
            ("http.status_code", json!(404)),
            ("http.user_agent", json!("curl")),
            ("net.peer.ip", json!("10.0.0.9")),
        ];
        let new = [
            ("http.request.method", json!("GET")),
            ("url.scheme", json!("http")),
            ("server.address", json!("shop")),
            ("server.port", json!(8080)),
            ("url.path", json!("/orders")),
            ("url.query", json!("page=2")),
            ("http.response.status_code", json!(404)),
            ("user_agent.original", json!("curl")),
            ("client.address", json!("10.0.0.9")),
        ];
        for attributes in [&old[..], &new[..]] {
            let all = written(&span(SpanKind::Server, true, attributes));
            let (segment, _) = &all[0];
            assert_eq!((all.len(), segment.name.as_str(), segment.is_subsegment), (1, "checkout", false));
            assert_eq!(segment.http.url.as_deref(), Some("http://shop:8080/orders?page=2"));
            assert_eq!((segment.http.status, segment.error, segment.fault), (Some(404), true, false));
            assert_eq!(segment.http.user_agent.as_deref(), Some("curl"));
            assert_eq!(segment.http.client_ip.as_deref(), Some("10.0.0.9"));
            assert_eq!(segment.origin.as_deref(), Some("AWS::ECS::Container"));
            assert_eq!(segment.parent_id.as_deref(), Some("0303030303030303"));
            assert!((segment.duration().unwrap() - 0.25).abs() < 1e-6);
        }
    }

    #[test]
    fn calls_are_steps_and_what_a_service_does_itself_too() {
        let (call, _) = &written(&span(SpanKind::Client, true, &[("url.full", json!("http://api.local/todos"))]))[0];
        assert_eq!((call.name.as_str(), call.is_call()), ("api.local", true));
        let aws = [("rpc.system", json!("aws-api")), ("rpc.service", json!("DynamoDB"))];
        let (call, _) = &written(&span(SpanKind::Client, true, &aws))[0];
        assert_eq!((call.name.as_str(), call.namespace.as_deref()), ("DynamoDB", Some("aws")));
        let (step, _) = &written(&span(SpanKind::Internal, true, &[]))[0];
        assert_eq!((step.name.as_str(), step.is_call(), step.is_subsegment), ("GET /orders", false, true));
        let (database, document) =
            &written(&span(SpanKind::Client, true, &[("db.system", json!("postgresql")), ("db.name", json!("todos"))]))
                [0];
        assert_eq!((database.name.as_str(), &document["sql"]["database_type"]), ("todos", &json!("postgresql")));
    }

    #[test]
    fn a_service_that_begins_with_a_call_gets_a_segment_around_it() {
        let all = written(&span(SpanKind::Client, false, &[("peer.service", json!("api"))]));
        let [(service, _), (call, _)] = &all[..] else { panic!("{} documents", all.len()) };
        assert_eq!((service.name.as_str(), service.parent_id.as_deref()), ("checkout", None));
        assert_eq!((call.name.as_str(), call.parent_id.as_ref()), ("api", Some(&service.id)));
        assert_eq!(call.id, "0202020202020202");
        let elsewhere = Span { flags: REMOTE | REMOTE_IS_KNOWN, ..span(SpanKind::Internal, true, &[]) };
        assert!(!written(&elsewhere)[0].0.is_subsegment);
    }

    #[test]
    fn failures_tell_whose_and_why() {
        let stack = "x".repeat(100_000);
        let event = Event {
            name: "exception".to_owned(),
            attributes: list(&[
                ("exception.type", json!("KeyError")),
                ("exception.message", json!("no such todo")),
                ("exception.stacktrace", json!(stack)),
            ]),
            ..Event::default()
        };
        let status = Some(Status { message: "it broke".to_owned(), code: StatusCode::Error.into() });
        let mut failed = Span { status, events: vec![event], ..span(SpanKind::Server, false, &[]) };
        let (segment, document) = written(&failed).remove(0);
        assert!(segment.fault && segment.messages == ["no such todo"]);
        assert_eq!(document["cause"]["exceptions"][0]["type"], "KeyError");
        assert!(document.to_string().len() < 64 * 1024);
        failed.events.clear();
        assert_eq!(written(&failed)[0].0.messages, ["it broke"]);
        failed.attributes = list(&[("http.response.status_code", json!(429))]);
        let (segment, _) = written(&failed).remove(0);
        assert!(segment.throttle && segment.error && !segment.fault);
    }

    #[test]
    fn only_what_is_asked_for_is_an_annotation() {
        let list: Value = json!("unused");
        let mut noted =
            span(SpanKind::Server, false, &[("version", json!(2)), ("annotation.team", json!("a")), ("other", list)]);
        let name = |text: &str| opentelemetry_proto::tonic::common::v1::AnyValue {
            value: Some(opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue(text.to_owned())),
        };
        let value = opentelemetry_proto::tonic::common::v1::any_value::Value::ArrayValue(
            opentelemetry_proto::tonic::common::v1::ArrayValue { values: vec![name("version")] },
        );
        let value = Some(opentelemetry_proto::tonic::common::v1::AnyValue { value: Some(value) });
        noted.attributes.push(KeyValue { key: "aws.xray.annotations".to_owned(), value, ..KeyValue::default() });
        let (segment, document) = written(&noted).remove(0);
        let keys: Vec<_> = segment.annotations.keys().cloned().collect();
        assert_eq!(keys, ["team", "version"]);
        assert_eq!(document["metadata"]["default"]["other"], "unused");
        assert_eq!(document["metadata"]["default"]["otel.resource.service.name"], "checkout");
    }

    #[test]
    fn what_is_no_span_is_told() {
        let sound = || span(SpanKind::Server, false, &[]);
        for (wrong, reason) in [
            (Span { trace_id: vec![0; 16], ..sound() }, "trace_id"),
            (Span { span_id: vec![1; 7], ..sound() }, "span_id"),
            (Span { start_time_unix_nano: 0, ..sound() }, "start_time"),
            (Span { end_time_unix_nano: 0, ..sound() }, "end_time"),
        ] {
            assert!(documents(&wrong, None).unwrap_err().to_string().contains(reason));
        }
        let nameless = documents(&Span { name: String::new(), ..sound() }, None).unwrap();
        assert_eq!(Segment::parse(&nameless[0]).unwrap().name, NAMELESS);
    }
}
