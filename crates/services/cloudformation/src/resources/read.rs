//! From a template's properties to an API's request: the target type decides.
//!
//! Templates spell members `PascalCase` and, within that, as each type's author liked (`DNS`, `AWSCloudMap`, `Http2Route`); the
//! APIs spell them `camelCase`, and keep the keys of maps as they are. Instead of rules with exceptions, a member is the
//! one of the target's fields that it equals when case is set aside; so the keys of a map, which has no fields, are
//! left alone by themselves. In the same way the target decides what a scalar means: `"3000"` is a number where a
//! number is asked for, `-1` is text where text is.
//!
//! What does not fit is told with its path in the words of CloudFormation's property validation.

use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, Visitor, value};
use serde_json::{Map, Value};

use crate::template::text_of;

/// A property does not fit its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    path: Option<String>,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Extraneous(String),
    Missing(&'static str),
    Other(String),
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.as_deref().unwrap_or_default();
        match &self.what {
            What::Extraneous(key) => write!(f, "#{path}: extraneous key [{key}] is not permitted"),
            What::Missing(field) => write!(f, "#{path}: required key [{}] not found", pascal(field)),
            What::Other(what) => write!(f, "#{path}: {what}"),
        }
    }
}

impl std::error::Error for Mismatch {}

impl de::Error for Mismatch {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self { path: None, what: What::Other(text.to_string()) }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { path: None, what: What::Missing(field) }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format!("{variant} is not a valid enum value, which are {}", expected.join(", ")))
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format!("expected {expected}, found {found}"))
    }
}

fn pascal(field: &str) -> String {
    let mut letters = field.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// Reads `members` as a `T`.
pub(super) fn read<T: DeserializeOwned>(members: Value) -> Result<T, Mismatch> {
    T::deserialize(Reader { value: members, path: String::new() })
}

struct Reader {
    value: Value,
    path: String,
}

type Result<T, E = Mismatch> = std::result::Result<T, E>;

impl Reader {
    fn inside(&self, name: &str, value: Value) -> Self {
        Self { value, path: format!("{}/{name}", self.path) }
    }

    /// Adds where it happened to an error that does not say.
    fn at<T>(path: &str, result: Result<T>) -> Result<T> {
        result.map_err(|error| match error.path {
            None => Mismatch { path: Some(path.to_owned()), ..error },
            Some(_) => error,
        })
    }

    /// The items of a list.
    fn array(&mut self) -> Result<Vec<Value>> {
        match &mut self.value {
            Value::Array(items) => Ok(std::mem::take(items)),
            _ => self.mismatch("JSONArray"),
        }
    }

    /// The members of an object.
    fn object(&mut self) -> Result<Map<String, Value>> {
        match &mut self.value {
            Value::Object(members) => Ok(std::mem::take(members)),
            _ => self.mismatch("JSONObject"),
        }
    }

    fn mismatch<T>(&self, expected: &str) -> Result<T> {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "Boolean",
            Value::Number(_) => "Number",
            Value::String(_) => "String",
            Value::Array(_) => "JSONArray",
            Value::Object(_) => "JSONObject",
        };
        Err(Mismatch {
            path: Some(self.path.clone()),
            what: What::Other(format!("expected type: {expected}, found: {found}")),
        })
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let Some(text) = text_of(&self.value).filter(|_| !self.value.is_boolean()) else {
            return self.mismatch("Number");
        };
        let text = text.trim();
        let result = if let Ok(number) = text.parse::<i64>() {
            visitor.visit_i64(number)
        } else if let Ok(number) = text.parse::<u64>() {
            visitor.visit_u64(number)
        } else if let Ok(number) = text.parse::<f64>() {
            visitor.visit_f64(number)
        } else {
            return self.mismatch("Number");
        };
        Self::at(&self.path, result)
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match text_of(&self.value) {
            Some(text) => Self::at(&self.path, visitor.visit_string(text)),
            None => self.mismatch("String"),
        }
    }
}

macro_rules! forward {
    ($($method:ident)* => $to:ident) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.$to(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader {
    type Error = Mismatch;

    forward! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32
        deserialize_u64 deserialize_f32 deserialize_f64 => number
    }
    forward! { deserialize_str deserialize_string deserialize_char deserialize_identifier => text }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match &self.value {
            Value::Null => Self::at(&self.path, visitor.visit_unit()),
            Value::Bool(flag) => Self::at(&self.path, visitor.visit_bool(*flag)),
            Value::Number(_) => self.number(visitor),
            Value::String(_) => self.text(visitor),
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Object(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match text_of(&self.value).as_deref() {
            Some("true" | "True") => visitor.visit_bool(true),
            Some("false" | "False") => visitor.visit_bool(false),
            _ => self.mismatch("Boolean"),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        let readers: Vec<_> =
            self.array()?.into_iter().enumerate().map(|(index, item)| self.inside(&index.to_string(), item)).collect();
        Self::at(&self.path, visitor.visit_seq(Items(readers.into_iter())))
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        let members: Vec<_> = self
            .object()?
            .into_iter()
            .map(|(key, value)| {
                let reader = self.inside(&key, value);
                (key, reader)
            })
            .collect();
        Self::at(&self.path, visitor.visit_map(Members { members: members.into_iter(), next: None }))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let mut members = Vec::new();
        for (key, value) in self.object()? {
            let fits = |field: &&&str| {
                key.starts_with(|first: char| first.is_ascii_uppercase()) && field.eq_ignore_ascii_case(&key)
            };
            let Some(field) = fields.iter().find(fits) else {
                return Err(Mismatch { path: Some(self.path), what: What::Extraneous(key) });
            };
            members.push(((*field).to_owned(), self.inside(&key, value)));
        }
        Self::at(&self.path, visitor.visit_map(Members { members: members.into_iter(), next: None }))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match text_of(&self.value) {
            Some(text) => {
                let variant: value::StringDeserializer<Mismatch> = text.into_deserializer();
                Self::at(&self.path, visitor.visit_enum(variant))
            }
            None => self.mismatch("String"),
        }
    }

    serde::forward_to_deserialize_any! {
        i128 u128 bytes byte_buf unit unit_struct tuple tuple_struct ignored_any
    }
}

struct Items(std::vec::IntoIter<Reader>);

impl<'de> de::SeqAccess<'de> for Items {
    type Error = Mismatch;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        self.0.next().map(|reader| seed.deserialize(reader)).transpose()
    }
}

struct Members {
    members: std::vec::IntoIter<(String, Reader)>,
    next: Option<Reader>,
}

impl<'de> de::MapAccess<'de> for Members {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let Some((key, reader)) = self.members.next() else { return Ok(None) };
        self.next = Some(reader);
        let key: value::StringDeserializer<Mismatch> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        match self.next.take() {
            Some(reader) => seed.deserialize(reader),
            None => Err(de::Error::custom("a value was asked for before its key")),
        }
    }
}

#[cfg(test)]
mod tests {
    use api::{appmesh, ecs};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mesh_is_spelt_as_its_api_does() {
        let read: appmesh::CreateVirtualNodeRequest = read(json!({
            "MeshName": "m", "VirtualNodeName": "n",
            "Spec": {
                "Listeners": [{
                    "PortMapping": {"Port": "3000", "Protocol": "http"},
                    "ConnectionPool": {"HTTP": {"MaxConnections": 10}},
                    "OutlierDetection": {
                        "BaseEjectionDuration": {"Unit": "s", "Value": 1}, "Interval": {"Unit": "ms", "Value": "5"},
                        "MaxEjectionPercent": 10, "MaxServerErrors": 5,
                    },
                }],
                "ServiceDiscovery": {"AWSCloudMap": {
                    "NamespaceName": "x", "ServiceName": "y", "Attributes": [{"Key": "K", "Value": 1}],
                }},
            },
        }))
        .unwrap();
        let written = serde_json::to_value(read).unwrap();
        assert_eq!(written["spec"]["listeners"][0]["portMapping"], json!({"port": 3000, "protocol": "http"}));
        assert_eq!(written["spec"]["listeners"][0]["connectionPool"]["http"]["maxConnections"], json!(10));
        assert_eq!(
            written["spec"]["serviceDiscovery"]["awsCloudMap"]["attributes"][0],
            json!({"key": "K", "value": "1"})
        );
    }

    #[test]
    fn keys_of_maps_are_left_alone() {
        let read: ecs::RegisterTaskDefinitionRequest = read(json!({
            "Family": "f", "Cpu": 256, "Memory": "512",
            "ContainerDefinitions": [{
                "Name": "app", "Image": "i", "Essential": "true", "Environment": [{"Name": "A", "Value": 1}],
                "DockerLabels": {"MyLabel": "x", "other": "y"},
                "LogConfiguration": {"LogDriver": "awslogs", "Options": {"awslogs-group": "g"}},
            }],
        }))
        .unwrap();
        let written = serde_json::to_value(read).unwrap();
        assert_eq!(written["cpu"], json!("256"));
        assert_eq!(written["containerDefinitions"][0]["dockerLabels"], json!({"MyLabel": "x", "other": "y"}));
        assert_eq!(written["containerDefinitions"][0]["environment"][0]["value"], json!("1"));
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_path() {
        let refusal = |spec: Value| {
            let members = json!({"MeshName": "m", "VirtualNodeName": "n", "Spec": spec});
            read::<appmesh::CreateVirtualNodeRequest>(members).unwrap_err().to_string()
        };
        let listener = |listener: Value| refusal(json!({"Listeners": [listener]}));
        assert_eq!(
            listener(json!({"PortMaping": {}})),
            "#/Spec/Listeners/0: extraneous key [PortMaping] is not permitted"
        );
        assert_eq!(
            listener(json!({"portMapping": {}})),
            "#/Spec/Listeners/0: extraneous key [portMapping] is not permitted"
        );
        assert_eq!(listener(json!({})), "#/Spec/Listeners/0: required key [PortMapping] not found");
        assert_eq!(
            listener(json!({"PortMapping": {"Port": "x", "Protocol": "http"}})),
            "#/Spec/Listeners/0/PortMapping/Port: expected type: Number, found: String"
        );
        assert!(
            listener(json!({"PortMapping": {"Port": 1, "Protocol": "htp"}}))
                .starts_with("#/Spec/Listeners/0/PortMapping/Protocol: htp is not a valid enum value"),
        );
        assert_eq!(refusal(json!({"Listeners": {}})), "#/Spec/Listeners: expected type: JSONArray, found: JSONObject");
    }
}
