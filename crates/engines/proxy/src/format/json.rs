//! A JSON object with operators in its texts, for access logs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Facts, Template, Value};

/// A JSON value whose texts are templates. A text that is one operator alone has that operator's type.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Json {
    /// A text with operators.
    Text(Template),
    /// A number, a truth value or null.
    Literal(serde_json::Value),
    /// A list.
    List(Vec<Json>),
    /// An object; its members are written in the order of their names.
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Takes the texts of `value` apart. The error says which operator is not known.
    pub fn parse(value: serde_json::Value) -> Result<Self, String> {
        Ok(match value {
            serde_json::Value::String(text) => Self::Text(Template::parse(&text)?),
            serde_json::Value::Array(members) => {
                Self::List(members.into_iter().map(Self::parse).collect::<Result<_, _>>()?)
            }
            serde_json::Value::Object(members) => {
                let member = |(name, value)| Ok::<_, String>((name, Self::parse(value)?));
                Self::Object(members.into_iter().map(member).collect::<Result<_, _>>()?)
            }
            literal => Self::Literal(literal),
        })
    }

    /// What it says; `omit` is whether members are left out of which nothing is known.
    pub(crate) fn value(&self, facts: &Facts<'_>, omit: bool) -> serde_json::Value {
        match self {
            Self::Text(template) => text(template, facts, omit),
            Self::Literal(literal) => literal.clone(),
            Self::List(members) => members.iter().map(|member| member.value(facts, omit)).collect(),
            Self::Object(members) => {
                let values = members.iter().map(|(name, member)| (name.clone(), member.value(facts, omit)));
                let kept = values.filter(|(_, value)| !(omit && value.is_null()));
                serde_json::Value::Object(kept.collect())
            }
        }
    }

    /// The names of response fields that it speaks of.
    pub(crate) fn response_fields(&self) -> Vec<&str> {
        match self {
            Self::Text(template) => template.response_fields().collect(),
            Self::Literal(_) => Vec::new(),
            Self::List(members) => members.iter().flat_map(Self::response_fields).collect(),
            Self::Object(members) => members.values().flat_map(Self::response_fields).collect(),
        }
    }
}

fn text(template: &Template, facts: &Facts<'_>, omit: bool) -> serde_json::Value {
    let string = |bytes: &[u8]| serde_json::Value::String(String::from_utf8_lossy(bytes).into_owned());
    match template.single(facts) {
        Some(Value::Nothing) => serde_json::Value::Null,
        Some(Value::Number(number)) => number.into(),
        Some(Value::Text(text)) => string(&text),
        None => {
            let mut out = Vec::new();
            template.write(facts, if omit { "" } else { "-" }, &mut out);
            string(&out)
        }
    }
}
