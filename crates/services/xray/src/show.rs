//! What the traces say, in the words of the API.

use api::xray as model;
use names::{AccountId, Timestamp};
use telemetry::traces::{Annotation, Graph, Histogram, Node, ServiceId, Statistics, Summary, Trace};

/// A whole trace.
pub(crate) fn trace(trace: Trace) -> model::Trace {
    let segment = |(id, document)| model::Segment { id: Some(id), document: Some(document) };
    model::Trace {
        id: Some(trace.id),
        duration: Some(rounded(trace.duration)),
        limit_exceeded: Some(trace.limit_exceeded),
        segments: trace.segments.into_iter().map(segment).collect(),
    }
}

/// A trace in short.
pub(crate) fn summary(summary: Summary, account: &AccountId) -> model::TraceSummary {
    let ids = |services: Vec<ServiceId>| services.into_iter().map(|id| service_id(id, account)).collect();
    let note = |note: Annotation| model::ValueWithServiceIds {
        annotation_value: Some(model::AnnotationValue {
            number_value: note.value.as_f64(),
            boolean_value: note.value.as_bool(),
            string_value: note.value.as_str().map(str::to_owned),
        }),
        service_ids: ids(note.services),
    };
    let notes = summary.annotations.into_iter();
    let users = summary.users.into_iter();
    model::TraceSummary {
        id: Some(summary.id),
        start_time: Some(moment(summary.start)),
        duration: Some(rounded(summary.duration)),
        response_time: summary.response_time.map(rounded),
        has_fault: Some(summary.fault),
        has_error: Some(summary.error),
        has_throttle: Some(summary.throttle),
        is_partial: Some(summary.partial),
        http: Some(model::Http {
            http_url: summary.http.url,
            http_status: summary.http.status.and_then(|status| i32::try_from(status).ok()),
            http_method: summary.http.method,
            user_agent: summary.http.user_agent,
            client_ip: summary.http.client_ip,
        }),
        annotations: notes.map(|(key, values)| (key, values.into_iter().map(note).collect())).collect(),
        users: users.map(|(name, by)| model::TraceUser { user_name: Some(name), service_ids: ids(by) }).collect(),
        service_ids: ids(summary.services),
        entry_point: summary.entry.map(|id| service_id(id, account)),
        revision: i32::try_from(summary.revision).ok(),
        matched_event_time: None,
    }
}

fn service_id(id: ServiceId, account: &AccountId) -> model::ServiceId {
    model::ServiceId {
        names: vec![id.name.clone()],
        name: Some(id.name),
        account_id: Some(account.to_string()),
        r#type: id.kind,
    }
}

/// The nodes of a graph, numbered by their place.
pub(crate) fn graph(graph: Graph, account: &AccountId) -> Vec<model::Service> {
    graph.nodes.into_iter().zip(0..).map(|(node, number)| service(node, number, account)).collect()
}

fn service(node: Node, number: i32, account: &AccountId) -> model::Service {
    let is_client = node.kind.as_deref() == Some("client");
    let spans = node.edges.iter().filter_map(|edge| edge.statistics.span);
    let span = spans.chain(node.statistics.span).reduce(|(a, b), (c, d)| (a.min(c), b.max(d)));
    let histogram = histogram(&node.statistics.histogram);
    model::Service {
        reference_id: Some(number),
        names: vec![node.name.clone()],
        name: Some(node.name),
        root: node.root.then_some(true),
        account_id: (!is_client).then(|| account.to_string()),
        r#type: node.kind,
        state: Some(if node.active { "active" } else { "unknown" }.to_owned()),
        start_time: span.map(|(start, _)| moment(start)),
        end_time: span.map(|(_, end)| moment(end)),
        edges: node
            .edges
            .into_iter()
            .map(|edge| model::Edge {
                reference_id: i32::try_from(edge.to).ok(),
                start_time: edge.statistics.span.map(|(start, _)| moment(start)),
                end_time: edge.statistics.span.map(|(_, end)| moment(end)),
                response_time_histogram: self::histogram(&edge.statistics.histogram),
                summary_statistics: Some(statistics(&edge.statistics)),
                aliases: Vec::new(),
                edge_type: None,
            })
            .collect(),
        // A client sent no segments, so nothing is known of its own requests.
        summary_statistics: (!is_client).then(|| statistics(&node.statistics)),
        duration_histogram: histogram.clone(),
        response_time_histogram: histogram,
    }
}

/// How requests went.
pub(crate) fn statistics(statistics: &Statistics) -> model::ServiceStatistics {
    let count = |count: u64| Some(i64::try_from(count).unwrap_or(i64::MAX));
    model::ServiceStatistics {
        ok_count: count(statistics.ok),
        error_statistics: Some(model::ErrorStatistics {
            throttle_count: count(statistics.throttle),
            other_count: count(statistics.error),
            total_count: count(statistics.throttle + statistics.error),
        }),
        fault_statistics: Some(model::FaultStatistics {
            other_count: count(statistics.fault),
            total_count: count(statistics.fault),
        }),
        total_count: count(statistics.total()),
        total_response_time: Some(rounded(statistics.seconds)),
    }
}

/// How long they took.
pub(crate) fn histogram(histogram: &Histogram) -> Vec<model::HistogramEntry> {
    let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    histogram
        .entries()
        .map(|(value, times)| model::HistogramEntry { value: Some(value), count: Some(count(times)) })
        .collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a float saturates on its way to an integer")]
fn moment(seconds: f64) -> Timestamp {
    Timestamp::from_millis((seconds * 1000.0).round() as i64)
}

/// Seconds to the microsecond, so that sums show no trace of binary fractions.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}
