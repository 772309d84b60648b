//! Forms: `Tags.member.1.Key=a` to `{"Tags": [{"Key": "a"}]}`.

use api::Fault;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::Incoming;
use crate::{Service, service::Erased};

/// The longest list a form may spell, so that `Tags.member.4000000000=x` costs nothing.
const LIST_MAX: usize = 2_000;
/// The deepest nesting a form may spell.
const DEPTH_MAX: usize = 24;

pub(crate) fn read<'s>(service: &'s Service, incoming: &Incoming<'_>) -> Result<(&'s Erased, Value), Fault> {
    let body = std::str::from_utf8(incoming.body).map_err(|_| malformed("the form is not UTF-8"))?;
    let mut members = Map::new();
    for (key, value) in pairs(body).chain(pairs(incoming.query)) {
        insert(&mut members, &key, value)?;
    }
    members.remove("Version");
    let action = members.remove("Action");
    let name = action.as_ref().and_then(Value::as_str).unwrap_or_default();
    if name.is_empty() {
        return Err(Fault::new("MissingAction", 400, "The request is missing an action or a required parameter."));
    }
    let operation = service.named(name).ok_or_else(|| service.unknown(name))?;
    let mut members = Value::Object(members);
    maps(&mut members);
    Ok((operation, members))
}

/// The pairs of a form or query string, decoded.
pub(crate) fn pairs(form: &str) -> impl Iterator<Item = (String, String)> + '_ {
    form.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), decode(value))
    })
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

fn malformed(what: impl Into<String>) -> Fault {
    Fault::client("MalformedQueryString", what)
}

fn insert(root: &mut Map<String, Value>, key: &str, value: String) -> Result<(), Fault> {
    let mut parts = key.split('.').filter(|part| *part != "member");
    let first = parts.next().ok_or_else(|| malformed(format!("`{key}` names no member")))?;
    let mut slot = root.entry(first).or_insert(Value::Null);
    for (depth, part) in parts.enumerate() {
        if depth > DEPTH_MAX {
            return Err(malformed(format!("`{key}` is nested too deep")));
        }
        slot = match part.parse::<usize>() {
            Ok(number @ 1..=LIST_MAX) => item(slot, number),
            Ok(_) => return Err(malformed(format!("`{key}`: a list here has 1 to {LIST_MAX} items"))),
            Err(_) => member(slot, part),
        }
        .ok_or_else(|| malformed(format!("`{key}` contradicts another parameter")))?;
    }
    *slot = Value::String(value);
    Ok(())
}

fn item(slot: &mut Value, number: usize) -> Option<&mut Value> {
    if slot.is_null() {
        *slot = Value::Array(Vec::new());
    }
    let items = slot.as_array_mut()?;
    items.resize(items.len().max(number), Value::Null);
    items.get_mut(number - 1)
}

fn member<'v>(slot: &'v mut Value, name: &str) -> Option<&'v mut Value> {
    if slot.is_null() {
        *slot = Value::Object(Map::new());
    }
    Some(slot.as_object_mut()?.entry(name).or_insert(Value::Null))
}

/// Turns `{"entry": [{"key": k, "value": v}]}`, as forms spell maps, into `{k: v}`; drops holes in lists.
fn maps(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(map) = entries(members) {
                *value = Value::Object(map);
                return;
            }
            members.values_mut().for_each(maps);
        }
        Value::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(maps);
        }
        _ => {}
    }
}

fn entries(members: &Map<String, Value>) -> Option<Map<String, Value>> {
    let entries = members.get("entry").filter(|_| members.len() == 1)?.as_array()?;
    entries
        .iter()
        .map(|entry| Some((entry.get("key")?.as_str()?.to_owned(), entry.get("value").cloned().unwrap_or_default())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn members(form: &str) -> Result<Value, Fault> {
        let mut members = Map::new();
        for (key, value) in pairs(form) {
            insert(&mut members, &key, value)?;
        }
        let mut members = Value::Object(members);
        maps(&mut members);
        Ok(members)
    }

    #[test]
    fn lists_structures_and_maps_come_out_of_dots() {
        let form = "Tags.member.2.Key=b&Tags.member.1.Key=a+b&Ids.1=x&M.entry.1.key=k&M.entry.1.value=v%26";
        let wanted = json!({"Tags": [{"Key": "a b"}, {"Key": "b"}], "Ids": ["x"], "M": {"k": "v&"}});
        assert_eq!(members(form), Ok(wanted));
    }

    #[test]
    fn a_huge_index_or_a_contradiction_is_refused() {
        assert!(members("Tags.member.4000000000=x").is_err());
        assert!(members("A=1&A.b=2").is_err());
    }
}
