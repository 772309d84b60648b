//! Segment documents, read. Fields that carry no meaning here are passed over; fields of the wrong type too, since
//! SDKs differ and a trace with a strange field is worth more than none.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::plain;

/// The longest document, in bytes, as at AWS.
pub(super) const DOCUMENT_MAX: usize = 64 * 1024;
/// The longest name, in characters, as at AWS.
pub(super) const NAME_MAX: usize = 200;

/// What one service, or one step within it, says of one request.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "the document has them as flags of their own")]
pub struct Segment {
    /// The service, or the step.
    pub name: String,
    /// Its id: 16 hexadecimal digits.
    pub id: String,
    /// The trace it belongs to.
    pub trace_id: String,
    /// The (sub)segment that called it.
    pub parent_id: Option<String>,
    /// Whether it is a step of another segment that was sent by itself.
    pub is_subsegment: bool,
    /// When it began, in seconds since 1970.
    pub start: f64,
    /// When it ended; none while it is in progress.
    pub end: Option<f64>,
    /// What the service runs on: `AWS::ECS::Container`, `AWS::AppMesh::Proxy`.
    pub origin: Option<String>,
    /// For a step that calls somebody: `remote`, or `aws` for an AWS service.
    pub namespace: Option<String>,
    /// The client's fault (4xx).
    pub error: bool,
    /// The server's fault (5xx).
    pub fault: bool,
    /// Sent away (429).
    pub throttle: bool,
    /// The request it served or made.
    pub http: Http,
    /// Who asked.
    pub user: Option<String>,
    /// Where it ran, and on what.
    pub place: Place,
    /// What exceptions said.
    pub messages: Vec<String>,
    /// What the service noted of it: texts, numbers and booleans.
    pub annotations: BTreeMap<String, Value>,
    /// Its steps.
    pub subsegments: Vec<Segment>,
}

/// A request and its answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Http {
    /// What was asked for.
    pub url: Option<String>,
    /// How.
    pub method: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// From where.
    pub client_ip: Option<String>,
    /// How it was answered.
    pub status: Option<i64>,
}

/// Where a service runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// The availability zone.
    pub zone: Option<String>,
    /// The EC2 instance.
    pub instance: Option<String>,
    /// The resource, by ARN.
    pub resource: Option<String>,
}

/// Why a document is no segment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// It is not a JSON object.
    #[error("the document is not a JSON object")]
    Json,
    /// It is too long.
    #[error("the document has {0} bytes, {DOCUMENT_MAX} are allowed")]
    TooLong(usize),
    /// A field that each segment has is missing, or is not what it must be.
    #[error("`{0}` is missing or not {1}")]
    Field(&'static str, &'static str),
}

impl SegmentError {
    /// The error for programs, as `UnprocessedTraceSegments` spells them.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json => "ParseError",
            Self::TooLong(_) => "DocumentTooLarge",
            Self::Field("id", _) => "InvalidId",
            Self::Field("trace_id", _) => "InvalidTraceId",
            Self::Field("name", _) => "InvalidName",
            Self::Field("start_time", _) => "InvalidStartTime",
            Self::Field(..) => "InvalidDocument",
        }
    }
}

impl Segment {
    /// Reads a document; on failure with its id, if there is one.
    pub fn parse(document: &str) -> Result<Self, (Option<String>, SegmentError)> {
        if document.len() > DOCUMENT_MAX {
            return Err((None, SegmentError::TooLong(document.len())));
        }
        let plain = serde_json::from_str::<plain::Document>(document).ok().and_then(plain::Document::segment);
        plain.map_or_else(|| Self::parse_patiently(document), Ok)
    }

    /// Reads a document of which fields may be of the wrong type, or that is none.
    fn parse_patiently(document: &str) -> Result<Self, (Option<String>, SegmentError)> {
        let Ok(Value::Object(fields)) = serde_json::from_str(document) else {
            return Err((None, SegmentError::Json));
        };
        Self::document(&fields).map_err(|error| (text(&fields, "id"), error))
    }

    fn document(fields: &Map<String, Value>) -> Result<Self, SegmentError> {
        let trace_id = text(fields, "trace_id").filter(|id| is_trace_id(id));
        let trace_id = trace_id.ok_or(SegmentError::Field("trace_id", "1-<8 digits>-<24 digits>, hexadecimal"))?;
        let mut segment = Self::read(fields, &trace_id)?;
        segment.is_subsegment = text(fields, "type").as_deref() == Some("subsegment");
        if segment.is_subsegment && segment.parent_id.is_none() {
            return Err(SegmentError::Field("parent_id", "the id of the segment that the subsegment is part of"));
        }
        Ok(segment)
    }

    fn read(fields: &Map<String, Value>, trace_id: &str) -> Result<Self, SegmentError> {
        let name = text(fields, "name").filter(|name| !name.is_empty() && name.chars().count() <= NAME_MAX);
        let start = fields.get("start_time").and_then(Value::as_f64).filter(|start| start.is_finite() && *start >= 0.0);
        let start = start.ok_or(SegmentError::Field("start_time", "seconds since 1970"))?;
        let end = fields.get("end_time").and_then(Value::as_f64);
        if end.is_none() && !flag(fields, "in_progress") {
            return Err(SegmentError::Field("end_time", "there, though the segment is not in progress"));
        }
        let steps = fields.get("subsegments").and_then(Value::as_array).into_iter().flatten();
        let http = Http::read(fields.get("http").unwrap_or(&Value::Null));
        Ok(Self {
            name: name.ok_or(SegmentError::Field("name", "1 to 200 characters"))?,
            id: text(fields, "id")
                .filter(|id| is_hex(id, 16))
                .ok_or(SegmentError::Field("id", "16 hexadecimal digits"))?,
            trace_id: trace_id.to_owned(),
            parent_id: text(fields, "parent_id").filter(|id| !id.is_empty()),
            is_subsegment: false,
            start,
            end,
            origin: text(fields, "origin"),
            namespace: text(fields, "namespace"),
            throttle: flag(fields, "throttle") || http.status == Some(429),
            error: flag(fields, "error") || http.status.is_some_and(|status| (400..500).contains(&status)),
            fault: flag(fields, "fault") || http.status.is_some_and(|status| (500..600).contains(&status)),
            http,
            user: text(fields, "user"),
            place: Place::read(fields),
            messages: messages(fields),
            annotations: annotations(fields),
            // A step that can't be read is passed over; its segment is still worth having.
            subsegments: steps
                .filter_map(Value::as_object)
                .filter_map(|step| Self::read(step, trace_id).ok())
                .map(|step| Self { is_subsegment: true, ..step })
                .collect(),
        })
    }

    /// How long it took, in seconds; none while it is in progress.
    pub fn duration(&self) -> Option<f64> {
        self.end.map(|end| (end - self.start).max(0.0))
    }

    /// Whether it calls somebody whose own segment may be missing.
    pub fn is_call(&self) -> bool {
        self.is_subsegment && matches!(self.namespace.as_deref(), Some("remote" | "aws"))
    }

    /// It and all its steps, steps of steps included.
    pub fn each(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        Box::new(std::iter::once(self).chain(self.subsegments.iter().flat_map(Self::each)))
    }

    pub(super) fn begun_millis(&self) -> i64 {
        millis(self.start)
    }
}

impl Http {
    fn read(http: &Value) -> Self {
        let asked = |field: &str| http["request"][field].as_str().map(str::to_owned);
        Self {
            url: asked("url"),
            method: asked("method"),
            user_agent: asked("user_agent"),
            client_ip: asked("client_ip"),
            status: http["response"]["status"].as_i64(),
        }
    }
}

impl Place {
    fn read(fields: &Map<String, Value>) -> Self {
        let aws = |field: &str| Some(fields.get("aws")?["ec2"][field].as_str()?.to_owned());
        Self { zone: aws("availability_zone"), instance: aws("instance_id"), resource: text(fields, "resource_arn") }
    }
}

fn messages(fields: &Map<String, Value>) -> Vec<String> {
    let exceptions = fields.get("cause").and_then(|cause| cause["exceptions"].as_array()).into_iter().flatten();
    exceptions.filter_map(|exception| exception["message"].as_str().map(str::to_owned)).collect()
}

fn text(fields: &Map<String, Value>, field: &str) -> Option<String> {
    fields.get(field)?.as_str().map(str::to_owned)
}

fn flag(fields: &Map<String, Value>, field: &str) -> bool {
    fields.get(field).and_then(Value::as_bool).unwrap_or(false)
}

fn annotations(fields: &Map<String, Value>) -> BTreeMap<String, Value> {
    let notes = fields.get("annotations").and_then(Value::as_object).into_iter().flatten();
    let plain = notes.filter(|(_, value)| value.is_string() || value.is_number() || value.is_boolean());
    plain.map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a float saturates on its way to an integer")]
pub(super) fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether `id` is `1-<time>-<random>`, all in hexadecimal digits.
pub(crate) fn is_trace_id(id: &str) -> bool {
    let mut parts = id.split('-');
    let (version, time, random) = (parts.next(), parts.next(), parts.next());
    version == Some("1")
        && time.is_some_and(|time| is_hex(time, 8))
        && random.is_some_and(|random| is_hex(random, 24))
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"name":"gateway","id":"70de5b6f19ff9a0a","trace_id":"1-581cf771-a006649127e371903a2de979",
        "start_time":1478293361.271,"end_time":1478293361.449,"origin":"AWS::ECS::Container","user":"ann",
        "http":{"request":{"method":"GET","url":"http://gateway/todos","client_ip":"10.0.0.9"},
                "response":{"status":429,"content_length":"12"}},
        "annotations":{"version":"2","items":3,"cached":false,"odd":[1]},"metadata":{"x":{"y":1}},
        "subsegments":[{"name":"api","id":"53995c3f42cd8ad8","start_time":1478293361.3,"end_time":1478293361.4,
                        "namespace":"remote"},{"name":"broken"}]}"#;

    #[test]
    fn a_document_is_read() {
        let segment = Segment::parse(WHOLE).unwrap();
        assert_eq!((segment.error, segment.fault, segment.throttle), (true, false, true));
        assert_eq!(segment.annotations.len(), 3);
        assert_eq!(segment.http.status, Some(429));
        assert!(segment.subsegments.len() == 1 && segment.subsegments[0].is_call());
        assert_eq!(segment.each().count(), 2);
        assert!((segment.duration().unwrap() - 0.178).abs() < 1e-6);
    }

    #[test]
    fn both_ways_of_reading_find_the_same() {
        let more = r#""aws":{"ec2":{"availability_zone":"a"},"xray":{"x":1}},"cause":{"exceptions":[{"message":"m"},{}]},
                      "fault":null,"origin""#;
        let variants = [
            WHOLE.to_owned(),
            WHOLE.replace("\"origin\"", more),
            WHOLE.replace("429", "503"),
            WHOLE.replace("\"user\":\"ann\"", "\"type\":\"subsegment\",\"parent_id\":\"\""),
            WHOLE.replace("\"user\":\"ann\"", "\"type\":\"subsegment\",\"parent_id\":\"53995c3f42cd8ad8\""),
            WHOLE.replace("53995c3f42cd8ad8", "5399"),
            WHOLE.replace("\"end_time\":1478293361.449", "\"in_progress\":true"),
        ];
        for document in variants {
            assert_eq!(Segment::parse(&document), Segment::parse_patiently(&document), "{document}");
        }
        // A field of the wrong type is passed over, and nothing else with it.
        let odd = WHOLE.replace("\"ann\"", "[7]").replace("429", "\"late\"");
        let segment = Segment::parse(&odd).unwrap();
        assert_eq!((segment.user, segment.http.status, segment.subsegments.len()), (None, None, 1));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (from, to, code) in [
            ("70de5b6f19ff9a0a", "70de", "InvalidId"),
            ("1-581cf771", "2-581cf771", "InvalidTraceId"),
            ("1478293361.271", "\"now\"", "InvalidStartTime"),
            ("\"gateway\"", "\"\"", "InvalidName"),
            ("\"end_time\":1478293361.449,\"origin\"", "\"origin\"", "InvalidDocument"),
            ("\"user\":\"ann\"", "\"type\":\"subsegment\"", "InvalidDocument"),
            ("{\"name\":\"gateway\"", "[\"name\"", "ParseError"),
        ] {
            let wrong = WHOLE.replacen(from, to, 1);
            assert_eq!(Segment::parse(&wrong).unwrap_err().1.code(), code, "{wrong}");
        }
        let long = format!("{WHOLE}{}", " ".repeat(DOCUMENT_MAX));
        assert_eq!(Segment::parse(&long).unwrap_err().1.code(), "DocumentTooLarge");
    }

    #[test]
    fn steps_within_steps_have_an_end() {
        let deep = "[".repeat(1000);
        assert_eq!(Segment::parse(&format!("{{\"subsegments\":{deep}")).unwrap_err().1, SegmentError::Json);
    }
}
