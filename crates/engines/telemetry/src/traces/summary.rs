//! Traces in short.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Filter, Forest, Http, Segment, Span, filter::Subject};

/// A trace in short.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "the API has them as flags of their own")]
pub struct Summary {
    /// Its id.
    pub id: String,
    /// When it began, in seconds since 1970.
    pub start: f64,
    /// Seconds from the first begin to the last end.
    pub duration: f64,
    /// Seconds its entry took; none while it is in progress.
    pub response_time: Option<f64>,
    /// Whether its entry failed by the server's fault.
    pub fault: bool,
    /// Whether its entry failed by the client's fault.
    pub error: bool,
    /// Whether anybody was sent away.
    pub throttle: bool,
    /// Whether a segment is in progress.
    pub partial: bool,
    /// The request that began it.
    pub http: Http,
    /// What services noted of it, by key.
    pub annotations: BTreeMap<String, Vec<Annotation>>,
    /// Who asked, and which services say so.
    pub users: BTreeMap<String, Vec<ServiceId>>,
    /// Which services took part.
    pub services: Vec<ServiceId>,
    /// Where it began.
    pub entry: Option<ServiceId>,
    /// How many segments it has.
    pub revision: usize,
}

/// The value of an annotation, and which services noted it.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotation {
    /// Text, number or boolean.
    pub value: Value,
    /// Who noted it.
    pub services: Vec<ServiceId>,
}

/// A service by its name and what it runs on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceId {
    /// Its name.
    pub name: String,
    /// What it runs on.
    pub kind: Option<String>,
}

impl ServiceId {
    fn of(segment: &Segment) -> Self {
        Self { name: segment.name.clone(), kind: segment.origin.clone() }
    }
}

/// The traces with a segment within `span` for which `filter` holds, the latest first; and how many there were.
pub(super) fn summaries(forest: &Forest<'_>, span: Span, filter: &Filter) -> (Vec<Summary>, usize) {
    let mut traces: BTreeMap<&str, Vec<&Segment>> = BTreeMap::new();
    for service in forest.services() {
        traces.entry(&service.trace_id).or_default().push(service);
    }
    traces.retain(|_, segments| segments.iter().any(|segment| span.holds(segment)));
    let looked_at = traces.len();
    traces.retain(holding(filter, forest));
    let mut found: Vec<_> = traces.into_values().map(|segments| summary(&segments, forest)).collect();
    found.sort_by(|a, b| b.start.total_cmp(&a.start).then_with(|| a.id.cmp(&b.id)));
    (found, looked_at)
}

/// The ids of the traces for which `filter` holds.
pub(super) fn matching<'a>(forest: &'a Forest<'a>, filter: &Filter) -> BTreeSet<&'a str> {
    let mut traces: BTreeMap<&str, Vec<&Segment>> = BTreeMap::new();
    for service in forest.services() {
        traces.entry(&service.trace_id).or_default().push(service);
    }
    traces.retain(holding(filter, forest));
    traces.into_keys().collect()
}

/// Says of each trace whether `filter` holds for it.
fn holding<'a>(filter: &Filter, forest: &'a Forest<'a>) -> impl FnMut(&&'a str, &mut Vec<&'a Segment>) -> bool {
    let mut open: BTreeMap<&str, Vec<(&Segment, &Segment)>> = BTreeMap::new();
    if !filter.is_empty() {
        for (_, caller, step) in forest.open_calls() {
            open.entry(&step.trace_id).or_default().push((caller, step));
        }
    }
    move |id, segments| filter.holds(&Subject::trace(segments, open.remove(id).unwrap_or_default(), forest))
}

fn summary(segments: &[&Segment], forest: &Forest<'_>) -> Summary {
    let entries: Vec<_> = segments.iter().filter(|segment| forest.caller(segment).is_none()).collect();
    let entry = entries.first().map(|entry| **entry);
    let mut services: Vec<_> = segments.iter().map(|segment| ServiceId::of(segment)).collect();
    services.sort();
    services.dedup();
    Summary {
        id: segments.first().map(|segment| segment.trace_id.clone()).unwrap_or_default(),
        start: segments.iter().map(|segment| segment.start).fold(f64::INFINITY, f64::min),
        duration: duration(segments.iter().copied()),
        response_time: entry.and_then(Segment::duration),
        fault: entries.iter().any(|entry| entry.fault),
        error: entries.iter().any(|entry| entry.error),
        throttle: segments.iter().any(|segment| segment.throttle),
        partial: segments.iter().any(|segment| segment.end.is_none()),
        http: entry.map(|entry| entry.http.clone()).unwrap_or_default(),
        annotations: annotations(segments),
        users: users(segments),
        services,
        entry: entry.map(ServiceId::of),
        revision: segments.len(),
    }
}

/// Seconds from the first begin to the last end.
pub(super) fn duration<'a>(segments: impl Iterator<Item = &'a Segment>) -> f64 {
    let span = segments.fold((f64::INFINITY, f64::NEG_INFINITY), |(first, last), segment| {
        (first.min(segment.start), last.max(segment.end.unwrap_or(segment.start)))
    });
    (span.1 - span.0).max(0.0)
}

fn annotations(segments: &[&Segment]) -> BTreeMap<String, Vec<Annotation>> {
    let mut all: BTreeMap<String, Vec<Annotation>> = BTreeMap::new();
    for segment in segments {
        for (key, value) in segment.each().flat_map(|entry| &entry.annotations) {
            let notes = all.entry(key.clone()).or_default();
            let service = ServiceId::of(segment);
            match notes.iter_mut().find(|note| note.value == *value) {
                Some(note) if note.services.contains(&service) => {}
                Some(note) => note.services.push(service),
                None => notes.push(Annotation { value: value.clone(), services: vec![service] }),
            }
        }
    }
    all
}

fn users(segments: &[&Segment]) -> BTreeMap<String, Vec<ServiceId>> {
    let mut all: BTreeMap<String, Vec<ServiceId>> = BTreeMap::new();
    for segment in segments {
        if let Some(user) = &segment.user {
            all.entry(user.clone()).or_default().push(ServiceId::of(segment));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use names::Timestamp;

    use super::*;

    fn segment(trace: u64, id: u64, parent: Option<u64>, rest: &str) -> Segment {
        let parent = parent.map(|id| format!(r#""parent_id":"{id:016x}","#)).unwrap_or_default();
        let document = format!(
            r#"{{"id":"{id:016x}","trace_id":"1-6553f100-{trace:024x}",{parent}"start_time":{}.0,"end_time":{}.5,{rest}}}"#,
            100 + trace,
            101 + trace
        );
        Segment::parse(&document).unwrap()
    }

    fn segments() -> Vec<Segment> {
        vec![
            segment(1, 1, None, r#""name":"gateway","user":"ann","http":{"request":{"url":"/todos"}}"#),
            segment(1, 2, Some(1), r#""name":"api","fault":true,"annotations":{"version":"2"}"#),
            segment(2, 3, None, r#""name":"gateway","error":true,"annotations":{"version":"2"}"#),
        ]
    }

    fn found(start: i64, end: i64, filter: &str) -> Vec<Summary> {
        let (segments, millis) = (segments(), |seconds| Timestamp::from_millis(seconds * 1000));
        let span = Span { start: millis(start), end: millis(end) };
        summaries(&Forest::new(&segments), span, &Filter::parse(filter).unwrap()).0
    }

    #[test]
    fn a_summary_speaks_of_the_entry() {
        let all = found(0, 200, "");
        assert_eq!(all.len(), 2);
        let Summary { fault, error, response_time, entry, services, users, .. } = &all[1];
        assert_eq!((*fault, *error, *response_time), (false, false, Some(1.5)));
        assert_eq!((entry.as_ref().unwrap().name.as_str(), services.len(), users.len()), ("gateway", 2, 1));
        assert_eq!(all[1].annotations["version"][0].services[0].name, "api");
        assert!(all[0].error && all[0].start > all[1].start, "the latest first");
    }

    #[test]
    fn only_what_is_within_the_time_and_the_filter() {
        assert_eq!(found(102, 200, "").len(), 1);
        assert_eq!(found(0, 50, "").len(), 0);
        assert_eq!(found(0, 200, "service(\"api\") { fault }").len(), 1);
        assert_eq!(found(0, 200, "annotation.version = \"2\"").len(), 2);
    }
}
