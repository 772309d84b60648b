//! Segment documents of which every field has the type that it should have, which nearly all are: read at once, without
//! a tree of values in between. Where this finds none, [`Segment::parse`] looks again, more slowly and with more patience.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::segment::{Http, NAME_MAX, Place, Segment, is_hex, is_trace_id};

/// A document, or a step in it.
#[derive(Deserialize)]
pub(super) struct Document {
    name: String,
    id: String,
    trace_id: Option<String>,
    parent_id: Option<String>,
    r#type: Option<String>,
    start_time: f64,
    end_time: Option<f64>,
    in_progress: Option<bool>,
    origin: Option<String>,
    namespace: Option<String>,
    error: Option<bool>,
    fault: Option<bool>,
    throttle: Option<bool>,
    http: Option<Exchange>,
    user: Option<String>,
    resource_arn: Option<String>,
    aws: Option<Aws>,
    cause: Option<Cause>,
    annotations: Option<BTreeMap<String, Value>>,
    subsegments: Option<Vec<Document>>,
}

#[derive(Deserialize)]
struct Exchange {
    request: Option<Request>,
    response: Option<Response>,
}

#[derive(Default, Deserialize)]
struct Request {
    url: Option<String>,
    method: Option<String>,
    user_agent: Option<String>,
    client_ip: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    status: Option<i64>,
}

#[derive(Deserialize)]
struct Aws {
    ec2: Option<Instance>,
}

#[derive(Default, Deserialize)]
struct Instance {
    availability_zone: Option<String>,
    instance_id: Option<String>,
}

#[derive(Deserialize)]
struct Cause {
    exceptions: Option<Vec<Exception>>,
}

#[derive(Deserialize)]
struct Exception {
    message: Option<String>,
}

impl Document {
    /// The segment, if it is one without doubt.
    pub(super) fn segment(mut self) -> Option<Segment> {
        let trace_id = self.trace_id.take().filter(|id| is_trace_id(id))?;
        let is_subsegment = self.r#type.as_deref() == Some("subsegment");
        let segment = self.read(&trace_id)?;
        (!is_subsegment || segment.parent_id.is_some()).then_some(Segment { is_subsegment, ..segment })
    }

    fn read(self, trace_id: &str) -> Option<Segment> {
        let is_named = !self.name.is_empty() && self.name.chars().count() <= NAME_MAX;
        let has_ended = self.end_time.is_some() || self.in_progress == Some(true);
        if !is_named || !has_ended || !is_hex(&self.id, 16) || !self.start_time.is_finite() || self.start_time < 0.0 {
            return None;
        }
        let http = self.http.map(Exchange::read).unwrap_or_default();
        let fails = |from: i64| http.status.is_some_and(|status| (from..from + 100).contains(&status));
        let ec2 = self.aws.and_then(|aws| aws.ec2).unwrap_or_default();
        let exceptions = self.cause.and_then(|cause| cause.exceptions).unwrap_or_default();
        let mut annotations = self.annotations.unwrap_or_default();
        annotations.retain(|_, value| value.is_string() || value.is_number() || value.is_boolean());
        let steps = self.subsegments.unwrap_or_default();
        Some(Segment {
            name: self.name,
            id: self.id,
            trace_id: trace_id.to_owned(),
            parent_id: self.parent_id.filter(|id| !id.is_empty()),
            is_subsegment: false,
            start: self.start_time,
            end: self.end_time,
            origin: self.origin,
            namespace: self.namespace,
            throttle: self.throttle == Some(true) || http.status == Some(429),
            error: self.error == Some(true) || fails(400),
            fault: self.fault == Some(true) || fails(500),
            http,
            user: self.user,
            place: Place { zone: ec2.availability_zone, instance: ec2.instance_id, resource: self.resource_arn },
            messages: exceptions.into_iter().filter_map(|exception| exception.message).collect(),
            annotations,
            subsegments: steps
                .into_iter()
                .filter_map(|step| step.read(trace_id))
                .map(|step| Segment { is_subsegment: true, ..step })
                .collect(),
        })
    }
}

impl Exchange {
    fn read(self) -> Http {
        let Request { url, method, user_agent, client_ip } = self.request.unwrap_or_default();
        Http { url, method, user_agent, client_ip, status: self.response.and_then(|response| response.status) }
    }
}
