//! From members to a request type, leniently: the target type decides what a text means.
//!
//! A path, a query string or a form holds nothing but text, so `"3"` is a number where a number is asked for and one
//! text is a list of one where a list is asked for. Where text is asked for, a number or boolean is taken as its text:
//! CloudFormation templates are free in this, and it does no harm elsewhere.

use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Reads `members` as a `T`; the error says which member is wrong and how.
pub(crate) fn read<T: DeserializeOwned>(members: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(Lenient(members)).map_err(|error| {
        let path = error.path().to_string();
        explain(&path, &error.into_inner().to_string())
    })
}

/// Words a reader's complaint as AWS's validators do.
fn explain(path: &str, complaint: &str) -> String {
    let quoted = |complaint: &str| complaint.split('`').nth(1).unwrap_or_default().to_owned();
    let inside = |member: &str| if path == "." { member.to_owned() } else { format!("{path}.{member}") };
    if complaint.starts_with("missing field") {
        let member = inside(&quoted(complaint));
        return format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        );
    }
    if complaint.starts_with("unknown field") {
        // The path already ends with the field that is not known.
        let member = if path == "." { quoted(complaint) } else { path.to_owned() };
        return format!("Unknown parameter: `{member}` is not supported here");
    }
    format!("1 validation error detected: Value at '{path}' failed to satisfy constraint: {complaint}")
}

type Error = serde_json::Error;

struct Lenient(Value);

macro_rules! from_text {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.0 {
                Value::String(text) => match serde_json::from_str::<Value>(text.trim()) {
                    Ok(value @ (Value::Number(_) | Value::Bool(_))) => de::Deserializer::$method(value, visitor),
                    _ => Err(de::Error::invalid_type(de::Unexpected::Str(&text), &visitor)),
                },
                other => de::Deserializer::$method(other, visitor),
            }
        }
    )*};
}

macro_rules! to_text {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.0 {
                Value::Number(number) => visitor.visit_string(number.to_string()),
                Value::Bool(truth) => visitor.visit_string(truth.to_string()),
                other => de::Deserializer::$method(other, visitor),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Lenient {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Object(map) => visitor.visit_map(Members(map.into_iter(), None)),
            Value::Array(items) => visitor.visit_seq(Items(items.into_iter())),
            other => other.deserialize_any(visitor),
        }
    }

    from_text! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32
        deserialize_u64 deserialize_f32 deserialize_f64
    }

    to_text! { deserialize_str deserialize_string }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(text) => match text.to_ascii_lowercase().as_str() {
                "true" => visitor.visit_bool(true),
                "false" => visitor.visit_bool(false),
                _ => Err(de::Error::invalid_type(de::Unexpected::Str(&text), &visitor)),
            },
            other => other.deserialize_bool(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            // A form spells an empty list as an empty text.
            Value::String(text) if text.is_empty() => visitor.visit_seq(Items(Vec::new().into_iter())),
            one @ Value::String(_) => visitor.visit_seq(Items(vec![one].into_iter())),
            Value::Null => visitor.visit_seq(Items(Vec::new().into_iter())),
            other => Self(other).deserialize_any(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_map(Members(Map::new().into_iter(), None)),
            Value::String(text) if text.is_empty() => visitor.visit_map(Members(Map::new().into_iter(), None)),
            other => Self(other).deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

struct Members(serde_json::map::IntoIter, Option<Value>);

impl<'de> MapAccess<'de> for Members {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.0.next() else { return Ok(None) };
        self.1 = Some(value);
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(Lenient(self.1.take().unwrap_or_default()))
    }
}

struct Items(std::vec::IntoIter<Value>);

impl<'de> SeqAccess<'de> for Items {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        self.0.next().map(|value| seed.deserialize(Lenient(value))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Request {
        name: String,
        #[serde(default)]
        count: Option<u16>,
        #[serde(default)]
        on: bool,
        #[serde(default)]
        items: Vec<Item>,
        #[serde(default)]
        ids: Vec<String>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Item {
        size: u32,
    }

    #[test]
    fn text_is_read_as_the_type_that_is_asked_for() {
        let members = json!({"name": 7, "count": "3", "on": "True", "items": [{"size": "2"}], "ids": "one"});
        let wanted = Request {
            name: "7".into(),
            count: Some(3),
            on: true,
            items: vec![Item { size: 2 }],
            ids: vec!["one".into()],
        };
        assert_eq!(read::<Request>(members), Ok(wanted));
    }

    #[test]
    fn complaints_name_the_member() {
        let complaint = |members| read::<Request>(members).unwrap_err();
        assert!(complaint(json!({})).contains("'name'"));
        assert!(complaint(json!({"name": "x", "nope": 1})).contains("`nope`"));
        assert!(complaint(json!({"name": "x", "items": [{"size": 1, "nope": 1}]})).contains("items[0].nope"));
        assert!(complaint(json!({"name": "x", "items": [{}]})).contains("items[0].size"));
        assert!(complaint(json!({"name": "x", "count": "many"})).contains("'count'"));
        assert!(complaint(json!({"name": "x", "count": 70000})).contains("'count'"));
    }
}
