//! What a command works on: an event with what was made of it, or a row of counts.

use std::sync::Arc;

use names::Timestamp;
use serde_json::Value as Json;

use super::value::Value;
use crate::logs::Event;

/// A record.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// The event it is, unless it counts many.
    pub(super) event: Option<Source>,
    /// What commands made, the latest last.
    pub(super) made: Vec<(String, Option<Value>)>,
    /// The message, if it is a JSON object and somebody asks for its members.
    json: Option<Json>,
}

/// An event and where it is from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) group: Arc<str>,
    pub(super) stream: String,
    pub(super) event: Event,
}

impl Record {
    /// The record of an event; `looks_inside` where its message may be asked for members.
    pub(super) fn of(source: Source, looks_inside: bool) -> Self {
        let message = source.event.message.trim_start();
        let json = (looks_inside && message.starts_with('{')).then(|| serde_json::from_str(message).ok()).flatten();
        Self { event: Some(source), made: Vec::new(), json }
    }

    /// The value of the field called `name`.
    pub(super) fn field(&self, name: &str) -> Option<Value> {
        if let Some((_, made)) = self.made.iter().rev().find(|(made, _)| made == name) {
            return made.clone();
        }
        match (name.starts_with('@'), &self.event) {
            (true, Some(source)) => source.field(name),
            _ => member(self.json.as_ref()?, name),
        }
    }

    /// When its event happened.
    pub(super) fn time(&self) -> Option<Timestamp> {
        Some(self.event.as_ref()?.event.time)
    }

    /// Sets a field.
    pub(super) fn make(&mut self, name: &str, value: Option<Value>) {
        self.made.retain(|(made, _)| made != name);
        self.made.push((name.to_owned(), value));
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let message = self.event.as_ref().map_or(0, |source| source.event.message.len() + source.stream.len());
        let made = self.made.iter().map(|(name, value)| {
            name.len() + if let Some(Value::Text(text)) = value { text.len() } else { 0 } + size_of::<Value>()
        });
        // What a message says takes about thrice as much when it is taken apart.
        message * if self.json.is_some() { 4 } else { 1 } + made.sum::<usize>() + size_of::<Self>()
    }
}

impl Source {
    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "@timestamp" => Value::Time(self.event.time.as_millis()),
            "@ingestionTime" => Value::Time(self.event.arrival.as_millis()),
            "@message" => Value::Text(self.event.message.clone()),
            "@logStream" => Value::Text(self.stream.clone()),
            "@log" => Value::Text(self.group.to_string()),
            "@ptr" => Value::Text(format!("{:020}{:020}", self.event.time.as_millis(), self.event.id)),
            _ => return None,
        })
    }
}

/// The member at `path`. A member whose name has a dot in it is found too.
fn member(json: &Json, path: &str) -> Option<Value> {
    let Json::Object(members) = json else {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let item = json.as_array()?.get(first.parse::<usize>().ok()?)?;
        return rest.map_or_else(|| plain(item), |rest| member(item, rest));
    };
    if let Some(found) = members.get(path) {
        return plain(found);
    }
    let dots = path.match_indices('.').map(|(at, _)| at);
    dots.into_iter().find_map(|at| member(members.get(&path[..at])?, &path[at + 1..]))
}

fn plain(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(truth) => Value::Truth(*truth),
        Json::Number(number) => number.as_f64().map_or_else(|| Value::Text(number.to_string()), Value::Number),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(_) | Json::Object(_) => Value::Text(json.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_their_path() {
        let json = serde_json::json!({ "a": { "b": [1, { "c": "x" }], "d.e": true }, "n": null, "f.g": 2 });
        assert_eq!(member(&json, "a.b.0"), Some(Value::Number(1.0)));
        assert_eq!(member(&json, "a.b.1.c"), Some(Value::Text("x".to_owned())));
        assert_eq!(member(&json, "a.d.e"), Some(Value::Truth(true)));
        assert_eq!(member(&json, "f.g"), Some(Value::Number(2.0)));
        assert_eq!(member(&json, "a.b.1"), Some(Value::Text(r#"{"c":"x"}"#.to_owned())));
        for absent in ["n", "a.b.7", "a.b.x", "a.b.0.c", "", "."] {
            assert_eq!(member(&json, absent), None, "{absent}");
        }
    }
}
