//! Attributes: words with values, by their present names and the names they had.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Kind};
use serde_json::{Map, Number, Value};

/// Lists in lists and maps in maps, at most; what is deeper is left out.
const DEPTH_MAX: usize = 16;

/// The attributes of one thing.
#[derive(Default)]
pub(crate) struct Attributes<'a>(BTreeMap<&'a str, &'a AnyValue>);

impl<'a> Attributes<'a> {
    pub(crate) fn of(list: &'a [KeyValue]) -> Self {
        Self(list.iter().filter_map(|pair| Some((pair.key.as_str(), pair.value.as_ref()?))).collect())
    }

    /// The text of the first of `names` that is there; of a number its digits.
    pub(crate) fn text(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| match self.0.get(name)?.value.as_ref()? {
            Kind::StringValue(text) if !text.is_empty() => Some(text.clone()),
            Kind::IntValue(number) => Some(number.to_string()),
            _ => None,
        })
    }

    /// The number of the first of `names` that is there, written as a number or as text.
    pub(crate) fn number(&self, names: &[&str]) -> Option<i64> {
        names.iter().find_map(|name| match self.0.get(name)?.value.as_ref()? {
            Kind::IntValue(number) => Some(*number),
            Kind::StringValue(text) => text.parse().ok(),
            _ => None,
        })
    }

    /// The texts in the list called `name`.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let Some(Kind::ArrayValue(list)) = self.0.get(name).and_then(|value| value.value.as_ref()) else {
            return Vec::new();
        };
        let text = |value: &AnyValue| match &value.value {
            Some(Kind::StringValue(text)) => Some(text.clone()),
            _ => None,
        };
        list.values.iter().filter_map(text).collect()
    }

    /// All of them, as JSON.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&'a str, Value)> + '_ {
        self.0.iter().map(|(name, value)| (*name, json(value, 0)))
    }
}

/// An attribute's value as JSON.
fn json(value: &AnyValue, depth: usize) -> Value {
    match &value.value {
        Some(Kind::StringValue(text)) => Value::from(text.as_str()),
        Some(Kind::BoolValue(flag)) => Value::Bool(*flag),
        Some(Kind::IntValue(number)) => Value::from(*number),
        Some(Kind::DoubleValue(number)) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        Some(Kind::BytesValue(bytes)) => Value::from(hex::encode(bytes)),
        Some(Kind::ArrayValue(list)) if depth < DEPTH_MAX => {
            list.values.iter().map(|value| json(value, depth + 1)).collect()
        }
        Some(Kind::KvlistValue(list)) if depth < DEPTH_MAX => {
            let pairs = list.values.iter().filter_map(|pair| Some((pair.key.clone(), pair.value.as_ref()?)));
            Value::Object(pairs.map(|(key, value)| (key, json(value, depth + 1))).collect::<Map<_, _>>())
        }
        _ => Value::Null,
    }
}

/// An attribute of a JSON value; lists and maps become their text.
pub(crate) fn attribute(key: impl Into<String>, value: &Value) -> KeyValue {
    let kind = match value {
        Value::Bool(flag) => Kind::BoolValue(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Kind::IntValue(number),
            None => Kind::DoubleValue(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Kind::StringValue(text.clone()),
        other => Kind::StringValue(other.to_string()),
    };
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(kind) }), ..KeyValue::default() }
}
