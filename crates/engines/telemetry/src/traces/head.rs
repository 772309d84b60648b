//! What has to be known of a document to keep it: read without taking the rest apart, since many come in.

use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};

use super::{
    Segment, SegmentError,
    segment::{DOCUMENT_MAX, NAME_MAX, is_hex, is_trace_id, millis},
};

/// The head of a document.
pub(super) struct Head {
    pub(super) id: String,
    pub(super) trace_id: String,
    start: f64,
    end: Option<f64>,
}

/// A document as nearly all are: whatever differs is read by [`Segment::parse`], which knows what to say of it.
#[derive(Deserialize)]
struct Usual<'d> {
    #[serde(borrow)]
    name: Cow<'d, str>,
    #[serde(borrow)]
    id: Cow<'d, str>,
    #[serde(borrow)]
    trace_id: Cow<'d, str>,
    start_time: f64,
    end_time: Option<f64>,
    // A subsegment has rules of its own, and what is in progress too.
    #[serde(rename = "type")]
    kind: Option<IgnoredAny>,
}

impl Head {
    /// Reads a document; on failure with its id, if there is one.
    pub(super) fn parse(document: &str) -> Result<Self, (Option<String>, SegmentError)> {
        if let Some(head) = Self::usual(document) {
            return Ok(head);
        }
        let Segment { id, trace_id, start, end, .. } = Segment::parse(document)?;
        Ok(Self { id, trace_id, start, end })
    }

    fn usual(document: &str) -> Option<Self> {
        let Usual { name, id, trace_id, start_time: start, end_time, kind } =
            (document.len() <= DOCUMENT_MAX).then(|| serde_json::from_str(document).ok())??;
        let named = !name.is_empty() && (name.len() <= NAME_MAX || name.chars().count() <= NAME_MAX);
        let sound = named && kind.is_none() && is_hex(&id, 16) && is_trace_id(&trace_id) && start >= 0.0;
        let end = Some(end_time.filter(|_| sound)?);
        Some(Self { id: id.into_owned(), trace_id: trace_id.into_owned(), start, end })
    }

    pub(super) fn begun_millis(&self) -> i64 {
        millis(self.start)
    }

    pub(super) fn ended_millis(&self) -> Option<i64> {
        self.end.map(millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"name":"gateway","id":"70de5b6f19ff9a0a","trace_id":"1-581cf771-a006649127e371903a2de979",
        "start_time":1478293361.271,"end_time":1478293361.449,"http":{"request":{"url":"a\u0041"}},"subsegments":[{}]}"#;

    #[test]
    fn it_says_what_the_whole_says() {
        for (from, to) in [
            ("", ""),
            ("gateway", "gate\\u0077ay"),
            ("\"gateway\"", "7"),
            ("\"gateway\"", "\"\""),
            ("70de", "7"),
            ("1-58", "2-58"),
            ("1478293361.271", "\"now\""),
            ("1478293361.271", "-1"),
            ("\"end_time\":1478293361.449", "\"in_progress\":true"),
            ("\"end_time\":1478293361.449", "\"end_time\":\"x\""),
            ("\"http\"", "\"type\":\"subsegment\",\"http\""),
            ("{\"name\"", "{\"name\":\"twice\",\"name\""),
            ("\"subsegments\":[{}]}", ""),
        ] {
            let document = WHOLE.replacen(from, to, 1);
            let (head, whole) = (Head::parse(&document), Segment::parse(&document));
            let said = head.map(|head| (head.id, head.trace_id, millis(head.start), head.end.map(millis)));
            assert_eq!(
                said,
                whole.map(|s| (s.id.clone(), s.trace_id.clone(), s.begun_millis(), s.end.map(millis))),
                "{document}"
            );
        }
    }
}
